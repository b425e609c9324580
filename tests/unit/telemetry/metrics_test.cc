// Goal: what is counted comes out in Prometheus text format, once.
#include "telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carestream::telemetry {
namespace {

using testing::HasSubstr;

TEST(Metrics, SameNameAndLabelsAreOneMetric) {
    Metrics metrics;
    metrics.counter("carestream_x_total", "x", {{"b", "2"}, {"a", "1"}}).Add();
    metrics.counter("carestream_x_total", "x", {{"a", "1"}, {"b", "2"}}).Add(2);
    metrics.counter("carestream_x_total", "x", {{"a", "1"}, {"b", "3"}}).Add(5);
    const std::string text = metrics.Expose();
    EXPECT_THAT(text, HasSubstr("# TYPE carestream_x_total counter"));
    EXPECT_THAT(text, HasSubstr("carestream_x_total{a=\"1\",b=\"2\"} 3"));
    EXPECT_THAT(text, HasSubstr("carestream_x_total{a=\"1\",b=\"3\"} 5"));
}

TEST(Metrics, HistogramCountsInBuckets) {
    Metrics metrics;
    auto& histogram = metrics.histogram("carestream_seconds", "s");
    histogram.Observe(0.0002);
    histogram.Observe(3);
    const std::string text = metrics.Expose();
    EXPECT_THAT(text, HasSubstr("carestream_seconds_bucket{le=\"0.00025\"} 1"));
    EXPECT_THAT(text, HasSubstr("carestream_seconds_bucket{le=\"+Inf\"} 2"));
    EXPECT_THAT(text, HasSubstr("carestream_seconds_count 2"));
}

TEST(Metrics, GaugesAreRefreshedBeforeExposition) {
    Metrics metrics;
    auto& gauge = metrics.gauge("carestream_depth", "depth");
    metrics.OnCollect([&] { gauge.Set(7); });
    EXPECT_THAT(metrics.Expose(), HasSubstr("carestream_depth 7"));
}

TEST(MetricsDeathTest, OneNameWithTwoKindsIsABug) {
    Metrics metrics;
    metrics.counter("carestream_y", "y").Add();
    EXPECT_DEATH((void)metrics.gauge("carestream_y", "y"), "kinds");
}

}  // namespace
}  // namespace carestream::telemetry
