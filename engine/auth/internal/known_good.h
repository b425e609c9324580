#pragma once
// Tokens that were found good, so that the next request with the same one need not be read and
// computed again. Times are looked at each time.
#include <cstddef>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "auth/access.h"
#include "auth/token.h"
#include "crypto/hmac.h"

namespace carestream::auth {

// Thread-safe. Bounded: what was not asked for since the last `tokens_max` additions, or tokens of
// `bytes_max` in all, is forgotten.
class KnownGood {
public:
    struct Token {
        // Whoever asks compares them with those in force: other keys know nothing of the token.
        // They are held, so that their address is not that of others.
        std::shared_ptr<const KeySet> keys;
        Validity validity;
        Principal principal;
    };

    explicit KnownGood(std::size_t tokens_max = 4'096, std::size_t bytes_max = 4u << 20)
        : tokens_max_(tokens_max), bytes_max_(bytes_max) {}

    // What was added under exactly this text, or null.
    [[nodiscard]] std::shared_ptr<const Token> Find(std::string_view text);
    void Add(std::string_view text, Token token);

private:
    struct Hash {
        std::size_t operator()(const crypto::Digest& digest) const;
    };
    using Generation = std::unordered_map<crypto::Digest, std::shared_ptr<const Token>, Hash>;

    void Put(const crypto::Digest& digest, std::size_t bytes, std::shared_ptr<const Token> token);

    const std::size_t tokens_max_;
    const std::size_t bytes_max_;
    std::mutex mutex_;
    Generation young_;       // guarded by mutex_, like the next
    std::size_t bytes_ = 0;  // of the texts of the young: what is kept of them is in proportion
    Generation old_;
};

}  // namespace carestream::auth
