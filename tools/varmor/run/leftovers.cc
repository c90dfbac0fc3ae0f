#include "tools/varmor/run/leftovers.h"

#include <unistd.h>

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
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

void PruneSubjects(BpfEnforcer& bpf, PruneReport& report) {
  const absl::StatusOr<std::vector<BpfSubject>> subjects = bpf.Subjects();
  if (!subjects.ok()) {
    report.problems.push_back(std::string(subjects.status().message()));
    return;
  }
  const std::map<uint64_t, std::string> paths = CgroupPaths();
  if (paths.empty()) return;  // without the hierarchy nobody knows what is gone
  for (const BpfSubject& subject : *subjects) {
    if (paths.count(subject.cgroup) > 0) continue;
    Note(bpf.Withdraw(subject.cgroup),
         absl::StrCat("subject ", subject.cgroup, " of BPF profile ", Quoted(subject.profile),
                      ", whose cgroup is gone"),
         report);
  }
}

void PruneRun(const Leftover& leftover, BpfEnforcer* bpf, PruneReport& report) {
  std::map<std::string, std::string> values = leftover.run.values;
  bool done = true;
  const std::string cgroup = values["cgroup"];
  const absl::StatusOr<uint64_t> id = CgroupIdOfPath(cgroup);
  if (bpf != nullptr && id.ok()) {
    done &= Note(bpf->Withdraw(*id), absl::StrCat("subject ", *id, " (", cgroup, ")"), report);
  }
  if (!cgroup.empty() && id.ok()) {
    done &= Note(RemoveCgroup(cgroup), absl::StrCat("cgroup ", Quoted(cgroup)), report);
  }
  if (const std::string name = values["BPF"]; !name.empty()) {
    const absl::Status removed =
        bpf != nullptr ? bpf->Remove(name) : absl::NotFoundError("nothing is loaded");
    done &= Note(removed, absl::StrCat("BPF profile ", Quoted(name)), report);
  }
  if (const std::string name = values["AppArmor"]; !name.empty()) {
    AppArmorEnforcer app_armor({});
    done &= Note(app_armor.Remove(name), absl::StrCat("AppArmor profile ", Quoted(name)), report);
  }
  if (done) unlink(leftover.run.path.c_str());
}

}  // namespace

std::vector<Leftover> FindLeftovers() {
  std::vector<Leftover> out;
  for (AbandonedRun& run : AbandonedRuns()) {
    Leftover leftover;
    const std::string cgroup = run.values["cgroup"];
    if (!cgroup.empty()) leftover.processes = ProcessesIn(cgroup).size();
    leftover.run = std::move(run);
    out.push_back(std::move(leftover));
  }
  return out;
}

PruneReport Prune(BpfEnforcer* bpf) {
  PruneReport report;
  if (bpf != nullptr) PruneSubjects(*bpf, report);
  for (const Leftover& leftover : FindLeftovers()) {
    if (leftover.processes > 0) {
      ++report.still_running;
    } else {
      PruneRun(leftover, bpf, report);
    }
  }
  return report;
}

}  // namespace varmor
