#include "auth/token.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/text.h"
#include "fhir/json.h"

namespace carestream::auth {
namespace {

using crypto::SignatureAlgorithm;

constexpr std::array<std::pair<std::string_view, SignatureAlgorithm>, 5> kAlgorithms = {{
    {"RS256", SignatureAlgorithm::kRs256},
    {"RS384", SignatureAlgorithm::kRs384},
    {"RS512", SignatureAlgorithm::kRs512},
    {"ES256", SignatureAlgorithm::kEs256},
    {"ES384", SignatureAlgorithm::kEs384},
}};
constexpr std::size_t kKeysMax = 64;
constexpr double kSecondsMax = 9e12;  // in microseconds it still fits 64 bits

tl::unexpected<Error> Refuse(std::string message) {
    return Fail(Code::kInvalid, std::move(message));
}

// base64url without padding and without bits to spare: one text for each token. RFC 7515 2.
bool DecodePart(std::string_view text, std::string& bytes) {
    if (text.empty() || !FromBase64(text, bytes, kBase64Url)) return false;
    std::string again = ToBase64(bytes, kBase64Url);
    while (again.ends_with('=')) again.pop_back();
    return again == text;
}

Result<fhir::Node> DecodeObject(std::string_view text) {
    std::string json;
    if (!DecodePart(text, json)) return Refuse("a part of the token is no base64url");
    // Duplicate names are refused by the parser: two readers must not see two tokens.
    const auto node = fhir::ParseJson(json, {.depth_max = 16, .nodes_max = 2000});
    if (!node || !node->IsObject()) return Refuse("a part of the token is no JSON object");
    return *node;
}

Result<void> ReadHeader(const fhir::Node& header, UncheckedToken& token) {
    for (const std::string_view name : {"crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"}) {
        if (header.Find(name) != nullptr) {
            return Refuse("the token's header holds what this server does not take");
        }
    }
    if (const fhir::Node* type = header.Find("typ")) {
        const std::string name = ToLowerAscii(type->text());
        if (!type->IsString() ||
            (name != "jwt" && name != "at+jwt" && name != "application/at+jwt"))
            return Refuse("the token is of another type than JWT");
    }
    token.key_id = header.TextOf("kid");
    if (token.key_id.empty()) return Refuse("the token names no key (kid)");
    for (const auto& [name, algorithm] : kAlgorithms) {
        if (header.TextOf("alg") != name) continue;
        token.algorithm = algorithm;
        return {};
    }
    return Refuse("the token's algorithm is not one of RS256, RS384, RS512, ES256, ES384");
}

std::string_view NameOf(SignatureAlgorithm algorithm) {
    for (const auto& [name, value] : kAlgorithms) {
        if (value == algorithm) return name;
    }
    return {};
}

bool Lists(const fhir::Node& list, std::string_view wanted) {
    for (const fhir::Node& item : list.items()) {
        if (item.IsString() && item.text() == wanted) return true;
    }
    return false;
}

bool IsForSignatures(const fhir::Node& jwk) {
    if (jwk.Find("use") != nullptr && jwk.TextOf("use") != "sig") return false;
    const fhir::Node* operations = jwk.Find("key_ops");
    return operations == nullptr || Lists(*operations, "verify");
}

Result<crypto::PublicKey> ReadKey(const fhir::Node& jwk) {
    std::string first;
    std::string second;
    if (jwk.TextOf("kty") == "RSA") {
        if (!DecodePart(jwk.TextOf("n"), first) || !DecodePart(jwk.TextOf("e"), second)) {
            return Refuse("an RSA key has n and e");
        }
        return crypto::PublicKey::Rsa(first, second);
    }
    const bool p256 = jwk.TextOf("crv") == "P-256";
    if (jwk.TextOf("kty") != "EC" || (!p256 && jwk.TextOf("crv") != "P-384")) {
        return Refuse("no key of RSA, P-256 or P-384");
    }
    if (!DecodePart(jwk.TextOf("x"), first) || !DecodePart(jwk.TextOf("y"), second)) {
        return Refuse("an EC key has x and y");
    }
    return crypto::PublicKey::Ec(p256 ? crypto::Curve::kP256 : crypto::Curve::kP384, first, second);
}

// NumericDate: seconds, perhaps with a fraction. False when it is none.
bool ReadTime(const fhir::Node& node, Micros& time) {
    if (node.kind() != fhir::Kind::kNumber || node.text().size() > 32) return false;
    const double seconds = std::strtod(node.text().c_str(), nullptr);
    if (!std::isfinite(seconds) || seconds < 0 || seconds > kSecondsMax) return false;
    time = static_cast<Micros>(seconds * 1e6);
    return true;
}

bool AudienceHolds(const fhir::Node& claims, std::string_view wanted) {
    const fhir::Node* audience = claims.Find("aud");
    if (audience == nullptr) return false;
    return audience->IsString() ? audience->text() == wanted : Lists(*audience, wanted);
}

}  // namespace

Result<UncheckedToken> ParseToken(std::string_view text) {
    if (text.size() > kTokenBytesMax) return Refuse("the token is too long");
    const std::vector<std::string_view> parts = Split(text, '.');
    if (parts.size() != 3) return Refuse("a token has three parts");
    UncheckedToken token;
    CARESTREAM_ASSIGN(header, DecodeObject(parts[0]));
    CARESTREAM_TRY(ReadHeader(header, token));
    CARESTREAM_ASSIGN(claims, DecodeObject(parts[1]));
    if (!DecodePart(parts[2], token.signature)) return Refuse("the token has no signature");
    token.claims = std::move(claims);
    token.signed_part = text.substr(0, parts[0].size() + 1 + parts[1].size());
    return token;
}

Result<KeySet> ParseKeySet(std::string_view json) {
    const auto document = fhir::ParseJson(json, {.depth_max = 16, .nodes_max = 20'000});
    const fhir::Node* list = document ? document->Find("keys") : nullptr;
    if (list == nullptr || !list->IsArray()) return Refuse("not a JWKS document");
    if (list->items().size() > kKeysMax) return Refuse("a JWKS document with too many keys");
    KeySet set;
    for (const fhir::Node& jwk : list->items()) {
        const std::string id(jwk.TextOf("kid"));
        if (id.empty() || !IsForSignatures(jwk)) continue;
        auto key = ReadKey(jwk);
        if (!key) continue;
        KeySet::Entry entry{std::move(*key), std::string(jwk.TextOf("alg"))};
        if (!set.keys.emplace(id, std::move(entry)).second) {
            return Refuse("a JWKS document with two keys of one kid");
        }
    }
    if (set.keys.empty()) return Refuse("a JWKS document without a usable RS or ES key with a kid");
    return set;
}

Result<void> CheckSignature(const UncheckedToken& token, const KeySet& keys) {
    const auto found = keys.keys.find(token.key_id);
    if (found == keys.keys.end()) return Fail(Code::kNotFound, "the token's key is not known");
    const KeySet::Entry& entry = found->second;
    if (!entry.algorithm.empty() && entry.algorithm != NameOf(token.algorithm)) {
        return Refuse("the token's key is for another algorithm");
    }
    if (!entry.key.Verify(token.algorithm, token.signed_part, token.signature)) {
        return Refuse("the token's signature is wrong");
    }
    return {};
}

Result<Validity> CheckClaims(const fhir::Node& claims, const Expectation& expectation, Micros now) {
    if (expectation.issuer.empty() || claims.TextOf("iss") != expectation.issuer) {
        return Refuse("the token is of another issuer");
    }
    if (expectation.audience.empty() || !AudienceHolds(claims, expectation.audience)) {
        return Refuse("the token is for another audience");
    }
    Validity validity;
    const fhir::Node* expires = claims.Find("exp");
    if (expires == nullptr || !ReadTime(*expires, validity.expires)) {
        return Refuse("the token has no end (exp)");
    }
    const fhir::Node* begins = claims.Find("nbf");
    if (begins != nullptr && !ReadTime(*begins, validity.begins)) {
        return Refuse("the token's beginning (nbf) is no time");
    }
    CARESTREAM_TRY(CheckTimes(validity, expectation.skew, now));
    return validity;
}

Result<void> CheckTimes(const Validity& validity, Micros skew, Micros now) {
    if (now - skew >= validity.expires) return Refuse("the token has expired");
    if (now + skew < validity.begins) return Refuse("the token is not valid yet");
    return {};
}

}  // namespace carestream::auth
