#include "net/address.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/text.h"

namespace carestream::net {
namespace {

constexpr std::size_t kUnixPathMax = 107;

// Inode numbers of the sockets that listen on `port`, from the kernel's table.
void CollectListeners(const char* table, std::uint16_t port, std::set<std::string>& inodes) {
    std::ifstream file(table);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        std::istringstream words(line);
        std::string slot, local, remote, state, skipped, inode;
        words >> slot >> local >> remote >> state;
        for (int i = 0; i < 5; ++i) words >> skipped;
        words >> inode;
        const auto colon = local.rfind(':');
        if (state != "0A" || colon == std::string::npos) continue;  // 0A: TCP_LISTEN
        unsigned number = 0;
        const char* first = local.data() + colon + 1;
        std::from_chars(first, local.data() + local.size(), number, 16);
        if (number == port) inodes.insert("socket:[" + inode + "]");
    }
}

bool HoldsOneOf(const std::filesystem::path& descriptors, const std::set<std::string>& inodes) {
    std::error_code error;
    for (std::filesystem::directory_iterator it(descriptors, error), end; !error && it != end;
         it.increment(error)) {
        std::error_code unreadable;
        const auto target = std::filesystem::read_symlink(it->path(), unreadable);
        if (!unreadable && inodes.contains(target.string())) return true;
    }
    return false;
}

}  // namespace

std::string Address::ToString() const {
    if (IsUnix()) return "unix:" + unix_path;
    const bool brackets = host.find(':') != std::string::npos;
    return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool Address::IsLocal() const {
    return IsUnix() || host == "localhost" || host == "::1" || host.starts_with("127.");
}

Result<Address> ParseAddress(std::string_view text) {
    Address address;
    if (text.starts_with("unix:")) {
        address.unix_path = std::string(text.substr(5));
        if (address.unix_path.empty()) return Fail(Code::kInvalid, "unix: needs a path");
        if (address.unix_path.size() > kUnixPathMax) {
            return Fail(Code::kInvalid,
                        "a socket path has at most 107 bytes; choose a shorter one");
        }
        return address;
    }
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) {
        return Fail(Code::kInvalid, "an address is host:port, [ipv6]:port or unix:/path");
    }
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    if (host.starts_with('[') != host.ends_with(']')) {
        return Fail(Code::kInvalid, "an IPv6 address stands in brackets: [::1]:8080");
    }
    if (host.starts_with('[')) {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return Fail(Code::kInvalid, "an IPv6 address stands in brackets: [::1]:8080");
    }
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (!IsDigits(port) || parsed.ec != std::errc()) {
        return Fail(Code::kInvalid, "the port is a number from 0 to 65535");
    }
    if (host.empty()) return Fail(Code::kInvalid, "the host is missing before the port");
    address.host = std::string(host);
    return address;
}

std::string PortHolder(std::uint16_t port) {
    std::set<std::string> inodes;
    CollectListeners("/proc/net/tcp", port, inodes);
    CollectListeners("/proc/net/tcp6", port, inodes);
    if (inodes.empty()) return {};
    std::error_code error;
    for (std::filesystem::directory_iterator it("/proc", error), end; !error && it != end;
         it.increment(error)) {
        const std::string pid = it->path().filename().string();
        if (!IsDigits(pid) || !HoldsOneOf(it->path() / "fd", inodes)) continue;
        std::ifstream file(it->path() / "comm");
        std::string name;
        std::getline(file, name);
        return name + " (pid " + pid + ")";
    }
    return {};
}

}  // namespace carestream::net
