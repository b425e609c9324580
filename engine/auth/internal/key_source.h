#pragma once
// Where the keys of one issuer come from.
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>

#include "auth/gate.h"
#include "net/address.h"

namespace carestream::auth {

struct KeyUrl {
    bool tls = true;
    net::Address address;
    std::string target;
};
// Error: kInvalid.
[[nodiscard]] Result<KeyUrl> ParseKeyUrl(std::string_view url);

// Keys() and Want() from any thread; Update() from one at a time.
class KeySource {
public:
    explicit KeySource(IssuerOptions options) : options_(std::move(options)) {}

    [[nodiscard]] const IssuerOptions& options() const { return options_; }
    [[nodiscard]] std::shared_ptr<const KeySet> Keys() const;
    // A token named a key that is not known.
    void Want();
    // Reads or fetches if it is time to; `now` false: a step of the poll, true: in any case, but
    // for the least time between fetches. Blocks. True when new keys are in force.
    [[nodiscard]] Result<bool> Update(const GateOptions& gate, Micros time, bool now);

private:
    [[nodiscard]] Result<bool> UpdateFile(bool now);
    [[nodiscard]] Result<bool> UpdateUrl(const GateOptions& gate, Micros time, bool now);
    void Put(KeySet keys);

    const IssuerOptions options_;
    mutable std::mutex mutex_;
    std::shared_ptr<const KeySet> keys_;  // guarded by mutex_
    bool wanted_ = false;                 // guarded by mutex_
    // Of the updating thread.
    std::optional<std::filesystem::file_time_type> file_time_;
    std::optional<Micros> asked_at_;
};

}  // namespace carestream::auth
