#pragma once
// Patients and whom merges link them with.
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/internal/pg.h"
#include "store/types.h"

namespace carestream::store {

struct LinkedPatients {
    std::vector<std::int64_t> pks;
    std::vector<std::string> ids;
};

// These patients and all that are linked to them, in either direction. Empty when there are none.
[[nodiscard]] Result<LinkedPatients> ExpandPatients(pg::Connection& connection, Tenant tenant,
                                                    std::int16_t patient_type,
                                                    const std::vector<std::string>& ids);

// The same, remembered for a moment: each request of a patient asks several times. The writer
// forgets before and after each commit that changes links, so that what was answered before is
// seen; what a commit does whose answer was lost shows after kRememberFor. Thread-safe.
class PatientLinks {
public:
    [[nodiscard]] Result<LinkedPatients> Expand(pg::Connection& connection, Tenant tenant,
                                                std::int16_t patient_type,
                                                const std::vector<std::string>& ids);
    [[nodiscard]] std::optional<LinkedPatients> Known(Tenant tenant, const std::string& id);
    void Forget();

private:
    using Clock = std::chrono::steady_clock;
    struct Entry {
        LinkedPatients patients;
        Clock::time_point until;
    };
    void Remember(Tenant tenant, const std::string& id, const LinkedPatients& patients,
                  std::uint64_t generation);

    std::mutex mutex_;
    std::uint64_t generation_ = 0;                             // guarded by mutex_
    std::map<std::pair<Tenant, std::string>, Entry> entries_;  // guarded by mutex_
};

}  // namespace carestream::store
