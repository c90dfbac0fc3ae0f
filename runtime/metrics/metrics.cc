#include "runtime/metrics/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace varmor {
namespace {

void Require(bool holds, absl::string_view metric, absl::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "metric %s: %s\n", std::string(metric).c_str(), std::string(what).c_str());
  std::abort();
}

bool IsName(absl::string_view name) {
  if (name.empty() || absl::ascii_isdigit(name[0])) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

// The shortest text that reads back as `number`.
std::string Number(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "+Inf" : "-Inf";
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), number);
  return std::string(text, end.ptr);
}

std::string EscapeHelp(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\n", "\\n"}});
}

std::string EscapeValue(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\n", "\\n"}, {"\"", "\\\""}});
}

}  // namespace

MetricFamily::MetricFamily(std::string name, std::string help, std::string type,
                           std::vector<std::string> labels)
    : name_(std::move(name)),
      help_(std::move(help)),
      type_(std::move(type)),
      labels_(std::move(labels)) {
  Require(IsName(name_), name_, "not a name");
  for (const std::string& label : labels_) Require(IsName(label) && label != "le", name_, label);
}

MetricFamily::Series& MetricFamily::SeriesOf(const LabelValues& values) {
  Require(values.size() == labels_.size(), name_, "another number of label values than names");
  return series_[values];
}

const MetricFamily::Series* MetricFamily::FindSeries(const LabelValues& values) const {
  Require(values.size() == labels_.size(), name_, "another number of label values than names");
  const auto found = series_.find(values);
  return found == series_.end() ? nullptr : &found->second;
}

void MetricFamily::RemoveIf(const std::function<bool(const LabelValues& values)>& gone) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (labels_.empty()) return;
  for (auto each = series_.begin(); each != series_.end();) {
    each = gone(each->first) ? series_.erase(each) : std::next(each);
  }
}

std::string MetricFamily::Braces(const LabelValues& values, absl::string_view le) const {
  std::vector<std::string> pairs;
  for (size_t i = 0; i < values.size(); ++i) {
    pairs.push_back(absl::StrCat(labels_[i], "=\"", EscapeValue(values[i]), "\""));
  }
  if (!le.empty()) pairs.push_back(absl::StrCat("le=\"", le, "\""));
  return pairs.empty() ? "" : absl::StrCat("{", absl::StrJoin(pairs, ","), "}");
}

std::string MetricFamily::SeriesText(const LabelValues& values, const Series& series) const {
  return absl::StrCat(name_, Braces(values), " ", Number(series.value), "\n");
}

std::string MetricFamily::Text() const {
  std::string text =
      absl::StrCat("# HELP ", name_, " ", EscapeHelp(help_), "\n# TYPE ", name_, " ", type_, "\n");
  const std::lock_guard<std::mutex> lock(mutex_);
  if (labels_.empty() && series_.empty()) text += SeriesText({}, {});
  for (const auto& [values, series] : series_) text += SeriesText(values, series);
  return text;
}

void Counter::Add(const LabelValues& values, double amount) {
  Require(amount >= 0, name_, "a counter cannot go back");
  const std::lock_guard<std::mutex> lock(mutex_);
  SeriesOf(values).value += amount;
}

double Counter::Value(const LabelValues& values) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Series* series = FindSeries(values);
  return series == nullptr ? 0 : series->value;
}

void Gauge::Set(const LabelValues& values, double value) {
  const std::lock_guard<std::mutex> lock(mutex_);
  SeriesOf(values).value = value;
}

void Gauge::Add(const LabelValues& values, double amount) {
  const std::lock_guard<std::mutex> lock(mutex_);
  SeriesOf(values).value += amount;
}

double Gauge::Value(const LabelValues& values) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Series* series = FindSeries(values);
  return series == nullptr ? 0 : series->value;
}

void SecondsSeen::Observe(double seconds) {
  const std::vector<double> bounds = RequestSeconds();
  buckets_.resize(bounds.size() + 1);
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin();
  ++buckets_[static_cast<size_t>(bucket)];
  sum_ += seconds;
}

uint64_t SecondsSeen::count() const {
  return std::accumulate(buckets_.begin(), buckets_.end(), uint64_t{0});
}

Histogram::Histogram(std::string name, std::string help, std::vector<std::string> labels,
                     std::vector<double> bounds)
    : MetricFamily(std::move(name), std::move(help), "histogram", std::move(labels)),
      bounds_(std::move(bounds)) {
  Require(!bounds_.empty() && std::is_sorted(bounds_.begin(), bounds_.end()), name_,
          "buckets must ascend");
}

void Histogram::Observe(const LabelValues& values, double value) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  const std::lock_guard<std::mutex> lock(mutex_);
  Series& series = SeriesOf(values);
  series.buckets.resize(bounds_.size() + 1);
  ++series.buckets[static_cast<size_t>(bucket)];
  series.value += value;
}

void Histogram::Set(const LabelValues& values, const SecondsSeen& seen) {
  Require(bounds_ == RequestSeconds(), name_, "its buckets are not those of what was seen");
  const std::lock_guard<std::mutex> lock(mutex_);
  Series& series = SeriesOf(values);
  series.buckets = seen.buckets_;
  series.value = seen.sum_;
}

uint64_t Histogram::Count(const LabelValues& values) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Series* series = FindSeries(values);
  uint64_t count = 0;
  if (series != nullptr) {
    for (const uint64_t each : series->buckets) count += each;
  }
  return count;
}

std::string Histogram::SeriesText(const LabelValues& values, const Series& series) const {
  std::string text;
  uint64_t count = 0;
  for (size_t i = 0; i <= bounds_.size(); ++i) {
    count += i < series.buckets.size() ? series.buckets[i] : 0;
    const std::string le = i < bounds_.size() ? Number(bounds_[i]) : "+Inf";
    absl::StrAppend(&text, name_, "_bucket", Braces(values, le), " ", count, "\n");
  }
  absl::StrAppend(&text, name_, "_sum", Braces(values), " ", Number(series.value), "\n", name_,
                  "_count", Braces(values), " ", count, "\n");
  return text;
}

template <typename Family>
Family& Metrics::Keep(const std::string& name, std::unique_ptr<Family> family) {
  Family& kept = *family;
  const std::lock_guard<std::mutex> lock(mutex_);
  Require(families_.emplace(name, std::move(family)).second, name, "declared twice");
  return kept;
}

Counter& Metrics::AddCounter(std::string name, std::string help, std::vector<std::string> labels) {
  return Keep(name, std::make_unique<Counter>(name, std::move(help), "counter", std::move(labels)));
}

Gauge& Metrics::AddGauge(std::string name, std::string help, std::vector<std::string> labels) {
  return Keep(name, std::make_unique<Gauge>(name, std::move(help), "gauge", std::move(labels)));
}

Histogram& Metrics::AddHistogram(std::string name, std::string help,
                                 std::vector<std::string> labels, std::vector<double> bounds) {
  return Keep(name, std::make_unique<Histogram>(name, std::move(help), std::move(labels),
                                                std::move(bounds)));
}

std::string Metrics::Text() const {
  std::string text;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [name, family] : families_) text += family->Text();
  return text;
}

std::vector<double> RequestSeconds() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}

}  // namespace varmor
