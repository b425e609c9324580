#pragma once
// What the connections of one listener share.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "adapters/mllp/source.h"

namespace carestream::adapters::mllp {

class Connection;
using SteadyTime = std::chrono::steady_clock::time_point;

// Lets a message through once in ten seconds and counts what it held back. Thread-safe.
class LogBrake {
public:
    // -1: say nothing; else how many were held back since the last time.
    [[nodiscard]] int Pass();

private:
    std::mutex mutex_;
    SteadyTime next_{};
    int held_back_ = 0;
};

struct Meters {
    Meters(telemetry::Metrics& metrics, const std::string& channel);
    // Reasons are few words of this adapter.
    void Refused(const std::string& reason) const;
    void Closed(const std::string& reason) const;

    telemetry::Metrics& metrics;
    const std::string channel;
    telemetry::Gauge& connections;
    telemetry::Counter& accepted;
    telemetry::Counter& junk_bytes;
    telemetry::Counter& aborted_frames;
};

// The connections that live on one thread; touched on that thread only.
struct Lane {
    explicit Lane(boost::asio::io_context& context) : io(context), timer(context) {}
    boost::asio::io_context& io;
    boost::asio::steady_timer timer;
    bool ticking = false;
    std::unordered_set<std::shared_ptr<Connection>> connections;
};

struct ListenerCore {
    ListenerCore(ListenerOptions options_, channel::SourceParts parts_)
        : options(std::move(options_)),
          parts(std::move(parts_)),
          meters(parts.metrics, parts.channel) {}

    const ListenerOptions options;
    const channel::SourceParts parts;
    const Meters meters;
    channel::Sink* sink = nullptr;  // set while started
    std::vector<std::unique_ptr<Lane>> lanes;
    std::atomic<int> connections = 0;
    std::atomic<std::size_t> buffered_bytes = 0;
    LogBrake brake_refused;
    LogBrake brake_junk;
    LogBrake brake_aborted;
    LogBrake brake_closed;
};

}  // namespace carestream::adapters::mllp
