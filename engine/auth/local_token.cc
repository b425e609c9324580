#include "auth/local_token.h"

#include <unistd.h>

#include <fstream>

#include "base/text.h"
#include "crypto/hmac.h"
#include "crypto/keys.h"
#include "fhir/json.h"

namespace carestream::auth {
namespace {

namespace fs = std::filesystem;
using fhir::Node;

constexpr const char* kIssuer = "urn:carestream:local";
constexpr const char* kAudience = "urn:carestream";

std::string Encode(std::string_view bytes) {
    std::string text = ToBase64(bytes, kBase64Url);
    while (text.ends_with('=')) text.pop_back();
    return text;
}

std::string KeyId(const crypto::SigningKey::Point& point) {
    const crypto::Digest digest = crypto::Sha256(point.x + point.y);
    return Encode(std::string_view(reinterpret_cast<const char*>(digest.data()), 12));
}

std::string KeyDocument(const crypto::SigningKey::Point& point) {
    Node jwk;
    for (const auto& [name, value] : {std::pair<const char*, std::string>{"kty", "EC"},
                                      {"crv", "P-256"},
                                      {"alg", "ES256"},
                                      {"use", "sig"},
                                      {"kid", KeyId(point)},
                                      {"x", Encode(point.x)},
                                      {"y", Encode(point.y)}}) {
        jwk.Set(name, Node::String(value));
    }
    Node document;
    document.At("keys").Append(std::move(jwk));
    return fhir::ToJson(document);
}

// Whole or not at all: the daemon may be reading.
Result<void> WriteDocument(const fs::path& path, const std::string& text) {
    std::error_code error;
    if (const auto old = std::ifstream(path); old) {
        const std::string there((std::istreambuf_iterator<char>(old.rdbuf())), {});
        if (there == text) return {};
    }
    const fs::path draft = path.string() + ".new" + std::to_string(getpid());
    {
        std::ofstream file(draft, std::ios::trunc);
        file << text << std::flush;
        if (!file) return Fail(Code::kInvalid, "cannot be written", draft.string());
    }
    fs::rename(draft, path, error);
    if (error) return Fail(Code::kInvalid, "cannot be written", path.string());
    return {};
}

Node Claims(const LocalToken& token, Micros now) {
    Node claims;
    const auto time = [](Micros value) { return Node::Number(std::to_string(value / 1'000'000)); };
    claims.Set("iss", Node::String(kIssuer));
    claims.Set("aud", Node::String(kAudience));
    claims.Set("sub", Node::String("local"));
    claims.Set("client_id", Node::String("carestream-cli"));
    claims.Set("jti", Node::String(crypto::RandomUuid()));
    claims.Set("iat", time(now));
    claims.Set("exp", time(now + token.lifetime));
    claims.Set("scope", Node::String(token.scope));
    if (!token.patient.empty()) claims.Set("patient", Node::String(token.patient));
    return claims;
}

Result<crypto::SigningKey> OpenKey(const fs::path& state) {
    CARESTREAM_ASSIGN(key, crypto::SigningKey::LoadOrCreate(state / "auth" / "local.key"));
    CARESTREAM_TRY(WriteDocument(LocalIssuer(state).jwks_file, KeyDocument(key.Coordinates())));
    return std::move(key);
}

}  // namespace

Result<void> EnsureLocalKey(const fs::path& state) {
    CARESTREAM_TRY(OpenKey(state));
    return {};
}

Result<std::string> MintLocalToken(const fs::path& state, const LocalToken& token, Micros now) {
    const Node claims = Claims(token, now);
    CARESTREAM_ASSIGN(principal, PrincipalOf(claims));
    if (principal.scopes.empty()) {
        return Fail(Code::kInvalid,
                    "no scope of a resource in it; write them like 'patient/*.rs' or "
                    "'system/Observation.cruds'",
                    "scope");
    }
    if (principal.IsPatient() && token.patient.empty()) {
        return Fail(Code::kInvalid, "patient/ scopes need the id of a Patient resource", "patient");
    }
    CARESTREAM_ASSIGN(key, OpenKey(state));
    const auto point = key.Coordinates();
    Node header;
    header.Set("alg", Node::String("ES256"));
    header.Set("typ", Node::String("JWT"));
    header.Set("kid", Node::String(KeyId(point)));
    const std::string text = Encode(fhir::ToJson(header)) + "." + Encode(fhir::ToJson(claims));
    return text + "." + Encode(key.Sign(text));
}

IssuerOptions LocalIssuer(const fs::path& state) {
    IssuerOptions issuer;
    issuer.issuer = kIssuer;
    issuer.audience = kAudience;
    issuer.jwks_file = state / "auth" / "local.jwks";
    issuer.optional = true;
    return issuer;
}

}  // namespace carestream::auth
