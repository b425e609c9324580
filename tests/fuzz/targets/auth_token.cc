// Any token, key set and scope list: refused or read without a crash; a scope is never more than
// its letters; a token whose key is not in the set is never believed; a decision about it is
// stable. Input: token, JWKS document, scopes, a type, one a line.
#include <cstdint>
#include <string>
#include <string_view>

#include "auth/access.h"
#include "auth/gate.h"
#include "auth/token.h"
#include "base/assert.h"
#include "support.h"

namespace {

using namespace carestream;

void Decide(const auth::Principal& principal, std::string_view type) {
    for (const auth::Action action : {auth::Action::kCreate, auth::Action::kRead,
                                      auth::Action::kUpdate, auth::Action::kSearch}) {
        const auth::Decision decision = auth::Decide(R4(), principal, type, action);
        // A patient's token is confined or denied, and confined to somebody.
        if (!principal.IsPatient()) continue;
        CARESTREAM_ASSERT(decision.verdict != auth::Verdict::kAllowed);
        CARESTREAM_ASSERT(decision.verdict == auth::Verdict::kDenied ||
                          decision.patient == principal.patient);
        CARESTREAM_ASSERT(decision.verdict == auth::Verdict::kDenied || !principal.patient.empty());
    }
    if (R4().ResourceTypeNumber(type) == 0) return;
    auth::Access access(R4(), principal);
    access.SetLinked({principal.patient});
    auto query = search::ParseQuery(R4(), type, {});
    if (query && access.Narrow(*query) && access.IsConfined()) {
        const bool confined =
            !query->criteria.empty() || query->total == search::Query::Total::kNone;
        CARESTREAM_ASSERT(confined);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::string_view line = TakeLine(text);
    const std::string_view bearer = auth::BearerOf(line);
    const auto token = auth::ParseToken(bearer.empty() ? line : bearer);
    const auto keys = auth::ParseKeySet(TakeLine(text));
    auth::Principal principal;
    if (token) {
        if (const auto claimed = auth::PrincipalOf(token->claims)) principal = *claimed;
        (void)auth::CheckClaims(token->claims, {"i", "a", 0}, 0);
        if (keys && keys->keys.find(token->key_id) == keys->keys.end()) {
            CARESTREAM_ASSERT(!auth::CheckSignature(*token, *keys));
        } else if (keys) {
            (void)auth::CheckSignature(*token, *keys);
        }
    }
    const std::string_view scopes = TakeLine(text);
    for (const auth::Scope& scope : auth::ParseScopes(scopes)) {
        CARESTREAM_ASSERT(scope.actions != 0 && !scope.type.empty());
        principal.scopes.push_back(scope);
    }
    if (principal.patient.empty()) principal.patient = "p1";
    Decide(principal, TakeLine(text));
    return 0;
}
