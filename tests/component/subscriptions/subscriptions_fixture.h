#pragma once
// Subscriptions over the REST API on a real store, with receivers that are real HTTP servers and
// websockets whose texts are kept.
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "component/rest/rest_fixture.h"
#include "subscriptions/operations.h"
#include "tests/support/token_gate.h"

namespace carestream::test {

// One request that a receiver got.
struct Hook {
    std::string method;
    std::string path;
    std::string content_type;
    std::string authorization;
    std::string signature;
    Headers headers;
    fhir::Node body;

    [[nodiscard]] std::string Status(std::string_view name) const {
        const fhir::Node* entries = body.Find("entry");
        if (entries == nullptr) return {};
        const fhir::Node* resource = entries->items().at(0).Find("resource");
        for (const fhir::Node& parameter : resource->Find("parameter")->items()) {
            if (parameter.TextOf("name") != name) continue;
            for (const fhir::Member& member : parameter.members()) {
                if (member.name.starts_with("value")) return member.value.text();
            }
        }
        return {};
    }
    [[nodiscard]] std::vector<std::string> Numbers() const {
        std::vector<std::string> numbers;
        if (body.Find("entry") == nullptr) return numbers;
        const fhir::Node* resource = body.Find("entry")->items().at(0).Find("resource");
        for (const fhir::Node& parameter : resource->Find("parameter")->items()) {
            if (parameter.TextOf("name") != "notification-event") continue;
            numbers.emplace_back(parameter.Find("part")->items().at(0).TextOf("valueString"));
        }
        return numbers;
    }
};

// Answers with what it was told to, 200 when it was told nothing, and never with 0.
class Receiver {
public:
    Receiver(net::Executor& executor, telemetry::Log& log, telemetry::Metrics& metrics)
        : server_(executor, Options(), Handler(), log, metrics) {
        address_ = server_.Listen(*net::ParseAddress("127.0.0.1:0")).value();
    }
    [[nodiscard]] std::string Url() const { return "http://" + address_.ToString() + "/hook"; }
    // Resources are sent to such only.
    [[nodiscard]] std::string SecureUrl() const { return "https" + Url().substr(4); }
    void Answer(std::deque<int> statuses) {
        const std::lock_guard lock(mutex_);
        statuses_ = std::move(statuses);
    }
    void AnswerAlways(int status) {
        const std::lock_guard lock(mutex_);
        always_ = status;
    }
    // The request with this index, waiting for it.
    [[nodiscard]] Hook Get(std::size_t index) {
        std::unique_lock lock(mutex_);
        const bool there = arrived_.wait_for(lock, std::chrono::seconds(20),
                                             [&] { return hooks_.size() > index; });
        EXPECT_TRUE(there) << "request " << index << " did not come";
        return there ? hooks_[index] : Hook();
    }
    [[nodiscard]] std::size_t count() {
        const std::lock_guard lock(mutex_);
        return hooks_.size();
    }

private:
    static net::HttpOptions Options() {
        net::HttpOptions options;
        options.name = "receiver";
        return options;
    }
    net::HttpHandler Handler() {
        return [this](net::Request request, std::shared_ptr<net::Responder> responder) {
            Hook hook{std::string(request.method),
                      std::string(request.path),
                      std::string(request.Header("Content-Type")),
                      std::string(request.Header("Authorization")),
                      std::string(request.Header("X-CareStream-Signature")),
                      {},
                      {}};
            for (const auto& [name, value] : request.headers)
                hook.headers.emplace_back(name, value);
            if (auto body = fhir::ParseJson(request.body)) hook.body = std::move(*body);
            int status = always_;
            {
                const std::lock_guard lock(mutex_);
                status = always_;
                if (!statuses_.empty()) {
                    status = statuses_.front();
                    statuses_.pop_front();
                }
                hooks_.push_back(std::move(hook));
                if (status == 0) silent_.push_back(responder);
            }
            arrived_.notify_all();
            if (status != 0) responder->Send(net::Response::Text(status, "text/plain", ""));
        };
    }

    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<int> statuses_;
    int always_ = 200;
    std::vector<Hook> hooks_;
    std::vector<std::shared_ptr<net::Responder>> silent_;
    net::HttpServer server_;
    net::Address address_;
};

// What a websocket was told.
class Listener final : public subscriptions::Peer {
public:
    explicit Listener(std::optional<auth::Principal> who = std::nullopt) : who_(std::move(who)) {}
    void Send(std::string text) override {
        const std::lock_guard lock(mutex_);
        texts_.push_back(std::move(text));
        arrived_.notify_all();
    }
    void Close(std::string reason) override { Send("closed " + reason); }
    [[nodiscard]] const auth::Principal* principal() const override {
        return who_ ? &*who_ : nullptr;
    }
    [[nodiscard]] std::string Get(std::size_t index) {
        std::unique_lock lock(mutex_);
        const bool there = arrived_.wait_for(lock, std::chrono::seconds(20),
                                             [&] { return texts_.size() > index; });
        EXPECT_TRUE(there) << "text " << index << " did not come";
        return there ? texts_[index] : std::string();
    }
    [[nodiscard]] std::size_t count() {
        const std::lock_guard lock(mutex_);
        return texts_.size();
    }

private:
    std::optional<auth::Principal> who_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<std::string> texts_;
};

class SubscriptionsRestTest : public RestTest {
protected:
    void SetUp() override {
        options_.burst_pause = 0;  // each is told by itself, unless a test wants more
        events_.committed = [this](std::int64_t) {
            const std::lock_guard lock(engine_mutex_);
            if (engine_) engine_->Wake();
        };
        RestTest::StartService({});
        topics_ = topics::Topics::Load(std::string(CARESTREAM_SOURCE_DIR) + "/mappings/topics", "",
                                       definitions_)
                      .topics;
        ASSERT_TRUE(topics_);
        StartEngine();
        receiver_ = std::make_unique<Receiver>(executor_, log_, metrics_);
    }
    void TearDown() override {
        StopEngine();
        receiver_.reset();
        RestTest::TearDown();
    }

    void StartEngine() {
        subscriptions::EngineOptions options = options_;
        options.plain_hosts = {"127.0.0.1"};
        options.heartbeat_s_min = 1;
        options.base_url = "http://h.test/fhir/r4";
        auto engine = std::make_unique<subscriptions::Engine>(
            options,
            subscriptions::EngineParts{
                definitions_, [this] { return topics_; }, store_->MakeEvents(),
                store_->MakeSubscriptions(), store_->reader(), store_->writer(),
                [this](auto request, auto done) { SendHook(std::move(request), std::move(done)); },
                [this](const auth::Principal&) -> Result<bool> {
                    if (!authority_known_) return Fail(Code::kUnavailable, "not known now");
                    return in_force_.load();
                },
                clock_, log_, metrics_, &store_->access_audit()});
        write_rules_ = {subscriptions::SubscriptionRule(*engine)};
        topic_urls_ = [this] { return subscriptions::UrlsOf(*topics_); };
        rest::ServiceOptions service;
        service.supported_profiles = {
            {"Subscription", std::string(subscriptions::kSubscriptionProfile)}};
        service.instantiates = {std::string(subscriptions::kServerStatement)};
        RestTest::StartService(service,
                               subscriptions::Operations(*engine, 1, "/fhir/r4/websocket"));
        const std::lock_guard lock(engine_mutex_);
        engine_ = std::move(engine);
        engine_->Start();
    }
    // From now on each request needs a token.
    void RequireTokens() {
        StopEngine();
        gate_ = tokens_.Make(state_folder(), clock_, log_);
        StartEngine();
    }
    void StopEngine() {
        server_.reset();
        service_.reset();
        std::unique_ptr<subscriptions::Engine> gone;
        {
            const std::lock_guard lock(engine_mutex_);
            gone = std::move(engine_);
        }
        if (gone) gone->Stop();
        for (std::thread& thread : senders_) thread.join();
        senders_.clear();
    }

    // As the daemon's sender does, one thread each.
    void SendHook(subscriptions::HookRequest request,
                  std::function<void(subscriptions::HookAnswer)> done) {
        senders_.emplace_back([request = std::move(request), done = std::move(done)] {
            // The receivers speak http, whatever they are called.
            const std::size_t host = request.url.find("://") + 3;
            const std::size_t slash = request.url.find('/', host);
            auto client =
                net::HttpClient::Connect(*net::ParseAddress(request.url.substr(host, slash - host)),
                                         {.timeout_ms = request.timeout_ms});
            if (!client) return done({0, "", "cannot connect"});
            auto answer = client->Send({.method = request.method,
                                        .target = request.url.substr(slash),
                                        .headers = request.headers,
                                        .body = request.body});
            if (!answer) return done({0, "", "no answer"});
            done({answer->status, std::string(answer->Header("Retry-After")), ""});
        });
    }

    [[nodiscard]] static std::string Extension(const std::string& name, const std::string& value) {
        return R"({"url":")" + std::string(subscriptions::kBackport) + name + "\"," + value + "}";
    }
    [[nodiscard]] std::string Topical(const std::string& topic, const std::string& content,
                                      const std::string& filter = "",
                                      const std::string& more = "") const {
        return R"({"resourceType":"Subscription","status":"requested","reason":"x","criteria":")" +
               topic + "\"" +
               (filter.empty() ? ""
                               : R"(,"_criteria":{"extension":[)" +
                                     Extension("backport-filter-criteria",
                                               R"("valueString":")" + filter + "\"") +
                                     "]}") +
               R"(,"channel":{"type":"rest-hook","endpoint":")" + (content == "full-resource" ? receiver_->SecureUrl() : receiver_->Url()) +
               R"(","payload":"application/fhir+json","header":["Authorization: Bearer hook"],)"
               R"("_payload":{"extension":[)" +
               Extension("backport-payload-content", R"("valueCode":")" + content + "\"") + "]}" +
               more + "}}";
    }
    [[nodiscard]] static std::string Socket(const std::string& criteria,
                                            const std::string& content = "id-only") {
        return R"({"resourceType":"Subscription","status":"requested","reason":"x","criteria":")" +
               criteria + R"(","channel":{"type":"websocket","payload":"application/fhir+json",)" +
               R"("_payload":{"extension":[)" +
               Extension("backport-payload-content", R"("valueCode":")" + content + "\"") + "]}}}";
    }
    void Patient(const std::string& id) {
        EXPECT_LT(Put("Patient/" + id, R"({"resourceType":"Patient","id":")" + id + "\"}").status,
                  300);
    }
    // A final report of the patient; conclusions make versions.
    int Report(const std::string& id, const std::string& patient, const std::string& conclusion,
               const std::string& status = "final") {
        return Put("DiagnosticReport/" + id,
                   R"({"resourceType":"DiagnosticReport","id":")" + id + R"(","status":")" +
                       status + R"(","code":{"text":"x"},"subject":{"reference":"Patient/)" +
                       patient + R"("},"conclusion":")" + conclusion + "\"}")
            .status;
    }
    [[nodiscard]] bool Becomes(const std::string& id, const std::string& status) {
        return Eventually([&] { return Get("Subscription/" + id).body.TextOf("status") == status; },
                          20'000);
    }
    [[nodiscard]] std::string BindingToken(const std::string& id, const Headers& headers = {}) {
        const auto reply = Get("Subscription/" + id + "/$get-ws-binding-token", headers);
        EXPECT_EQ(reply.status, 200) << reply.http.body;
        return reply.status == 200
                   ? std::string(reply.body.Find("parameter")->items().at(0).TextOf("valueString"))
                   : std::string();
    }

    subscriptions::EngineOptions options_;
    const TokenGate tokens_;
    std::atomic<bool> in_force_ = true;
    std::atomic<bool> authority_known_ = true;
    std::shared_ptr<const topics::Topics> topics_;
    std::mutex engine_mutex_;
    std::unique_ptr<subscriptions::Engine> engine_;
    std::unique_ptr<Receiver> receiver_;
    std::vector<std::thread> senders_;
};

inline constexpr const char* kResult = "urn:carestream:topic:result";

}  // namespace carestream::test
