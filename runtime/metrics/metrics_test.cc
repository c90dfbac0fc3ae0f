#include "runtime/metrics/metrics.h"

#include <limits>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace varmor {
namespace {

TEST(MetricsTest, PrintsFamiliesByNameAndSeriesByValues) {
  Metrics metrics;
  Gauge& nodes = metrics.AddGauge("varmor_policy_nodes", "Nodes by state.", {"name", "state"});
  Counter& requests = metrics.AddCounter("varmor_admission_requests_total", "Requests.");
  nodes.Set({"web", "loaded"}, 3);
  nodes.Set({"db", "loaded"}, 0.1);
  nodes.Add({"db", "failed"}, 2);
  nodes.Add({"db", "failed"}, -1);
  requests.Add();
  requests.Add({}, 1e6);
  EXPECT_EQ(metrics.Text(), R"(# HELP varmor_admission_requests_total Requests.
# TYPE varmor_admission_requests_total counter
varmor_admission_requests_total 1000001
# HELP varmor_policy_nodes Nodes by state.
# TYPE varmor_policy_nodes gauge
varmor_policy_nodes{name="db",state="failed"} 1
varmor_policy_nodes{name="db",state="loaded"} 0.1
varmor_policy_nodes{name="web",state="loaded"} 3
)");
  EXPECT_EQ(requests.Value(), 1000001);
  EXPECT_EQ(nodes.Value({"db", "failed"}), 1);
  EXPECT_EQ(nodes.Value({"db", "none"}), 0);
}

TEST(MetricsTest, PrintsHistogramsCumulatively) {
  Metrics metrics;
  Histogram& latency = metrics.AddHistogram("latency", "Seconds.", {"kind"}, {0.5, 1, 2.5});
  for (const double seconds : {0.25, 0.5, 2.0, 8.0}) latency.Observe({"Pod"}, seconds);
  EXPECT_EQ(metrics.Text(), R"(# HELP latency Seconds.
# TYPE latency histogram
latency_bucket{kind="Pod",le="0.5"} 2
latency_bucket{kind="Pod",le="1"} 2
latency_bucket{kind="Pod",le="2.5"} 3
latency_bucket{kind="Pod",le="+Inf"} 4
latency_sum{kind="Pod"} 10.75
latency_count{kind="Pod"} 4
)");
  EXPECT_EQ(latency.Count({"Pod"}), 4);
  EXPECT_EQ(latency.Count({"Deployment"}), 0);
}

TEST(MetricsTest, StartsAtZeroWithoutLabelsAndEmptyWithThem) {
  Metrics metrics;
  metrics.AddCounter("a", "A.");
  metrics.AddCounter("b", "B.", {"x"});
  metrics.AddHistogram("c", "C.", {}, {1});
  EXPECT_EQ(metrics.Text(),
            "# HELP a A.\n# TYPE a counter\na 0\n# HELP b B.\n# TYPE b counter\n"
            "# HELP c C.\n# TYPE c histogram\nc_bucket{le=\"1\"} 0\nc_bucket{le=\"+Inf\"} 0\n"
            "c_sum 0\nc_count 0\n");
}

TEST(MetricsTest, ShowsWhatWasSeenElsewhere) {
  SecondsSeen seen;
  for (const double seconds : {0.0005, 0.2, 30.0}) seen.Observe(seconds);
  EXPECT_EQ(seen.count(), 3u);
  Metrics one;
  one.AddHistogram("h", "H.", {"x"}, RequestSeconds()).Set({"a"}, seen);
  Metrics other;
  Histogram& same = other.AddHistogram("h", "H.", {"x"}, RequestSeconds());
  for (const double seconds : {0.0005, 0.2, 30.0}) same.Observe({"a"}, seconds);
  EXPECT_EQ(one.Text(), other.Text());
}

TEST(MetricsTest, EscapesWhatWouldEndAValue) {
  Metrics metrics;
  metrics.AddGauge("g", "back\\slash\nline \"quote\"", {"x"})
      .Set({"a\\b\nc\"d"}, std::numeric_limits<double>::infinity());
  EXPECT_EQ(
      metrics.Text(),
      "# HELP g back\\\\slash\\nline \"quote\"\n# TYPE g gauge\ng{x=\"a\\\\b\\nc\\\"d\"} +Inf\n");
}

TEST(MetricsTest, ForgetsSeries) {
  Metrics metrics;
  Counter& counter = metrics.AddCounter("c", "C.", {"policy", "action"});
  counter.Add({"a", "1"});
  counter.Add({"a", "2"});
  counter.Add({"b", "1"});
  counter.RemoveIf([](const LabelValues& values) { return values[0] == "a"; });
  counter.Add({"a", "1"});
  EXPECT_EQ(metrics.Text(),
            "# HELP c C.\n# TYPE c counter\nc{policy=\"a\",action=\"1\"} 1\n"
            "c{policy=\"b\",action=\"1\"} 1\n");
}

TEST(MetricsTest, CountsFromManyThreads) {
  Metrics metrics;
  Counter& counter = metrics.AddCounter("c", "C.", {"x"});
  Histogram& histogram = metrics.AddHistogram("h", "H.", {}, RequestSeconds());
  std::vector<std::thread> threads(4);
  for (size_t i = 0; i < threads.size(); ++i) {
    threads[i] = std::thread([&, i] {
      for (int n = 0; n < 1000; ++n) {
        counter.Add({std::to_string(i % 2)});
        histogram.Observe({}, n * 0.001);
        if (n % 100 == 0) metrics.Text();
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(counter.Value({"0"}), 2000);
  EXPECT_EQ(histogram.Count(), 4000);
}

TEST(MetricsDeathTest, FaultsOfTheProgramEndIt) {
  Metrics metrics;
  Counter& counter = metrics.AddCounter("c", "C.", {"x"});
  EXPECT_DEATH(counter.Add(), "metric c: another number of label values");
  EXPECT_DEATH(counter.Add({"1"}, -1), "metric c: a counter cannot go back");
  EXPECT_DEATH(metrics.AddGauge("c", "C."), "metric c: declared twice");
  EXPECT_DEATH(metrics.AddGauge("c-d", "C."), "metric c-d: not a name");
  EXPECT_DEATH(metrics.AddHistogram("h", "H.", {}, {2, 1}), "metric h: buckets must ascend");
  Histogram& other = metrics.AddHistogram("i", "I.", {}, {1});
  EXPECT_DEATH(other.Set({}, SecondsSeen()), "metric i: its buckets are not those");
}

}  // namespace
}  // namespace varmor
