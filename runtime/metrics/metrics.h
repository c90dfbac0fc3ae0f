// Counters, gauges and histograms with labels, and the text that a Prometheus server reads.
//
//     Metrics metrics;
//     Counter& denied = metrics.AddCounter("varmor_violations_total", "Violations.", {"action"});
//     denied.Add({"DENIED"});
//     HttpResponse{200, Metrics::kContentType, metrics.Text()};
//
// Everything is thread-safe. A wrong number of label values, a name that is taken or is not one,
// and buckets out of order are faults of the program and end it with a message.
#ifndef RUNTIME_METRICS_METRICS_H_
#define RUNTIME_METRICS_METRICS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace varmor {

// In the order of the family's label names.
using LabelValues = std::vector<std::string>;

// What all series of one name have in common.
class MetricFamily {
 public:
  MetricFamily(std::string name, std::string help, std::string type,
               std::vector<std::string> labels);
  virtual ~MetricFamily() = default;

  // Forgets the series of which `gone` says so; those that come again start anew. A family without
  // labels has one series, which stays.
  void RemoveIf(const std::function<bool(const LabelValues& values)>& gone);

  // "# HELP", "# TYPE" and the series, ordered by their values.
  std::string Text() const;

 protected:
  // One number of a series (counters, gauges), or its sum and how many fell in each bucket
  // (histograms; the last bucket is +Inf).
  struct Series {
    double value = 0;
    std::vector<uint64_t> buckets;
  };

  // Of `values`, made when there is none yet. With the lock held, as the next one.
  Series& SeriesOf(const LabelValues& values);
  const Series* FindSeries(const LabelValues& values) const;
  // `{a="1",b="2"}`; `le` is another label when not empty.
  std::string Braces(const LabelValues& values, absl::string_view le = "") const;
  virtual std::string SeriesText(const LabelValues& values, const Series& series) const;

  const std::string name_;
  const std::string help_;
  const std::string type_;
  const std::vector<std::string> labels_;
  mutable std::mutex mutex_;  // of what follows
  std::map<LabelValues, Series> series_;
};

// Only grows.
class Counter : public MetricFamily {
 public:
  using MetricFamily::MetricFamily;
  // `amount` is not negative.
  void Add(const LabelValues& values = {}, double amount = 1);
  // 0 when there is no such series.
  double Value(const LabelValues& values = {}) const;
};

class Gauge : public MetricFamily {
 public:
  using MetricFamily::MetricFamily;
  void Set(const LabelValues& values, double value);
  void Add(const LabelValues& values, double amount);
  // 0 when there is no such series.
  double Value(const LabelValues& values = {}) const;
};

// What a histogram over RequestSeconds() would have seen, for those who make their metrics only
// when they are asked. A value: copies are apart.
class SecondsSeen {
 public:
  void Observe(double seconds);
  uint64_t count() const;

 private:
  friend class Histogram;
  std::vector<uint64_t> buckets_;
  double sum_ = 0;
};

class Histogram : public MetricFamily {
 public:
  // `bounds` are the upper ends of the buckets, ascending, without +Inf.
  Histogram(std::string name, std::string help, std::vector<std::string> labels,
            std::vector<double> bounds);
  void Observe(const LabelValues& values, double value);
  // In place of what was observed. For buckets that are those of RequestSeconds().
  void Set(const LabelValues& values, const SecondsSeen& seen);
  // How many were observed.
  uint64_t Count(const LabelValues& values = {}) const;

 private:
  std::string SeriesText(const LabelValues& values, const Series& series) const override;

  const std::vector<double> bounds_;
};

class Metrics {
 public:
  static constexpr char kContentType[] = "text/plain; version=0.0.4; charset=utf-8";

  // What is returned lives as long as the object.
  Counter& AddCounter(std::string name, std::string help, std::vector<std::string> labels = {});
  Gauge& AddGauge(std::string name, std::string help, std::vector<std::string> labels = {});
  Histogram& AddHistogram(std::string name, std::string help, std::vector<std::string> labels,
                          std::vector<double> bounds);

  // All families, ordered by name.
  std::string Text() const;

 private:
  template <typename Family>
  Family& Keep(const std::string& name, std::unique_ptr<Family> family);

  mutable std::mutex mutex_;  // of what follows
  std::map<std::string, std::unique_ptr<MetricFamily>> families_;
};

// Upper ends of buckets for the time of a request, in seconds: 1 ms to 10 s.
std::vector<double> RequestSeconds();

}  // namespace varmor

#endif  // RUNTIME_METRICS_METRICS_H_
