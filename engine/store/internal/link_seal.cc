#include "store/internal/link_seal.h"

#include <charconv>

#include "base/text.h"
#include "store/internal/parts.h"
#include "store/internal/tokens.h"

namespace carestream::store {
namespace {

// Without 0, 1, I, L and O.
constexpr std::string_view kAlphabet = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";
constexpr std::size_t kCodeLength = 10;

Error CutOff() {
    Error error;
    error.code = Code::kInvalid;
    error.message = "a sealed link is cut off";
    return error;
}

}  // namespace

std::string MakeLinkCode() {
    // Bytes above the last whole multiple are thrown away: each character is equally likely.
    constexpr std::size_t kFair = 256 / kAlphabet.size() * kAlphabet.size();
    std::string code;
    while (code.size() < kCodeLength) {
        for (const char c : crypto::RandomBytes(kCodeLength)) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte < kFair && code.size() < kCodeLength)
                code += kAlphabet[byte % kAlphabet.size()];
        }
    }
    return code;
}

std::string ShownLinkCode(std::string_view code) {
    return std::string(code.substr(0, kCodeLength / 2)) + "-" +
           std::string(code.substr(kCodeLength / 2));
}

std::string NormalLinkCode(std::string_view typed) {
    std::string code;
    for (const char c : typed) {
        if (c == ' ' || c == '-') continue;
        const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        if (kAlphabet.find(upper) == std::string_view::npos || code.size() == kCodeLength)
            return {};
        code += upper;
    }
    return code.size() == kCodeLength ? code : std::string();
}

pg::Uuid LoginToken(const crypto::TokenKey& key, const Login& login) {
    std::string value;
    PutPart(value, login.issuer);
    PutPart(value, login.subject);
    return key.Token128("login", value);
}

pg::Uuid CodeToken(const crypto::TokenKey& key, std::string_view code) {
    return key.Token128("link.code", code);
}

std::string SealLink(const crypto::KeyRing& keys, Tenant tenant, const pg::Uuid& login,
                     const LoginLink& link) {
    std::string plain;
    for (const std::string* part : {&link.login.issuer, &link.login.subject, &link.scopes,
                                    &link.related_person, &link.made_by}) {
        PutPart(plain, *part);
    }
    // Bound to the patient, too: no row can be made another's.
    return keys.Seal(TenantLabel(tenant), "login_link", link.made,
                     pg::FormatUuid(login) + "|" + link.patient, plain);
}

Result<void> OpenLink(const crypto::KeyRing& keys, Tenant tenant, const pg::Uuid& login,
                      std::string_view sealed, LoginLink& link) {
    CARESTREAM_ASSIGN(plain, keys.Open(TenantLabel(tenant), "login_link",
                                       pg::FormatUuid(login) + "|" + link.patient, sealed));
    std::string_view rest = plain;
    const bool whole = TakePart(rest, link.login.issuer) && TakePart(rest, link.login.subject) &&
                       TakePart(rest, link.scopes) && TakePart(rest, link.related_person) &&
                       TakePart(rest, link.made_by);
    if (!whole) return Fail(CutOff());
    return {};
}

std::string SealCode(const crypto::KeyRing& keys, const pg::Uuid& code, Micros made,
                     const NewLinkCode& link) {
    std::string plain;
    PutPart(plain, link.scopes);
    PutPart(plain, link.related_person);
    PutPart(plain, link.made_by);
    PutPart(plain, std::to_string(link.link_until));
    return keys.Seal(TenantLabel(link.tenant), "link_code", made,
                     pg::FormatUuid(code) + "|" + link.patient, plain);
}

Result<void> OpenCode(const crypto::KeyRing& keys, Tenant tenant, const pg::Uuid& code,
                      std::string_view sealed, LoginLink& link) {
    CARESTREAM_ASSIGN(plain, keys.Open(TenantLabel(tenant), "link_code",
                                       pg::FormatUuid(code) + "|" + link.patient, sealed));
    std::string_view rest = plain;
    std::string until;
    const bool whole = TakePart(rest, link.scopes) && TakePart(rest, link.related_person) &&
                       TakePart(rest, link.made_by) && TakePart(rest, until);
    if (!whole) return Fail(CutOff());
    const auto [end, error] =
        std::from_chars(until.data(), until.data() + until.size(), link.until);
    if (error != std::errc() || end != until.data() + until.size()) return Fail(CutOff());
    return {};
}

}  // namespace carestream::store
