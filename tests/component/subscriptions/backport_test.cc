// Goal: what the backport guide says a server SHALL do holds, as a client sees it. Method: one test
// for what belongs together; tests/conformance/subscriptions.tsv says which test proves which
// statement.
// Source: Subscriptions R5 Backport IG STU 1.1, for R4.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "component/subscriptions/subscriptions_fixture.h"
#include "tests/support/notification_profile.h"

namespace carestream::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

class BackportTest : public SubscriptionsRestTest {
protected:
    // The statuses of a searchset, as "<subscription>|<value of the parameter>".
    [[nodiscard]] static std::vector<std::string> Told(const Reply& reply, std::string_view name) {
        std::vector<std::string> told;
        const fhir::Node* entries = reply.body.Find("entry");
        for (const fhir::Node& entry :
             entries == nullptr ? std::vector<fhir::Node>() : entries->items()) {
            const fhir::Node* list = entry.Find("resource")->Find("parameter");
            const std::string url = ValuesOf(list, "subscription").at(0);
            for (const std::string& value : ValuesOf(list, name)) {
                told.push_back(url.substr(url.rfind('/') + 1) + "|" + value);
            }
        }
        return told;
    }
    // A notification that a websocket was told.
    [[nodiscard]] fhir::Node Notified(const std::string& text) const {
        auto bundle = fhir::ParseJson(text);
        EXPECT_TRUE(bundle) << text;
        if (!bundle) return {};
        EXPECT_THAT(NotificationIssues(*definitions_, *bundle), IsEmpty()) << text;
        return *bundle;
    }
    [[nodiscard]] static const fhir::Node* StatusOf(const fhir::Node& bundle) {
        return bundle.Find("entry")->items().at(0).Find("resource")->Find("parameter");
    }
    // A websocket that is bound to it; its handshake is the first text.
    [[nodiscard]] std::shared_ptr<Listener> Bound(const std::string& id) {
        EXPECT_TRUE(Eventually(
            [&] { return Get("Subscription/" + id + "/$status").body.Find("entry") != nullptr; }));
        auto listener = std::make_shared<Listener>();
        engine_->Heard(listener, 1, "bind-with-token " + BindingToken(id));
        EXPECT_THAT(listener->Get(0), HasSubstr("handshake"));
        return listener;
    }
    [[nodiscard]] std::string Member(const std::string& name, const std::string& value) const {
        return ",\"extension\":[" + Extension(name, value) + "]";
    }
    [[nodiscard]] fhir::Node Statement() {
        const auto metadata = Get("metadata");
        EXPECT_EQ(metadata.status, 200);
        for (const fhir::Node& type :
             metadata.body.Find("rest")->items().at(0).Find("resource")->items()) {
            if (type.TextOf("type") == "Subscription") return type;
        }
        ADD_FAILURE() << "no Subscription in the statement";
        return {};
    }
    [[nodiscard]] static std::vector<std::string> Texts(const fhir::Node& node,
                                                        std::string_view list,
                                                        std::string_view member) {
        std::vector<std::string> texts;
        const fhir::Node* items = node.Find(list);
        for (const fhir::Node& item :
             items == nullptr ? std::vector<fhir::Node>() : items->items()) {
            texts.emplace_back(member.empty() ? item.text() : item.TextOf(member));
        }
        return texts;
    }
};

TEST_F(BackportTest, TheStatementNamesTopicsProfileAndOperations) {
    const fhir::Node subscription = Statement();
    EXPECT_THAT(Texts(subscription, "extension", "valueCanonical"),
                testing::ElementsAreArray(subscriptions::UrlsOf(*topics_)));
    EXPECT_THAT(Texts(subscription, "supportedProfile", ""),
                ElementsAre(std::string(subscriptions::kSubscriptionProfile)));
    EXPECT_THAT(Texts(subscription, "interaction", "code"),
                IsSupersetOf({"read", "create", "update", "delete", "search-type"}));
    EXPECT_THAT(Texts(subscription, "searchParam", "name"), IsSupersetOf({"url", "status"}));
    EXPECT_THAT(Texts(subscription, "operation", "name"),
                UnorderedElementsAre("status", "events", "get-ws-binding-token"));
    EXPECT_THAT(Texts(Get("metadata").body, "instantiates", ""),
                ElementsAre(std::string(subscriptions::kServerStatement)));
    // As it is now, not as it was at the start.
    topics_ = topics::Topics::Load(state_folder() / "none", "", definitions_).topics;
    EXPECT_EQ(Statement().Find("extension"), nullptr);
}

TEST_F(BackportTest, EveryTopicThatIsAdvertisedIsTaken) {
    const auto urls = Texts(Statement(), "extension", "valueCanonical");
    ASSERT_FALSE(urls.empty());
    for (const std::string& url : urls) {
        const auto made = Post("Subscription", Socket(url));
        EXPECT_EQ(made.status, 201) << url << made.http.body;
        // With a version it is the same topic.
        EXPECT_EQ(Post("Subscription", Socket(url + "|1.0")).status, 201) << url;
    }
}

TEST_F(BackportTest, ASubscriptionIsReadChangedSearchedAndDeleted) {
    const auto made = Post("Subscription", Topical(kResult, "id-only", "patient=Patient/ada"));
    ASSERT_EQ(made.status, 201) << made.http.body;
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    const auto read = Get("Subscription/" + made.Id());
    ASSERT_EQ(read.status, 200);
    // What the profile makes mandatory comes back as it was asked for.
    EXPECT_EQ(read.body.TextOf("criteria"), kResult);
    EXPECT_FALSE(read.body.TextOf("reason").empty());
    const fhir::Node* channel = read.body.Find("channel");
    EXPECT_EQ(channel->TextOf("type"), "rest-hook");
    EXPECT_EQ(channel->TextOf("endpoint"), receiver_->Url());
    EXPECT_EQ(channel->TextOf("payload"), "application/fhir+json");
    EXPECT_THAT(read.http.body, HasSubstr(R"(backport-payload-content","valueCode":"id-only")"));
    EXPECT_THAT(read.http.body,
                HasSubstr(R"(backport-filter-criteria","valueString":"patient=Patient/ada")"));
    EXPECT_THAT(fhir::Validate(*definitions_, read.body), IsEmpty());

    const auto ids = [&](const std::string& query) { return Get("Subscription?" + query).Ids(); };
    EXPECT_THAT(ids("url=" + receiver_->Url()), ElementsAre(made.Id()));
    EXPECT_THAT(ids("url=" + receiver_->Url() + "x"), IsEmpty());
    EXPECT_THAT(ids("status=active"), ElementsAre(made.Id()));
    EXPECT_THAT(ids("status=off"), IsEmpty());

    fhir::Node changed = read.body;
    changed.Set("reason", fhir::Node::String("another"));
    EXPECT_EQ(Put("Subscription/" + made.Id(), fhir::ToJson(changed)).status, 200);
    EXPECT_EQ(Get("Subscription/" + made.Id()).body.TextOf("reason"), "another");
    std::string named = Topical(kResult, "empty");
    named.insert(1, R"("id":"named",)");
    EXPECT_EQ(Put("Subscription/named", named).status, 201);
    EXPECT_LT(Delete("Subscription/" + made.Id()).status, 300);
    EXPECT_EQ(Get("Subscription/" + made.Id()).status, 410);
}

struct Refused {
    const char* name;
    std::string criteria;
    std::string filter;
    std::string channel;
    const char* path;
};

TEST_F(BackportTest, WhatCannotBeHonouredIsRefused) {
    const std::string https = R"("type":"rest-hook","endpoint":"https://app.test/hook")";
    const auto extension = [](const std::string& name, const std::string& value) {
        return "{\"extension\":[" + Extension(name, value) + "]}";
    };
    const Refused rows[] = {
        {"topic", "http://example.org/topic", "", https, "Subscription.criteria"},
        {"filter", kResult, "colour=red", https, "Subscription.criteria.extension"},
        {"channel", kResult, "", R"("type":"email","endpoint":"mailto:x@y.test")",
         "Subscription.channel.type"},
        {"channel_extension", kResult, "",
         https + R"(,"_type":)" +
             extension("backport-channel-type", R"("valueCoding":{"code":"zulip"})"),
         "Subscription.channel.type.extension"},
        {"endpoint", kResult, "", R"("type":"rest-hook","endpoint":"ftp://app.test/")",
         "Subscription.channel.endpoint"},
        {"plain_endpoint", kResult, "", R"("type":"rest-hook","endpoint":"http://app.test/")",
         "Subscription.channel.endpoint"},
        {"content", kResult, "",
         https + R"(,"_payload":)" + extension("backport-payload-content", R"("valueCode":"all")"),
         "Subscription.channel.payload.extension"},
        {"full_resource_in_plain", kResult, "",
         R"("type":"rest-hook","endpoint":"http://127.0.0.1:1/","_payload":)" +
             extension("backport-payload-content", R"("valueCode":"full-resource")"),
         "Subscription.channel.payload"},
        {"fhir_version", kResult, "",
         https + R"(,"payload":"application/fhir+json; fhirVersion=5.0")",
         "Subscription.channel.payload"},
    };
    for (const Refused& row : rows) {
        SCOPED_TRACE(row.name);
        const std::string filter =
            row.filter.empty()
                ? ""
                : R"(,"_criteria":)" + extension("backport-filter-criteria",
                                                 "\"valueString\":\"" + row.filter + "\"");
        const auto reply = Post(
            "Subscription",
            R"({"resourceType":"Subscription","status":"requested","reason":"x","criteria":")" +
                row.criteria + "\"" + filter + R"(,"channel":{)" + row.channel + "}}");
        EXPECT_EQ(reply.status, 422) << reply.http.body;
        EXPECT_EQ(reply.Issue(), std::string("not-supported|") + row.path);
    }
    EXPECT_THAT(Get("Subscription?status=requested,active,error,off").Ids(), IsEmpty());
}

TEST_F(BackportTest, TheRequestHasTheTypeAndTheHeadersOfTheSubscription) {
    std::string subscription = Topical(kResult, "id-only");
    const auto replace = [&](const std::string& from, const std::string& to) {
        const std::size_t at = subscription.find(from);
        ASSERT_NE(at, std::string::npos);
        subscription.replace(at, from.size(), to);
    };
    replace("application/fhir+json", "application/fhir+json;fhirVersion=4.0");
    replace(R"(["Authorization: Bearer hook"])", R"(["Authorization: Bearer hook","X-Site: 7"])");
    ASSERT_EQ(Post("Subscription", subscription).status, 201);
    Patient("ada");
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    for (const std::size_t index : {0, 1}) {
        const Hook hook = receiver_->Get(index);
        EXPECT_EQ(hook.method, "POST");
        EXPECT_EQ(hook.content_type, "application/fhir+json;fhirVersion=4.0");
        EXPECT_THAT(hook.headers, Contains(Pair("Authorization", "Bearer hook")));
        EXPECT_THAT(hook.headers, Contains(Pair("X-Site", "7")));
        EXPECT_THAT(NotificationIssues(*definitions_, hook.body), IsEmpty());
    }
    EXPECT_EQ(receiver_->Get(1).Status("type"), "event-notification");
}

TEST_F(BackportTest, EmptyShowsNothing) {
    Patient("ada");
    const auto made = Post("Subscription", Socket(kResult, "empty"));
    const auto listener = Bound(made.Id());
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    const fhir::Node bundle = Notified(listener->Get(1));
    EXPECT_EQ(bundle.Find("entry")->items().size(), 1u);
    EXPECT_THAT(ValuesOf(StatusOf(bundle), "topic"), IsEmpty());
    EXPECT_THAT(listener->Get(1), Not(HasSubstr("DiagnosticReport")));
    EXPECT_THAT(listener->Get(1), Not(HasSubstr("focus")));
}

TEST_F(BackportTest, IdOnlyNamesTheFocus) {
    Patient("ada");
    const auto made = Post("Subscription", Socket(kResult, "id-only"));
    const auto listener = Bound(made.Id());
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    const fhir::Node bundle = Notified(listener->Get(1));
    const std::string url = "http://h.test/fhir/r4/DiagnosticReport/r1";
    EXPECT_THAT(listener->Get(1),
                HasSubstr(R"({"name":"focus","valueReference":{"reference":")" + url + "\"}}"));
    const fhir::Node& entry = bundle.Find("entry")->items().at(1);
    EXPECT_EQ(entry.TextOf("fullUrl"), url);
    EXPECT_EQ(entry.Find("resource"), nullptr);
    EXPECT_EQ(entry.Find("request")->TextOf("url"), "DiagnosticReport");
}

TEST_F(BackportTest, FullResourceShowsTheFocus) {
    Patient("ada");
    const auto made = Post("Subscription", Socket(kResult, "full-resource"));
    const auto listener = Bound(made.Id());
    ASSERT_EQ(Report("r1", "ada", "x"), 201);
    const fhir::Node bundle = Notified(listener->Get(1));
    EXPECT_THAT(ValuesOf(StatusOf(bundle), "topic"), ElementsAre(kResult));
    const fhir::Node& entry = bundle.Find("entry")->items().at(1);
    EXPECT_EQ(entry.TextOf("fullUrl"), "http://h.test/fhir/r4/DiagnosticReport/r1");
    ASSERT_NE(entry.Find("resource"), nullptr);
    EXPECT_EQ(entry.Find("resource")->TextOf("id"), "r1");
}

TEST_F(BackportTest, FiltersAreAllMet) {
    Patient("ada");
    Patient("bob");
    const auto made = Post(
        "Subscription", Topical(kResult, "id-only", "patient=Patient/ada&status=final,corrected"));
    ASSERT_EQ(made.status, 201) << made.http.body;
    ASSERT_TRUE(Becomes(made.Id(), "active"));
    ASSERT_EQ(Report("r1", "bob", "x"), 201);               // another patient
    ASSERT_EQ(Report("r2", "ada", "x", "amended"), 201);    // another status
    ASSERT_EQ(Report("r3", "ada", "x", "corrected"), 201);  // both
    const Hook told = receiver_->Get(1);
    EXPECT_THAT(told.Numbers(), ElementsAre("1"));
    EXPECT_EQ(told.body.Find("entry")->items().at(1).TextOf("fullUrl"),
              "http://h.test/fhir/r4/DiagnosticReport/r3");
}

TEST_F(BackportTest, HeartbeatsComeWhereTheyWereAskedForAndCountNothing) {
    const auto quiet = Post("Subscription", Topical(kResult, "empty"));
    ASSERT_TRUE(Becomes(quiet.Id(), "active"));
    const std::size_t before = receiver_->count();
    const auto made = Post("Subscription",
                           Topical(kResult, "empty", "",
                                   Member("backport-heartbeat-period", R"("valueUnsignedInt":1)")));
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_EQ(receiver_->Get(before).Status("type"), "handshake");
    for (const std::size_t more : {1, 2}) {
        const Hook hook = receiver_->Get(before + more);
        EXPECT_EQ(hook.Status("type"), "heartbeat");
        EXPECT_EQ(hook.Status("events-since-subscription-start"), "0");
        // Not of the other one.
        EXPECT_THAT(hook.body.Find("entry")->items().at(0).Find("request")->TextOf("url"),
                    HasSubstr(made.Id()));
        EXPECT_THAT(NotificationIssues(*definitions_, hook.body), IsEmpty());
    }
}

TEST_F(BackportTest, ASilentReceiverIsWaitedForAsLongAsItWasSaid) {
    options_.timeout_ms = 3'600'000;
    StopEngine();
    StartEngine();
    receiver_->AnswerAlways(0);
    const auto made =
        Post("Subscription",
             Topical(kResult, "empty", "", Member("backport-timeout", R"("valueUnsignedInt":1)")));
    ASSERT_EQ(made.status, 201) << made.http.body;
    EXPECT_TRUE(Becomes(made.Id(), "error"));
}

TEST_F(BackportTest, NoNotificationHasMoreEventsThanAskedFor) {
    Patient("ada");
    receiver_->AnswerAlways(503);  // so that events wait
    const auto made = Post(
        "Subscription",
        Topical(kResult, "id-only", "", Member("backport-max-count", R"("valuePositiveInt":2)")));
    ASSERT_TRUE(Becomes(made.Id(), "error"));
    for (int i = 1; i <= 5; ++i) ASSERT_EQ(Report("r" + std::to_string(i), "ada", "x"), 201);
    receiver_->AnswerAlways(200);
    const auto again = Get("Subscription/" + made.Id());
    ASSERT_EQ(Put("Subscription/" + made.Id(), fhir::ToJson(again.body)).status, 200);
    EXPECT_EQ(receiver_->Get(1).Status("type"), "handshake");
    std::vector<std::string> numbers;
    for (std::size_t i = 2; numbers.size() < 5; ++i) {
        const Hook hook = receiver_->Get(i);
        ASSERT_FALSE(hook.method.empty());
        EXPECT_LE(hook.Numbers().size(), 2u);
        EXPECT_EQ(hook.Status("events-since-subscription-start"), hook.Numbers().back());
        for (auto& number : hook.Numbers()) numbers.push_back(number);
    }
    EXPECT_THAT(numbers, ElementsAre("1", "2", "3", "4", "5"));
}

TEST_F(BackportTest, WhileTheReceiverFailsEventsAreCountedAndStatusIsTold) {
    Patient("ada");
    receiver_->AnswerAlways(500);
    const auto made = Post("Subscription", Topical(kResult, "id-only"));
    ASSERT_TRUE(Becomes(made.Id(), "error"));
    for (int i = 1; i <= 3; ++i) ASSERT_EQ(Report("r" + std::to_string(i), "ada", "x"), 201);
    const std::string path = "Subscription/" + made.Id() + "/$status";
    EXPECT_TRUE(Eventually([&] {
        return Told(Get(path), "events-since-subscription-start") ==
               std::vector<std::string>{made.Id() + "|3"};
    }));
    EXPECT_THAT(Told(Get(path), "status"), ElementsAre(made.Id() + "|error"));
}

TEST_F(BackportTest, StatusOfOneOfSomeAndOfAll) {
    const auto active = Post("Subscription", Socket(kResult)).Id();
    const auto other = Post("Subscription", Socket(kResult)).Id();
    receiver_->AnswerAlways(500);
    const auto failed = Post("Subscription", Topical(kResult, "empty")).Id();
    ASSERT_TRUE(Becomes(failed, "error"));
    ASSERT_TRUE(Eventually([&] { return engine_->size() == 3; }));
    const auto all = Get("Subscription/$status");
    EXPECT_EQ(all.status, 200);
    EXPECT_EQ(all.body.TextOf("type"), "searchset");
    EXPECT_THAT(fhir::Validate(*definitions_, all.body), IsEmpty());
    EXPECT_THAT(Told(all, "status"),
                UnorderedElementsAre(active + "|active", other + "|active", failed + "|error"));
    for (const fhir::Node& entry : all.body.Find("entry")->items()) {
        std::vector<std::string> issues;
        CheckStatus(*entry.Find("resource"), issues);
        EXPECT_THAT(issues, IsEmpty());
        EXPECT_THAT(ValuesOf(entry.Find("resource")->Find("parameter"), "type"),
                    ElementsAre("query-status"));
    }
    EXPECT_THAT(Told(Get("Subscription/$status?id=" + active + "&id=" + failed), "status"),
                UnorderedElementsAre(active + "|active", failed + "|error"));
    EXPECT_THAT(Told(Get("Subscription/$status?status=error"), "status"),
                ElementsAre(failed + "|error"));
    EXPECT_THAT(Told(Get("Subscription/$status?status=error&status=active"), "status"),
                testing::SizeIs(3));
    EXPECT_THAT(Told(Post("Subscription/$status",
                          R"({"resourceType":"Parameters","parameter":[{"name":"id","valueId":")" +
                              other + "\"}]}"),
                     "status"),
                ElementsAre(other + "|active"));
    // Of an instance both parameters are ignored.
    EXPECT_THAT(
        Told(Get("Subscription/" + active + "/$status?id=" + failed + "&status=error"), "status"),
        ElementsAre(active + "|active"));
}

TEST_F(BackportTest, EventsAreGivenFromAndToTheNumbersInclusive) {
    Patient("ada");
    const auto made = Post("Subscription", Socket(kResult));
    ASSERT_TRUE(Eventually([&] { return engine_->size() == 1; }));
    for (int i = 1; i <= 4; ++i) ASSERT_EQ(Report("r" + std::to_string(i), "ada", "x"), 201);
    const std::string path = "Subscription/" + made.Id();
    ASSERT_TRUE(Eventually([&] {
        return Told(Get(path + "/$status"), "events-since-subscription-start") ==
               std::vector<std::string>{made.Id() + "|4"};
    }));
    const auto numbers = [&](const std::string& query) {
        const auto reply = Get(path + "/$events" + query);
        EXPECT_EQ(reply.status, 200) << reply.http.body;
        Hook hook;
        hook.body = Notified(reply.http.body);
        EXPECT_EQ(hook.Status("type"), "query-event");
        return hook.Numbers();
    };
    EXPECT_THAT(numbers("?eventsSinceNumber=2&eventsUntilNumber=3"), ElementsAre("2", "3"));
    EXPECT_THAT(numbers("?eventsSinceNumber=4"), ElementsAre("4"));
    EXPECT_THAT(numbers("?eventsUntilNumber=1"), ElementsAre("1"));
    EXPECT_THAT(numbers(""), ElementsAre("1", "2", "3", "4"));
    EXPECT_THAT(Get(path + "/$events?content=full-resource").http.body,
                HasSubstr(R"("conclusion":"x")"));
    EXPECT_THAT(Get(path + "/$events?content=empty").http.body, Not(HasSubstr("r1")));
}

TEST_F(BackportTest, ANumberIsCountedOnceForEachEvent) {
    Patient("ada");
    const auto made = Post("Subscription", Socket(kResult));
    const auto listener = Bound(made.Id());
    for (int i = 1; i <= 3; ++i) {
        ASSERT_EQ(Report("r" + std::to_string(i), "ada", "x"), 201);
        const fhir::Node bundle = Notified(listener->Get(static_cast<std::size_t>(i)));
        EXPECT_THAT(ValuesOf(StatusOf(bundle), "events-since-subscription-start"),
                    ElementsAre(std::to_string(i)));
    }
}

}  // namespace
}  // namespace carestream::test
