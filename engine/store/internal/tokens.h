#pragma once
// Names under which the store derives keys and tokens. They are on disk: never change one.
#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/keys.h"
#include "store/types.h"
#include "store/writer.h"

namespace carestream::store {

// The tenant's name for key derivation: its number, since names may change in configuration.
[[nodiscard]] inline std::string TenantLabel(Tenant tenant) {
    return std::to_string(tenant);
}

// Token of message_key for kinds "patient", "visit", "order"; of journal.control for "control".
[[nodiscard]] inline std::int64_t FindToken(const crypto::TokenKey& key, std::string_view kind,
                                            std::string_view value) {
    return key.Token64("message", kind, value);
}
[[nodiscard]] inline std::int64_t FindToken(const crypto::TokenKey& key, const FindKey& find) {
    return FindToken(key, find.kind, find.value);
}

}  // namespace carestream::store
