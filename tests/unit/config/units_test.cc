// Goal: values that operators write are read exactly or refused. Method: tables.
#include "config/units.h"

#include <gtest/gtest.h>

namespace carestream::config {
namespace {

TEST(Units, Bytes) {
    EXPECT_EQ(ParseBytes("64MiB").value(), 64 << 20);
    EXPECT_EQ(ParseBytes("2 GiB").value(), 2ll << 30);
    EXPECT_EQ(ParseBytes("5MB").value(), 5'000'000);
    EXPECT_EQ(ParseBytes("512").value(), 512);
    for (const char* wrong : {"", "64Mib", "x", "-1", "1.5GiB", "9999999999GiB", "64 M iB"}) {
        EXPECT_FALSE(ParseBytes(wrong)) << wrong;
    }
}

TEST(Units, Durations) {
    EXPECT_EQ(ParseDurationMs("250ms").value(), 250);
    EXPECT_EQ(ParseDurationMs("20s").value(), 20'000);
    EXPECT_EQ(ParseDurationMs("7d").value(), 604'800'000);
    EXPECT_EQ(ParseDurationMs("none").value(), 0);
    EXPECT_EQ(ParseDurationMs("0").value(), 0);
    for (const char* wrong : {"", "20", "s", "5 minutes", "-5s"}) {
        EXPECT_FALSE(ParseDurationMs(wrong)) << wrong;
    }
}

TEST(Units, Addresses) {
    for (const char* right : {"127.0.0.1:2575", "[::1]:80", "host.example:0"}) {
        EXPECT_TRUE(CheckAddress(right)) << right;
    }
    for (const char* wrong : {"", "2575", ":2575", "host:", "host:65536", "::1:80", "a:b"}) {
        EXPECT_FALSE(CheckAddress(wrong)) << wrong;
    }
}

TEST(Units, Networks) {
    EXPECT_TRUE(Network::Parse("127.0.0.0/8")->Contains("127.1.2.3"));
    EXPECT_FALSE(Network::Parse("127.0.0.0/8")->Contains("128.0.0.1"));
    EXPECT_TRUE(Network::Parse("10.1.2.3")->Contains("10.1.2.3"));
    EXPECT_FALSE(Network::Parse("10.1.2.3")->Contains("10.1.2.4"));
    EXPECT_TRUE(Network::Parse("0.0.0.0/0")->Contains("::ffff:9.9.9.9"));
    EXPECT_FALSE(Network::Parse("0.0.0.0/0")->Contains("fe80::1"));
    EXPECT_TRUE(Network::Parse("fe80::/10")->Contains("fe80::1"));
    EXPECT_FALSE(Network::Parse("fe80::/10")->Contains("nonsense"));
    for (const char* wrong : {"", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "host/8", "::/129"}) {
        EXPECT_FALSE(Network::Parse(wrong)) << wrong;
    }
}

}  // namespace
}  // namespace carestream::config
