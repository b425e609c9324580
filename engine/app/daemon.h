#pragma once
// The daemon as one thing: builds every part in order, reloads, stops in reverse.
#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/admin.h"
#include "app/folders.h"
#include "app/internal/current.h"
#include "app/internal/wakers.h"
#include "app/settings.h"
#include "auth/gate.h"
#include "channel/supervisor.h"
#include "clinics/clinics.h"
#include "failures/notifier.h"
#include "net/executor.h"
#include "net/http.h"
#include "net/http_sender.h"
#include "outbound/service.h"
#include "reports/reporter.h"
#include "rest/link_operations.h"
#include "rest/service.h"
#include "results/releases.h"
#include "scheduling/scheduler.h"
#include "store/store.h"
#include "waiting/rooms.h"

namespace carestream::app {

[[nodiscard]] std::string Version();

// Everything that can be checked without touching a store or a port: configuration, channels,
// mappings, certificates. Empty = valid.
[[nodiscard]] std::vector<Error> Check(const std::filesystem::path& config_file);

class Daemon {
public:
    explicit Daemon(std::filesystem::path config_file);
    ~Daemon();  // Stop()
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    // Returns when listeners accept. `stop_wanted` is asked while it waits for another daemon's
    // lock. Errors: all mistakes of the configuration, or the one reason why a part cannot start.
    [[nodiscard]] std::vector<Error> Start(const std::function<bool()>& stop_wanted);

    // Channels and mappings again, whole or not at all. From any thread.
    Reloaded Reload();

    // Listeners, then what is under way, then the store. Idempotent.
    void Stop();

    [[nodiscard]] telemetry::Log& log() { return log_; }

private:
    [[nodiscard]] std::vector<Error> LoadContent();
    [[nodiscard]] Result<void> OpenStore(const std::function<bool()>& stop_wanted);
    void StartOutbound();
    // The generation of channels and of what goes out, whole or not at all.
    [[nodiscard]] Result<std::vector<std::string>> Apply(
        const std::shared_ptr<const channel::Generation>& generation);
    [[nodiscard]] Result<void> StartAdminPort();
    [[nodiscard]] Result<bool> IsInForce(const auth::Principal& owner);
    [[nodiscard]] Result<void> MakeSubscriptions();
    void MakeScheduler();
    [[nodiscard]] std::vector<rest::WriteRule> WriteRules() const;
    [[nodiscard]] Result<void> StartReports();
    [[nodiscard]] Result<void> StartRooms();
    void StartFailures();
    [[nodiscard]] std::vector<rest::Operation> Operations(store::Tenant tenant);
    [[nodiscard]] std::string PublicBase() const;  // "https://host/fhir/r4"
    // Gives the topics of the running generation; made before there is one.
    [[nodiscard]] std::function<std::shared_ptr<const topics::Topics>()> TopicsInForce() const;
    [[nodiscard]] rest::LinkParts LinkPartsOf(store::Tenant tenant) const;
    [[nodiscard]] Result<void> StartFhir();
    [[nodiscard]] Result<void> StartAdminSocket();
    [[nodiscard]] channel::GenerationInputs Inputs() const;
    [[nodiscard]] Condition ConditionNow(const store::StoreStatus& store, bool answers);
    [[nodiscard]] Condition StoreDown(const std::string& headline, const std::string& remedy);
    void PublishGauges();
    void WarnOfUnreadFiles();

    const std::filesystem::path config_file_;
    const SystemClock clock_;
    telemetry::Log log_;
    telemetry::Metrics metrics_;
    Micros started_at_ = 0;
    std::atomic<bool> ready_ = false;
    std::atomic<Micros> store_down_since_ = 0;
    std::mutex reload_mutex_;
    std::atomic<std::int64_t> generations_ = 0;
    FileSums mapping_sums_;  // of the generation in force; guarded by reload_mutex_
    // Not held while a reload works: the status does not wait for it.
    std::mutex last_reload_mutex_;
    std::vector<Error> last_reload_errors_;  // guarded by last_reload_mutex_, like the next
    Micros last_reload_failed_at_ = 0;

    std::filesystem::path home_;
    Settings settings_;
    std::shared_ptr<const fhir::Definitions> definitions_;
    std::shared_ptr<const hl7::Dictionary> dictionary_;
    std::shared_ptr<const search::Indexer> indexer_;
    std::shared_ptr<const channel::Generation> first_;

    std::unique_ptr<auth::Gate> gate_;  // asked from threads of the executor: outlives it

    // From here on in the order of building; Stop takes them down.
    std::unique_ptr<net::Executor> executor_;
    std::unique_ptr<net::HttpServer> admin_server_;
    std::unique_ptr<channel::Supervisor>
        supervisor_;  // outlives the store: callbacks come until its end
    Current<clinics::Clinics> clinics_;
    Current<holds::Holds> holds_;  // of the generation in force; the store asks it
    Current<questionnaires::Questionnaires> questionnaires_;  // likewise; reports ask it
    Wakers event_wakers_;    // the consumers of events; cleared before they go
    Wakers journal_wakers_;  // those of messages that arrived, likewise
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<outbound::Service> outbound_;
    std::unique_ptr<net::HttpSender> hook_sender_;
    std::unique_ptr<subscriptions::Engine> subscriptions_;
    std::unique_ptr<results::Releases> releases_;
    Current<scheduling::Templates> schedules_;  // of mappings/schedules, in force
    std::unique_ptr<scheduling::Scheduler> scheduler_;
    std::unique_ptr<failures::Notifier> failures_;
    std::unique_ptr<reports::Reporter> reporter_;
    std::unique_ptr<waiting::Rooms> rooms_;
    std::unique_ptr<rest::Service> service_;
    std::unique_ptr<net::HttpServer> fhir_server_;
    std::unique_ptr<Admin> admin_;
    std::unique_ptr<net::HttpServer> socket_server_;
};

}  // namespace carestream::app
