#include "config/units.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>
#include <limits>
#include <span>

#include "base/text.h"

namespace carestream::config {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

constexpr Unit kByteUnits[] = {
    {"", 1},      {"B", 1},          {"KiB", 1 << 10},     {"MiB", 1 << 20}, {"GiB", 1ll << 30},
    {"kB", 1000}, {"MB", 1'000'000}, {"GB", 1'000'000'000}};
constexpr Unit kDurationUnits[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

Result<std::int64_t> ParseWithUnit(std::string_view text, std::span<const Unit> units,
                                   const char* expected) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && number >= 0) {
        const std::string_view unit =
            Trim(text.substr(static_cast<std::size_t>(end - text.data())));
        for (const Unit& known : units) {
            if (known.name != unit) continue;
            if (number > std::numeric_limits<std::int64_t>::max() / known.factor) break;
            return number * known.factor;
        }
    }
    return Fail(Code::kInvalid, "'" + std::string(text) + "' is not " + expected);
}

bool ParseIp(std::string_view text, std::array<unsigned char, 16>& bytes, bool& v4) {
    const std::string name(text);
    in_addr four{};
    if (inet_pton(AF_INET, name.c_str(), &four) == 1) {
        bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
        std::memcpy(bytes.data() + 12, &four, 4);
        v4 = true;
        return true;
    }
    in6_addr six{};
    if (inet_pton(AF_INET6, name.c_str(), &six) != 1) return false;
    std::memcpy(bytes.data(), &six, 16);
    v4 = false;
    return true;
}

bool BitAt(const std::array<unsigned char, 16>& bytes, int bit) {
    return ((bytes[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8)) & 1) != 0;
}

}  // namespace

Result<std::int64_t> ParseBytes(std::string_view text) {
    return ParseWithUnit(text, kByteUnits, "a size: a number with KiB, MiB or GiB, like 64MiB");
}

Result<std::int64_t> ParseDurationMs(std::string_view text) {
    if (text == "none" || text == "0") return 0;
    return ParseWithUnit(text, kDurationUnits,
                         "a duration: a number with ms, s, m, h or d, like 20s");
}

Result<void> CheckAddress(std::string_view text) {
    const auto wrong = [&] {
        return Fail(Code::kInvalid, "'" + std::string(text) +
                                        "' is not an address: host:port, like 127.0.0.1:2575");
    };
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return wrong();
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return wrong();
    }
    if (host.empty() || !IsDigits(port) || port.size() > 5) return wrong();
    int number = 0;
    std::from_chars(port.data(), port.data() + port.size(), number);
    if (number > 65535) return wrong();
    return {};
}

Result<Network> Network::Parse(std::string_view text) {
    const auto wrong = [&](const char* why) {
        return Fail(Code::kInvalid, "'" + std::string(text) + "' is not a network: " + why);
    };
    Network network;
    bool v4 = false;
    const std::size_t slash = text.find('/');
    if (!ParseIp(text.substr(0, slash), network.bytes_, v4)) {
        return wrong("an IP address, with /bits for a block, like 10.0.0.0/8");
    }
    network.prefix_ = 128;
    if (slash != std::string_view::npos) {
        const std::string_view bits = text.substr(slash + 1);
        int prefix = -1;
        if (IsDigits(bits) && bits.size() <= 3) {
            std::from_chars(bits.data(), bits.data() + bits.size(), prefix);
        }
        if (prefix < 0 || prefix > (v4 ? 32 : 128))
            return wrong("the bits after / are out of range");
        network.prefix_ = v4 ? prefix + 96 : prefix;
    }
    for (int bit = network.prefix_; bit < 128; ++bit) {
        if (BitAt(network.bytes_, bit)) return wrong("address bits are set behind the prefix");
    }
    return network;
}

bool Network::Contains(std::string_view address) const {
    std::array<unsigned char, 16> bytes{};
    bool v4 = false;
    if (!ParseIp(address, bytes, v4)) return false;
    for (int bit = 0; bit < prefix_; ++bit) {
        if (BitAt(bytes, bit) != BitAt(bytes_, bit)) return false;
    }
    return true;
}

}  // namespace carestream::config
