// Updates and takeovers, also by a build with another ABI: what both versions deny is denied
// throughout, and what they differ in follows.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "tools/reliability/installed.h"
#include "tools/reliability/policies.h"
#include "tools/reliability/reliability.h"

namespace varmor {
namespace {

int64_t MillisecondsOf(const std::chrono::steady_clock::time_point& begin) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               begin)
      .count();
}

}  // namespace

void CheckUpdates(const ReliabilityOptions& options, Checks& checks) {
  Installed installed(checks);
  if (!installed.ready()) return;
  Prober& prober = installed.prober();
  BpfEnforcer enforcer(BuildOptions(false));
  if (!checks.Need(enforcer.Start().status(), "updates: start")) return;
  const BpfArtifact versions[] = {ProberProfile("relia", 'A'), ProberProfile("relia", 'B')};
  int done = 0;
  int64_t sum = 0, most = 0;
  for (int i = 0; i < options.updates; ++i) {
    const int next = (i + 1) % 2;
    prober.Move();
    const auto begin = std::chrono::steady_clock::now();
    const absl::Status status = enforcer.Apply(Only(versions[next]));
    const int64_t took = MillisecondsOf(begin);
    prober.Settle(2 * next);
    if (!checks.Need(status, absl::StrCat("update ", i))) break;
    sum += took;
    most = std::max(most, took);
    ++done;
  }
  checks.Expect(done == options.updates, "updates: all of them succeed",
                absl::StrCat(done, " updates, mean ", sum / std::max(done, 1), " ms, most ", most,
                             " ms, beside the prober"));
  prober.Judge(checks, "updates", true);
  installed.CheckResting("updates");
}

void CheckTakeovers(const ReliabilityOptions& options, Checks& checks) {
  Installed installed(checks);
  if (!installed.ready()) return;
  int taken = 0;
  std::string first, before;
  int64_t sum = 0;
  for (int i = 0; i < options.takeovers; ++i) {
    BpfEnforcer enforcer(BuildOptions(i % 2 == 0));
    const auto begin = std::chrono::steady_clock::now();
    const absl::StatusOr<BpfStartReport> report = enforcer.Start();
    sum += MillisecondsOf(begin);
    if (!checks.Need(report.status(), absl::StrCat("takeover ", i))) return;
    const auto profiles = enforcer.Profiles();
    const auto subjects = enforcer.Subjects();
    const bool good = !report->adopted && report->superseded.size() == 1 &&
                      report->version != report->superseded[0] &&
                      (before.empty() || before == report->superseded[0]) &&
                      report->others.empty() && report->warnings.empty() && profiles.ok() &&
                      profiles->size() == 1 && subjects.ok() && subjects->size() == 1;
    taken += good;
    before = report->version;
    if (first.empty()) first = report->superseded.empty() ? "nothing" : report->superseded[0];
  }
  checks.Expect(taken == options.takeovers,
                "takeovers: each supersedes the build before, with its profiles and cgroups",
                absl::StrCat(taken, " of ", options.takeovers, ", between ", first, " and ", before,
                             ", mean ", sum / std::max(options.takeovers, 1), " ms"));
  installed.prober().Judge(checks, "takeovers", false);
  installed.CheckResting("takeovers");
}

// The installed build under the name of another ABI stands for an older release: it shares no map
// with the build that comes.
void CheckOtherAbi(const ReliabilityOptions&, Checks& checks) {
  namespace fs = std::filesystem;
  Installed installed(checks);
  if (!installed.ready()) return;
  Prober& prober = installed.prober();
  const fs::path directory = BpfEnforcerOptions().directory;
  const std::string old_version = *WholeVersions().begin();
  const std::string other =
      absl::StrCat("v0-", absl::string_view(old_version).substr(old_version.find('-') + 1));
  std::error_code error;
  fs::rename(directory / old_version, directory / other, error);
  checks.Expect(!error, "abi: the installed build gets another stamp", other);
  if (error) return;

  BpfEnforcer enforcer(BuildOptions(false));
  const absl::StatusOr<BpfStartReport> report = enforcer.Start();
  if (!checks.Need(report.status(), "abi: start beside it")) return;
  checks.Expect(!report->adopted && report->superseded.empty() &&
                    report->others == std::vector<std::string>{other} &&
                    WholeVersions() == std::set<std::string>{other, report->version},
                "abi: the build before stays in force beside the new one",
                absl::StrJoin(WholeVersions(), ", "));
  const auto profiles = enforcer.Profiles();
  const auto subjects = enforcer.Subjects();
  checks.Expect(profiles.ok() && profiles->empty() && subjects.ok() && subjects->empty(),
                "abi: the new one has no profile and no cgroup", "both lists are empty");
  // Only the build before denies now.
  prober.AwaitRounds(32);
  const uint64_t rounds_before = prober.page().rounds;
  checks.Need(enforcer.Apply(Only(ProberProfile("relia", 'A'))), "abi: apply again");
  checks.Need(enforcer.Enroll(SubjectOf(CgroupNamed("relia"), kProberProfile)), "abi: enrol again");
  prober.AwaitRounds(32);
  checks.Need(enforcer.SelfTest(), "abi: the new one denies beside the other");
  checks.Need(enforcer.DropOthers(), "abi: drop the build before");
  // Only the new one denies now.
  prober.AwaitRounds(32);
  checks.Expect(
      WholeVersions() == std::set<std::string>{report->version} && !fs::exists(directory / other),
      "abi: the new one is in force alone",
      absl::StrCat(prober.page().rounds - rounds_before, " rounds of the prober"));
  prober.Judge(checks, "abi", false);
  installed.CheckResting("abi");
}

}  // namespace varmor
