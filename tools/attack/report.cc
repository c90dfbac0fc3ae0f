#include "tools/attack/report.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/compiler/simulate/event_text.h"
#include "tools/attack/coverage.h"

namespace varmor {
namespace {

using Result = MatrixRow::Result;

int Count(const std::vector<MatrixRow>& rows, Result result) {
  return static_cast<int>(std::count_if(
      rows.begin(), rows.end(), [result](const MatrixRow& row) { return row.result == result; }));
}

std::string InCell(const std::string& text) {
  return absl::StrReplaceAll(text, {{"|", "\\|"}, {"\n", " "}});
}

// How a rule does under one enforcer.
struct Tally {
  int denied = 0;
  int allowed = 0;
  int failed = 0;
  int holes = 0;
};

void AddTo(Tally& tally, const MatrixRow& row) {
  switch (row.result) {
    case Result::kPassed:
      ++(row.denied ? tally.denied : tally.allowed);
      break;
    case Result::kFailed:
      ++tally.failed;
      break;
    case Result::kHole:
      ++tally.holes;
      break;
  }
}

std::string Cell(const Tally& tally) {
  std::string text = absl::StrCat(tally.denied, " refused, ", tally.allowed, " allowed");
  if (tally.failed > 0) absl::StrAppend(&text, ", **", tally.failed, " failed**");
  if (tally.holes > 0) absl::StrAppend(&text, ", ", tally.holes, " not proven");
  return text;
}

std::string RuleTable(const std::vector<MatrixRow>& rows) {
  // In the order of the rows.
  std::vector<std::string> rules;
  std::map<std::pair<std::string, std::string>, Tally> tallies;
  for (const MatrixRow& row : rows) {
    if (std::find(rules.begin(), rules.end(), row.rule) == rules.end()) rules.push_back(row.rule);
    AddTo(tallies[{row.rule, row.enforcer}], row);
  }
  std::string text = "| rule | AppArmor | BPF | Seccomp |\n|---|---|---|---|\n";
  for (const std::string& rule : rules) {
    absl::StrAppend(&text, "| ", rule, " |");
    for (const char* enforcer : {"AppArmor", "BPF", "Seccomp"}) {
      const auto tally = tallies.find({rule, enforcer});
      absl::StrAppend(&text, " ", tally == tallies.end() ? "" : Cell(tally->second), " |");
    }
    text += "\n";
  }
  return text;
}

// Rows that tell the same are one line, with what it is about.
std::string RowTable(const std::vector<MatrixRow>& rows, Result result) {
  using Line = std::pair<std::string, std::vector<const MatrixRow*>>;
  std::vector<Line> lines;
  for (const MatrixRow& row : rows) {
    if (row.result != result) continue;
    const std::string told =
        absl::StrCat("| ", row.enforcer, " | ", row.way, " | ", InCell(row.without), " | ",
                     InCell(row.with), " | ", InCell(row.reason), " | ");
    const auto known = std::find_if(lines.begin(), lines.end(),
                                    [&told](const Line& line) { return line.first == told; });
    auto& line = known != lines.end() ? *known : lines.emplace_back(told, Line::second_type());
    line.second.push_back(&row);
  }
  std::string text =
      "| enforcer | way | without the policy | with it | why | how many | what |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const auto& [told, about] : lines) {
    absl::StrAppend(&text, told, about.size(), " | ");
    std::string rule;
    for (const MatrixRow* row : about) {
      absl::StrAppend(&text,
                      rule.empty()        ? ""
                      : rule == row->rule ? ", "
                                          : "; ",
                      rule == row->rule ? "" : absl::StrCat(row->rule, ": "),
                      row->denied ? "" : "near miss ", InCell(row->event));
      rule = row->rule;
    }
    text += " |\n";
  }
  return text;
}

std::string Section(absl::string_view title, const std::vector<MatrixRow>& rows) {
  std::string text = absl::StrCat("## ", title, "\n\n", MatrixTotals(rows), ".\n\n");
  absl::StrAppend(&text, RuleTable(rows), "\n");
  if (Count(rows, Result::kFailed) > 0) {
    absl::StrAppend(&text, "Failed:\n\n", RowTable(rows, Result::kFailed), "\n");
  }
  if (Count(rows, Result::kHole) > 0) {
    absl::StrAppend(&text, "Not proven, and why:\n\n", RowTable(rows, Result::kHole), "\n");
  }
  return text;
}

// Examples that an enforcer is not asked about, once per reason.
std::string LeftOutTable(const std::vector<AttackCase>& cases) {
  std::set<std::string> lines;
  for (const AttackCase& attack_case : cases) {
    for (const LeftOutEvent& left_out : attack_case.left_out) {
      lines.insert(absl::StrCat("| ", attack_case.rule, " | ", attack_case.enforcer, " | ",
                                InCell(EventText(left_out.event)), " | ", InCell(left_out.reason),
                                " |\n"));
    }
  }
  std::string text = "| rule | enforcer | example | why |\n|---|---|---|---|\n";
  for (const std::string& line : lines) text += line;
  return text;
}

}  // namespace

std::string MatrixTotals(const std::vector<MatrixRow>& rows) {
  return absl::StrCat(Count(rows, Result::kPassed), " passed, ", Count(rows, Result::kFailed),
                      " failed, ", Count(rows, Result::kHole), " not proven");
}

std::string MatrixPage(const MatrixReport& report) {
  std::string text = absl::StrCat(
      "# The attack matrix\n\nWritten by `tools/vm/run attack-matrix`, on ", report.machine,
      ".\n\nEvery example of every built-in rule is tried for every enforcer that the rule's "
      "record "
      "claims, and scenarios of raw\nBPF rules (at the end of the tables), in a container with all "
      "capabilities:\n\n"
      "* without the policy it works;\n"
      "* with it, what the rule denies fails with the error that the simulator says, in every way "
      "that the attacker knows\n  (`tools/attack/attacker`; the plain call has no name), and "
      "near misses work in the same ways;\n"
      "* the event names the profile (which is the policy's) and the rule, and under BPF the "
      "container; near misses cause none.\n  Seccomp reports only while it observes.\n\n"
      "\"Not proven\" is what works neither with the policy nor without, and what is known not to "
      "be refused, with the reason.\n[Kernels](kernels.md) says what works on others.\n\n");
  std::vector<MatrixRow> all = report.enforced;
  all.insert(all.end(), report.observed.begin(), report.observed.end());
  absl::StrAppend(&text, "All in all: ", MatrixTotals(all), ".\n\n");
  for (const std::string& missing : report.missing) absl::StrAppend(&text, "* ", missing, "\n");
  if (!report.missing.empty()) text += "\n";
  if (!report.limits.empty()) text += "What the enforcers say that they lack on this kernel:\n\n";
  for (const std::string& limit : report.limits) absl::StrAppend(&text, "* ", limit, "\n");
  if (!report.limits.empty()) text += "\n";
  absl::StrAppend(&text, Section("Enforced", report.enforced));
  if (!report.observed.empty()) {
    absl::StrAppend(
        &text, Section("Observed: nothing is refused, everything is reported", report.observed));
  }
  absl::StrAppend(&text,
                  "## Beyond built-in rules\n\nThe BPF enforcer, attack by attack; counts are "
                  "those of the whole case under \"Enforced\".\n\n",
                  CoverageTable(report.enforced), "\n");
  absl::StrAppend(&text, "## Examples that an enforcer is not asked about\n\n",
                  LeftOutTable(report.cases));
  return text;
}

}  // namespace varmor
