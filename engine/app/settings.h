#pragma once
// conf/carestream.yaml: what the daemon itself is told. The reference is generated: conf/README.md.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "channel/dispatcher.h"
#include "channel/spi.h"
#include "config/spec.h"
#include "net/address.h"
#include "net/tls.h"
#include "store/store.h"

namespace carestream::app {

struct Settings {
    std::filesystem::path state;
    std::filesystem::path channels;
    std::filesystem::path mappings;
    std::filesystem::path schemas;
    std::map<std::string, store::Tenant> tenants;
    store::StoreOptions store;
    net::Address fhir_listen;
    std::string fhir_variable;  // environment variable that moves it, or ""
    std::string fhir_tenant;
    std::string fhir_public_url;
    bool fhir_trust_forwarded = false;
    std::vector<std::string> fhir_cors_origins;
    net::TlsServerOptions fhir_tls;  // certificate_file empty: plain
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

[[nodiscard]] config::Spec DaemonSpec();

// Relative paths are relative to the file's folder; `home` holds mappings/ and schemas/.
[[nodiscard]] ReadSettings ReadSettingsFile(const std::filesystem::path& file,
                                            const std::filesystem::path& home);

// Every kind of source that this build offers.
[[nodiscard]] std::vector<channel::SourceType> SourceTypes();

}  // namespace carestream::app
