#pragma once
// What a row of `access` says, sealed, and the tokens by which it is found.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/keys.h"
#include "store/access_audit.h"

namespace carestream::store {

// access.sealed: all of the row but its tenant and its time; bound to tenant and number.
[[nodiscard]] std::string SealAccess(const crypto::KeyRing& keys, std::int64_t number,
                                     const AccessRow& row);
// Errors: kInvalid.
[[nodiscard]] Result<AccessRow> OpenAccess(const crypto::KeyRing& keys, Tenant tenant,
                                           std::int64_t number, std::string_view sealed);

[[nodiscard]] std::int64_t ActorToken(const crypto::TokenKey& key, std::string_view issuer,
                                      std::string_view subject);
[[nodiscard]] std::int64_t PatientToken(const crypto::TokenKey& key, std::int64_t patient);
[[nodiscard]] std::int64_t PatientIdToken(const crypto::TokenKey& key, std::string_view id);

}  // namespace carestream::store
