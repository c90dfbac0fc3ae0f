#include "tools/bench/vm/figures.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace varmor {
namespace {

// A figure may be so much above the recorded one: ten times what repetitions differ by.
constexpr double kGrowth = 1.10;

std::string Number(double value) {
  return value < 100 ? absl::StrFormat("%.1f", value) : absl::StrFormat("%.0f", value);
}

}  // namespace

double Figure::least() const { return *std::min_element(values.begin(), values.end()); }

double Figure::spread() const {
  const double most = *std::max_element(values.begin(), values.end());
  return least() > 0 ? (most - least()) / least() * 100 : 0;
}

std::map<std::string, double> ReadRecorded(const std::string& path) {
  std::map<std::string, double> recorded;
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line.substr(0, line.find('#')));
    double value = 0;
    std::string name;
    if (words >> value && std::getline(words >> std::ws, name)) recorded[name] = value;
  }
  return recorded;
}

void PrintTable(const std::vector<Figure>& figures, const std::map<std::string, double>& recorded,
                std::ostream& out) {
  out << "| case | least | spread | bar | recorded |\n|---|---:|---:|---:|---:|\n";
  for (const Figure& one : figures) {
    const auto before = recorded.find(one.name);
    out << "| " << one.name << " | " << Number(one.least()) << " " << one.unit << " | "
        << absl::StrFormat("%.1f %%", one.spread()) << " | "
        << (one.bar > 0 ? Number(one.bar) + (one.least() > one.bar ? " missed" : "") : "") << " | "
        << (before != recorded.end() ? Number(before->second) : "") << " |\n";
  }
}

void PrintRecord(const std::vector<Figure>& figures, std::ostream& out) {
  for (const Figure& one : figures) out << Number(one.least()) << " " << one.name << "\n";
}

Checks Check(const std::vector<Figure>& figures, const std::map<std::string, double>& recorded,
             std::ostream& out) {
  Checks checks;
  const auto expect = [&](bool holds, const std::string& complaint) {
    ++(holds ? checks.passed : checks.failed);
    if (!holds) out << "FAIL: " << complaint << "\n";
  };
  for (const Figure& one : figures) {
    if (one.bar > 0) {
      expect(one.least() <= one.bar,
             absl::StrCat(one.name, ": ", Number(one.least()), " ", one.unit,
                          " is above the bar of ", Number(one.bar)));
    }
    const auto before = recorded.find(one.name);
    if (before != recorded.end()) {
      expect(one.least() <= before->second * kGrowth,
             absl::StrCat(one.name, ": ", Number(one.least()), " ", one.unit,
                          " is more than 10 % above the recorded ", Number(before->second)));
    }
  }
  return checks;
}

}  // namespace varmor
