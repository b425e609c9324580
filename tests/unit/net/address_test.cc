// Goal: addresses are read as people write them, and refused with the reason.
#include "net/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace carestream::net {
namespace {

TEST(Address, Table) {
    struct Row {
        std::string_view text;
        std::string_view host;  // "!" = refused
        int port;
        std::string_view unix_path;
        bool local;
    };
    const Row rows[] = {
        {"127.0.0.1:8080", "127.0.0.1", 8080, "", true},
        {"[::1]:0", "::1", 0, "", true},
        {"0.0.0.0:65535", "0.0.0.0", 65535, "", false},
        {"localhost:1", "localhost", 1, "", true},
        {"unix:/run/x.sock", "", 0, "/run/x.sock", true},
        {"8080", "!", 0, "", false},
        {":8080", "!", 0, "", false},
        {"::1:80", "!", 0, "", false},
        {"[::1:80", "!", 0, "", false},
        {"a:65536", "!", 0, "", false},
        {"a:-1", "!", 0, "", false},
        {"a:", "!", 0, "", false},
        {"a:1x", "!", 0, "", false},
        {"unix:", "!", 0, "", false},
    };
    for (const auto& row : rows) {
        const auto address = ParseAddress(row.text);
        ASSERT_EQ(address.has_value(), row.host != "!") << row.text;
        if (!address) continue;
        EXPECT_EQ(address->host, row.host);
        EXPECT_EQ(address->port, row.port);
        EXPECT_EQ(address->unix_path, row.unix_path);
        EXPECT_EQ(address->IsLocal(), row.local);
        EXPECT_EQ(address->ToString(), row.text);
    }
    EXPECT_FALSE(ParseAddress("unix:/" + std::string(107, 'x')).has_value());
}

TEST(Address, PortHolderNamesThisProcess) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
    ASSERT_EQ(::listen(fd, 1), 0);
    socklen_t size = sizeof(name);
    ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size), 0);
    const std::string holder = PortHolder(ntohs(name.sin_port));
    EXPECT_NE(holder.find("(pid " + std::to_string(::getpid()) + ")"), std::string::npos) << holder;
    ::close(fd);
    EXPECT_EQ(PortHolder(ntohs(name.sin_port)), "");
}

}  // namespace
}  // namespace carestream::net
