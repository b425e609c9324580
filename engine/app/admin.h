#pragma once
// What admin.sock serves (README.md): status, reload, messages, what goes out. Requests
// run one after the other on a thread of their own, because the store's answers may take a while;
// the status has another one, so that it is told while a question hangs.
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "channel/supervisor.h"
#include "fhir/node.h"
#include "net/http.h"
#include "outbound/service.h"
#include "store/access_audit.h"
#include "store/login_link.h"
#include "store/messages.h"
#include "store/reader.h"

namespace carestream::app {

struct Reloaded {
    std::int64_t generation = 0;
    std::vector<std::string> changes;
    std::vector<Error> errors;  // then the old generation runs on
};

// What the status line is made of.
struct Condition {
    std::string state;  // starting, ready, degraded, store-down
    std::string headline;
    Micros since = 0;  // 0 = not said
    std::string remedy;
};

struct AdminParts {
    channel::Supervisor& supervisor;
    outbound::Service& outbound;
    store::Messages& messages;
    store::Reader& reader;
    store::AccessAudit& access_audit;
    store::LoginLinks& login_links;
    std::map<std::string, store::Tenant> tenants;
    std::function<Reloaded()> reload;
    // Of what the store said last, and whether it answered just now.
    std::function<Condition(const store::StoreStatus&, bool answers)> condition;
    // Requests for /bookings and below; `actor` is who asks.
    std::function<net::Response(const net::Request&, const std::string& actor)> bookings;
    std::string version;
    Micros started = 0;
    const Clock& clock;
};

// All parts outlive it.
class Admin {
public:
    explicit Admin(AdminParts parts);
    ~Admin();  // Stop()
    Admin(const Admin&) = delete;
    Admin& operator=(const Admin&) = delete;

    [[nodiscard]] net::HttpHandler handler();
    // Requests that wait get 503.
    void Stop();
    // What the store said last; read again every few seconds.
    [[nodiscard]] store::StoreStatus store_status() const;

private:
    struct Job {
        net::Request request;
        std::shared_ptr<net::Responder> responder;
        std::chrono::steady_clock::time_point came;
    };
    void Run();
    void RunStatus();
    bool RefreshStatus();
    [[nodiscard]] net::Response Answer(const net::Request& request);
    [[nodiscard]] net::Response Status(bool answers);
    [[nodiscard]] net::Response Reload();
    [[nodiscard]] net::Response Channels() const;
    [[nodiscard]] net::Response Find(const net::Request& request);
    [[nodiscard]] net::Response Show(const net::Request& request);
    [[nodiscard]] net::Response DeadLetters(const net::Request& request);
    [[nodiscard]] net::Response Groups();
    [[nodiscard]] net::Response Outcomes(const net::Request& request);
    [[nodiscard]] net::Response Replay(const net::Request& request);
    [[nodiscard]] net::Response Discard(const net::Request& request);
    [[nodiscard]] net::Response Conflicts(const net::Request& request);
    [[nodiscard]] net::Response ResolveConflict(const net::Request& request);

    const AdminParts parts_;
    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable wake_;
    std::deque<Job> jobs_;
    std::deque<Job> status_jobs_;
    bool stop_ = false;
    store::StoreStatus status_;

    std::thread thread_;
    std::thread status_thread_;
};

}  // namespace carestream::app
