#pragma once
// Tokens whose signature was found good, so that the next request with the same one need not be
// computed again. Nothing but the signature is remembered: times and claims are looked at each
// time.
#include <cstddef>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "auth/token.h"
#include "crypto/hmac.h"

namespace carestream::auth {

// Thread-safe. Bounded: what was not asked for since the last `tokens_max` additions is forgotten.
class KnownGood {
public:
    explicit KnownGood(std::size_t tokens_max = 4'096) : tokens_max_(tokens_max) {}

    // Was exactly this text good under exactly these keys? Other keys know nothing of it.
    [[nodiscard]] bool Has(std::string_view token, const std::shared_ptr<const KeySet>& keys);
    void Add(std::string_view token, const std::shared_ptr<const KeySet>& keys);

private:
    struct Hash {
        std::size_t operator()(const crypto::Digest& digest) const;
    };
    // The keys are held, so that their address is not that of others.
    using Generation = std::unordered_map<crypto::Digest, std::shared_ptr<const KeySet>, Hash>;

    void Put(const crypto::Digest& digest, std::shared_ptr<const KeySet> keys);

    const std::size_t tokens_max_;
    std::mutex mutex_;
    Generation young_;  // guarded by mutex_, like the next
    Generation old_;
};

}  // namespace carestream::auth
