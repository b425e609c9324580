#pragma once
// conf/carestream.yaml: what the daemon itself is told. The reference is generated: conf/README.md.
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/gate.h"
#include "auth/rate_limit.h"
#include "channel/dispatcher.h"
#include "channel/generation.h"
#include "channel/spi.h"
#include "config/spec.h"
#include "config/units.h"
#include "net/address.h"
#include "net/tls.h"
#include "page/page.h"
#include "scheduling/scheduler.h"
#include "store/store.h"
#include "subscriptions/engine.h"

namespace carestream::app {

// What channels and mappings are loaded from.
struct ContentSettings {
    std::filesystem::path channels;
    std::filesystem::path mappings;
    std::map<std::string, store::Tenant> tenants;
    std::filesystem::path schemas;
    Micros journal_keep = 0;  // of `store`: bounds the duplicate windows of channels
};

struct Settings : ContentSettings {
    std::filesystem::path state;
    store::StoreOptions store;
    net::Address fhir_listen;
    std::string fhir_variable;  // environment variable that moves it, or ""
    std::string fhir_tenant;
    std::string fhir_public_url;
    bool fhir_trust_forwarded = false;
    std::vector<std::string> fhir_cors_origins;
    bool auth_tokens = false;  // auth.mode: tokens
    bool auth_local = false;   // auth.local_tokens
    auth::GateOptions auth;    // used with tokens
    auth::Policy auth_policy;
    auth::RateLimit client_limit;  // auth.rate_limit, like the next
    auth::RateLimit unauthenticated_limit;
    net::TlsServerOptions fhir_tls;              // certificate_file empty: plain
    subscriptions::EngineOptions subscriptions;  // base_url is set at the start
    int failures_every_ms = 10'000;              // between two versions of a Task of failures
    std::vector<config::Network> hook_networks;  // private ones that rest-hooks may lead to
    scheduling::SchedulerOptions scheduling;
    std::optional<page::PageOptions> page;  // `app`
    net::Address admin_listen;
    std::string admin_variable;
    int io_threads = 0;
    channel::DispatcherLimits dispatcher;
    config::Values values;
};

struct ReadSettings {
    Settings settings;
    std::vector<Error> errors;
};

struct ReadContent {
    ContentSettings settings;
    std::vector<Error> errors;
};

[[nodiscard]] config::Spec DaemonSpec();

// Relative paths are relative to the file's folder; `home` holds mappings/ and schemas/.
[[nodiscard]] ReadSettings ReadSettingsFile(const std::filesystem::path& file,
                                            const std::filesystem::path& home);

// Its `channels`, `mappings`, `tenants` and `store.journal_keep` alone, for tools that map without
// a store: they may lack the secrets and variables of the rest, so mistakes there are not looked
// for.
[[nodiscard]] ReadContent ReadContentSettings(const std::filesystem::path& file,
                                              const std::filesystem::path& home);

// Every kind of source that this build offers.
[[nodiscard]] std::vector<channel::SourceType> SourceTypes();
[[nodiscard]] std::vector<channel::DestinationType> DestinationTypes();

// What a generation is loaded from, the same for daemon, --check and the CLI.
[[nodiscard]] channel::GenerationInputs InputsOf(
    const ContentSettings& settings, std::shared_ptr<const fhir::Definitions> definitions,
    std::shared_ptr<const hl7::Dictionary> dictionary);

}  // namespace carestream::app
