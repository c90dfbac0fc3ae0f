#include "runtime/agent/testing/fake_node_kernel.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace varmor {

EnforcerSupport FakeNodeKernel::Probe(EnforcerKind kind) {
  EnforcerSupport support;
  support.available = missing.count(kind) == 0;
  if (!support.available) support.problem = "this kernel has none";
  if (support.available) support.limits.assign(unenforced[kind].begin(), unenforced[kind].end());
  return support;
}

std::vector<UnenforcedRule> FakeNodeKernel::Unenforced(EnforcerKind kind,
                                                       const ArmorProfileArtifacts& artifacts) {
  std::vector<UnenforcedRule> out;
  const auto& rules = kind == EnforcerKind::kAppArmor ? artifacts.app_armor().rules()
                      : kind == EnforcerKind::kBpf    ? artifacts.bpf().rules()
                                                      : artifacts.seccomp().rules();
  for (const RuleOrigin& rule : rules) {
    if (unenforced[kind].count(rule.rule()) > 0) {
      out.push_back({rule, "this kernel is too old", absl::StartsWith(rule.text(), "mount")});
    }
  }
  return out;
}

absl::Status FakeNodeKernel::DropOtherBuilds() {
  if (!drop_refusal.ok()) return drop_refusal;
  other_builds.clear();
  done.push_back("drop other builds");
  return absl::OkStatus();
}

absl::Status FakeNodeKernel::Start(EnforcerKind kind, std::vector<std::string>& /*warnings*/) {
  done.push_back(absl::StrCat("start ", EnforcerName(kind)));
  return absl::OkStatus();
}

std::vector<absl::Status> FakeNodeKernel::ApplyAll(EnforcerKind kind,
                                                   const std::vector<ProfileToApply>& to_apply) {
  ++apply_calls[kind];
  std::vector<absl::Status> results;
  for (const ProfileToApply& one : to_apply) {
    const std::string name = kind == EnforcerKind::kAppArmor ? one.artifacts.app_armor().name()
                             : kind == EnforcerKind::kBpf    ? one.artifacts.bpf().name()
                                                             : one.artifacts.seccomp().name();
    if (refusals.count({kind, name}) > 0) {
      results.push_back(refusals[{kind, name}]);
      continue;
    }
    profiles[{kind, name}] = {kind, name, one.digest, true, ""};
    done.push_back(absl::StrCat(one.digest == kAllowAllDigest ? "retire " : "apply ",
                                EnforcerName(kind), " ", name));
    results.push_back(absl::OkStatus());
  }
  return results;
}

absl::Status FakeNodeKernel::Remove(EnforcerKind kind, const std::string& profile) {
  if (profiles.erase({kind, profile}) == 0) return absl::NotFoundError("no such profile");
  done.push_back(absl::StrCat("remove ", EnforcerName(kind), " ", profile));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<LoadedProfile>> FakeNodeKernel::Loaded(EnforcerKind kind) {
  if (kind == EnforcerKind::kBpf && !detached.ok())
    return std::exchange(detached, absl::OkStatus());
  std::vector<LoadedProfile> out;
  for (const auto& [key, profile] : profiles) {
    if (key.first == kind) out.push_back(profile);
  }
  return out;
}

absl::Status FakeNodeKernel::Enroll(const BpfSubject& subject) {
  const Key key{EnforcerKind::kBpf, subject.profile};
  if (refusals.count(key) > 0) return refusals[key];
  if (profiles.count(key) == 0) return absl::NotFoundError("no such profile");
  LoadedSubject& loaded = subjects[subject.cgroup];
  loaded.cgroup = subject.cgroup;
  loaded.profile = subject.profile;
  loaded.addresses = subject.addresses;
  std::sort(loaded.addresses.begin(), loaded.addresses.end());
  done.push_back(absl::StrCat("enroll ", subject.cgroup, " in ", subject.profile));
  return absl::OkStatus();
}

absl::Status FakeNodeKernel::Withdraw(uint64_t cgroup) {
  if (subjects.erase(cgroup) == 0) return absl::NotFoundError("not confined");
  done.push_back(absl::StrCat("withdraw ", cgroup));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<LoadedSubject>> FakeNodeKernel::Subjects() {
  std::vector<LoadedSubject> out;
  for (const auto& [cgroup, subject] : subjects) out.push_back(subject);
  return out;
}

absl::StatusOr<ProcessFacts> FakeNodeKernel::Process(pid_t pid,
                                                     const std::string& /*cgroup_name*/) {
  if (!process_failure.ok()) return process_failure;
  const auto found = processes.find(pid);
  if (found == processes.end()) return absl::NotFoundError("it ended");
  return found->second;
}

absl::Status FakeNodeKernel::Kill(pid_t pid, uint64_t start) {
  const auto found = processes.find(pid);
  if (found == processes.end() || (start != 0 && found->second.start != start)) {
    return absl::NotFoundError("it ended");
  }
  killed.insert(pid);
  return absl::OkStatus();
}

}  // namespace varmor
