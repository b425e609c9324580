#include "telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <sstream>

#include "base/assert.h"

namespace carestream::telemetry {
namespace {

class CounterOf final : public Counter {
public:
    explicit CounterOf(prometheus::Counter& counter) : counter_(counter) {}
    void Add(double by) override { counter_.Increment(by); }

private:
    prometheus::Counter& counter_;
};

class GaugeOf final : public Gauge {
public:
    explicit GaugeOf(prometheus::Gauge& gauge) : gauge_(gauge) {}
    void Set(double value) override { gauge_.Set(value); }
    void Add(double by) override { gauge_.Increment(by); }

private:
    prometheus::Gauge& gauge_;
};

class HistogramOf final : public Histogram {
public:
    explicit HistogramOf(prometheus::Histogram& histogram) : histogram_(histogram) {}
    void Observe(double seconds) override { histogram_.Observe(seconds); }

private:
    prometheus::Histogram& histogram_;
};

const prometheus::Histogram::BucketBoundaries kBuckets = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15,
    0.25,   0.5,     1,      2.5,   5,      10,    20,   30,    60};

using Key = std::pair<std::string, std::vector<Label>>;

}  // namespace

struct Metrics::Registry {
    prometheus::Registry prometheus;
    std::mutex mutex;  // guards what follows
    std::map<Key, std::unique_ptr<Counter>> counters;
    std::map<Key, std::unique_ptr<Gauge>> gauges;
    std::map<Key, std::unique_ptr<Histogram>> histograms;
    std::map<std::string, char> kinds;
    std::vector<std::function<void()>> refreshers;

    // The metric under `name` and `labels`, made with `make` at the first call.
    template <typename Wrapped, typename Make>
    auto& Get(std::map<Key, std::unique_ptr<Wrapped>>& map, char kind, const std::string& name,
              std::vector<Label> labels, const Make& make) {
        std::sort(labels.begin(), labels.end());
        const std::lock_guard lock(mutex);
        CARESTREAM_ASSERT(kinds.try_emplace(name, kind).first->second == kind);
        auto& slot = map[Key(name, labels)];
        if (!slot) slot = make(prometheus::Labels(labels.begin(), labels.end()));
        return *slot;
    }
};

Metrics::Metrics() : registry_(std::make_unique<Registry>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, const std::string& help,
                          std::vector<Label> labels) {
    return registry_->Get(registry_->counters, 'c', name, std::move(labels), [&](auto made) {
        auto& family =
            prometheus::BuildCounter().Name(name).Help(help).Register(registry_->prometheus);
        return std::make_unique<CounterOf>(family.Add(made));
    });
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, std::vector<Label> labels) {
    return registry_->Get(registry_->gauges, 'g', name, std::move(labels), [&](auto made) {
        auto& family =
            prometheus::BuildGauge().Name(name).Help(help).Register(registry_->prometheus);
        return std::make_unique<GaugeOf>(family.Add(made));
    });
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                              std::vector<Label> labels) {
    return registry_->Get(registry_->histograms, 'h', name, std::move(labels), [&](auto made) {
        auto& family =
            prometheus::BuildHistogram().Name(name).Help(help).Register(registry_->prometheus);
        return std::make_unique<HistogramOf>(family.Add(made, kBuckets));
    });
}

void Metrics::OnCollect(std::function<void()> refresh) {
    const std::lock_guard lock(registry_->mutex);
    registry_->refreshers.push_back(std::move(refresh));
}

std::string Metrics::Expose() const {
    std::vector<std::function<void()>> refreshers;
    {
        const std::lock_guard lock(registry_->mutex);
        refreshers = registry_->refreshers;
    }
    for (const auto& refresh : refreshers) refresh();
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, registry_->prometheus.Collect());
    return std::move(out).str();
}

}  // namespace carestream::telemetry
