#pragma once
// Codes of links, and the sealed columns of login_link and link_code.
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/keys.h"
#include "store/internal/pg_values.h"
#include "store/login_link.h"

namespace carestream::store {

// 10 characters without those that look alike; from the operating system's generator.
[[nodiscard]] std::string MakeLinkCode();
// "ABCDEFGHJK" -> "ABCDE-FGHJK"
[[nodiscard]] std::string ShownLinkCode(std::string_view code);
// As people type it: any case, with blanks and hyphens. "" when it cannot be a code.
[[nodiscard]] std::string NormalLinkCode(std::string_view typed);

[[nodiscard]] pg::Uuid LoginToken(const crypto::TokenKey& key, const Login& login);
[[nodiscard]] pg::Uuid CodeToken(const crypto::TokenKey& key, std::string_view code);

// Bound to tenant and log-in; holds log-in, scopes, RelatedPerson and who made it.
[[nodiscard]] std::string SealLink(const crypto::KeyRing& keys, Tenant tenant,
                                   const pg::Uuid& login, const LoginLink& link);
[[nodiscard]] Result<void> OpenLink(const crypto::KeyRing& keys, Tenant tenant,
                                    const pg::Uuid& login, std::string_view sealed,
                                    LoginLink& link);
// Bound to tenant and code; holds what the link will be, without its log-in.
[[nodiscard]] std::string SealCode(const crypto::KeyRing& keys, const pg::Uuid& code, Micros made,
                                   const NewLinkCode& link);
[[nodiscard]] Result<void> OpenCode(const crypto::KeyRing& keys, Tenant tenant,
                                    const pg::Uuid& code, std::string_view sealed, LoginLink& link);

}  // namespace carestream::store
