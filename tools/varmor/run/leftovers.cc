#include "tools/varmor/run/leftovers.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/apparmor/app_armor_enforcer.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "tools/varmor/run/run_cgroup.h"

namespace varmor {
namespace {

// Notes the outcome of removing `what`; true unless it is still there.
bool Note(const absl::Status& status, const std::string& what, PruneReport& report) {
  if (status.ok()) report.removed.push_back(what);
  if (status.ok() || absl::IsNotFound(status)) return true;
  report.problems.push_back(absl::StrCat(what, ": ", status.message()));
  return false;
}

std::string ProcessesText(size_t count) {
  return count == 1 ? "1 process that left it still runs, confined"
                    : absl::StrCat(count, " processes that left it still run, confined");
}

// Withdraws those whose cgroup is gone, and whom nobody is inside any more. Adds the profiles of
// those that stay to `confining`.
absl::Status PruneSubjects(BpfEnforcer& bpf, PruneReport& report,
                           std::set<std::string>& confining) {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<BpfSubject> subjects, bpf.Subjects());
  VARMOR_ASSIGN_OR_RETURN(const std::string mount, FindCgroupMount());
  std::vector<const BpfSubject*> gone;
  for (const BpfSubject& subject : subjects) {
    const absl::Status there = CgroupPathOfId(subject.cgroup, mount).status();
    if (absl::IsNotFound(there)) {
      gone.push_back(&subject);
    } else if (!there.ok()) {
      report.problems.push_back(std::string(there.message()));
    }
  }
  if (gone.empty()) return absl::OkStatus();
  VARMOR_ASSIGN_OR_RETURN(const auto inside, bpf.Inside());
  for (const BpfSubject* subject : gone) {
    const std::string what = absl::StrCat("subject ", subject->cgroup, " of BPF profile ",
                                          Quoted(subject->profile), ", whose cgroup is gone");
    if (const auto left = inside.find(subject->cgroup); left != inside.end()) {
      report.kept.push_back(absl::StrCat(what, ", stays: ", ProcessesText(left->second)));
      confining.insert(subject->profile);
    } else {
      Note(bpf.Withdraw(subject->cgroup), what, report);
    }
  }
  return absl::OkStatus();
}

// Whether nothing runs in the cgroup of a run, and it is gone now.
bool PruneCgroup(const Leftover& leftover, PruneReport& report) {
  if (!leftover.processes.ok()) {
    report.problems.push_back(
        absl::StrCat("run ", leftover.run.id, ": ", leftover.processes.status().message()));
    return false;
  }
  if (*leftover.processes > 0) {
    ++report.still_running;
    return false;
  }
  const auto cgroup = leftover.run.values.find("cgroup");
  if (cgroup == leftover.run.values.end()) return true;
  if (absl::IsNotFound(CgroupIdOfPath(cgroup->second).status())) return true;
  return Note(RemoveRunCgroup(cgroup->second), absl::StrCat("cgroup ", Quoted(cgroup->second)),
              report);
}

void PruneProfiles(const AbandonedRun& run, BpfEnforcer* bpf,
                   const std::set<std::string>& confining, PruneReport& report) {
  bool done = true;
  if (const auto name = run.values.find("BPF"); name != run.values.end()) {
    if (confining.count(name->second) > 0) {
      ++report.still_running;
      return;
    }
    const absl::Status removed =
        bpf != nullptr ? bpf->Remove(name->second) : absl::NotFoundError("nothing is loaded");
    done &= Note(removed, absl::StrCat("BPF profile ", Quoted(name->second)), report);
  }
  if (const auto name = run.values.find("AppArmor"); name != run.values.end()) {
    AppArmorEnforcer app_armor({});
    done &= Note(app_armor.Remove(name->second),
                 absl::StrCat("AppArmor profile ", Quoted(name->second)), report);
  }
  if (done) unlink(run.path.c_str());
}

}  // namespace

std::vector<Leftover> FindLeftovers() {
  std::vector<Leftover> out;
  for (AbandonedRun& run : AbandonedRuns()) {
    Leftover leftover;
    const std::string cgroup = run.values["cgroup"];
    if (!cgroup.empty()) {
      const absl::StatusOr<std::vector<pid_t>> processes = ProcessesIn(cgroup);
      if (processes.ok()) {
        leftover.processes = processes->size();
      } else {
        leftover.processes = processes.status();
      }
    }
    leftover.run = std::move(run);
    out.push_back(std::move(leftover));
  }
  return out;
}

std::string LeftoverText(const Leftover& leftover) {
  if (!leftover.processes.ok()) {
    return absl::StrCat("nobody can tell whether it runs: ", leftover.processes.status().message());
  }
  if (*leftover.processes == 0) {
    return "nothing of it runs any more; `varmor bpf prune` takes the rest back";
  }
  return *leftover.processes == 1
             ? "1 process of it still runs, confined"
             : absl::StrCat(*leftover.processes, " processes of it still run, confined");
}

PruneReport Prune(BpfEnforcer* bpf) {
  PruneReport report;
  // Cgroups first, so that nobody enters them any more.
  std::vector<Leftover> ended = FindLeftovers();
  ended.erase(std::remove_if(ended.begin(), ended.end(),
                             [&](const Leftover& one) { return !PruneCgroup(one, report); }),
              ended.end());
  std::set<std::string> confining;
  if (bpf != nullptr) {
    const absl::Status pruned = PruneSubjects(*bpf, report, confining);
    if (!pruned.ok()) report.problems.push_back(std::string(pruned.message()));
  }
  for (const Leftover& leftover : ended) PruneProfiles(leftover.run, bpf, confining, report);
  return report;
}

}  // namespace varmor
