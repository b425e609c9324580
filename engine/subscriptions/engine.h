#pragma once
// Finds out for whom an event is, numbers and stores that, and tells receivers.
//
// One thread owns everything: it reads events in the order of their commits, matches them, commits
// matches and cursor together, and only then tells anybody. What is told goes out on other threads;
// their answers come back as commands. So a receiver that is slow, or gone, holds up nobody, and
// after kill -9 the thread goes on where the cursor stands.
//
// Delivery: rest-hook at least once and in order, one request under way for each subscription;
// websocket to whoever is connected, numbered, so that who was away fetches what he missed by
// $events.
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auth/access.h"
#include "base/clock.h"
#include "base/result.h"
#include "fhir/definitions.h"
#include "store/events.h"
#include "store/reader.h"
#include "store/subscriptions.h"
#include "store/writer.h"
#include "subscriptions/definition.h"
#include "subscriptions/notification.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "topics/topics.h"

namespace carestream::subscriptions {

struct EngineOptions {
    store::Tenant tenant = 1;  // whose Subscriptions these are
    std::string base_url;      // of the API as receivers know it: "https://host/fhir/r4"
    std::vector<std::string> plain_hosts;  // rest-hooks by http are taken for these only
    // Older news change data and wake nobody: messages that were sent, or came, longer ago.
    Micros notify_max_age = 2LL * 86'400 * 1'000'000;
    Micros keep = 7LL * 86'400 * 1'000'000;  // how long $events can be asked
    auth::Policy policy;                     // by which owners see resources
    std::string signature_secret;            // "" = requests are not signed
    int timeout_ms = 10'000;                 // of one request
    int events_max = 20;                     // in one notification
    int heartbeat_s_min = 10;                // shorter ones are refused
    int subscriptions_max = 200'000;
    // Events of one patient that come within this time after one that was told go out together when
    // it is over; 0 = each at once.
    Micros burst_pause = 2'000'000;
};

// A request to a receiver and what came of it. status 0: nothing came; `error` then says why,
// without values.
struct HookRequest {
    std::string method = "POST";
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    int timeout_ms = 0;
};
struct HookAnswer {
    int status = 0;
    std::string retry_after;
    std::string error;
    bool refused = false;  // by policy: this address is not to be asked, now or later
};
// Sends without blocking; the callback comes once, from any thread.
using HookSender = std::function<void(HookRequest, std::function<void(HookAnswer)>)>;

// One connected websocket. Thread-safe; owned by whoever made it and by the engine while bound.
class Peer {
public:
    virtual ~Peer() = default;
    virtual void Send(std::string text) = 0;
    virtual void Close(std::string reason) = 0;
    // Who opened the connection, if he said so then: needed for R4's "bind".
    [[nodiscard]] virtual const auth::Principal* principal() const = 0;

    // Texts that it said and that were not looked at yet.
    std::atomic<int> waiting = 0;
};
using PeerPtr = std::shared_ptr<Peer>;

struct EngineParts {
    std::shared_ptr<const fhir::Definitions> definitions;
    std::function<std::shared_ptr<const topics::Topics>()> topics;  // of the running generation
    std::unique_ptr<store::Events> events;
    std::unique_ptr<store::Subscriptions> subscriptions;
    store::Reader& reader;
    store::Writer& writer;
    HookSender send_hook;
    // May the owner still act for his patient? Asked before each notification, on the engine's
    // thread. An error: it cannot be told now, and nothing is. Empty: yes.
    std::function<Result<bool>(const auth::Principal& owner)> in_force = {};
    const Clock& clock;
    telemetry::Log& log;
    telemetry::Metrics& metrics;
    // Gets a row for each notification that tells of resources. Null: nothing is noted.
    store::AccessAudit* audit = nullptr;
};

struct EventsQuery {
    store::Tenant tenant = 1;
    std::string id;
    std::int64_t from = 1;
    std::int64_t to = 0;   // 0 = the newest
    std::string content;   // "" = as the subscription says
    std::string base_url;  // as the caller knows the server
    // Called before the answer for each patient of whom it tells. May be empty.
    std::function<void(const std::string& patient_id)> note_patient = {};
};

// Thread-safe.
class Engine {
public:
    Engine(EngineOptions options, EngineParts parts);
    ~Engine();  // Stop()
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    void Start();
    // Takes nothing more; requests under way are forgotten and sent again after the next start.
    void Stop();
    // There are new events. Cheap; from any thread.
    void Wake();

    // Checks what a client wants to write and completes it: status, owner. Errors as
    // ReadDefinition.
    [[nodiscard]] Result<void> Check(const auth::Principal& principal,
                                     fhir::Node& subscription) const;

    // The answers come on the engine's thread. `access` is the caller's. A subscription that the
    // caller may not see, or that is not there: kNotFound.
    using Answer = std::function<void(Result<std::string>)>;
    void Status(store::Tenant tenant, std::vector<std::string> ids,
                std::vector<std::string> statuses, std::shared_ptr<auth::Access> access,
                std::string base_url, Answer done);
    void EventsOf(EventsQuery query, std::shared_ptr<auth::Access> access, Answer done);
    // A token by which a websocket may be bound for a while: Parameters as JSON.
    void BindingToken(store::Tenant tenant, std::vector<std::string> ids,
                      std::shared_ptr<auth::Access> access, std::string websocket_url, Answer done);

    // A websocket was opened, what it said, and that it is gone. One that binds nothing is closed
    // after a while; one that says more than can be looked at, at once.
    void Opened(PeerPtr peer);
    void Heard(PeerPtr peer, store::Tenant tenant, std::string text);
    void Gone(const PeerPtr& peer);

    [[nodiscard]] std::size_t size() const;  // subscriptions in force

private:
    struct Core;
    std::unique_ptr<Core> core_;
};

}  // namespace carestream::subscriptions
