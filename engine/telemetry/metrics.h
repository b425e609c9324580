#pragma once
// Prometheus metrics. Names start with carestream_; labels are few and bounded (channel, code,
// route template): never values from messages.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace carestream::telemetry {

using Label = std::pair<std::string, std::string>;

class Counter {
public:
    virtual ~Counter() = default;
    virtual void Add(double by = 1) = 0;
};

class Gauge {
public:
    virtual ~Gauge() = default;
    virtual void Set(double value) = 0;
    virtual void Add(double by) = 0;
};

class Histogram {
public:
    virtual ~Histogram() = default;
    virtual void Observe(double seconds) = 0;
};

// Owns every metric; references stay valid as long as it lives. The same name and labels give the
// same metric; one name with two kinds is a bug (asserted). Thread-safe; hot paths keep the
// reference.
class Metrics {
public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    [[nodiscard]] Counter& counter(const std::string& name, const std::string& help,
                                   std::vector<Label> labels = {});
    [[nodiscard]] Gauge& gauge(const std::string& name, const std::string& help,
                               std::vector<Label> labels = {});
    // Buckets from 0.1 ms to 60 s.
    [[nodiscard]] Histogram& histogram(const std::string& name, const std::string& help,
                                       std::vector<Label> labels = {});
    // Called before each exposition to refresh gauges; on the thread that calls Expose.
    void OnCollect(std::function<void()> refresh);
    [[nodiscard]] std::string Expose() const;  // text format 0.0.4

private:
    struct Registry;
    std::unique_ptr<Registry> registry_;
};

}  // namespace carestream::telemetry
