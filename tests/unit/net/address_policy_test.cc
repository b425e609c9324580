// Goal: no spelling of a private address passes for a public one. Method: tables.
#include "net/address_policy.h"

#include <gtest/gtest.h>

namespace carestream::net {
namespace {

TEST(AddressPolicy, PrivateTable) {
    for (const char* address : {"0.0.0.0",
                                "0.1.2.3",
                                "10.0.0.1",
                                "10.255.255.255",
                                "100.64.0.1",
                                "100.100.100.200",
                                "100.127.255.255",
                                "127.0.0.1",
                                "127.255.255.255",
                                "168.63.129.16",
                                "169.254.169.254",
                                "172.16.0.1",
                                "172.31.255.255",
                                "192.0.0.1",
                                "192.0.0.170",
                                "192.0.2.1",
                                "192.88.99.1",
                                "192.168.0.1",
                                "198.18.0.1",
                                "198.19.255.255",
                                "198.51.100.7",
                                "203.0.113.9",
                                "224.0.0.1",
                                "239.255.255.255",
                                "240.0.0.1",
                                "255.255.255.255",
                                "::",
                                "::1",
                                "::7f00:1",
                                "::ffff:127.0.0.1",
                                "::ffff:8.8.8.8",
                                "::ffff:0:8.8.8.8",
                                "64:ff9b::8.8.8.8",
                                "64:ff9b:1::1",
                                "100::1",
                                "2001::1",
                                "2001:10::1",
                                "2001:db8::1",
                                "2002:7f00:1::",
                                "3fff::1",
                                "4000::1",
                                "fc00::1",
                                "fd00:ec2::254",
                                "fe80::1",
                                "fe80::1%lo",
                                "fec0::1",
                                "ff02::1",
                                "",
                                "localhost",
                                "127.1",
                                "8.8.8.8.8",
                                "[::1]"}) {
        EXPECT_TRUE(IsPrivate(address)) << address;
    }
    for (const char* address :
         {"1.1.1.1",         "8.8.8.8",         "9.255.255.255",   "11.0.0.0",
          "100.63.255.255",  "100.128.0.0",     "126.255.255.255", "128.0.0.0",
          "169.253.255.255", "169.255.0.0",     "172.15.255.255",  "172.32.0.0",
          "192.0.1.0",       "192.167.255.255", "192.169.0.0",     "198.17.255.255",
          "198.20.0.0",      "223.255.255.255", "2001:200::1",     "2001:4860:4860::8888",
          "2003::1",         "2606:4700::1111", "3ffe::1"}) {
        EXPECT_FALSE(IsPrivate(address)) << address;
    }
}

TEST(AddressPolicy, NetworksAndTheSwitchAllowPrivateAddresses) {
    AddressPolicy policy;
    EXPECT_TRUE(AllowsAddress(policy, "8.8.8.8"));
    EXPECT_FALSE(AllowsAddress(policy, "10.1.2.3"));
    policy.networks.push_back(config::Network::Parse("10.1.0.0/16").value());
    EXPECT_TRUE(AllowsAddress(policy, "10.1.2.3"));
    EXPECT_FALSE(AllowsAddress(policy, "10.2.2.3"));
    EXPECT_FALSE(AllowsAddress(policy, "127.0.0.1"));
    policy.allow_private = true;
    EXPECT_TRUE(AllowsAddress(policy, "127.0.0.1"));
}

TEST(AddressPolicy, HostsTable) {
    AddressPolicy policy;
    EXPECT_TRUE(CheckHost(policy, "anything.example").has_value());
    policy.hosts = {"fhir.Example.org", "*.ehr.example.org"};
    for (const char* host : {"fhir.example.org", "a.ehr.example.org", "a.b.ehr.example.org"}) {
        EXPECT_TRUE(CheckHost(policy, host).has_value()) << host;
    }
    for (const char* host : {"example.org", "xfhir.example.org", "fhir.example.org.evil.example",
                             "ehr.example.org", ".ehr.example.org", "evilehr.example.org", ""}) {
        const auto refused = CheckHost(policy, host);
        ASSERT_FALSE(refused.has_value()) << host;
        EXPECT_EQ(refused.error().code, Code::kDenied);
        EXPECT_FALSE(refused.error().retryable);
    }
}

}  // namespace
}  // namespace carestream::net
