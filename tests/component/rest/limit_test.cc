// Goal: a client that asks too often hears 429 and when to come back, nobody else does, and
// guessing tokens ends before it costs a signature. Method: limits that fill once in hours, so that
// no test depends on time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "component/rest/token_fixture.h"

namespace carestream::test {
namespace {

class RestLimitTest : public RestTokenTest {
protected:
    static rest::ServiceOptions Limited() {
        rest::ServiceOptions options;
        options.client_limit = {0.0001, 3};
        options.unauthenticated_limit = {0.0001, 3};
        return options;
    }
    static void ExpectThrottled(const Reply& reply) {
        EXPECT_EQ(reply.status, 429);
        EXPECT_EQ(reply.Issue(), "throttled");
        EXPECT_GE(std::stoi(reply.Header("Retry-After")), 1);
    }
};

TEST_F(RestLimitTest, EachClientHasHisOwn) {
    UseTokens(Limited());
    const Headers ann = As("ann", "user/*.rs");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(Get("Patient/none", ann).status, 404);
    ExpectThrottled(Get("Patient/none", ann));
    ExpectThrottled(Get("Patient/none", As("ann", "user/Patient.rs")));
    EXPECT_EQ(Get("Patient/none", As("bea", "user/*.rs")).status, 404);
    EXPECT_EQ(Get("Patient/none", As("ann", "user/*.rs", "", "other-app")).status, 404);
    EXPECT_EQ(Get("metadata", ann).status, 200);
    // Nobody can look like another client by the joint of the parts.
    EXPECT_EQ(Get("Patient/none", As("an", "user/*.rs", "", "napp")).status, 404);
}

TEST_F(RestLimitTest, AThrottledClientLeavesOneRowNotOneEach) {
    UseTokens(Limited());
    const Headers ann = As("ann", "user/*.rs");
    for (int i = 0; i < 20; ++i) (void)Get("Patient/none", ann);
    ASSERT_TRUE(Eventually([&] { return store_->access_audit().waiting() == 0; }));
    EXPECT_EQ(Scalar("select count(*)::text from access"), "4");
}

TEST_F(RestLimitTest, FailuresCountByAddressAndThenNothingIsLookedAt) {
    UseTokens(Limited());
    const Headers ann = As("ann", "user/*.rs");
    Headers wrong = ann;
    wrong[0].second += "x";
    EXPECT_EQ(Get("Patient/none", ann).status, 404) << "valid tokens do not count";
    EXPECT_EQ(Get("Patient/none").status, 401);
    EXPECT_EQ(Get("Patient/none", wrong).status, 401);
    EXPECT_EQ(Get("Patient/none", {{"Authorization", "Basic eDp5"}}).status, 401);
    ExpectThrottled(Get("Patient/none", wrong));
    ExpectThrottled(Get("Patient/none"));
    ExpectThrottled(Get("Patient/none", ann));
}

TEST_F(RestLimitTest, BehindAProxyEachAddressCountsForItself) {
    rest::ServiceOptions options = Limited();
    options.trust_forwarded = true;
    UseTokens(options);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(Get("Patient/none", {{"X-Forwarded-For", "192.0.2.1"}}).status, 401);
    }
    ExpectThrottled(Get("Patient/none", {{"X-Forwarded-For", "192.0.2.1"}}));
    ExpectThrottled(Get("Patient/none", {{"X-Forwarded-For", "203.0.113.7, 192.0.2.1"}}));
    EXPECT_EQ(Get("Patient/none", {{"X-Forwarded-For", "192.0.2.2"}}).status, 401);
}

TEST_F(RestLimitTest, OpenModeCountsAddressesButNotThisMachine) {
    StartService(Limited());
    for (int i = 0; i < 10; ++i) EXPECT_EQ(Get("Patient/none").status, 404);
    rest::ServiceOptions options = Limited();
    options.trust_forwarded = true;
    StartService(options);
    const Headers far = {{"X-Forwarded-For", "192.0.2.1"}};
    for (int i = 0; i < 3; ++i) EXPECT_EQ(Get("Patient/none", far).status, 404);
    ExpectThrottled(Get("Patient/none", far));
    EXPECT_EQ(Get("Patient/none").status, 404);
}

// 101 when the websocket would be opened.
int UpgradeStatus(const rest::Service& service, const std::string& client,
                  const Headers& headers = {}) {
    net::Request request;
    request.method = "GET";
    request.path = "/fhir/r4/websocket";
    request.client = client;
    for (const auto& [name, value] : headers) request.headers.emplace_back(name, value);
    std::optional<auth::Principal> who;
    const auto refused = service.CheckUpgrade(request, who);
    if (!refused) return 101;
    if (refused->status == 429) {
        const auto& retry = refused->headers;
        EXPECT_TRUE(std::any_of(retry.begin(), retry.end(),
                                [](const auto& header) { return header.first == "Retry-After"; }));
    }
    return refused->status;
}

TEST_F(RestLimitTest, WebsocketsWithoutATokenAreLimitedByAddress) {
    UseTokens(Limited());
    for (int i = 0; i < 3; ++i) EXPECT_EQ(UpgradeStatus(*service_, "192.0.2.1:5000"), 101);
    EXPECT_EQ(UpgradeStatus(*service_, "192.0.2.1:5001"), 429);
    EXPECT_EQ(UpgradeStatus(*service_, "192.0.2.2:5000"), 101);
    // With a token it counts as that client's.
    const Headers ann = As("ann", "user/*.rs");
    EXPECT_EQ(UpgradeStatus(*service_, "192.0.2.1:5000", ann), 101);
    // Pages that open websockets do not keep others at their address from the API.
    for (int i = 0; i < 5; ++i) (void)UpgradeStatus(*service_, "127.0.0.1:5000");
    EXPECT_EQ(Get("Patient/none", ann).status, 404);
}

TEST_F(RestLimitTest, WebsocketsCountForTheirClientAndGuessesForTheirAddress) {
    UseTokens(Limited());
    const Headers ann = As("ann", "user/*.rs");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(UpgradeStatus(*service_, "192.0.2.1:1", ann), 101);
    EXPECT_EQ(UpgradeStatus(*service_, "192.0.2.1:1", ann), 429);
    Headers wrong = As("bea", "user/*.rs");
    wrong[0].second += "x";
    for (int i = 0; i < 3; ++i) EXPECT_EQ(UpgradeStatus(*service_, "192.0.2.3:1", wrong), 401);
    EXPECT_EQ(UpgradeStatus(*service_, "192.0.2.3:1", wrong), 429);
    EXPECT_EQ(UpgradeStatus(*service_, "192.0.2.3:1", As("bea", "user/*.rs")), 429);
}

TEST_F(RestLimitTest, WebsocketsOfThisMachineAreFreeInOpenMode) {
    StartService(Limited());
    const Headers local = {{"Host", "127.0.0.1"}};
    for (int i = 0; i < 10; ++i) EXPECT_EQ(UpgradeStatus(*service_, "127.0.0.1:1", local), 101);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(UpgradeStatus(*service_, "192.0.2.1:1", local), 101);
    EXPECT_EQ(UpgradeStatus(*service_, "192.0.2.1:1", local), 429);
}

}  // namespace
}  // namespace carestream::test
