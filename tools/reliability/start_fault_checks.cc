// Every call by which Start and Uninstall change something fails once, alone and with all after it:
// the old build stays in force or the new one comes, and the status says which.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/enforcers/files.h"
#include "tools/reliability/failing_calls.h"
#include "tools/reliability/fault_outcome.h"
#include "tools/reliability/installed.h"
#include "tools/reliability/loaded_build.h"
#include "tools/reliability/policies.h"
#include "tools/reliability/reliability.h"

namespace varmor {
namespace {

using Names = std::set<std::string>;

// Whether a status says that this version came into force, all the same.
bool SaysInForce(const absl::Status& status, const std::string& version) {
  return status.ok() ||
         absl::StartsWith(status.message(), absl::StrCat("version ", version, " is in force"));
}

// How many pins there are in a part of a version.
size_t Pins(const std::string& version, const std::string& part) {
  const auto pins =
      ListDirectory(absl::StrCat(BpfEnforcerOptions().directory, "/", version, "/", part));
  return pins.ok() ? pins->size() : 0;
}

// The next one finds a build whole and alone, with the profile and the cgroup if there are any; ""
// if so. Starting takes seconds under emulation: it is done only where there is something to clear
// up.
std::string TakenOverBy(const BpfEnforcerOptions& options, const std::string& version,
                        size_t programs, bool with_profile) {
  const auto there = ListDirectory(options.directory);
  const bool alone = there.ok() && *there == std::vector<std::string>{version};
  BpfEnforcer enforcer(options);
  const absl::StatusOr<BpfStartReport> report = alone ? enforcer.Adopt() : enforcer.Start();
  if (!report.ok()) return report.status().ToString();
  if (!report->warnings.empty()) return report->warnings.front();
  if (!report->adopted || report->version != version) {
    return absl::StrCat("the next one did not take over ", version, " but has ", report->version);
  }
  if (*ListDirectory(options.directory) != std::vector<std::string>{version}) {
    return absl::StrCat(version, " is not alone");
  }
  if (Pins(version, "links") != programs) {
    return absl::StrCat(Pins(version, "links"), " of ", programs, " programs are attached");
  }
  const auto profiles = enforcer.Profiles();
  const auto subjects = enforcer.Subjects();
  if (!profiles.ok()) return profiles.status().ToString();
  if (!subjects.ok()) return subjects.status().ToString();
  if (profiles->size() != with_profile || subjects->size() != with_profile) {
    return absl::StrCat(profiles->size(), " profiles and ", subjects->size(), " cgroups");
  }
  return "";
}

// The two builds, loaded; the first one is in force, with the prober's profile.
struct Builds {
  // The prober rests while they are loaded: on one CPU that would take twice as long.
  explicit Builds(Prober& the_prober) : prober(the_prober) {
    prober.Rest(true);
    Load();
    prober.Rest(false);
  }

  void Load() {
    second = std::make_unique<LoadedBuild>(BuildOptions(true));
    status = second->status();
    if (!status.ok()) return;
    // While the second is in force, the first is loaded for its return.
    const LoadedBuild::Result there = second->Finish();
    status = there.status;
    if (!status.ok()) return;
    second_version = there.version;
    made = there.made;
    programs = Pins(second_version, "links");
    first = std::make_unique<LoadedBuild>(BuildOptions(false));
    status = first->status();
    if (!status.ok()) return;
    const LoadedBuild::Result back = first->Finish();
    status = back.status;
    first_version = back.version;
  }

  // From one of the two in force, perhaps with more around it, to the first alone; "" if it was so.
  std::string Restore(bool second_is_in_force) {
    if (!second_is_in_force) return TakenOverBy(BuildOptions(false), first_version, programs, true);
    const std::string why = TakenOverBy(BuildOptions(true), second_version, programs, true);
    if (!why.empty()) return why;
    return std::string(first->Finish().status.message());
  }

  Prober& prober;
  std::unique_ptr<LoadedBuild> first, second;
  std::string first_version, second_version;
  // Attached by each.
  size_t programs = 0;
  // The calls of a takeover.
  std::vector<std::string> made;
  absl::Status status;
};

int ErrorOf(int n) { return n % 2 == 0 ? ENOMEM : ENOSPC; }

// The second build takes over. `last_kept`: the last call whose failure left the first in force.
FaultOutcome InjectIntoTakeover(Builds& builds, bool all, bool every, int& last_kept) {
  FaultOutcome outcome;
  const uint64_t wrong_before = builds.prober.Wrong();
  FailEach(builds.made, every, [&](int n) {
    if (outcome.stop) return false;
    const LoadedBuild::Result result = builds.second->Finish(n, all, ErrorOf(n));
    const std::string call = absl::StrCat("call ", n, " (", result.failed, "): ");
    const Names whole = WholeVersions();
    const bool there = whole.count(builds.second_version) == 1;
    if (there != SaysInForce(result.status, builds.second_version) ||
        (!there && whole.count(builds.first_version) == 0)) {
      outcome.Wrong(absl::StrCat(call, "there are ", absl::StrJoin(whole, ", "), "; status ",
                                 result.status.ToString()));
    }
    builds.prober.AwaitRounds(1);
    const std::string why = builds.Restore(there);
    if (!why.empty()) outcome.Stop(absl::StrCat(call, why));
    if (builds.prober.Wrong() != wrong_before) {
      outcome.Wrong(absl::StrCat(call, builds.prober.page().first_wrong));
    }
    if (result.failed.empty()) return false;
    if (!there) last_kept = n;
    outcome.Count(result.failed, !result.status.ok());
    return true;
  });
  return outcome;
}

// Start of the first build clears up what the second one, interrupted just before it was complete,
// has left.
FaultOutcome InjectIntoClearingUp(Builds& builds, int interrupted_at, bool every) {
  FaultOutcome outcome;
  std::vector<std::string> made;
  const auto fail = [&](int n) {
    builds.second->Finish(interrupted_at, true, EIO);
    FailingCalls calls;
    BpfEnforcer enforcer(BuildOptions(false), &calls);
    calls.Arm(n, false, ErrorOf(n));
    const absl::Status status = enforcer.Start().status();
    const std::string kind = calls.failed();
    if (kind.empty()) made = calls.made();
    calls.Disarm();
    const std::string call = absl::StrCat("call ", n, " (", kind, "): ");
    if (WholeVersions() != Names{builds.first_version}) {
      outcome.Wrong(absl::StrCat(call, "there are ", absl::StrJoin(WholeVersions(), ", ")));
    }
    const std::string why =
        TakenOverBy(BuildOptions(false), builds.first_version, builds.programs, true);
    if (!why.empty()) outcome.Wrong(absl::StrCat(call, why));
    if (kind.empty() && !status.ok()) outcome.Wrong(status.ToString());
    if (!kind.empty()) outcome.Count(kind, !status.ok());
    return !kind.empty();
  };
  fail(INT_MAX);  // tells what calls there are
  FailEach(std::vector<std::string>(made), every, fail);
  return outcome;
}

// Nothing is installed but the directory, and `build` is loaded.
struct FirstStart {
  FirstStart() : build(BuildOptions(false)) {
    sleep(2);  // some of what loading needed is freed late
    loaded = CountKernelObjects();
  }

  // Removes everything but the directory; "" when nothing is left.
  std::string Empty() {
    const absl::Status status = BpfEnforcer(BuildOptions(false)).Uninstall();
    if (!status.ok()) return status.ToString();
    mkdir(BpfEnforcerOptions().directory.c_str(), 0700);
    return Left();
  }
  std::string Left() {
    const KernelObjects now = AwaitKernelObjects(loaded);
    return now == loaded ? "" : absl::StrCat(now.Text(), " instead of ", loaded.Text());
  }

  LoadedBuild build;
  KernelObjects loaded;
  size_t programs = 0;
};

FaultOutcome InjectIntoFirstStart(FirstStart& first, const LoadedBuild::Result& good, bool all,
                                  bool every) {
  FaultOutcome outcome;
  FailEach(good.made, every, [&](int n) {
    if (outcome.stop) return false;
    const LoadedBuild::Result result = first.build.Finish(n, all, ErrorOf(n));
    const std::string call = absl::StrCat("call ", n, " (", result.failed, "): ");
    const bool there = WholeVersions().count(good.version) == 1;
    std::string why;
    if (there != SaysInForce(result.status, good.version)) {
      why = absl::StrCat("status ", result.status.ToString());
    } else if (there) {
      why = TakenOverBy(BuildOptions(false), good.version, first.programs, false);
    } else if (!all) {
      why = first.Left();
    }
    if (!why.empty()) outcome.Wrong(absl::StrCat(call, why));
    why = first.Empty();
    if (!why.empty()) outcome.Stop(absl::StrCat(call, why));
    if (!result.failed.empty()) outcome.Count(result.failed, !result.status.ok());
    return !result.failed.empty();
  });
  return outcome;
}

// After an error the next Uninstall finishes.
FaultOutcome InjectIntoUninstall(FirstStart& first, bool every) {
  FaultOutcome outcome;
  std::vector<std::string> made;
  const auto fail = [&](int n) {
    if (outcome.stop) return false;
    const LoadedBuild::Result result = first.build.Finish();
    FailingCalls calls;
    calls.Arm(n, false, ErrorOf(n));
    const absl::Status status = BpfEnforcer(BuildOptions(false), &calls).Uninstall();
    const std::string kind = calls.failed();
    if (kind.empty()) made = calls.made();
    calls.Disarm();
    std::string why = result.status.ok() ? "" : result.status.ToString();
    if (why.empty() && status.ok() == std::filesystem::exists(BpfEnforcerOptions().directory)) {
      why = status.ToString();
    }
    if (why.empty()) why = first.Empty();
    if (!why.empty()) outcome.Stop(absl::StrCat("call ", n, " (", kind, "): ", why));
    if (!kind.empty()) outcome.Count(kind, !status.ok());
    return !kind.empty();
  };
  fail(INT_MAX);  // tells what calls there are
  FailEach(std::vector<std::string>(made), every, fail);
  return outcome;
}

}  // namespace

void CheckTakeoverFaults(const ReliabilityOptions& options, Checks& checks) {
  Installed installed(checks);
  if (!installed.ready()) return;
  {
    Builds builds(installed.prober());
    if (!checks.Need(builds.status, "takeover_faults: load both builds")) return;
    int last_kept = 0;
    for (const bool all : {false, true}) {
      InjectIntoTakeover(builds, all, options.every_call, last_kept)
          .Report(checks,
                  absl::StrCat("faults in a takeover", all ? ", one and all after it" : ""));
    }
    InjectIntoClearingUp(builds, last_kept, options.every_call)
        .Report(checks, "faults in removing what is half made");
    FailingCalls calls;
    calls.Arm(0, false, ENOMEM);
    checks.ExpectRefused(BpfEnforcer(BuildOptions(true), &calls).Start().status(),
                         "cannot load the BPF programs", "a fault in loading the programs");
  }
  installed.prober().Judge(checks, "takeover_faults", false);
  installed.CheckResting("takeover_faults");
}

void CheckInstallFaults(const ReliabilityOptions& options, Checks& checks) {
  FirstStart first;
  if (!checks.Need(first.build.status(), "install_faults: load")) return;
  const LoadedBuild::Result result = first.build.Finish();
  if (!checks.Need(result.status, "install_faults: the first start")) return;
  first.programs = Pins(result.version, "links");
  const std::string why = first.Empty();
  checks.Expect(first.programs > 0 && why.empty(), "install_faults: installed and uninstalled",
                why);
  if (!why.empty()) return;
  for (const bool all : {false, true}) {
    InjectIntoFirstStart(first, result, all, options.every_call)
        .Report(checks,
                absl::StrCat("faults in the first start", all ? ", one and all after it" : ""));
  }
  InjectIntoUninstall(first, options.every_call).Report(checks, "faults in uninstalling");
  checks.Need(BpfEnforcer(BuildOptions(false)).Uninstall(), "install_faults: uninstall");
}

}  // namespace varmor
