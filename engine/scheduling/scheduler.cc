#include "scheduling/scheduler.h"

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "scheduling/internal/calendars.h"
#include "scheduling/internal/context.h"
#include "scheduling/internal/desk.h"
#include "scheduling/internal/ledger.h"
#include "scheduling/internal/resources.h"
#include "scheduling/internal/slot_maker.h"
#include "scheduling/internal/watch.h"

namespace carestream::scheduling {

namespace {

constexpr Micros kSecond = 1'000'000;
constexpr Micros kPoll = kSecond;  // in case a wake-up was lost with a daemon; of timers, too
constexpr Micros kAfterOutage = 300'000;
constexpr Micros kCountEvery = 5 * kSecond;
constexpr Micros kPruneEvery = 60 * kSecond;
constexpr Micros kSlotsEvery = 24LL * 3'600 * kSecond;
constexpr int kPruneRows = 1'000;

}  // namespace

struct Scheduler::Core {
    Core(SchedulerOptions options, SchedulerParts parts)
        : context(std::move(options), std::move(parts)),
          ledger(context),
          calendars(context),
          desk(context, ledger, calendars),
          watch(context, ledger, calendars),
          slots(context) {}

    Context context;
    Ledger ledger;
    Calendars calendars;
    Desk desk;
    Watch watch;
    SlotMaker slots;
    Micros timers_at = 0;
    Micros count_at = 0;
    Micros prune_at = 0;
    Micros slots_at = 0;
    std::string outage;
    std::atomic<bool> reload = false;
    std::atomic<std::int64_t> ambiguous = 0;
    std::thread thread;

    void Run();
    // An outage is told once, however often it is met.
    void Tell(const Result<void>& outcome);
    // How long nothing is to be done.
    [[nodiscard]] Result<Micros> Round();
    [[nodiscard]] Result<void> Housekeeping();
    void Publish(const std::map<std::int16_t, std::int64_t>& counts);
};

void Scheduler::Core::Run() {
    bool loaded = false;
    while (!context.inbox->closed()) {
        Micros wait = kAfterOutage;
        Result<void> load;
        if (!loaded) load = watch.Load();
        loaded = loaded || load.has_value();
        if (loaded) {
            const Result<Micros> idle = Round();
            if (idle) {
                wait = *idle;
            } else {
                load = Fail(idle.error());
            }
        }
        Tell(load);
        for (auto& command : context.inbox->Wait(wait)) command();
    }
}

void Scheduler::Core::Tell(const Result<void>& outcome) {
    const std::string text = outcome ? std::string() : outcome.error().ToString();
    if (!text.empty() && text != outage) context.parts.log.Warn("scheduling.outage", text);
    outage = text;
}

// Slots come before events: whose they are is known when the next command wants one.
Result<Micros> Scheduler::Core::Round() {
    if (reload.exchange(false) || context.Now() >= slots_at) {
        slots.Begin();
        slots_at = context.Now() + kSlotsEvery;
    }
    const Result<bool> making = slots.Continue();
    CARESTREAM_ASSIGN(events, watch.ReadEvents());
    CARESTREAM_ASSIGN(deliveries, watch.ReadDeliveries());
    bool more = events || deliveries;
    if (context.Now() >= timers_at) {
        CARESTREAM_ASSIGN(timers, watch.FireTimers());
        if (!timers) timers_at = context.Now() + kPoll;
        more = more || timers;
    }
    CARESTREAM_TRY(Housekeeping());
    if (!making) return Fail(making.error());
    return more || *making ? 0 : kPoll;
}

Result<void> Scheduler::Core::Housekeeping() {
    const Micros now = context.Now();
    if (now >= count_at) {
        CARESTREAM_ASSIGN(counts, context.parts.bookings->Counts());
        Publish(counts);
        count_at = now + kCountEvery;
    }
    if (now >= prune_at) {
        CARESTREAM_TRY(context.parts.bookings->Prune(now - context.options.keep, kPruneRows));
        prune_at = now + kPruneEvery;
    }
    return {};
}

void Scheduler::Core::Publish(const std::map<std::int16_t, std::int64_t>& counts) {
    for (const State state : kStates) {
        if (IsSettled(state)) continue;
        const auto found = counts.find(static_cast<std::int16_t>(state));
        const std::int64_t count = found == counts.end() ? 0 : found->second;
        context.parts.metrics
            .gauge("carestream_bookings", "Bookings that are not settled.",
                   {{"state", std::string(ToString(state))}})
            .Set(static_cast<double>(count));
        if (state == State::kAmbiguous) ambiguous = count;
    }
}

Scheduler::Scheduler(SchedulerOptions options, SchedulerParts parts)
    : core_(std::make_unique<Core>(std::move(options), std::move(parts))) {
    CARESTREAM_ASSERT(core_->context.options.destination.empty() ==
                      (core_->context.options.confirm == Confirm::kNone));
}

Scheduler::~Scheduler() {
    Stop();
}

void Scheduler::Start() {
    core_->thread = std::thread([this] { core_->Run(); });
}

void Scheduler::Stop() {
    core_->context.inbox->Close();
    if (core_->thread.joinable()) core_->thread.join();
}

void Scheduler::Wake() {
    core_->context.inbox->Wake();
}

void Scheduler::Reload() {
    core_->reload = true;
    Wake();
}

void Scheduler::Run(BookRequest request, Answer done) {
    auto ticket = std::make_shared<Ticket>(std::move(request), std::move(done));
    const bool taken = core_->context.inbox->Post([this, ticket] { core_->desk.Handle(ticket); });
    if (taken || core_->context.inbox->closed()) return;
    ticket->Answer(
        Fail(Error{Code::kLimit, "too many requests for appointments wait", {}, {}, 0, true}));
}

Result<Record> Scheduler::Decide(const std::string& appointment, Input input,
                                 const std::string& actor) {
    CARESTREAM_ASSERT(input == Input::kFree || input == Input::kConfirm);
    using Outcome = Result<std::optional<Record>>;
    auto promise = std::make_shared<std::promise<Outcome>>();
    auto future = promise->get_future();
    const bool taken = core_->context.inbox->Post([this, appointment, input, actor, promise] {
        promise->set_value(core_->ledger.Step(
            appointment, [&](const Case&) { return input; },
            std::string(ToString(input)) + " by " + actor,
            input == Input::kFree ? "The clinic has cancelled the appointment." : ""));
    });
    promise.reset();
    if (!taken) return FailRetryable("the scheduler is busy or stopping");
    try {
        Outcome outcome = future.get();
        if (!outcome) return Fail(std::move(outcome).error());
        if (!*outcome) return Fail(Code::kNotFound, "no booking of this id", "booking");
        return std::move(**outcome);
    } catch (const std::future_error&) {
        return FailRetryable("the server is stopping");  // the command was dropped
    }
}

Result<std::vector<Record>> Scheduler::List(std::optional<State> state, const std::string& after,
                                            int limit) {
    const Context& context = core_->context;
    CARESTREAM_ASSIGN(
        rows, context.parts.bookings_of_people->List(
                  context.options.tenant,
                  state ? static_cast<std::int16_t>(*state) : std::int16_t{0}, after, limit));
    std::vector<Record> records;
    for (const store::Booking& row : rows) {
        CARESTREAM_ASSIGN(record, RecordOf(row));
        records.push_back(std::move(record));
    }
    return records;
}

Result<Record> Scheduler::Find(const std::string& appointment) {
    const Context& context = core_->context;
    CARESTREAM_ASSIGN(row,
                      context.parts.bookings_of_people->Find(context.options.tenant, appointment));
    if (!row) return Fail(Code::kNotFound, "no booking of this id", "booking");
    return RecordOf(*row);
}

std::int64_t Scheduler::ambiguous() const {
    return core_->ambiguous;
}

const SchedulerOptions& Scheduler::options() const {
    return core_->context.options;
}

std::shared_ptr<const Rules> Scheduler::rules() const {
    return core_->context.rules;
}

store::Reader& Scheduler::reader() const {
    return core_->context.parts.reader;
}

std::shared_ptr<const fhir::Definitions> Scheduler::definitions() const {
    return core_->context.parts.definitions;
}

}  // namespace carestream::scheduling
