#include "auth/internal/known_good.h"

#include <cstring>
#include <utility>

namespace carestream::auth {

std::size_t KnownGood::Hash::operator()(const crypto::Digest& digest) const {
    std::size_t value = 0;
    std::memcpy(&value, digest.data(), sizeof(value));
    return value;
}

bool KnownGood::Has(std::string_view token, const std::shared_ptr<const KeySet>& keys) {
    const crypto::Digest digest = crypto::Sha256(token);
    const std::lock_guard lock(mutex_);
    if (const auto found = young_.find(digest); found != young_.end()) return found->second == keys;
    const auto found = old_.find(digest);
    if (found == old_.end() || found->second != keys) return false;
    Put(digest, keys);
    return true;
}

void KnownGood::Add(std::string_view token, const std::shared_ptr<const KeySet>& keys) {
    const crypto::Digest digest = crypto::Sha256(token);
    const std::lock_guard lock(mutex_);
    Put(digest, keys);
}

void KnownGood::Put(const crypto::Digest& digest, std::shared_ptr<const KeySet> keys) {
    if (young_.size() >= tokens_max_) {
        old_ = std::exchange(young_, {});
    }
    young_.insert_or_assign(digest, std::move(keys));
}

}  // namespace carestream::auth
