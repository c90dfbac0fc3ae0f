// attack_matrix [OPTION...] [RULE...]
//
// Attacks a container under every built-in rule and in every scenario (or those named), for every
// enforcer that works on this machine. Needs root and an OCI runtime. Options:
//
//     --runtime=runc       or crun
//     --enforcers=A,B      AppArmor, BPF, Seccomp; all
//     --modes=enforce,observe
//     --attacker=FILE      the program beside this one
//     --page=FILE          where to write the table
//     --require            an enforcer that is not to be had is a failure
//     --verbose            prints every row
//     --list               prints the cases and runs nothing
//
// Exit status: 0 when nothing failed; 1 when something did or nothing was attacked; 2 usage, or a
// name that does not exist; 3 the machine cannot run it.
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/compiler/simulate/event_text.h"
#include "lib/enforcers/files.h"
#include "lib/enforcers/node_facts.h"
#include "tools/attack/cases.h"
#include "tools/attack/enforcement.h"
#include "tools/attack/machine.h"
#include "tools/attack/matrix.h"
#include "tools/attack/report.h"
#include "tools/attack/scenarios.h"

namespace varmor {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string runtime = "runc";
  std::vector<std::string> enforcers = {"AppArmor", "BPF", "Seccomp"};
  std::vector<std::string> modes = {"enforce", "observe"};
  std::string attacker;
  std::string page;
  bool require = false;
  bool verbose = false;
  bool list = false;
  std::vector<std::string> rules;
};

bool Contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool ReadArgument(absl::string_view word, Arguments& arguments) {
  if (absl::ConsumePrefix(&word, "--runtime=")) {
    arguments.runtime = std::string(word);
  } else if (absl::ConsumePrefix(&word, "--enforcers=")) {
    arguments.enforcers = absl::StrSplit(word, ',');
  } else if (absl::ConsumePrefix(&word, "--modes=")) {
    arguments.modes = absl::StrSplit(word, ',');
    for (const std::string& mode : arguments.modes) {
      if (mode == "enforce" || mode == "observe") continue;
      std::cerr << "attack_matrix: there is no mode \"" << mode << "\": enforce or observe\n";
      return false;
    }
  } else if (absl::ConsumePrefix(&word, "--attacker=")) {
    arguments.attacker = std::string(word);
  } else if (absl::ConsumePrefix(&word, "--page=")) {
    arguments.page = std::string(word);
  } else if (word == "--require") {
    arguments.require = true;
  } else if (word == "--verbose") {
    arguments.verbose = true;
  } else if (word == "--list") {
    arguments.list = true;
  } else if (absl::StartsWith(word, "-")) {
    std::cerr << "attack_matrix: unknown option " << word << "\n";
    return false;
  } else {
    arguments.rules.emplace_back(word);
  }
  return true;
}

// The disk of the examples has the name that the catalogue gives it and the number of a real one.
NodeFacts ExampleNode() {
  NodeFacts node;
  const absl::StatusOr<NodeFacts> facts = ReadNodeFacts();
  if (!facts.ok() || facts->disk_devices().empty()) return node;
  *node.add_disk_devices() = facts->disk_devices(0);
  node.mutable_disk_devices(0)->set_name("sda");
  return node;
}

AppArmorIncludes ReadIncludes() {
  AppArmorIncludes includes;
  const fs::path root = "/etc/apparmor.d";
  std::error_code error;
  for (const char* part : {"abstractions", "tunables"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / part, error)) {
      const std::string name = entry.path().lexically_relative(root).string();
      // So that a directory that is included is known, if there is nothing in it.
      if (entry.is_directory()) includes[name + "/nothing"] = "";
      if (!entry.is_regular_file()) continue;
      const absl::StatusOr<std::string> text = ReadFileWhole(entry.path().string());
      if (text.ok()) includes[name] = *text;
    }
  }
  return includes;
}

void PrintCases(const std::vector<AttackCase>& cases) {
  std::map<std::string, int> count;
  std::map<std::string, int> events;
  for (const AttackCase& attack_case : cases) {
    ++count[attack_case.enforcer];
    events[attack_case.enforcer] += static_cast<int>(attack_case.events.size());
    for (const AttackEvent& event : attack_case.events) {
      std::cout << attack_case.rule << "\t" << attack_case.enforcer << "\t"
                << (event.denied ? "denied" : "allowed") << "\t" << EventText(event.event) << "\n";
    }
    for (const LeftOutEvent& event : attack_case.left_out) {
      std::cout << attack_case.rule << "\t" << attack_case.enforcer << "\tleft out\t"
                << EventText(event.event) << "\t" << event.reason << "\n";
    }
  }
  for (const auto& [enforcer, number] : count) {
    std::cout << enforcer << ": " << number << " rules, " << events[enforcer] << " events\n";
  }
}

void PrintRow(const MatrixRow& row, bool verbose) {
  const bool failed = row.result == MatrixRow::Result::kFailed;
  if (!failed && !verbose) return;
  const char* word = failed ? "FAILED" : "passed";
  if (row.result == MatrixRow::Result::kHole) word = "not proven";
  std::cout << "  " << word << " " << (row.denied ? "" : "near miss: ") << row.event;
  if (!row.way.empty()) std::cout << " (" << row.way << ")";
  std::cout << ": without the policy " << row.without << ", with it " << row.with;
  if (!row.reason.empty()) std::cout << ": " << row.reason;
  std::cout << "\n" << std::flush;
}

std::string Machine(const std::string& runtime) {
  utsname name = {};
  uname(&name);
  return absl::StrCat("Linux ", name.release, " with ", runtime);
}

// 601 for Linux 6.1; 0 when it cannot be told.
int KernelNumber() {
  utsname name = {};
  uname(&name);
  int major = 0;
  int minor = 0;
  if (std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return 0;
  return major * 100 + minor;
}

using Enforcements = std::map<std::string, std::unique_ptr<Enforcement>>;

// Those of the arguments that work here; what is wrong with the others goes to the report.
Enforcements FindEnforcements(const Arguments& arguments, const EnforcementOptions& options,
                              MatrixReport& report) {
  Enforcements found;
  for (const std::string& name : arguments.enforcers) {
    std::unique_ptr<Enforcement> enforcement = MakeEnforcement(name, options);
    if (enforcement == nullptr) continue;  // SelectCases will say so
    const EnforcerSupport support = enforcement->Probe();
    if (!support.available) {
      report.missing.push_back(absl::StrCat(name, " was not tried: ", support.problem));
      continue;
    }
    for (const std::string& limit : support.limits) {
      report.limits.push_back(absl::StrCat(name, ": ", limit));
    }
    found[name] = std::move(enforcement);
  }
  return found;
}

void RunMode(const Arguments& arguments, const std::vector<AttackCase>& cases, bool observe,
             Matrix& matrix, Enforcements& enforcements, std::vector<MatrixRow>& rows) {
  size_t done = 0;
  for (const AttackCase& attack_case : cases) {
    const auto enforcement = enforcements.find(attack_case.enforcer);
    ++done;
    if (enforcement == enforcements.end()) continue;
    const auto made = matrix.Run(attack_case, observe, *enforcement->second);
    std::cout << "[" << done << "/" << cases.size() << "] " << attack_case.rule << ", "
              << attack_case.enforcer << (observe ? ", observed" : "") << ": "
              << (made.ok() ? MatrixTotals(*made) : std::string(made.status().ToString())) << "\n"
              << std::flush;
    if (!made.ok()) {
      rows.push_back({attack_case.rule, attack_case.enforcer, "(the whole case)", "", true, "", "",
                      MatrixRow::Result::kFailed, std::string(made.status().message())});
      continue;
    }
    for (const MatrixRow& row : *made) PrintRow(row, arguments.verbose);
    rows.insert(rows.end(), made->begin(), made->end());
  }
}

void RunMachine(const Arguments& arguments, const MatrixOptions& options,
                std::vector<MatrixRow>& rows) {
  const auto made = AttackTheMachine(options.scratch, options.attacker);
  std::cout << "the machine: "
            << (made.ok() ? MatrixTotals(*made) : std::string(made.status().ToString())) << "\n";
  if (!made.ok()) {
    rows.push_back({kMachineCase, "BPF", "(the whole case)", "", true, "", "",
                    MatrixRow::Result::kFailed, std::string(made.status().message())});
    return;
  }
  for (const MatrixRow& row : *made) PrintRow(row, arguments.verbose);
  rows.insert(rows.end(), made->begin(), made->end());
}

bool AnyFailed(const std::vector<MatrixRow>& rows) {
  return std::any_of(rows.begin(), rows.end(),
                     [](const MatrixRow& row) { return row.result == MatrixRow::Result::kFailed; });
}

int WritePage(const Arguments& arguments, const MatrixReport& report) {
  if (arguments.page.empty()) return 0;
  FileCalls files;
  const absl::Status written = WriteFileWhole(files, arguments.page, MatrixPage(report), 0644);
  if (written.ok()) return 0;
  std::cerr << "attack_matrix: " << written.message() << "\n";
  return 3;
}

absl::StatusOr<std::vector<AttackCase>> WantedCases(const Arguments& arguments,
                                                    const CaseOptions& options) {
  absl::StatusOr<std::vector<AttackCase>> cases = CatalogueCases(options);
  if (!cases.ok()) return cases;
  absl::StatusOr<std::vector<AttackCase>> scenarios = ScenarioCases(options);
  if (!scenarios.ok()) return scenarios;
  cases->insert(cases->end(), scenarios->begin(), scenarios->end());
  return SelectCases(arguments.rules, arguments.enforcers, *std::move(cases));
}

int Run(const Arguments& arguments) {
  const AppArmorIncludes includes = ReadIncludes();
  CaseOptions case_options;
  case_options.node = ExampleNode();
  case_options.includes = &includes;
  std::string scratch = fs::temp_directory_path() / "attack.XXXXXX";
  if (mkdtemp(scratch.data()) == nullptr) {
    std::cerr << "attack_matrix: cannot make " << scratch << "\n";
    return 3;
  }
  MatrixReport report;
  report.machine = Machine(arguments.runtime);
  Enforcements enforcements = FindEnforcements(arguments, {scratch, &includes}, report);
  for (const std::string& missing : report.missing) std::cout << missing << "\n";
  for (const std::string& limit : report.limits) std::cout << "lacking: " << limit << "\n";
  const MatrixOptions options = {arguments.runtime, arguments.attacker, scratch, case_options.node,
                                 KernelNumber()};
  auto matrix = std::make_unique<Matrix>(options);
  for (const std::string& mode : arguments.modes) {
    const bool observe = case_options.observe = mode == "observe";
    auto cases = WantedCases(arguments, case_options);
    if (!cases.ok()) {
      std::cerr << "attack_matrix: " << cases.status().message() << "\n";
      std::error_code ignored;
      fs::remove_all(scratch, ignored);
      return absl::IsInvalidArgument(cases.status()) ? 2 : 3;
    }
    if (arguments.list) {
      PrintCases(*cases);
      break;
    }
    std::vector<MatrixRow>& rows = observe ? report.observed : report.enforced;
    RunMode(arguments, *cases, observe, *matrix, enforcements, rows);
    const bool wanted = arguments.rules.empty() || Contains(arguments.rules, kMachineCase);
    if (!observe && wanted && enforcements.count("BPF") > 0) {
      matrix->EndAll();
      RunMachine(arguments, options, rows);
    }
    std::cout << mode << ": " << MatrixTotals(rows) << "\n";
    if (report.cases.empty()) report.cases = *std::move(cases);
  }
  matrix.reset();
  std::error_code ignored;
  fs::remove_all(scratch, ignored);
  if (arguments.list) return 0;
  const int written = WritePage(arguments, report);
  if (written != 0) return written;
  std::vector<MatrixRow> all = report.enforced;
  all.insert(all.end(), report.observed.begin(), report.observed.end());
  std::cout << "matrix: " << absl::StrReplaceAll(MatrixTotals(all), {{"not proven", "skipped"}})
            << "\n";
  if (all.empty()) {
    std::cerr << "attack_matrix: nothing was attacked: no enforcer of these cases works here\n";
    return 1;
  }
  const bool failed = AnyFailed(report.enforced) || AnyFailed(report.observed) ||
                      (arguments.require && !report.missing.empty());
  return failed ? 1 : 0;
}

// The attacker lies beside this program.
std::string AttackerPath() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "attacker").string();
}

}  // namespace
}  // namespace varmor

int main(int argc, char** argv) {
  varmor::Arguments arguments;
  arguments.attacker = varmor::AttackerPath();
  for (int i = 1; i < argc; ++i) {
    if (!varmor::ReadArgument(argv[i], arguments)) return 2;
  }
  return varmor::Run(arguments);
}
