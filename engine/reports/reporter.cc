#include "reports/reporter.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "fhir/json.h"
#include "questionnaires/evaluate.h"
#include "reports/findings.h"
#include "search/query.h"
#include "store/records.h"

namespace carestream::reports {

namespace {

using questionnaires::Questionnaires;

constexpr const char* kConsumer = "reports";
constexpr const char* kDeliveryConsumer = "report-deliveries";
constexpr int kEventsARound = 64;
constexpr int kDeliveriesARound = 256;
constexpr int kPage = 200;
constexpr int kAfterOutageMs = 300;
constexpr std::chrono::milliseconds kGather{20};
// A cursor that only passed over what does not concern reports is kept now and then.
constexpr std::int64_t kCursorStep = 10'000;

bool IsReport(const fhir::Node& response) {
    const std::string_view status = response.TextOf("status");
    const fhir::Node* subject = response.Find("subject");
    return (status == "completed" || status == "amended") && subject != nullptr &&
           subject->TextOf("reference").starts_with("Patient/");
}

bool WasRaised(const std::vector<questionnaires::RaisedFlag>& before,
               const questionnaires::RaisedFlag& flag) {
    return std::any_of(before.begin(), before.end(), [&](const auto& known) {
        return known.questionnaire == flag.questionnaire && known.name == flag.name;
    });
}

}  // namespace

struct Reporter::Core {
    Core(ReporterOptions the_options, ReporterParts the_parts)
        : options(std::move(the_options)),
          parts(std::move(the_parts)),
          records(options.tenant, parts.reader, parts.writer, [this] { return Stopping(); }),
          reports(parts.metrics.counter("carestream_reports_total",
                                        "Versions of reports that were looked at.")),
          red_flags(parts.metrics.counter("carestream_red_flags_total", "Red flags raised.")),
          escalated(parts.metrics.counter("carestream_red_flags_escalated_total",
                                          "Red flags that nobody acknowledged within their time.")),
          failed(parts.metrics.counter("carestream_reports_failed_total",
                                       "Resources of reports that could not be written; the log "
                                       "says why.")),
          waiting(parts.metrics.gauge("carestream_red_flags_waiting",
                                      "Red flags that wait to be acknowledged.")) {}

    void Run();
    [[nodiscard]] bool Stopping();
    // False: stopping.
    bool Wait(int ms);
    // These give true when there is more to do at once.
    Result<bool> Round();
    Result<bool> ReadEvents();
    Result<bool> ReadDeliveries();
    Result<void> Look(const store::Event& event);
    Result<void> LookAt(const Report& report, const fhir::Node& before, Micros at);
    Result<void> RaiseFlags(const Report& report, const fhir::Node& before, Micros at);
    Result<void> WriteScores(const Report& report);
    Result<void> Follow(const Delivery& delivery);
    Result<void> Publish();
    Result<void> LookForEscalations();
    Result<void> EscalateDue(int& count);
    Result<void> EscalateOne(const std::string& id);
    [[nodiscard]] bool IsDue(const fhir::Node& flag) const;
    // It is met every few seconds, and told once.
    void TellUnreadable(const std::string& name);
    // What would go wrong again is told and holds up nothing; an outage is an error.
    Result<void> PassOver(const Result<void>& done, const std::string& id);
    [[nodiscard]] std::string IdOf(std::string_view type, const Report& report,
                                   const std::string& part) const {
        return parts.ids.ProvisionalId(options.tenant_name, type, "urn:carestream:report",
                                       report.id + "/" + part);
    }

    const ReporterOptions options;
    const ReporterParts parts;
    store::Records records;
    telemetry::Counter& reports;
    telemetry::Counter& red_flags;
    telemetry::Counter& escalated;
    telemetry::Counter& failed;
    telemetry::Gauge& waiting;
    std::int64_t cursor = 0;
    std::int64_t kept_cursor = 0;  // as the store knows it
    std::int64_t delivery_cursor = 0;
    std::shared_ptr<const Questionnaires> published;
    std::set<std::string> unreadable;  // waiting flags that cannot be opened
    std::chrono::steady_clock::time_point look_at;
    bool down = false;
    std::mutex mutex;
    std::condition_variable changed;
    bool woken = false;  // guarded by mutex, like the next
    bool stopping = false;
    std::thread thread;
};

bool Reporter::Core::Stopping() {
    const std::lock_guard lock(mutex);
    return stopping;
}

// Feeds wake for each commit: what comes within a moment is looked at together.
bool Reporter::Core::Wait(int ms) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::milliseconds(ms), [&] { return woken || stopping; });
    if (ms != 0) changed.wait_for(lock, kGather, [&] { return stopping; });
    woken = false;
    return !stopping;
}

void Reporter::Core::Run() {
    int wait_ms = 0;
    while (Wait(wait_ms)) {
        const auto more = Round();
        wait_ms = !more   ? kAfterOutageMs
                  : *more ? 0
                          : std::min(options.poll_ms, options.look_every_ms);
        // An outage is told once.
        if (!more && !down && !Stopping()) parts.log.Warn("reports.wait", more.error().ToString());
        down = !more;
    }
}

Result<bool> Reporter::Core::Round() {
    // Each part is tried whatever becomes of the others: an escalation does not wait for a report.
    const auto published_now = Publish();
    const auto events = ReadEvents();
    const auto deliveries = ReadDeliveries();
    if (std::chrono::steady_clock::now() >= look_at) CARESTREAM_TRY(LookForEscalations());
    CARESTREAM_TRY(published_now);
    if (!events) return Fail(events.error());
    if (!deliveries) return Fail(deliveries.error());
    return *events || *deliveries;
}

Result<void> Reporter::Core::PassOver(const Result<void>& done, const std::string& id) {
    if (done) return {};
    if (done.error().retryable) return Fail(done.error());
    failed.Add();
    parts.log.Error("reports.failed", done.error().ToString(), {{"resource", id}});
    return {};
}

// The files win over what somebody wrote to the resources; what is the same makes no version.
Result<void> Reporter::Core::Publish() {
    auto current = parts.questionnaires();
    if (current == published) return {};
    for (const questionnaires::Entry& entry : current->all()) {
        CARESTREAM_TRY(
            PassOver(records.Put(entry.questionnaire.resource), entry.questionnaire.name));
    }
    published = std::move(current);
    return {};
}

Result<bool> Reporter::Core::ReadEvents() {
    CARESTREAM_ASSIGN(read,
                      parts.events->ReadTypes(cursor, {"QuestionnaireResponse"}, kEventsARound));
    for (const store::Event& event : read.events) {
        if (Stopping()) return false;
        if (event.tenant == options.tenant) {
            CARESTREAM_TRY(PassOver(Look(event), event.id));
        }
        cursor = event.seq;
    }
    cursor = read.read_to;
    if (!read.events.empty() || cursor - kept_cursor >= kCursorStep) {
        CARESTREAM_TRY(parts.events->MoveCursor(kConsumer, cursor));
        kept_cursor = cursor;
    }
    return static_cast<int>(read.events.size()) == kEventsARound;
}

Result<void> Reporter::Core::Look(const store::Event& event) {
    if (event.kind == store::EventKind::kDeleted) return {};
    CARESTREAM_ASSIGN(response, fhir::ParseJson(event.body));
    if (!IsReport(response)) return {};
    fhir::Node before;
    if (!event.before.empty()) {
        CARESTREAM_ASSIGN(parsed, fhir::ParseJson(event.before));
        before = std::move(parsed);
    }
    CARESTREAM_TRY(LookAt({event.id, event.version, response}, before, event.updated));
    reports.Add();
    return {};
}

Result<void> Reporter::Core::LookAt(const Report& report, const fhir::Node& before, Micros at) {
    CARESTREAM_TRY(RaiseFlags(report, before, at));
    const bool passed_on = parts.passed_on && parts.passed_on();
    const std::string task = IdOf("Task", report, "delivery");
    CARESTREAM_TRY(records.Update("Task", task, [&](const fhir::Node& current) {
        return ReportedVersion(current) >= report.version
                   ? std::nullopt
                   : std::optional(DeliveryTask(report, task, passed_on, parts.clock.Now()));
    }));
    return WriteScores(report);
}

// What an earlier version raised is raised already: nobody takes it back by an amendment, and
// nobody is told twice.
Result<void> Reporter::Core::RaiseFlags(const Report& report, const fhir::Node& before, Micros at) {
    const auto earlier = questionnaires::RedFlagsOf(before);
    for (const auto& flag : questionnaires::RedFlagsOf(report.response)) {
        if (WasRaised(earlier, flag)) continue;
        const std::string id =
            IdOf("Flag", report, std::to_string(report.version) + "/" + flag.name);
        CARESTREAM_ASSIGN(written, records.Update("Flag", id, [&](const fhir::Node& current) {
            return current.IsNull() ? std::optional(FlagOf(report, id, flag, at)) : std::nullopt;
        }));
        if (written) red_flags.Add();
    }
    return {};
}

Result<void> Reporter::Core::WriteScores(const Report& report) {
    const auto all = parts.questionnaires();
    // One that is not in force any more gives no scores.
    const auto entry = all->Find(report.response.TextOf("questionnaire"));
    if (!entry || *entry == nullptr) return {};
    const auto evaluation =
        questionnaires::Evaluate((*entry)->questionnaire, (*entry)->rules, report.response);
    for (const questionnaires::Score& score : (*entry)->rules.scores) {
        const std::string id = IdOf("Observation", report, score.name);
        const auto value = std::find_if(evaluation.scores.begin(), evaluation.scores.end(),
                                        [&](const auto& one) { return one.score == &score; });
        CARESTREAM_TRY(records.Update("Observation", id,
                                      [&](const fhir::Node& current) -> std::optional<fhir::Node> {
                                          if (ScoredVersion(current) >= report.version)
                                              return std::nullopt;
                                          if (value != evaluation.scores.end())
                                              return ScoreObservation(report, id, *value);
                                          if (current.IsNull()) return std::nullopt;
                                          // An amendment took away the answers that it was the sum
                                          // of.
                                          return WithoutScore(report, current);
                                      }));
    }
    return {};
}

Result<bool> Reporter::Core::ReadDeliveries() {
    if (!parts.deliveries) return false;
    CARESTREAM_ASSIGN(changes, parts.deliveries(delivery_cursor, kDeliveriesARound));
    const std::int64_t before = delivery_cursor;
    for (const Delivery& delivery : changes) {
        // Its Task is made of an event that was not looked at yet.
        if (delivery.event > cursor || Stopping()) break;
        if (delivery.tenant == options.tenant && delivery.type == "QuestionnaireResponse") {
            CARESTREAM_TRY(PassOver(Follow(delivery), delivery.id));
        }
        delivery_cursor = delivery.change;
    }
    if (delivery_cursor == before) return false;
    CARESTREAM_TRY(parts.events->MoveCursor(kDeliveryConsumer, delivery_cursor));
    return static_cast<int>(changes.size()) == kDeliveriesARound;
}

Result<void> Reporter::Core::Follow(const Delivery& delivery) {
    CARESTREAM_ASSIGN(events, parts.events->Load({delivery.event}));
    if (events.empty()) return {};
    const fhir::Node none;
    const std::string task = IdOf("Task", {delivery.id, 0, none}, "delivery");
    CARESTREAM_TRY(
        records.Update("Task", task, [&](const fhir::Node& current) -> std::optional<fhir::Node> {
            if (current.IsNull()) return std::nullopt;
            return WithDelivery(current, events.front().version, delivery, parts.clock.Now());
        }));
    return {};
}

Result<void> Reporter::Core::LookForEscalations() {
    int count = 0;
    CARESTREAM_TRY(EscalateDue(count));
    waiting.Set(count);
    look_at = std::chrono::steady_clock::now() + std::chrono::milliseconds(options.look_every_ms);
    return {};
}

bool Reporter::Core::IsDue(const fhir::Node& flag) const {
    const auto at = EscalateAt(flag);
    return at && *at <= parts.clock.Now();
}

Result<void> Reporter::Core::EscalateOne(const std::string& id) {
    CARESTREAM_ASSIGN(
        written,
        records.Update("Flag", id, [&](const fhir::Node& flag) -> std::optional<fhir::Node> {
            if (!IsDue(flag)) return std::nullopt;
            fhir::Node next = flag;
            Escalate(next);
            return next;
        }));
    if (written) escalated.Add();
    return {};
}

void Reporter::Core::TellUnreadable(const std::string& name) {
    if (!unreadable.insert(name).second) return;
    failed.Add();
    parts.log.Error("reports.unreadable",
                    "a red flag that waits cannot be opened: it does not escalate",
                    {{"resource", name}});
}

Result<void> Reporter::Core::EscalateDue(int& count) {
    CARESTREAM_ASSIGN(
        query,
        search::ParseQuery(*parts.definitions, "Flag",
                           {{"_tag", std::string(kEscalationSystem) + "|" + std::string(kWaiting)},
                            {"_count", std::to_string(kPage)}}));
    std::string position;
    do {
        CARESTREAM_ASSIGN(page, records.SearchReadable(query, position));
        for (const store::StoredVersion& version : page.matches) {
            const auto flag = fhir::ParseJson(version.body);
            if (flag && !IsDue(*flag)) {
                ++count;
            } else {
                CARESTREAM_TRY(PassOver(EscalateOne(version.id), version.id));
            }
        }
        for (const std::string& name : page.unreadable) TellUnreadable(name);
        position = page.next;
    } while (!position.empty() && !Stopping());
    return {};
}

Reporter::Reporter(ReporterOptions options, ReporterParts parts)
    : core_(std::make_unique<Core>(std::move(options), std::move(parts))) {}

Reporter::~Reporter() {
    Stop();
}

Result<void> Reporter::Start() {
    CARESTREAM_ASSIGN(cursor, core_->parts.events->Cursor(kConsumer));
    CARESTREAM_ASSIGN(deliveries, core_->parts.events->CursorFromZero(kDeliveryConsumer));
    core_->cursor = core_->kept_cursor = cursor;
    core_->delivery_cursor = deliveries;
    core_->thread = std::thread([this] { core_->Run(); });
    return {};
}

void Reporter::Stop() {
    {
        const std::lock_guard lock(core_->mutex);
        core_->stopping = true;
    }
    core_->changed.notify_all();
    if (core_->thread.joinable()) core_->thread.join();
}

void Reporter::Wake() {
    {
        const std::lock_guard lock(core_->mutex);
        core_->woken = true;
    }
    core_->changed.notify_all();
}

}  // namespace carestream::reports
