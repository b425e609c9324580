#include "results/releases.h"

#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "fhir/json.h"
#include "holds/holds.h"
#include "rest/outcome.h"
#include "search/query.h"
#include "store/records.h"

namespace carestream::results {

namespace {

constexpr std::array<std::string_view, 3> kTypes = {"DiagnosticReport", "Observation",
                                                    "DocumentReference"};
constexpr int kPage = 200;
constexpr int kTriesMax = 8;  // each failure means that another write went through

store::RestWrite WithoutLabel(store::Tenant tenant, const store::StoredVersion& version,
                              fhir::Node resource) {
    holds::Release(resource);
    store::RestWrite write;
    write.tenant = tenant;
    write.method = store::RestMethod::kUpdate;
    write.type = version.type;
    write.id = version.id;
    write.resource = std::move(resource);
    write.if_match = version.version;
    return write;
}

}  // namespace

struct Releases::Core {
    Core(ReleasesOptions the_options, ReleasesParts the_parts)
        : options(the_options),
          parts(the_parts),
          records(options.tenant, parts.reader, parts.writer, [this] { return Stopping(); }),
          released(parts.metrics.counter("carestream_results_released_total",
                                         "Held results that were released by time.")),
          held(parts.metrics.gauge("carestream_results_held",
                                   "Results that patients do not see yet.")) {}

    void Run();
    [[nodiscard]] bool Stopping();
    void LookThrough();
    Result<void> LookAt(std::string_view type, int& count);
    [[nodiscard]] bool IsDue(const fhir::Node& resource) const;
    // It is met every minute, and told once.
    void TellUnreadable(const std::string& name);
    void ReleaseDue(const store::StoredVersion& version);

    const ReleasesOptions options;
    const ReleasesParts parts;
    store::Records records;
    telemetry::Counter& released;
    telemetry::Gauge& held;
    std::set<std::string> unreadable;  // held results that cannot be opened
    bool in_trouble = false;           // the last pass did not look at all of them
    std::mutex mutex;
    std::condition_variable stop;
    bool stopping = false;  // guarded by mutex
    std::thread thread;
};

bool Releases::Core::Stopping() {
    const std::lock_guard lock(mutex);
    return stopping;
}

void Releases::Core::Run() {
    for (;;) {
        LookThrough();
        std::unique_lock lock(mutex);
        if (stop.wait_for(lock, std::chrono::milliseconds(options.look_every_ms),
                          [&] { return stopping; })) {
            return;
        }
    }
}

// What fails is looked at again in a minute, and told once until all is well again.
void Releases::Core::LookThrough() {
    int count = 0;
    bool whole = true;
    for (const std::string_view type : kTypes) {
        const auto looked = LookAt(type, count);
        if (looked) continue;
        whole = false;
        if (!in_trouble && !Stopping()) {
            parts.log.Warn("results.wait", looked.error().ToString(),
                           {{"type", std::string(type)}});
        }
        if (looked.error().retryable) break;  // the store is down, for the others too
    }
    in_trouble = !whole;
    if (whole) held.Set(count);
}

Result<void> Releases::Core::LookAt(std::string_view type, int& count) {
    CARESTREAM_ASSIGN(query, search::ParseQuery(parts.definitions, type,
                                                {{"_security", std::string(holds::kSystem) + "|" +
                                                                   std::string(holds::kHeld)},
                                                 {"_count", std::to_string(kPage)}}));
    std::string position;
    do {
        CARESTREAM_ASSIGN(page, records.SearchReadable(query, position));
        for (const store::StoredVersion& version : page.matches) ReleaseDue(version);
        for (const std::string& name : page.unreadable) TellUnreadable(name);
        count += static_cast<int>(page.matches.size());
        position = page.next;
    } while (!position.empty() && !Stopping());
    return {};
}

bool Releases::Core::IsDue(const fhir::Node& resource) const {
    const Micros at = holds::ReleaseAt(resource);
    return at != 0 && at <= parts.clock.Now();
}

void Releases::Core::TellUnreadable(const std::string& name) {
    if (!unreadable.insert(name).second) return;
    parts.log.Error("results.unreadable",
                    "a held result cannot be opened: it is not released by time",
                    {{"resource", name}});
}

void Releases::Core::ReleaseDue(const store::StoredVersion& version) {
    const auto found = fhir::ParseJson(version.body);
    if (!found || !IsDue(*found)) return;
    const auto written = records.Update(
        version.type, version.id, [&](const fhir::Node& current) -> std::optional<fhir::Node> {
            if (!IsDue(current)) return std::nullopt;
            fhir::Node next = current;
            holds::Release(next);
            return next;
        });
    if (written && *written) released.Add();
    if (!written && !Stopping()) {
        parts.log.Warn("results.release", written.error().ToString(),
                       {{"resource", version.type + "/" + version.id}});
    }
}

Releases::Releases(ReleasesOptions options, ReleasesParts parts)
    : core_(std::make_unique<Core>(options, parts)) {}

Releases::~Releases() {
    Stop();
}

void Releases::Start() {
    core_->thread = std::thread([this] { core_->Run(); });
}

void Releases::Stop() {
    {
        const std::lock_guard lock(core_->mutex);
        core_->stopping = true;
    }
    core_->stop.notify_all();
    if (core_->thread.joinable()) core_->thread.join();
}

namespace {

// One $release on its way: the resource that was asked for, then, of a report, its observations.
class Releasing : public std::enable_shared_from_this<Releasing> {
public:
    Releasing(store::Reader& reader, store::Writer& writer, store::Tenant tenant,
              std::shared_ptr<net::Responder> responder)
        : reader_(reader), writer_(writer), tenant_(tenant), responder_(std::move(responder)) {}

    void Begin(std::string type, std::string id) {
        todo_.emplace_back(std::move(type), std::move(id));
        Next();
    }

private:
    void Next() {
        if (todo_.empty()) {
            responder_->Send(net::Response::Text(200, rest::kFhirJson, std::move(answer_)));
            return;
        }
        const auto [type, id] = std::exchange(todo_.back(), {});
        todo_.pop_back();
        ReadAndRelease(type, id, kTriesMax);
    }

    void ReadAndRelease(const std::string& type, const std::string& id, int tries) {
        auto self = shared_from_this();
        reader_.Read(tenant_, type, id, [self, tries](Result<store::StoredVersion> found) {
            self->Found(std::move(found), tries);
        });
    }

    void Found(Result<store::StoredVersion> found, int tries) {
        if (found && found->deleted) found = Fail(Code::kGone, "the resource was deleted");
        auto resource = found ? fhir::ParseJson(found->body) : Fail(found.error());
        if (!resource) {
            // An observation that is not there does not keep its report back.
            if (!first_) return Next();
            responder_->Send(rest::OutcomeOf(resource.error(), rest::ErrorOrigin::kStore));
            return;
        }
        if (first_) AddObservations(*resource);
        if (!holds::IsHeld(*resource)) return Done(std::move(found->body));
        auto self = shared_from_this();
        writer_.SubmitRest(
            WithoutLabel(tenant_, *found, std::move(*resource)),
            [self, type = found->type, id = found->id, tries](Result<store::RestResult> written) {
                const bool overtaken =
                    !written && written.error().code == Code::kPreconditionFailed;
                if (overtaken && tries > 1) return self->ReadAndRelease(type, id, tries - 1);
                if (!written) {
                    self->responder_->Send(
                        rest::OutcomeOf(written.error(), rest::ErrorOrigin::kStore));
                    return;
                }
                self->Done(std::move(written->version.body));
            });
    }

    void AddObservations(const fhir::Node& report) {
        const fhir::Node* results = report.Find("result");
        if (results == nullptr) return;
        constexpr std::string_view kType = "Observation/";
        for (const fhir::Node& reference : results->items()) {
            const std::string_view text = reference.TextOf("reference");
            if (text.starts_with(kType)) {
                todo_.emplace_back("Observation", text.substr(kType.size()));
            }
        }
    }

    void Done(std::string body) {
        if (std::exchange(first_, false)) answer_ = std::move(body);
        Next();
    }

    store::Reader& reader_;
    store::Writer& writer_;
    const store::Tenant tenant_;
    const std::shared_ptr<net::Responder> responder_;
    std::vector<std::pair<std::string, std::string>> todo_;
    std::string answer_;
    bool first_ = true;
};

}  // namespace

rest::Operation ReleaseOperation(store::Reader& reader, store::Writer& writer,
                                 store::Tenant tenant) {
    rest::Operation operation;
    operation.name = "release";
    operation.definition = "urn:carestream:operation:release";
    operation.types = {kTypes.begin(), kTypes.end()};
    operation.instance = true;
    operation.run = [&reader, &writer, tenant](rest::OperationCall call,
                                               std::shared_ptr<net::Responder> responder) {
        if (!call.parameters.empty()) {
            responder->Send(rest::OutcomeResponse(400, "invalid", "$release has no parameters",
                                                  call.parameters.front().first));
            return;
        }
        std::make_shared<Releasing>(reader, writer, tenant, std::move(responder))
            ->Begin(std::move(call.type), std::move(call.id));
    };
    return operation;
}

}  // namespace carestream::results
