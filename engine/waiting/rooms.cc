#include "waiting/rooms.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "waiting/internal/queue.h"
#include "waiting/internal/visits.h"

namespace carestream::waiting {

namespace {

constexpr const char* kConsumer = "waiting";
constexpr int kEventsARound = 128;
constexpr int kAfterOutageMs = 300;
// A cursor that only passed over what concerns no clinic is kept now and then.
constexpr std::int64_t kCursorStep = 10'000;

struct Request {
    std::string appointment;
    std::shared_ptr<auth::Access> access;
    Rooms::Answer done;
};

}  // namespace

struct Rooms::Core {
    Core(RoomsOptions the_options, RoomsParts the_parts)
        : options(std::move(the_options)),
          parts(std::move(the_parts)),
          context(*parts.definitions, store::Records(options.tenant, parts.reader, parts.writer,
                                                     [this] { return Stopping(); })),
          visits(context, options, parts.ids, parts.clock),
          check_ins(parts.metrics.counter("carestream_check_ins_total",
                                          "Check-ins by apps that made somebody wait.")),
          failed(parts.metrics.counter("carestream_waiting_failed_total",
                                       "Visits whose clinic or position could not be written; the "
                                       "log says why.")) {}

    void Run();
    [[nodiscard]] bool Stopping();
    // False: stopping.
    bool Wait(int ms);
    // True: there is more to do at once.
    Result<bool> Round();
    void TakeClinics();
    void AnswerRequests();
    Result<bool> ReadEvents();
    Result<void> RecountTouched();
    // What would go wrong again is told and holds up nothing; an outage is an error.
    Result<void> PassOver(const Result<void>& done, const std::string& id);
    void Tell(const std::string& id, const Error& error) {
        failed.Add();
        parts.log.Error("waiting.failed", error.ToString(), {{"resource", id}});
    }

    const RoomsOptions options;
    const RoomsParts parts;
    Context context;
    Visits visits;
    telemetry::Counter& check_ins;
    telemetry::Counter& failed;
    std::int64_t cursor = 0;
    std::int64_t kept_cursor = 0;  // as the store knows it
    bool looked = false;           // at events since
    Visits::Touched touched;
    std::chrono::steady_clock::time_point look_at;
    bool down = false;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Request> requests;  // guarded by mutex, like the next
    bool woken = false;
    bool stopping = false;
    std::thread thread;
};

bool Rooms::Core::Stopping() {
    const std::lock_guard lock(mutex);
    return stopping;
}

bool Rooms::Core::Wait(int ms) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::milliseconds(ms),
                     [&] { return woken || stopping || !requests.empty(); });
    woken = false;
    return !stopping;
}

void Rooms::Core::Run() {
    int wait_ms = 0;
    while (Wait(wait_ms)) {
        const auto more = Round();
        wait_ms = !more ? kAfterOutageMs : *more ? 0 : options.poll_ms;
        // An outage is told once.
        if (!more && !down && !Stopping()) parts.log.Warn("waiting.wait", more.error().ToString());
        down = !more;
    }
}

Result<bool> Rooms::Core::Round() {
    TakeClinics();
    AnswerRequests();
    CARESTREAM_ASSIGN(more, ReadEvents());
    if (more) return true;
    const auto now = std::chrono::steady_clock::now();
    if (now >= look_at) {
        for (const auto& clinic : context.clinics->all()) touched.insert(clinic.name);
    }
    CARESTREAM_TRY(RecountTouched());
    if (now >= look_at) look_at = now + std::chrono::milliseconds(options.look_every_ms);
    // What was read has had its effect.
    if (looked || cursor - kept_cursor >= kCursorStep) {
        CARESTREAM_TRY(parts.events->MoveCursor(kConsumer, cursor));
        kept_cursor = cursor;
        looked = false;
    }
    return false;
}

void Rooms::Core::TakeClinics() {
    auto current = parts.clinics();
    if (current == context.clinics) return;
    context.clinics = std::move(current);
    context.Forget({});
    look_at = {};
}

void Rooms::Core::AnswerRequests() {
    for (;;) {
        Request request;
        {
            const std::lock_guard lock(mutex);
            if (requests.empty() || stopping) return;
            request = std::move(requests.front());
            requests.pop_front();
        }
        auto done = visits.CheckIn(request.appointment, *request.access, touched);
        if (done && done->created) check_ins.Add();
        request.done(std::move(done));
    }
}

Result<void> Rooms::Core::PassOver(const Result<void>& done, const std::string& id) {
    if (done) return {};
    if (done.error().retryable) return Fail(done.error());
    Tell(id, done.error());
    return {};
}

Result<bool> Rooms::Core::ReadEvents() {
    // Without clinics there is nothing to look at, and what came before one is made does not wait.
    if (context.clinics->all().empty()) {
        CARESTREAM_ASSIGN(head, parts.events->Head());
        cursor = head;
        return false;
    }
    CARESTREAM_ASSIGN(read, parts.events->ReadTypes(
                                cursor, {"Appointment", "Encounter", "Location"}, kEventsARound));
    looked |= !read.events.empty();
    for (const store::Event& event : read.events) {
        if (Stopping()) return false;
        if (event.tenant == options.tenant) {
            CARESTREAM_TRY(PassOver(visits.Look(event, touched), event.id));
        }
        cursor = event.seq;
    }
    cursor = read.read_to;
    return static_cast<int>(read.events.size()) == kEventsARound;
}

Result<void> Rooms::Core::RecountTouched() {
    while (!touched.empty() && !Stopping()) {
        const std::string name = *touched.begin();
        if (const clinics::Clinic* clinic = context.clinics->Find(name)) {
            CARESTREAM_ASSIGN(waiting, Recount(context, *clinic, parts.clock.Now(),
                                               [this](const std::string& id, const Error& error) {
                                                   Tell(id, error);
                                               }));
            parts.metrics
                .gauge("carestream_waiting", "Patients who wait to be called.", {{"clinic", name}})
                .Set(waiting);
        }
        touched.erase(name);
    }
    return {};
}

Rooms::Rooms(RoomsOptions options, RoomsParts parts)
    : core_(std::make_unique<Core>(std::move(options), std::move(parts))) {}

Rooms::~Rooms() {
    Stop();
}

Result<void> Rooms::Start() {
    CARESTREAM_ASSIGN(cursor, core_->parts.events->Cursor(kConsumer));
    core_->cursor = core_->kept_cursor = cursor;
    core_->thread = std::thread([this] { core_->Run(); });
    return {};
}

void Rooms::Stop() {
    std::deque<Request> left;
    {
        const std::lock_guard lock(core_->mutex);
        core_->stopping = true;
        left.swap(core_->requests);
    }
    core_->changed.notify_all();
    if (core_->thread.joinable()) core_->thread.join();
    for (Request& request : left) {
        request.done(Fail(Error{Code::kUnavailable, "the server is stopping", {}, {}, 0, true}));
    }
}

void Rooms::Wake() {
    {
        const std::lock_guard lock(core_->mutex);
        core_->woken = true;
    }
    core_->changed.notify_all();
}

void Rooms::CheckIn(std::string appointment, std::shared_ptr<auth::Access> access, Answer done) {
    bool stopping = false;
    {
        const std::lock_guard lock(core_->mutex);
        stopping = core_->stopping;
        if (!stopping && core_->requests.size() < core_->options.requests_max) {
            core_->requests.push_back({std::move(appointment), std::move(access), std::move(done)});
            core_->changed.notify_all();
            return;
        }
    }
    done(Fail(stopping
                  ? Error{Code::kUnavailable, "the server is stopping", {}, {}, 0, true}
                  : Error{Code::kLimit, "too many check in at once: try again", {}, {}, 0, true}));
}

}  // namespace carestream::waiting
