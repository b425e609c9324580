#include "failures/notifier.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "failures/task.h"
#include "fhir/json.h"

namespace carestream::failures {

namespace {

constexpr int kFailuresARound = 50;
constexpr std::chrono::milliseconds kLookUp{50};

}  // namespace

struct Notifier::Core {
    Core(NotifierOptions the_options, NotifierParts the_parts)
        : options(std::move(the_options)),
          parts(std::move(the_parts)),
          told(parts.metrics.counter("carestream_failures_told_total",
                                     "Versions of Tasks that tell of messages that failed.")) {}

    void Run();
    // False: stopping.
    bool Wait(int ms);
    [[nodiscard]] bool Stopping();
    // True: there is more at once.
    Result<bool> Round();
    Result<void> Tell(const store::Failure& failure);
    template <typename T>
    [[nodiscard]] Result<T> Await(const std::function<void(store::Callback<T>)>& ask);

    const NotifierOptions options;
    const NotifierParts parts;
    telemetry::Counter& told;
    std::mutex mutex;
    std::condition_variable changed;
    bool stopping = false;  // guarded by mutex
    std::thread thread;
};

bool Notifier::Core::Wait(int ms) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::milliseconds(ms), [this] { return stopping; });
    return !stopping;
}

bool Notifier::Core::Stopping() {
    const std::lock_guard lock(mutex);
    return stopping;
}

template <typename T>
Result<T> Notifier::Core::Await(const std::function<void(store::Callback<T>)>& ask) {
    // Shared: the answer may come after nobody waits for it any more.
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto future = promise->get_future();
    ask([promise](Result<T> answer) { promise->set_value(std::move(answer)); });
    while (future.wait_for(kLookUp) != std::future_status::ready) {
        if (Stopping()) return FailRetryable("the server is stopping");
    }
    return future.get();
}

void Notifier::Core::Run() {
    int wait_ms = 0;
    bool down = false;
    while (Wait(wait_ms)) {
        const auto more = Round();
        wait_ms = more && *more ? 0 : options.poll_ms;
        // An outage is told once.
        if (!more && !down && !Stopping()) parts.log.Warn("failures.wait", more.error().ToString());
        down = !more;
    }
}

Result<bool> Notifier::Core::Round() {
    CARESTREAM_ASSIGN(untold,
                      parts.failures->Untold(options.tenant, options.pause_ms, kFailuresARound));
    bool progress = false;
    for (const store::Failure& failure : untold) {
        if (Stopping()) return false;
        if (const auto done = Tell(failure); !done) {
            if (done.error().retryable) return Fail(done.error());
            // It would go wrong again: it must hold up no other.
            parts.log.Error("failures.task", done.error().ToString(),
                            {{"channel", failure.channel}, {"kind", failure.kind}});
        }
        CARESTREAM_TRY(parts.failures->Told(failure));
        progress = true;
    }
    return progress && static_cast<int>(untold.size()) == kFailuresARound;
}

Result<void> Notifier::Core::Tell(const store::Failure& failure) {
    const std::string id = parts.ids.ProvisionalId(options.tenant_name, "Task",
                                                   "urn:carestream:failure", KeyOf(failure));
    const auto found = Await<store::StoredVersion>(
        [&](auto done) { parts.reader.Read(options.tenant, "Task", id, std::move(done)); });
    if (!found && found.error().code != Code::kNotFound) return Fail(found.error());
    fhir::Node current;
    if (found && !found->deleted) {
        CARESTREAM_ASSIGN(parsed, fhir::ParseJson(found->body));
        current = std::move(parsed);
    }
    store::RestWrite write;
    write.tenant = options.tenant;
    write.method = store::RestMethod::kUpdate;
    write.type = "Task";
    write.id = id;
    write.resource = TaskOf(failure, id, current);
    // Whoever writes it meanwhile is read again.
    if (found) write.if_match = found->deleted ? store::kAbsent : found->version;
    auto written = Await<store::RestResult>(
        [&](auto done) { parts.writer.SubmitRest(std::move(write), std::move(done)); });
    if (written) {
        told.Add();
        return {};
    }
    Error error = std::move(written).error();
    if (error.code == Code::kPreconditionFailed) error.retryable = true;
    return Fail(std::move(error));
}

Notifier::Notifier(NotifierOptions options, NotifierParts parts)
    : core_(std::make_unique<Core>(std::move(options), std::move(parts))) {}

Notifier::~Notifier() {
    Stop();
}

void Notifier::Start() {
    core_->thread = std::thread([this] { core_->Run(); });
}

void Notifier::Stop() {
    {
        const std::lock_guard lock(core_->mutex);
        core_->stopping = true;
    }
    core_->changed.notify_all();
    if (core_->thread.joinable()) core_->thread.join();
}

}  // namespace carestream::failures
