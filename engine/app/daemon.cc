#include "app/daemon.h"

#include <sys/stat.h>

#include <algorithm>
#include <future>
#include <iterator>

#include "app/folders.h"
#include "app/internal/booking_pages.h"
#include "app/internal/deliveries.h"
#include "app/internal/hook_sender.h"
#include "app/internal/outbound_pages.h"
#include "app/internal/process_metrics.h"
#include "app/internal/report_parts.h"
#include "auth/local_token.h"
#include "base/file.h"
#include "base/home.h"
#include "clinics/visit.h"
#include "reports/findings.h"
#include "reports/response_rule.h"
#include "rest/admin_pages.h"
#include "rest/outcome.h"
#include "scheduling/operations.h"
#include "subscriptions/endpoint.h"
#include "subscriptions/operations.h"
#include "waiting/check_in.h"

namespace carestream::app {

namespace {

namespace fs = std::filesystem;

constexpr int kLockWaitMs = 5'000;
constexpr Micros kLateAfter = 60'000'000;  // a queue older than this is worth a word

std::vector<Error> One(Error error) {
    return {std::move(error)};
}

// A taken port: who holds it and what moves it, a variable or else the key of the configuration.
Error WithRemedy(Error error, const std::string& variable, const std::string& key) {
    if (error.code == Code::kUnavailable) {
        error.message +=
            "; stop it or " + (variable.empty() ? "change " + key + " in the configuration"
                                                : "set " + variable + " to another address");
    }
    return error;
}

std::string Plural(std::int64_t count, const std::string& noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

// A count of the status: what it stops at is said as such.
std::string CountOf(std::int64_t count, bool more, const std::string& noun) {
    return (more ? "more than " : "") + Plural(count, noun);
}

Result<void> CheckKeyFile(const fs::path& file) {
    CARESTREAM_ASSIGN(text, ReadFile(file));
    auto keys = auth::ParseKeySet(text);
    if (keys) return {};
    keys.error().path = file.string();
    return Fail(std::move(keys).error());
}

// Ready, and what waits for a decision.
Condition WaitingForPeople(const store::StoreStatus& store) {
    Condition condition{"ready", "ready", 0, ""};
    if (store.dead_letters > 0) {
        condition.headline +=
            ", " + CountOf(store.dead_letters, store.more_dead_letters, "dead letter");
        condition.remedy = "see `carestream deadletters groups`";
    }
    if (store.identity_conflicts > 0) {
        condition.headline += ", " + Plural(store.identity_conflicts, "identity conflict");
        condition.remedy +=
            condition.remedy.empty() ? "see `carestream conflicts`" : " and `carestream conflicts`";
    }
    return condition;
}

}  // namespace

std::string Version() {
    return CARESTREAM_VERSION;
}

namespace {

std::shared_ptr<const scheduling::Templates> LoadSchedules(const fs::path& mappings,
                                                           std::vector<Error>& errors) {
    auto loaded = scheduling::Templates::Load(mappings / "schedules", "schedules/");
    std::move(loaded.errors.begin(), loaded.errors.end(), std::back_inserter(errors));
    return std::move(loaded.templates);
}

}  // namespace

std::vector<Error> Check(const fs::path& config_file) {
    const auto home = FindHome();
    if (!home) return One(home.error());
    ReadSettings read = ReadSettingsFile(config_file, *home);
    if (!read.errors.empty()) return read.errors;
    const Settings& settings = read.settings;
    const auto definitions = fhir::Definitions::Load(settings.schemas / "fhir/r4");
    if (!definitions) return One(definitions.error());
    const auto dictionary = hl7::Dictionary::Load(settings.schemas / "hl7");
    if (!dictionary) return One(dictionary.error());
    const channel::GenerationInputs inputs = InputsOf(settings, *definitions, *dictionary);
    channel::Loaded loaded = channel::LoadGeneration(inputs, 0);
    (void)LoadSchedules(inputs.mappings, loaded.errors);
    LocateMappings(inputs.mappings, loaded.errors);
    for (Error& unread : UnreadFiles(inputs.channels, inputs.mappings)) {
        loaded.errors.push_back(std::move(unread));
    }
    if (!loaded.errors.empty()) return loaded.errors;
    net::Executor executor(1);
    telemetry::Log log;
    telemetry::Metrics metrics;
    std::vector<Error> errors =
        channel::CheckSources(*loaded.generation, inputs.source_types, executor, log, metrics);
    for (Error& error : outbound::CheckDestinations(*loaded.generation, inputs.destination_types,
                                                    executor, log, metrics)) {
        errors.push_back(std::move(error));
    }
    if (!settings.fhir_tls.certificate_file.empty()) {
        const auto tls = net::MakeTlsContext(settings.fhir_tls);
        if (!tls) errors.push_back(tls.error());
    }
    for (const auth::IssuerOptions& issuer : settings.auth.issuers) {
        if (issuer.jwks_file.empty() || issuer.optional) continue;
        if (auto checked = CheckKeyFile(issuer.jwks_file); !checked) {
            errors.push_back(std::move(checked).error());
        }
    }
    return errors;
}

Daemon::Daemon(fs::path config_file) : config_file_(std::move(config_file)) {
    started_at_ = clock_.Now();
}

Daemon::~Daemon() {
    Stop();
}

channel::GenerationInputs Daemon::Inputs() const {
    channel::GenerationInputs inputs = InputsOf(settings_, definitions_, dictionary_);
    if (store_ != nullptr) {
        inputs.id_key = [this](const std::string& tenant) { return store_->keys().id_key(tenant); };
    }
    return inputs;
}

std::vector<Error> Daemon::LoadContent() {
    auto home = FindHome();
    if (!home) return One(home.error());
    home_ = std::move(*home);
    ReadSettings read = ReadSettingsFile(config_file_, home_);
    if (!read.errors.empty()) return read.errors;
    settings_ = std::move(read.settings);
    auto definitions = fhir::Definitions::Load(settings_.schemas / "fhir/r4");
    if (!definitions) return One(definitions.error());
    definitions_ = std::move(*definitions);
    auto dictionary = hl7::Dictionary::Load(settings_.schemas / "hl7");
    if (!dictionary) return One(dictionary.error());
    dictionary_ = std::move(*dictionary);
    auto indexer = search::Indexer::Create(definitions_);
    if (!indexer) return One(indexer.error());
    indexer_ = std::move(*indexer);
    // Before the store is touched: a mistake in YAML is said within a moment.
    mapping_sums_ = SumsOfMappings(settings_.mappings);
    channel::Loaded loaded = channel::LoadGeneration(Inputs(), ++generations_);
    schedules_.Set(LoadSchedules(settings_.mappings, loaded.errors));
    LocateMappings(settings_.mappings, loaded.errors);
    first_ = std::move(loaded.generation);
    return std::move(loaded.errors);
}

std::vector<Error> Daemon::Start(const std::function<bool()>& stop_wanted) {
    std::vector<Error> errors = LoadContent();
    if (!errors.empty()) return errors;
    executor_ = std::make_unique<net::Executor>(settings_.io_threads);
    if (auto started = StartAdminPort(); !started) return One(started.error());
    if (auto opened = OpenStore(stop_wanted); !opened) return One(opened.error());
    if (stop_wanted()) return {};
    supervisor_ = std::make_unique<channel::Supervisor>(
        channel::SupervisorParts{store_->journal(), store_->writer(), *executor_, clock_, log_,
                                 metrics_, SourceTypes(), settings_.dispatcher});
    StartOutbound();
    if (auto started = StartFhir(); !started) return One(started.error());
    if (auto started = StartAdminSocket(); !started) return One(started.error());
    const auto generation = channel::WithIdKeys(*first_, Inputs().id_key);
    first_.reset();
    if (auto applied = Apply(generation); !applied) return One(applied.error());
    subscriptions_->Start();
    scheduler_->Start();
    releases_ = std::make_unique<results::Releases>(
        results::ReleasesOptions{settings_.tenants.at(settings_.fhir_tenant)},
        results::ReleasesParts{*definitions_, store_->reader(), store_->writer(), clock_, log_,
                               metrics_});
    releases_->Start();
    ready_ = true;
    metrics_.OnCollect([this] { PublishGauges(); });
    for (const auto& channel : supervisor_->Channels()) {
        log_.Info("channel.listening", channel.source, {{"channel", channel.name}});
    }
    for (const auto& channel : outbound_->Channels()) {
        log_.Info("outbound.started", channel.destination, {{"channel", channel.name}});
    }
    WarnOfUnreadFiles();
    log_.Info("daemon.ready", "ready",
              {{"version", Version()},
               {"fhir", settings_.fhir_listen.ToString()},
               {"admin", settings_.admin_listen.ToString()},
               {"state", settings_.state.string()},
               {"seconds", std::to_string((clock_.Now() - started_at_) / 1'000'000)}});
    return {};
}

Result<void> Daemon::OpenStore(const std::function<bool()>& stop_wanted) {
    store::StoreEvents events;
    events.log = [this](const std::string& level, const std::string& id, const std::string& text) {
        const auto least = level == "error"  ? telemetry::Level::kError
                           : level == "warn" ? telemetry::Level::kWarn
                                             : telemetry::Level::kInfo;
        log_.Write(least, id, text);
    };
    auto& seconds =
        metrics_.histogram("carestream_journal_commit_seconds", "Group commits of the journal.");
    auto& messages = metrics_.counter("carestream_journal_messages_total",
                                      "Messages that the journal committed.");
    events.committed = [this](std::int64_t) { event_wakers_.Wake(); };
    events.journal_commit = [this, &seconds, &messages](double took, std::size_t count) {
        seconds.Observe(took);
        messages.Add(static_cast<double>(count));
        journal_wakers_.Wake();
    };
    holds_.Set(first_->holds);
    clinics_.Set(first_->clinics);
    questionnaires_.Set(first_->questionnaires);
    settings_.store.label_elements = {"Encounter", "Flag"};
    settings_.store.label = [this](const fhir::Node& before, fhir::Node& resource, Micros now) {
        holds_.Get()->Label(before, resource, now);
        reports::KeepEscalation(before, resource);
        clinics::KeepVisit(before, resource, now);
    };
    bool said = false;
    for (;;) {
        auto opened = store::Store::Open(settings_.store, definitions_, indexer_, clock_, events,
                                         kLockWaitMs);
        if (opened) {
            store_ = std::move(*opened);
            return {};
        }
        if (opened.error().code != Code::kConflict) return Fail(opened.error());
        if (stop_wanted()) return {};
        if (!said) {
            log_.Warn("daemon.standby",
                      "another carestreamd is active on this store; waiting to take over");
        }
        said = true;
    }
}

void Daemon::StartOutbound() {
    outbound_ = std::make_unique<outbound::Service>(outbound::ServiceParts{
        *store_, *definitions_, *executor_, clock_, log_, metrics_, DestinationTypes()});
    event_wakers_.Add([this] { outbound_->Wake(); });
    journal_wakers_.Add([this] { outbound_->Wake(); });
}

Result<std::vector<std::string>> Daemon::Apply(
    const std::shared_ptr<const channel::Generation>& generation) {
    CARESTREAM_ASSIGN(plan, outbound_->Prepare(generation));
    CARESTREAM_ASSIGN(changes, supervisor_->Apply(generation));
    std::vector<std::string> more = outbound_->Apply(std::move(plan));
    std::move(more.begin(), more.end(), std::back_inserter(changes));
    return changes;
}

Result<void> Daemon::StartAdminPort() {
    rest::AdminPages pages;
    pages.not_ready = [this]() -> std::string {
        if (!ready_) return "starting";
        return store_->Ready() ? "" : "the store does not commit";
    };
    pages.metrics = [this] { return metrics_.Expose(); };
    net::HttpOptions options;
    options.name = "admin";
    options.drain_ms = 500;
    admin_server_ = std::make_unique<net::HttpServer>(
        *executor_, options, rest::MakeAdminHandler(std::move(pages)), log_, metrics_);
    const auto bound = admin_server_->Listen(settings_.admin_listen);
    if (!bound) return Fail(WithRemedy(bound.error(), settings_.admin_variable, "admin.listen"));
    return {};
}

rest::LinkParts Daemon::LinkPartsOf(store::Tenant tenant) const {
    return {store_->login_links(), store_->reader(), clock_, tenant};
}

std::string Daemon::PublicBase() const {
    if (!settings_.fhir_public_url.empty()) return settings_.fhir_public_url;
    const bool tls = !settings_.fhir_tls.certificate_file.empty();
    return (tls ? "https://" : "http://") + settings_.fhir_listen.ToString() + "/fhir/r4";
}

// A link may have been revoked since; the claim of a trusted issuer holds until his next word.
Result<bool> Daemon::IsInForce(const auth::Principal& owner) {
    if (!owner.by_link) return true;
    std::promise<Result<std::vector<store::LoginLink>>> promise;
    store_->login_links().Find(settings_.tenants.at(settings_.fhir_tenant),
                               {owner.issuer, owner.subject},
                               [&promise](Result<std::vector<store::LoginLink>> links) {
                                   promise.set_value(std::move(links));
                               });
    CARESTREAM_ASSIGN(links, promise.get_future().get());
    // Another link to the same patient may grant less.
    return std::any_of(links.begin(), links.end(), [&](const store::LoginLink& link) {
        const bool carer = link.kind == store::LinkKind::kCarer;
        return link.patient == owner.patient && carer == owner.limited &&
               (!carer || auth::FormatScopes(auth::ParseScopes(link.scopes)) ==
                              auth::FormatScopes(owner.limits));
    });
}

std::function<std::shared_ptr<const topics::Topics>()> Daemon::TopicsInForce() const {
    return [this, first = first_->topics] {
        const auto generation = supervisor_->generation();
        return generation == nullptr ? first : generation->topics;
    };
}

Result<void> Daemon::MakeSubscriptions() {
    net::SenderOptions sender;
    sender.policy.networks = settings_.hook_networks;
    CARESTREAM_ASSIGN(made, net::HttpSender::Create(*executor_, std::move(sender)));
    hook_sender_ = std::move(made);
    subscriptions::EngineOptions options = settings_.subscriptions;
    options.base_url = PublicBase();
    options.policy = settings_.auth_policy;
    subscriptions_ = std::make_unique<subscriptions::Engine>(
        options,
        subscriptions::EngineParts{
            definitions_, TopicsInForce(), store_->MakeEvents(), store_->MakeSubscriptions(),
            store_->reader(), store_->writer(), SendThrough(*hook_sender_),
            [this](const auth::Principal& owner) { return IsInForce(owner); }, clock_, log_,
            metrics_, &store_->access_audit()});
    event_wakers_.Add([this] { subscriptions_->Wake(); });
    return {};
}

void Daemon::MakeScheduler() {
    scheduler_ = std::make_unique<scheduling::Scheduler>(
        settings_.scheduling,
        scheduling::SchedulerParts{
            definitions_, [this] { return schedules_.Get(); }, store_->MakeEvents(),
            store_->MakeBookings(), store_->MakeBookings(), DeliveriesOf(store_->MakeOutbound()),
            store_->reader(), store_->writer(), store_->keys(), clock_, log_, metrics_});
    event_wakers_.Add([this] { scheduler_->Wake(); });
}

std::vector<rest::WriteRule> Daemon::WriteRules() const {
    auto rules = scheduling::WriteRules();
    rules.push_back(subscriptions::SubscriptionRule(*subscriptions_));
    rules.push_back(reports::ResponseRule([this] { return questionnaires_.Get(); }));
    return rules;
}

Result<void> Daemon::StartReports() {
    reports::ReporterOptions options;
    options.tenant = settings_.tenants.at(settings_.fhir_tenant);
    options.tenant_name = settings_.fhir_tenant;
    const bool at_first = PassesReportsOn(*first_, options.tenant);
    const auto passed_on = [this, at_first, tenant = options.tenant] {
        const auto generation = supervisor_->generation();
        return generation == nullptr ? at_first : PassesReportsOn(*generation, tenant);
    };
    reporter_ = std::make_unique<reports::Reporter>(
        options, reports::ReporterParts{
                     definitions_, [this] { return questionnaires_.Get(); }, store_->MakeEvents(),
                     store_->reader(), store_->writer(), store_->keys().id_key(options.tenant_name),
                     passed_on, ReportDeliveries(outbound_->queue()), clock_, log_, metrics_});
    CARESTREAM_TRY(reporter_->Start());
    event_wakers_.Add([this] { reporter_->Wake(); });
    return {};
}

Result<void> Daemon::StartRooms() {
    waiting::RoomsOptions options;
    options.tenant = settings_.tenants.at(settings_.fhir_tenant);
    options.tenant_name = settings_.fhir_tenant;
    rooms_ = std::make_unique<waiting::Rooms>(
        options,
        waiting::RoomsParts{definitions_, [this] { return clinics_.Get(); }, store_->MakeEvents(),
                            store_->reader(), store_->writer(),
                            store_->keys().id_key(options.tenant_name), clock_, log_, metrics_});
    CARESTREAM_TRY(rooms_->Start());
    event_wakers_.Add([this] { rooms_->Wake(); });
    return {};
}

void Daemon::StartFailures() {
    failures::NotifierOptions options;
    options.tenant = settings_.tenants.at(settings_.fhir_tenant);
    options.tenant_name = settings_.fhir_tenant;
    options.pause_ms = settings_.failures_every_ms;
    failures_ = std::make_unique<failures::Notifier>(
        options,
        failures::NotifierParts{store_->MakeFailures(), store_->reader(), store_->writer(),
                                store_->keys().id_key(options.tenant_name), log_, metrics_});
    failures_->Start();
}

std::vector<rest::Operation> Daemon::Operations(store::Tenant tenant) {
    auto operations =
        subscriptions::Operations(*subscriptions_, tenant, subscriptions::kWebSocketPath);
    operations.push_back(results::ReleaseOperation(store_->reader(), store_->writer(), tenant));
    operations.push_back(waiting::CheckInOperation(*rooms_));
    auto links = rest::LinkOperations(LinkPartsOf(tenant));
    std::move(links.begin(), links.end(), std::back_inserter(operations));
    for (auto& operation : scheduling::Operations(*scheduler_)) {
        operations.push_back(std::move(operation));
    }
    return operations;
}

Result<void> Daemon::StartFhir() {
    rest::ServiceOptions options;
    options.supported_profiles = {
        {"Subscription", std::string(subscriptions::kSubscriptionProfile)}};
    options.instantiates = {std::string(subscriptions::kServerStatement)};
    options.websocket_path = subscriptions::kWebSocketPath;
    options.public_url = settings_.fhir_public_url;
    options.trust_forwarded = settings_.fhir_trust_forwarded;
    options.version = Version();
    options.tenant = settings_.tenants.at(settings_.fhir_tenant);
    options.tenant_name = settings_.fhir_tenant;
    options.cors_origins = settings_.fhir_cors_origins;
    options.policy = settings_.auth_policy;
    options.client_limit = settings_.client_limit;
    options.unauthenticated_limit = settings_.unauthenticated_limit;
    if (settings_.auth_local) CARESTREAM_TRY(auth::EnsureLocalKey(settings_.state));
    if (settings_.auth_tokens) {
        CARESTREAM_ASSIGN(gate, auth::Gate::Create(settings_.auth, clock_, log_));
        gate_ = std::move(gate);
    }
    CARESTREAM_TRY(MakeSubscriptions());
    CARESTREAM_TRY(StartReports());
    CARESTREAM_TRY(StartRooms());
    StartFailures();
    MakeScheduler();
    service_ = std::make_unique<rest::Service>(
        options,
        rest::ServiceParts{definitions_, store_->reader(), store_->writer(), store_->access_audit(),
                           store_->login_links(), store_->keys(), clock_, log_,
                           [this] { return store_->journal().DiskLow(); }, gate_.get(),
                           WriteRules(),
                           [topics = TopicsInForce()] { return subscriptions::UrlsOf(*topics()); }},
        Operations(options.tenant));
    net::HttpOptions http;
    http.name = "fhir";
    http.websocket.upgrade = subscriptions::Endpoint(*subscriptions_, *service_, options.tenant);
    http.error_response = rest::ServerErrorOutcome;
    net::TlsContext tls;
    if (!settings_.fhir_tls.certificate_file.empty()) {
        CARESTREAM_ASSIGN(made, net::MakeTlsContext(settings_.fhir_tls));
        tls = std::move(made);
    }
    net::HttpHandler handler = service_->handler();
    if (settings_.page) handler = page::MakePage(*settings_.page, std::move(handler));
    fhir_server_ =
        std::make_unique<net::HttpServer>(*executor_, http, std::move(handler), log_, metrics_);
    const auto bound = fhir_server_->Listen(settings_.fhir_listen, tls);
    if (!bound) return Fail(WithRemedy(bound.error(), settings_.fhir_variable, "fhir.listen"));
    if (!bound->IsLocal() && tls == nullptr) {
        log_.Warn(
            "fhir.plain",
            "the FHIR API listens beyond this machine without TLS: whoever is on the way reads "
            "tokens and answers",
            {{"listen", bound->ToString()}});
    }
    return {};
}

Result<void> Daemon::StartAdminSocket() {
    admin_ = std::make_unique<Admin>(AdminParts{
        *supervisor_, *outbound_, store_->messages(), store_->reader(), store_->access_audit(),
        store_->login_links(), settings_.tenants, [this] { return Reload(); },
        [this](const store::StoreStatus& status, bool answers) {
            return ConditionNow(status, answers);
        },
        [this](const net::Request& request, const std::string& actor) {
            return AnswerBookings(*scheduler_, request, actor);
        },
        Version(), started_at_, clock_});
    net::HttpOptions options;
    options.name = "admin.sock";
    options.handler_timeout_ms = 120'000;
    options.drain_ms = 500;
    socket_server_ =
        std::make_unique<net::HttpServer>(*executor_, options, admin_->handler(), log_, metrics_);
    net::Address address;
    address.unix_path = (settings_.state / "admin.sock").string();
    CARESTREAM_TRY(socket_server_->Listen(address));
    return {};
}

Reloaded Daemon::Reload() {
    const std::lock_guard lock(reload_mutex_);
    Reloaded reloaded;
    if (!ready_) {
        reloaded.errors = One(Error{Code::kUnavailable, "the daemon is starting", {}, {}, 0, true});
        return reloaded;
    }
    // First the sums: a file that changes meanwhile is told at the next reload once more.
    FileSums sums = SumsOfMappings(settings_.mappings);
    channel::Loaded loaded = channel::LoadGeneration(Inputs(), generations_ + 1);
    reloaded.errors = std::move(loaded.errors);
    auto schedules = LoadSchedules(settings_.mappings, reloaded.errors);
    LocateMappings(settings_.mappings, reloaded.errors);
    if (reloaded.errors.empty()) {
        auto applied = Apply(loaded.generation);
        if (applied) {
            holds_.Set(loaded.generation->holds);
            clinics_.Set(loaded.generation->clinics);
            rooms_->Wake();
            schedules_.Set(std::move(schedules));
            scheduler_->Reload();
            questionnaires_.Set(loaded.generation->questionnaires);
            reporter_->Wake();
            reloaded.generation = ++generations_;
            reloaded.changes = std::move(*applied);
            if (reloaded.changes.empty()) reloaded.changes.emplace_back("channels unchanged");
            std::vector<std::string> mappings = ChangedMappings(mapping_sums_, sums);
            if (mappings.empty()) mappings.emplace_back("mappings unchanged");
            std::move(mappings.begin(), mappings.end(), std::back_inserter(reloaded.changes));
            mapping_sums_ = std::move(sums);
        } else {
            reloaded.errors = One(applied.error());
        }
    }
    {
        const std::lock_guard last(last_reload_mutex_);
        last_reload_errors_ = reloaded.errors;
        last_reload_failed_at_ = reloaded.errors.empty() ? 0 : clock_.Now();
    }
    if (reloaded.errors.empty()) {
        log_.Info("reload.done", "a new generation is in force",
                  {{"generation", std::to_string(reloaded.generation)}});
    }
    for (const Error& error : reloaded.errors) log_.Error("reload.refused", error.ToString());
    WarnOfUnreadFiles();
    if (gate_ != nullptr) gate_->Refresh();
    return reloaded;
}

void Daemon::WarnOfUnreadFiles() {
    for (const Error& unread : UnreadFiles(settings_.channels, settings_.mappings)) {
        log_.Warn("content.unread", unread.ToString());
    }
}

Condition Daemon::StoreDown(const std::string& headline, const std::string& remedy) {
    Micros expected = 0;
    store_down_since_.compare_exchange_strong(expected, clock_.Now());
    return {"store-down", headline, store_down_since_, remedy};
}

Condition Daemon::ConditionNow(const store::StoreStatus& store, bool answers) {
    if (!ready_) return {"starting", "starting", started_at_, ""};
    if (store_->journal().DiskLow()) {
        return StoreDown(
            "the disk is full: acknowledgments and REST writes are withheld",
            "free some space below " + settings_.state.string() +
                ", or lower store.disk_free_min and restart; nothing that was acknowledged "
                "is lost, and it goes on by itself once there is space");
    }
    const std::string remedy = "see that PostgreSQL runs and " + settings_.state.string() +
                               " has free space; nothing that was acknowledged is lost";
    const bool commits = store_->journal().Available();
    if (!answers) {
        const std::string headline = "the database does not answer";
        if (!commits) return StoreDown(headline + ", so acknowledgments are withheld", remedy);
        // The journal has not noticed yet, or only this question takes too long.
        return {"degraded", headline, 0, remedy};
    }
    if (!commits) {
        return StoreDown("the store cannot commit, so acknowledgments are withheld", remedy);
    }
    store_down_since_ = 0;
    for (const auto& channel : supervisor_->Channels()) {
        if (!channel.listening) {
            return {"degraded", "channel " + channel.name + " does not listen", 0,
                    "its reason is in the log; correct it and run `carestream reload`"};
        }
    }
    if (store.oldest_pending != 0 && clock_.Now() - store.oldest_pending > kLateAfter) {
        return {"degraded",
                CountOf(store.pending, store.more_pending, "message") + " wait to be processed",
                store.oldest_pending, "more arrives than is stored; they are processed in order"};
    }
    {
        const std::lock_guard lock(last_reload_mutex_);
        if (!last_reload_errors_.empty()) {
            return {"degraded", "ready, but the last reload was refused", last_reload_failed_at_,
                    last_reload_errors_.front().ToString()};
        }
    }
    if (auto unclear = BookingsCondition(*scheduler_)) return std::move(*unclear);
    if (auto condition = OutboundCondition(*outbound_, clock_.Now())) return *condition;
    Condition condition = WaitingForPeople(store);
    if (const std::string refused = RefusedByOthers(*outbound_); !refused.empty()) {
        condition.headline += ", " + refused;
        condition.remedy +=
            condition.remedy.empty() ? "see `carestream outbound`" : " and `carestream outbound`";
    }
    return condition;
}

void Daemon::PublishGauges() {
    if (!ready_) return;
    const store::StoreStatus store = admin_->store_status();
    const channel::DispatcherStatus dispatching = supervisor_->Dispatching();
    const Micros oldest =
        store.oldest_pending != 0 ? store.oldest_pending : dispatching.oldest_received;
    const auto set = [this](const char* name, const char* help, double value) {
        metrics_.gauge(name, help).Set(value);
    };
    set("carestream_store_up", "1 while the store commits.", store_->journal().Available() ? 1 : 0);
    set("carestream_queue_messages", "Accepted messages without an outcome; counted up to 10000.",
        static_cast<double>(store.pending));
    set("carestream_queue_oldest_seconds", "Age of the oldest accepted message without an outcome.",
        oldest == 0 ? 0 : static_cast<double>(clock_.Now() - oldest) / 1e6);
    set("carestream_dead_letters", "Dead letters that wait for a decision; counted up to 10000.",
        static_cast<double>(store.dead_letters));
    set("carestream_identity_conflicts",
        "Open identity conflicts, for a person to decide; counted up to 10000.",
        static_cast<double>(store.identity_conflicts));
    set("carestream_resources", "Resources in the store, estimated.",
        static_cast<double>(store.resources));
    set("carestream_store_bytes", "Size of the database.", static_cast<double>(store.bytes));
    set("carestream_generation", "Generation of the configuration in force.",
        static_cast<double>(supervisor_->generation()->number));
    const store::AccessAudit& audit = store_->access_audit();
    set("carestream_audit_up", "1 while accesses through the API can be noted.",
        audit.Available() ? 1 : 0);
    set("carestream_audit_waiting", "Rows of the audit of accesses that wait for their commit.",
        static_cast<double>(audit.waiting()));
    PublishOutbound(*outbound_, metrics_, clock_.Now());
    const ProcessFigures process = ReadProcessFigures();
    set("process_resident_memory_bytes", "Resident memory.",
        static_cast<double>(process.resident_bytes));
    set("process_cpu_seconds_total", "CPU time of this process.", process.cpu_seconds);
    set("process_open_fds", "Open file descriptors.", static_cast<double>(process.open_files));
}

void Daemon::Stop() {
    ready_ = false;
    if (socket_server_ != nullptr) socket_server_->Stop();
    if (admin_ != nullptr) admin_->Stop();
    if (outbound_ != nullptr) outbound_->Stop();
    if (supervisor_ != nullptr) supervisor_->Stop();
    if (fhir_server_ != nullptr) fhir_server_->Stop();
    if (admin_server_ != nullptr) admin_server_->Stop();
    releases_.reset();
    event_wakers_.Clear();
    journal_wakers_.Clear();
    if (scheduler_ != nullptr) scheduler_->Stop();
    if (subscriptions_ != nullptr) subscriptions_->Stop();
    reporter_.reset();
    if (rooms_ != nullptr) rooms_->Stop();
    failures_.reset();
    fhir_server_.reset();
    service_.reset();
    hook_sender_.reset();
    subscriptions_.reset();
    outbound_.reset();
    scheduler_.reset();
    rooms_.reset();
    store_.reset();
    if (executor_ != nullptr) executor_->Stop();
}

}  // namespace carestream::app
