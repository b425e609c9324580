#pragma once
// The REST service over HTTP on loopback, on a real store.
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auth/gate.h"
#include "fhir/json.h"
#include "net/http.h"
#include "net/http_client.h"
#include "rest/outcome.h"
#include "rest/service.h"
#include "support/store_fixture.h"

namespace carestream::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Reply {
    int status = 0;
    net::ClientResponse http;
    fhir::Node body;  // null when there is no JSON

    [[nodiscard]] std::string Header(std::string_view name) const {
        return std::string(http.Header(name));
    }
    [[nodiscard]] std::string Id() const { return std::string(body.TextOf("id")); }
    // "code|expression" of the first issue of an OperationOutcome.
    [[nodiscard]] std::string Issue() const;
    // Ids of the entries with that search mode, in order.
    [[nodiscard]] std::vector<std::string> Ids(std::string_view mode = "match") const;
    // URL of a link relation, "" if absent.
    [[nodiscard]] std::string Link(std::string_view relation) const;
};

class RestTest : public StoreTest {
protected:
    void SetUp() override { StartService({}); }
    void TearDown() override;
    void StartService(rest::ServiceOptions options, std::vector<rest::Operation> operations = {});

    Reply Send(const std::string& method, const std::string& target, const Headers& headers = {},
               const std::string& body = {});
    Reply Get(const std::string& target, const Headers& headers = {}) {
        return Send("GET", "/fhir/r4/" + target, headers);
    }
    // Follows a link as it was given.
    Reply Follow(const std::string& url);
    Reply Post(const std::string& target, const std::string& json, Headers headers = {});
    Reply Put(const std::string& target, const std::string& json, Headers headers = {});
    Reply Patch(const std::string& target, const std::string& json, Headers headers = {});
    Reply Delete(const std::string& target, const Headers& headers = {}) {
        return Send("DELETE", "/fhir/r4/" + target, headers);
    }
    [[nodiscard]] std::string Base() const { return "http://" + address_.ToString() + "/fhir/r4"; }

    SystemClock clock_;
    std::vector<std::string> lines_;
    std::mutex mutex_;
    telemetry::Log log_{telemetry::Level::kDebug, [this](std::string_view line) {
                            const std::lock_guard lock(mutex_);
                            lines_.emplace_back(line);
                        }};
    telemetry::Metrics metrics_;
    std::atomic<bool> disk_low_ = false;
    std::size_t audit_queue_bytes_max_ = 16u << 20;  // set before the first StartService
    std::shared_ptr<const fhir::Definitions> definitions_;
    std::unique_ptr<store::Store> store_;
    net::Executor executor_{2};
    // Set before StartService.
    store::StoreEvents events_;
    std::function<void(const fhir::Node& before, fhir::Node& resource, Micros now)> label_;
    std::vector<std::string> label_elements_;
    std::vector<rest::WriteRule> write_rules_;
    std::function<std::vector<std::string>()> topic_urls_;
    std::unique_ptr<auth::Gate> gate_;  // set before StartService: tokens are asked for
    std::unique_ptr<rest::Service> service_;
    std::unique_ptr<net::HttpServer> server_;
    net::Address address_;
    std::unique_ptr<net::HttpClient> client_;
};

}  // namespace carestream::test
