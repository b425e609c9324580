// Goal: who subscribed is told, in order, at least once and numbered, whatever becomes of receiver
// and daemon; and nobody hears of what he may not see. Method: the REST API on a real store, and
// receivers that are real HTTP servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "component/rest/rest_fixture.h"
#include "subscriptions/operations.h"
#include "tests/support/jwt.h"

namespace carestream::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// One request that a receiver got.
struct Hook {
    std::string method;
    std::string path;
    std::string content_type;
    std::string authorization;
    std::string signature;
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
        const fhir::Node* resource = body.Find("entry")->items().at(0).Find("resource");
        for (const fhir::Node& parameter : resource->Find("parameter")->items()) {
            if (parameter.TextOf("name") != "notificationEvent") continue;
            numbers.emplace_back(parameter.Find("part")->items().at(0).TextOf("valueString"));
        }
        return numbers;
    }
};

// Answers with what it was told to, 200 when it was told nothing.
class Receiver {
public:
    Receiver(net::Executor& executor, telemetry::Log& log, telemetry::Metrics& metrics)
        : server_(executor, Options(), Handler(), log, metrics) {
        address_ = server_.Listen(*net::ParseAddress("127.0.0.1:0")).value();
    }
    [[nodiscard]] std::string Url() const { return "http://" + address_.ToString() + "/hook"; }
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
                      {}};
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
            }
            arrived_.notify_all();
            responder->Send(net::Response::Text(status, "text/plain", ""));
        };
    }

    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<int> statuses_;
    int always_ = 200;
    std::vector<Hook> hooks_;
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
        options.base_url = "http://h.test/fhir/r4";
        auto engine = std::make_unique<subscriptions::Engine>(
            options,
            subscriptions::EngineParts{
                definitions_, [this] { return topics_; }, store_->MakeEvents(),
                store_->MakeSubscriptions(), store_->reader(), store_->writer(),
                [this](auto request, auto done) { SendHook(std::move(request), std::move(done)); },
                [this](const auth::Principal&) { return Result<bool>(in_force_.load()); }, clock_,
                log_, metrics_});
        write_rules_ = {subscriptions::SubscriptionRule(*engine)};
        RestTest::StartService({}, subscriptions::Operations(*engine, 1, "/fhir/r4/websocket"));
        const std::lock_guard lock(engine_mutex_);
        engine_ = std::move(engine);
        engine_->Start();
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
            const std::size_t slash = request.url.find('/', 7);
            auto client =
                net::HttpClient::Connect(*net::ParseAddress(request.url.substr(7, slash - 7)),
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
               R"(,"channel":{"type":"rest-hook","endpoint":")" + receiver_->Url() +
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
    std::atomic<bool> in_force_ = true;
    std::shared_ptr<const topics::Topics> topics_;
    std::mutex engine_mutex_;
    std::unique_ptr<subscriptions::Engine> engine_;
    std::unique_ptr<Receiver> receiver_;
    std::vector<std::thread> senders_;
};

constexpr const char* kResult = "urn:carestream:topic:result";

TEST_F(SubscriptionsRestTest, HandshakeThenNotificationsInOrder) {
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_EQ(made.body.TextOf("status"), "requested");
    const Hook handshake = receiver_->Get(0);
    EXPECT_EQ(handshake.method, "POST");
    EXPECT_EQ(handshake.path, "/hook");
    EXPECT_EQ(handshake.content_type, "application/fhir+json");
    EXPECT_EQ(handshake.authorization, "Bearer hook");
    EXPECT_EQ(handshake.Status("type"), "handshake");
    EXPECT_EQ(handshake.Status("status"), "requested");
    ASSERT_TRUE(Becomes(made.Id(), "active"));

    ASSERT_EQ(Report("r1", "ada", "one"), 201);
    ASSERT_EQ(Report("r1", "ada", "one"), 200);  // nothing changed: no news
    ASSERT_EQ(Report("r2", "ada", "two", "preliminary"), 201);
    ASSERT_EQ(Report("r1", "ada", "other"), 200);
    const Hook first = receiver_->Get(1);
    EXPECT_EQ(first.Status("type"), "event-notification");
    EXPECT_EQ(first.Numbers().front(), "1");
    EXPECT_EQ(first.body.Find("entry")->items().at(1).TextOf("fullUrl"),
              "http://h.test/fhir/r4/DiagnosticReport/r1");
    const auto last = first.Numbers().size() == 2 ? first : receiver_->Get(2);
    EXPECT_EQ(last.Numbers().back(), "2");
    EXPECT_EQ(last.Status("eventsSinceSubscriptionStart"), "2");

    const auto status = Get("Subscription/" + made.Id() + "/$status");
    ASSERT_EQ(status.status, 200) << status.http.body;
    EXPECT_EQ(status.body.TextOf("type"), "searchset");
    EXPECT_THAT(status.http.body, HasSubstr(R"("eventsSinceSubscriptionStart","valueString":"2")"));
    const auto events = Get("Subscription/" + made.Id() + "/$events?eventsSinceNumber=2");
    ASSERT_EQ(events.status, 200) << events.http.body;
    EXPECT_THAT(events.http.body, HasSubstr("query-event"));
    EXPECT_THAT(events.http.body, HasSubstr(R"("eventNumber","valueString":"2")"));
    EXPECT_THAT(events.http.body, Not(HasSubstr(R"("eventNumber","valueString":"1")")));
}

TEST_F(SubscriptionsRestTest, AHandshakeThatFailsIsAnErrorAndWrittenAnewItIsTriedAgain) {
    receiver_->Answer({500});
    const auto made = Post("Subscription", Topical(kResult, "empty"));
    ASSERT_EQ(made.status, 201);
    ASSERT_TRUE(Becomes(made.Id(), "error"));
    EXPECT_THAT(std::string(Get("Subscription/" + made.Id()).body.TextOf("error")),
                HasSubstr("status 500"));
    Patient("ada");
    ASSERT_EQ(Report("r1", "ada", "one"), 201);
    fhir::Node again = Get("Subscription/" + made.Id()).body;
    ASSERT_EQ(Put("Subscription/" + made.Id(), fhir::ToJson(again)).status, 200);
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    // What happened meanwhile is told.
    const Hook told = receiver_->Get(2);
    EXPECT_EQ(told.Status("type"), "event-notification");
    EXPECT_EQ(told.body.Find("entry")->items().size(), 1u);  // empty
}

TEST_F(SubscriptionsRestTest, AReceiverThatFailsGetsEverythingLaterAndInOrder) {
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    receiver_->Answer({503, 429, 500});
    for (int i = 1; i <= 4; ++i) ASSERT_EQ(Report("r" + std::to_string(i), "ada", "x"), 201);
    std::vector<std::string> taken;
    for (std::size_t i = 4; taken.empty() || taken.back() != "4"; ++i) {
        const Hook hook = receiver_->Get(i);
        ASSERT_FALSE(hook.method.empty());
        for (auto& number : hook.Numbers()) taken.push_back(number);
    }
    EXPECT_THAT(taken, ElementsAre("1", "2", "3", "4"));
    EXPECT_TRUE(Becomes(made.Id(), "active"));
}

TEST_F(SubscriptionsRestTest, GoneTurnsItOff) {
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    receiver_->AnswerAlways(410);
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    ASSERT_TRUE(Becomes(made.Id(), "off"));
    // It still says how it stands.
    const auto status = Get("Subscription/" + made.Id() + "/$status");
    EXPECT_EQ(status.status, 200);
    EXPECT_THAT(status.http.body, HasSubstr(R"("status","valueCode":"off")"));
}

TEST_F(SubscriptionsRestTest, NothingIsForgottenOverARestart) {
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    EXPECT_THAT(receiver_->Get(1).Numbers(), ElementsAre("1"));
    StopEngine();
    write_rules_.clear();
    RestTest::StartService({});
    ASSERT_EQ(Report("r2", "ada", "x"), 201);
    ASSERT_EQ(Report("r3", "ada", "x"), 201);
    StartEngine();
    EXPECT_EQ(receiver_->Get(2).Numbers().front(), "2");
    const std::size_t last = receiver_->Get(2).Numbers().size() == 2 ? 2 : 3;
    EXPECT_EQ(receiver_->Get(last).Numbers().back(), "3");
}

TEST_F(SubscriptionsRestTest, FiltersAndFullResources) {
    Patient("ada");
    Patient("bob");
    const auto made =
        Post("Subscription", Topical(kResult, "id-only", "DiagnosticReport?patient=Patient/ada"));
    ASSERT_EQ(made.status, 201) << made.http.body;
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    ASSERT_EQ(Report("r1", "bob", "x"), 201);
    ASSERT_EQ(Report("r2", "ada", "x"), 201);
    const Hook told = receiver_->Get(1);
    EXPECT_EQ(told.body.Find("entry")->items().at(1).TextOf("fullUrl"),
              "http://h.test/fhir/r4/DiagnosticReport/r2");
    EXPECT_THAT(told.Numbers(), ElementsAre("1"));
}

TEST_F(SubscriptionsRestTest, CriteriaOfR4BringTheResource) {
    Patient("ada");
    const auto made =
        Post("Subscription",
             R"({"resourceType":"Subscription","status":"requested","reason":"x","criteria":)"
             R"("DiagnosticReport?status=preliminary","channel":{"type":"rest-hook","endpoint":")" +
                 receiver_->Url() + R"("}})");
    ASSERT_EQ(made.status, 201) << made.http.body;
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    ASSERT_EQ(Report("r2", "ada", "x", "preliminary"), 201);
    const Hook told = receiver_->Get(0);
    EXPECT_EQ(told.method, "POST");
    EXPECT_TRUE(told.body.IsNull());  // without payload: only that there is something
    EXPECT_EQ(receiver_->count(), 1u);
}

TEST_F(SubscriptionsRestTest, HeartbeatsComeOnlyWhenNothingElseDid) {
    const auto refused =
        Post("Subscription",
             Topical(kResult, "empty", "",
                     ",\"extension\":[" +
                         Extension("backport-heartbeat-period", R"("valueUnsignedInt":1)") + "]"));
    EXPECT_EQ(refused.status, 422);
    EXPECT_EQ(refused.Issue(), "not-supported|Subscription.channel.extension");
}

TEST_F(SubscriptionsRestTest, WebsocketsAreBoundByTokenAndTold) {
    Patient("ada");
    const auto made = Post("Subscription", Socket(kResult));
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_EQ(made.body.TextOf("status"), "active");
    ASSERT_TRUE(Eventually([&] { return engine_->size() == 1; }));
    const std::string token = BindingToken(made.Id());
    auto listener = std::make_shared<Listener>();
    engine_->Heard(listener, 1, "bind-with-token " + token);
    EXPECT_THAT(listener->Get(0), HasSubstr("handshake"));
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    EXPECT_THAT(listener->Get(1), HasSubstr("event-notification"));
    EXPECT_THAT(listener->Get(1), HasSubstr(R"("eventNumber","valueString":"1")"));
    // A token is used up; nonsense is answered.
    engine_->Heard(listener, 1, "bind-with-token " + token);
    EXPECT_THAT(listener->Get(2), HasSubstr("error"));
    engine_->Heard(listener, 1, "hello");
    EXPECT_THAT(listener->Get(3), HasSubstr("error"));
    // Who comes back hears the last number.
    engine_->Gone(listener);
    ASSERT_EQ(Report("r2", "ada", "x"), 201);
    auto later = std::make_shared<Listener>();
    ASSERT_TRUE(Eventually([&] {
        return Get("Subscription/" + made.Id() + "/$status")
                   .http.body.find(R"("eventsSinceSubscriptionStart","valueString":"2")") !=
               std::string::npos;
    }));
    engine_->Heard(later, 1, "bind-with-token " + BindingToken(made.Id()));
    EXPECT_THAT(later->Get(0), HasSubstr(R"("eventsSinceSubscriptionStart","valueString":"2")"));
    EXPECT_EQ(listener->count(), 4u);
}

TEST_F(SubscriptionsRestTest, R4SocketsAreBoundByIdAndPinged) {
    Patient("ada");
    const auto made =
        Post("Subscription",
             R"({"resourceType":"Subscription","status":"requested","reason":"x","criteria":)"
             R"("DiagnosticReport?patient=ada","channel":{"type":"websocket"}})");
    ASSERT_EQ(made.status, 201) << made.http.body;
    ASSERT_TRUE(Eventually([&] { return engine_->size() == 1; }));
    auth::Principal open;
    open.open = true;
    auto listener = std::make_shared<Listener>(open);
    engine_->Heard(listener, 1, "bind " + made.Id());
    EXPECT_EQ(listener->Get(0), "bound " + made.Id());
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    EXPECT_EQ(listener->Get(1), "ping " + made.Id());
    // Who did not say who he is cannot bind by an id.
    auto stranger = std::make_shared<Listener>();
    engine_->Heard(stranger, 1, "bind " + made.Id());
    EXPECT_THAT(stranger->Get(0), HasSubstr("error"));
}

TEST_F(SubscriptionsRestTest, MergedPatientsAreOne) {
    Patient("ada");
    Patient("old");
    const auto made =
        Post("Subscription", Topical(kResult, "id-only", "DiagnosticReport?patient=Patient/ada"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    // What A40 does: a link, and the two Patients say so.
    ASSERT_TRUE(Connect().Execute(
        "insert into link select l.pk, s.pk, 1 from resource l, resource s where l.id = 'old' and "
        "s.id = 'ada'"));
    ASSERT_EQ(Put("Patient/ada", R"({"resourceType":"Patient","id":"ada","link":[{"other":)"
                                 R"({"reference":"Patient/old"},"type":"replaces"}]})")
                  .status,
              200);
    ASSERT_EQ(Report("r1", "old", "x"), 201);
    EXPECT_EQ(receiver_->Get(1).body.Find("entry")->items().at(1).TextOf("fullUrl"),
              "http://h.test/fhir/r4/DiagnosticReport/r1");
}

TEST_F(SubscriptionsRestTest, WhoLostHisAuthorityIsToldNothingMore) {
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    in_force_ = false;
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    ASSERT_TRUE(Becomes(made.Id(), "off"));
    EXPECT_EQ(receiver_->count(), 1u);
}

TEST_F(SubscriptionsRestTest, OldNewsWakesNobody) {
    StopEngine();
    options_.notify_max_age = -1;  // everything is too old
    StartEngine();
    Patient("ada");
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    ASSERT_TRUE(Eventually([&] {
        return metrics_.Expose().find("carestream_events_too_old_total 1") != std::string::npos;
    }));
    EXPECT_EQ(receiver_->count(), 1u);
}

// Tokens: ada subscribes to everything of the type; bob's reports are none of hers.
TEST_F(SubscriptionsRestTest, APatientHearsOfHerselfAlone) {
    Patient("ada");
    Patient("bob");
    StopEngine();
    const TestKey key(TestKey::Type::kP256, "k1");
    const auto file = state_folder() / "issuer.jwks";
    std::ofstream(file) << key.Jwks();
    auth::GateOptions options;
    auth::IssuerOptions issuer;
    issuer.issuer = "https://issuer.example";
    issuer.audience = "https://fhir.example";
    issuer.jwks_file = file;
    options.issuers.push_back(issuer);
    gate_ = auth::Gate::Create(options, clock_, log_).value();
    StartEngine();
    const auto token = [&](const std::string& subject, const std::string& patient,
                           const std::string& scope) {
        return Headers{
            {"Authorization",
             "Bearer " + key.Token(R"({"iss":"https://issuer.example","aud":)"
                                   R"("https://fhir.example","exp":99999999999,"sub":")" +
                                   subject + "\"" +
                                   (patient.empty() ? "" : R"(,"patient":")" + patient + "\"") +
                                   R"(,"scope":")" + scope + "\"}")}};
    };
    const Headers ada = token("a", "ada", "patient/*.cruds");
    const Headers bob = token("b", "bob", "patient/*.cruds");
    const Headers staff = token("s", "", "system/*.cruds");

    const auto made = Post("Subscription", Topical(kResult, "id-only"), ada);
    ASSERT_EQ(made.status, 201) << made.http.body;
    const auto put = [&](const std::string& id, const std::string& patient) {
        return Put("DiagnosticReport/" + id,
                   R"({"resourceType":"DiagnosticReport","id":")" + id +
                       R"(","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/)" +
                       patient + "\"}}",
                   staff)
            .status;
    };
    EXPECT_EQ(receiver_->Get(0).Status("type"), "handshake");
    ASSERT_EQ(put("r1", "bob"), 201);
    ASSERT_EQ(put("r2", "ada"), 201);
    const Hook told = receiver_->Get(1);
    EXPECT_THAT(told.Numbers(), ElementsAre("1"));
    EXPECT_EQ(told.body.Find("entry")->items().at(1).TextOf("fullUrl"),
              "http://h.test/fhir/r4/DiagnosticReport/r2");

    // bob: it is not there for him, by any way.
    const std::string path = "Subscription/" + made.Id();
    EXPECT_EQ(Get(path, ada).status, 200);
    EXPECT_EQ(Get(path, bob).status, 404);
    EXPECT_EQ(Get(path + "/$status", bob).body.TextOf("resourceType"), "Bundle");
    EXPECT_THAT(Get(path + "/$status", bob).http.body, Not(HasSubstr(made.Id() + "/$status\"")));
    EXPECT_EQ(Get(path + "/$events", bob).status, 404);
    EXPECT_EQ(Get(path + "/$events", ada).status, 200);
    EXPECT_EQ(Put(path, fhir::ToJson(Get(path, ada).body), bob).status, 404);
    EXPECT_EQ(Delete(path, bob).status, 404);
    EXPECT_EQ(Get("Subscription?url=x", bob).status, 403);
    // Whoever writes it owns it: what the client says about the owner counts for nothing.
    fhir::Node stolen = Get(path, ada).body;
    stolen.Remove("id");
    const auto copy = Post("Subscription", fhir::ToJson(stolen), bob);
    ASSERT_EQ(copy.status, 201) << copy.http.body;
    EXPECT_THAT(copy.http.body, HasSubstr(R"("url":"subject","valueString":"b")"));
    EXPECT_EQ(receiver_->Get(2).Status("type"), "handshake");
}

TEST_F(SubscriptionsRestTest, TheCapabilityStatementNamesWhatThereIs) {
    const auto metadata = Get("metadata");
    EXPECT_THAT(metadata.http.body, HasSubstr("backport-subscription-status"));
    EXPECT_THAT(metadata.http.body, HasSubstr("backport-subscription-events"));
}

}  // namespace
}  // namespace carestream::test
