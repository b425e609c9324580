#pragma once
// Messages that failed, by cause: for those who tell people. Counted in the transaction that makes
// a message a dead letter, refused or ambiguous, so that nothing is forgotten and a flood is one
// row.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace carestream::store {

enum class FailureDirection : std::int16_t { kIn = 1, kOut = 2 };

// Of one channel no more causes are told apart; the others are one without a path.
constexpr int kFailureCausesMax = 100;

struct Failure {
    Tenant tenant = 1;
    FailureDirection direction = FailureDirection::kIn;
    std::string channel;
    std::string kind;        // in: "receive", "parse", "map", "write"; out: "refused", "ambiguous"
    std::string path;        // "PID-3", without numbers of repetitions; "" = none
    std::int64_t count = 0;  // since `first`
    Micros first = 0;
    Micros last = 0;
    std::int64_t message = 0;  // the newest: seq of the journal, number of the outbound message
    std::string reason;        // of the newest; without patients' values
};

// On a session of its own. Blocking; one caller at a time. Error: kUnavailable.
class Failures {
public:
    virtual ~Failures() = default;
    // Those of which more happened than was told, unless they were told less than `pause_ms` ago;
    // the longest waiting first.
    [[nodiscard]] virtual Result<std::vector<Failure>> Untold(Tenant tenant, std::int64_t pause_ms,
                                                              int limit) = 0;
    // It was told with its count.
    [[nodiscard]] virtual Result<void> Told(const Failure& failure) = 0;
};

}  // namespace carestream::store
