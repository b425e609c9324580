#include "rest/internal/client_address.h"

#include <gtest/gtest.h>

namespace carestream::rest {
namespace {

std::string Of(bool trust, const std::string& client,
               std::vector<std::pair<std::string_view, std::string_view>> headers = {}) {
    ServiceOptions options;
    options.trust_forwarded = trust;
    net::Request request;
    request.client = client;
    request.headers = std::move(headers);
    return ClientAddress(options, request);
}

TEST(ClientAddressTest, OfTheConnectionUnlessAProxyIsTrusted) {
    EXPECT_EQ(Of(false, "10.1.2.3:4567"), "10.1.2.3");
    EXPECT_EQ(Of(false, "[2001:db8::1]:4567"), "2001:db8::1");
    EXPECT_EQ(Of(false, "unix"), "unix");
    EXPECT_EQ(Of(false, "10.1.2.3:1", {{"X-Forwarded-For", "9.9.9.9"}}), "10.1.2.3");
}

TEST(ClientAddressTest, TheProxysOwnWordCountsNotTheClients) {
    EXPECT_EQ(Of(true, "10.1.2.3:1", {{"x-forwarded-for", "1.1.1.1, 9.9.9.9"}}), "9.9.9.9");
    EXPECT_EQ(Of(true, "10.1.2.3:1",
                 {{"X-Forwarded-For", "1.1.1.1"}, {"X-Forwarded-For", "2001:db8::2"}}),
              "2001:db8::2");
    EXPECT_EQ(Of(true, "10.1.2.3:1", {{"X-Forwarded-For", "nonsense <b>"}}), "10.1.2.3");
    EXPECT_EQ(Of(true, "10.1.2.3:1", {{"X-Forwarded-For", "9.9.9.9:5123"}}), "9.9.9.9");
    EXPECT_EQ(Of(true, "10.1.2.3:1", {{"X-Forwarded-For", "::ffff:9.9.9.9"}}), "::ffff:9.9.9.9");
    const std::string endless(99, '1');
    EXPECT_EQ(Of(true, "10.1.2.3:1", {{"X-Forwarded-For", endless}}), "10.1.2.3");
    EXPECT_EQ(Of(true, "10.1.2.3:1"), "10.1.2.3");
}

TEST(ClientAddressTest, AnIpv6NetworkIsOneClient) {
    EXPECT_EQ(LimitKey("2001:db8:1:2::1"), LimitKey("2001:db8:1:2:ffff::9"));
    EXPECT_NE(LimitKey("2001:db8:1:2::1"), LimitKey("2001:db8:1:3::1"));
    EXPECT_NE(LimitKey("10.0.0.1"), LimitKey("10.0.0.2"));
    EXPECT_NE(LimitKey("::ffff:10.0.0.1"), LimitKey("::ffff:10.0.0.2"));
    EXPECT_TRUE(IsLoopback("127.0.0.2") && IsLoopback("::1") && IsLoopback("unix"));
    EXPECT_FALSE(IsLoopback("10.0.0.1"));
}

}  // namespace
}  // namespace carestream::rest
