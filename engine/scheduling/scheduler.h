#pragma once
// Books: holds slots, asks the destination, waits for its evidence, frees what nobody counts on.
//
// One thread decides: apps' requests, events (what the EHR says), what became of messages, timers
// and people's decisions come to it one after the other. What it decides is one transaction of the
// store (Appointment, Slots and the booking's row) under the versions that it saw; whoever was
// overtaken decides again. Apps' transactions are under way side by side, so many commit together.
// After kill -9 the rows say how far each booking came, and every step can be repeated.
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "auth/access.h"
#include "base/clock.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "fhir/definitions.h"
#include "fhir/node.h"
#include "scheduling/record.h"
#include "scheduling/rules.h"
#include "scheduling/saga.h"
#include "scheduling/template.h"
#include "store/bookings.h"
#include "store/events.h"
#include "store/reader.h"
#include "store/writer.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace carestream::scheduling {

struct SchedulerOptions {
    store::Tenant tenant = 1;
    std::string destination;  // outbound channel that carries requests; "" = nobody is asked
    Confirm confirm = Confirm::kNone;            // kNone exactly when there is no destination
    Micros answer_wait = 15LL * 60 * 1'000'000;  // then a request is ambiguous
    int hold_minutes_max = 30;
    int open_per_patient_max = 20;  // held, asked for and booked ones ahead, by a patient's token
    std::string authority = "CARESTREAM";     // assigns the placer's numbers
    Micros keep = 90LL * 86'400 * 1'000'000;  // rows of settled bookings
    std::size_t waiting_max = 4'096;          // requests of apps that wait; more are refused
};

// What became of a message to a destination.
enum class DeliveryState { kTaken, kRefused, kUncertain, kOther };
struct Delivery {
    std::int64_t change = 0;  // ascending in the order in which states changed
    store::Tenant tenant = 1;
    std::string channel;
    std::string appointment;  // id; "" = it was about something else
    std::int64_t event = 0;   // Event::seq that caused it; 0 = none
    DeliveryState state = DeliveryState::kOther;
    std::string code;  // of the answer: "AA", "AE"
};
// Where they are read. Blocking; called by the scheduler's thread only.
class Deliveries {
public:
    virtual ~Deliveries() = default;
    // Those with change > `after`, ascending. Errors: kUnavailable.
    [[nodiscard]] virtual Result<std::vector<Delivery>> Changes(std::int64_t after, int limit) = 0;
};

struct SchedulerParts {
    std::shared_ptr<const fhir::Definitions> definitions;
    std::function<std::shared_ptr<const Templates>()> templates;  // of the running generation
    std::unique_ptr<store::Events> events;
    std::unique_ptr<store::Bookings> bookings;
    std::unique_ptr<store::Bookings> bookings_of_people;  // for List and Find, from other threads
    std::unique_ptr<Deliveries> deliveries;               // null: none come
    store::Reader& reader;
    store::Writer& writer;
    const crypto::KeyRing& keys;
    const Clock& clock;
    telemetry::Log& log;
    telemetry::Metrics& metrics;
};

// What an app wants. Ids are bare.
struct BookRequest {
    enum class Kind { kHold, kBook, kConfirm, kReschedule, kCancel };
    Kind kind = Kind::kBook;
    std::string appointment;  // of a hold or booking; "" = a new one
    std::string slot;         // kHold, kReschedule; kBook of a new one
    std::string patient;      // of a new one
    std::string key;          // the same key of the same caller: the same booking
    std::string reason;       // kCancel
    std::string comment;      // of a new one, for the clinic
    int minutes = 0;          // kHold; 0 = as long as it may be
    std::shared_ptr<auth::Access> access;
};

struct Booked {
    std::string appointment;  // id
    std::int32_t version = 0;
    bool created = false;
    std::string body;  // the Appointment, JSON
};

// Thread-safe.
class Scheduler {
public:
    Scheduler(SchedulerOptions options, SchedulerParts parts);
    ~Scheduler();  // Stop()
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    void Start();
    // Requests that wait are answered kUnavailable; those under way in the store take effect.
    void Stop();
    // There are new events or deliveries. Cheap; from any thread.
    void Wake();
    // Other templates are in force.
    void Reload();

    // Answered once, on a thread of the store or the scheduler. Errors: kNotFound, kConflict
    // (taken, or the state does not allow it; the text says what to do), kInvalid, kDenied, kLimit,
    // kUnavailable.
    using Answer = std::function<void(Result<Booked>)>;
    void Run(BookRequest request, Answer done);

    // A person decides: kConfirm or kFree. Blocks until it is done; not from the store's threads.
    [[nodiscard]] Result<Record> Decide(const std::string& appointment, Input input,
                                        const std::string& actor);
    // Blocking; for one thread at a time. Not settled ones, or those in `state`.
    [[nodiscard]] Result<std::vector<Record>> List(std::optional<State> state,
                                                   const std::string& after, int limit);
    [[nodiscard]] Result<Record> Find(const std::string& appointment);

    // As of a few seconds ago.
    [[nodiscard]] std::int64_t ambiguous() const;
    [[nodiscard]] const SchedulerOptions& options() const;
    // For $find: reader and definitions outlive every answer, the rules are shared.
    [[nodiscard]] std::shared_ptr<const Rules> rules() const;
    [[nodiscard]] store::Reader& reader() const;
    [[nodiscard]] std::shared_ptr<const fhir::Definitions> definitions() const;

private:
    struct Core;
    std::unique_ptr<Core> core_;
};

}  // namespace carestream::scheduling
