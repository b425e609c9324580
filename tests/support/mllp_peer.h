#pragma once
// The other end of an MLLP destination: a raw socket that keeps what it received, in order, and
// does what a test says. Answers nothing unless told to.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "hl7/mllp.h"

namespace carestream::test {

template <typename Condition>
bool EventuallyTrue(Condition condition, int timeout_ms = 10'000) {
    for (int waited = 0; waited < timeout_ms; waited += 5) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return condition();
}

inline int BoundSocket(int port) {
    const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    (void)::setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(handle, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
    return handle;
}

inline int PortOf(int handle) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    (void)::getsockname(handle, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

// One that nobody listens on.
inline int FreePort() {
    const int handle = BoundSocket(0);
    const int port = PortOf(handle);
    ::close(handle);
    return port;
}

class MllpPeer {
public:
    using Reply = std::function<std::string(const std::string& message)>;  // "" = no answer

    explicit MllpPeer(int port = 0) : listener_(BoundSocket(port)), port_(PortOf(listener_)) {
        if (::listen(listener_, 8) != 0) std::abort();
        thread_ = std::thread([this] { Run(); });
    }
    ~MllpPeer() {
        stop_ = true;
        thread_.join();
        CloseLink();
        ::close(listener_);
    }
    MllpPeer(const MllpPeer&) = delete;
    MllpPeer& operator=(const MllpPeer&) = delete;

    [[nodiscard]] int port() const { return port_; }
    [[nodiscard]] int connections() const { return connections_; }
    void Answer(Reply reply) {
        const std::lock_guard lock(mutex_);
        reply_ = std::move(reply);
    }
    // From now on every link is closed as soon as it is there.
    void CloseAtOnce() { close_at_once_ = true; }
    [[nodiscard]] std::vector<std::string> received() {
        const std::lock_guard lock(mutex_);
        return received_;
    }
    // False: so many messages did not come.
    [[nodiscard]] bool Await(std::size_t count) {
        return EventuallyTrue([&] { return received().size() >= count; });
    }
    // Raw bytes on the newest link.
    void Write(const std::string& bytes) {
        const std::lock_guard lock(mutex_);
        if (link_ >= 0) (void)::send(link_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    void CloseLink() {
        const std::lock_guard lock(mutex_);
        if (link_ >= 0) ::close(link_);
        link_ = -1;
    }

private:
    void Run() {
        while (!stop_) {
            pollfd waiting[2] = {{listener_, POLLIN, 0}, {link(), POLLIN, 0}};
            if (::poll(waiting, 2, 20) <= 0) continue;
            if ((waiting[0].revents & POLLIN) != 0) Accept();
            if ((waiting[1].revents & (POLLIN | POLLHUP)) != 0) Read(waiting[1].fd);
        }
    }
    int link() {
        const std::lock_guard lock(mutex_);
        return link_;
    }
    void Accept() {
        const int link = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (link < 0) return;
        CloseLink();
        const std::lock_guard lock(mutex_);
        ++connections_;
        decoder_ = hl7::MllpDecoder({});
        link_ = link;
        if (!close_at_once_) return;
        ::close(link_);
        link_ = -1;
    }
    void Read(int link) {
        char buffer[4096];
        const std::lock_guard lock(mutex_);
        if (link != link_) return;
        const auto count = ::recv(link, buffer, sizeof buffer, MSG_DONTWAIT);
        if (count <= 0) {
            ::close(link_);
            link_ = -1;
            return;
        }
        (void)decoder_.Feed({buffer, static_cast<std::size_t>(count)});
        while (auto message = decoder_.Next()) {
            received_.push_back(*message);
            const std::string answer = reply_ ? reply_(*message) : std::string();
            if (answer.empty()) continue;
            const std::string frame = hl7::FrameMllp(answer);
            (void)::send(link_, frame.data(), frame.size(), MSG_NOSIGNAL);
        }
    }

    const int listener_;
    const int port_;
    std::mutex mutex_;  // guards what follows
    int link_ = -1;
    Reply reply_;
    std::vector<std::string> received_;
    hl7::MllpDecoder decoder_{{}};
    std::atomic<int> connections_ = 0;
    std::atomic<bool> stop_ = false;
    std::atomic<bool> close_at_once_ = false;
    std::thread thread_;
};

}  // namespace carestream::test
