#include "net/address_policy.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "base/text.h"

namespace carestream::net {
namespace {

namespace ip = boost::asio::ip;

std::vector<config::Network> Parse(std::initializer_list<std::string_view> texts) {
    std::vector<config::Network> networks;
    for (const std::string_view text : texts) {
        networks.push_back(config::Network::Parse(text).value());
    }
    return networks;
}

const std::vector<config::Network>& NotPublic4() {
    static const std::vector<config::Network> networks = Parse({
        "0.0.0.0/8",        // this network
        "10.0.0.0/8",       // private
        "100.64.0.0/10",    // shared (CGNAT), metadata of one cloud
        "127.0.0.0/8",      // loopback
        "168.63.129.16",    // a cloud's wire server
        "169.254.0.0/16",   // link-local, metadata of most clouds
        "172.16.0.0/12",    // private
        "192.0.0.0/24",     // protocol assignments
        "192.0.2.0/24",     // documentation
        "192.88.99.0/24",   // 6to4 relays
        "192.168.0.0/16",   // private
        "198.18.0.0/15",    // benchmarks
        "198.51.100.0/24",  // documentation
        "203.0.113.0/24",   // documentation
        "224.0.0.0/4",      // multicast
        "240.0.0.0/4",      // reserved, broadcast
    });
    return networks;
}

// Within 2000::/3; nothing outside of it is public.
const std::vector<config::Network>& NotPublic6() {
    static const std::vector<config::Network> networks = Parse({
        "2001::/23",      // protocol assignments, Teredo
        "2001:db8::/32",  // documentation
        "2002::/16",      // 6to4
        "3fff::/20",      // documentation
    });
    return networks;
}

bool Contains(const std::vector<config::Network>& networks, std::string_view address) {
    return std::any_of(networks.begin(), networks.end(),
                       [&](const auto& network) { return network.Contains(address); });
}

}  // namespace

bool IsPrivate(std::string_view address) {
    boost::system::error_code error;
    const ip::address parsed = ip::make_address(std::string(address), error);
    if (error) return true;
    if (parsed.is_v4()) return Contains(NotPublic4(), address);
    const ip::address_v6 without_scope(parsed.to_v6().to_bytes());
    static const config::Network kGlobalUnicast = config::Network::Parse("2000::/3").value();
    const std::string text = without_scope.to_string();
    return !kGlobalUnicast.Contains(text) || Contains(NotPublic6(), text);
}

Result<void> CheckHost(const AddressPolicy& policy, std::string_view host) {
    if (policy.hosts.empty()) return {};
    for (const std::string& pattern : policy.hosts) {
        const std::string wanted = ToLowerAscii(pattern);
        const bool below = wanted.starts_with("*.") && host.size() > wanted.size() - 1 &&
                           host.ends_with(std::string_view(wanted).substr(1));
        if (below || host == wanted) return {};
    }
    return Fail(Code::kDenied, "the host is not among the allowed ones; add it to them",
                std::string(host));
}

bool AllowsAddress(const AddressPolicy& policy, std::string_view address) {
    return policy.allow_private || Contains(policy.networks, address) || !IsPrivate(address);
}

}  // namespace carestream::net
