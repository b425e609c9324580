#include "failures/notifier.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "failures/task.h"
#include "fhir/json.h"
#include "store/records.h"

namespace carestream::failures {

namespace {

constexpr int kFailuresARound = 50;

}  // namespace

struct Notifier::Core {
    Core(NotifierOptions the_options, NotifierParts the_parts)
        : options(std::move(the_options)),
          parts(std::move(the_parts)),
          records(options.tenant, parts.reader, parts.writer, [this] { return Stopping(); }),
          told(parts.metrics.counter("carestream_failures_told_total",
                                     "Versions of Tasks that tell of messages that failed.")) {}

    void Run();
    // False: stopping.
    bool Wait(int ms);
    [[nodiscard]] bool Stopping();
    // True: there is more at once.
    Result<bool> Round();
    Result<void> Tell(const store::Failure& failure);

    const NotifierOptions options;
    const NotifierParts parts;
    store::Records records;
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
    const auto found = records.Read("Task", id);
    if (!found && found.error().code != Code::kNotFound) return Fail(found.error());
    fhir::Node current;
    if (found && !found->deleted) {
        CARESTREAM_ASSIGN(parsed, fhir::ParseJson(found->body));
        current = std::move(parsed);
    }
    store::RestWrite write;
    write.method = store::RestMethod::kUpdate;
    write.type = "Task";
    write.id = id;
    write.resource = TaskOf(failure, id, current);
    // Whoever writes it meanwhile is read again.
    if (found) write.if_match = found->deleted ? store::kAbsent : found->version;
    auto written = records.WriteAll({std::move(write)});
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
