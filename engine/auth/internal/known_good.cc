#include "auth/internal/known_good.h"

#include <cstring>
#include <utility>

namespace carestream::auth {

std::size_t KnownGood::Hash::operator()(const crypto::Digest& digest) const {
    std::size_t value = 0;
    std::memcpy(&value, digest.data(), sizeof(value));
    return value;
}

std::shared_ptr<const KnownGood::Token> KnownGood::Find(std::string_view text) {
    const crypto::Digest digest = crypto::Sha256(text);
    const std::lock_guard lock(mutex_);
    if (const auto found = young_.find(digest); found != young_.end()) return found->second;
    const auto found = old_.find(digest);
    if (found == old_.end()) return nullptr;
    const auto token = found->second;
    Put(digest, text.size(), token);
    return token;
}

void KnownGood::Add(std::string_view text, Token token) {
    const crypto::Digest digest = crypto::Sha256(text);
    auto shared = std::make_shared<const Token>(std::move(token));
    const std::lock_guard lock(mutex_);
    Put(digest, text.size(), std::move(shared));
}

void KnownGood::Put(const crypto::Digest& digest, std::size_t bytes,
                    std::shared_ptr<const Token> token) {
    if (young_.size() >= tokens_max_ || bytes_ + bytes > bytes_max_) {
        old_ = std::exchange(young_, {});
        bytes_ = 0;
    }
    bytes_ += bytes;
    young_.insert_or_assign(digest, std::move(token));
}

}  // namespace carestream::auth
