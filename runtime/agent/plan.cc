#include "runtime/agent/plan.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

using Kind = AgentAction::Kind;
using ProfileKey = std::pair<EnforcerKind, std::string>;

AgentAction ProfileAction(Kind kind, EnforcerKind enforcer, const std::string& profile,
                          const std::string& reason = "") {
  AgentAction action;
  action.kind = kind;
  action.enforcer = enforcer;
  action.profile = profile;
  action.reason = reason;
  return action;
}

AgentAction SubjectAction(Kind kind, uint64_t cgroup, const std::string& profile) {
  AgentAction action = ProfileAction(kind, EnforcerKind::kBpf, profile);
  action.cgroup = cgroup;
  return action;
}

class Planner {
 public:
  Planner(const AgentWanted& wanted, const AgentActual& actual) : wanted_(wanted), actual_(actual) {
    for (const LoadedProfile& one : actual.profiles) loaded_[{one.enforcer, one.name}] = &one;
    for (const WantedProfile& one : wanted.profiles) {
      for (const auto& [enforcer, digest] : one.digests)
        wanted_profiles_.insert({enforcer, one.name});
    }
  }

  std::vector<AgentAction> Plan() {
    Apply(EnforcerKind::kBpf);
    Subjects();
    // Compiling AppArmor profiles takes longest, and running containers do not wait for it.
    Apply(EnforcerKind::kSeccomp);
    Apply(EnforcerKind::kAppArmor);
    if (wanted_.complete) {
      for (const LoadedProfile& profile : actual_.profiles) TakeAway(profile);
      std::stable_sort(going_.begin(), going_.end(),
                       [](const AgentAction& a, const AgentAction& b) {
                         return std::tie(a.kind, a.enforcer) < std::tie(b.kind, b.enforcer);
                       });
      actions_.insert(actions_.end(), going_.begin(), going_.end());
    }
    return std::move(actions_);
  }

 private:
  bool Available(EnforcerKind enforcer) const { return actual_.available.count(enforcer) > 0; }

  void Apply(EnforcerKind enforcer) {
    if (!Available(enforcer)) return;
    for (const WantedProfile& profile : wanted_.profiles) {
      const auto digest = profile.digests.find(enforcer);
      if (digest == profile.digests.end()) continue;
      const auto found = loaded_.find({enforcer, profile.name});
      if (found == loaded_.end()) {
        actions_.push_back(ProfileAction(Kind::kApply, enforcer, profile.name, "new"));
      } else if (!found->second->intact) {
        actions_.push_back(
            ProfileAction(Kind::kApply, enforcer, profile.name, found->second->problem));
        actions_.back().tampered = true;
      } else if (found->second->digest != digest->second) {
        actions_.push_back(ProfileAction(Kind::kApply, enforcer, profile.name,
                                         found->second->digest.empty() ? "found" : "changed"));
      }
    }
  }

  void Subjects() {
    if (!Available(EnforcerKind::kBpf)) return;
    std::map<uint64_t, const LoadedSubject*> there;
    for (const LoadedSubject& one : actual_.subjects) there[one.cgroup] = &one;
    std::set<uint64_t> kept;
    for (const WantedSubject& one : wanted_.subjects) {
      if (wanted_profiles_.count({EnforcerKind::kBpf, one.profile}) == 0) continue;
      kept.insert(one.cgroup);
      const auto found = there.find(one.cgroup);
      if (found != there.end() && found->second->profile == one.profile &&
          found->second->addresses == one.addresses) {
        continue;
      }
      actions_.push_back(SubjectAction(Kind::kEnroll, one.cgroup, one.profile));
    }
    for (const LoadedSubject& one : actual_.subjects) {
      if (kept.count(one.cgroup) > 0) continue;
      const bool outlived =
          one.processes_left && wanted_profiles_.count({EnforcerKind::kBpf, one.profile}) > 0;
      const bool stays = one.of_a_run || outlived || wanted_.undecided.count(one.profile) > 0;
      const bool over = !one.cgroup_exists && !one.processes_left;
      if (over || (wanted_.complete && !stays)) {
        actions_.push_back(SubjectAction(Kind::kWithdraw, one.cgroup, one.profile));
      } else {
        still_confined_.insert(one.profile);
      }
    }
  }

  void TakeAway(const LoadedProfile& profile) {
    if (!Available(profile.enforcer) || IsProfileOfRun(profile.name) ||
        wanted_profiles_.count({profile.enforcer, profile.name}) > 0 ||
        wanted_.undecided.count(profile.name) > 0) {
      return;
    }
    if (profile.enforcer == EnforcerKind::kBpf) {
      if (still_confined_.count(profile.name) > 0) return;
    } else if (wanted_.referenced.count(profile.name) > 0) {
      if (profile.digest != kAllowAllDigest || !profile.intact) {
        going_.push_back(ProfileAction(Kind::kRetire, profile.enforcer, profile.name));
      }
      return;
    }
    going_.push_back(ProfileAction(Kind::kRemove, profile.enforcer, profile.name));
  }

  const AgentWanted& wanted_;
  const AgentActual& actual_;
  std::map<ProfileKey, const LoadedProfile*> loaded_;
  std::set<ProfileKey> wanted_profiles_;
  std::set<std::string> still_confined_;
  std::vector<AgentAction> actions_;
  std::vector<AgentAction> going_;
};

}  // namespace

absl::string_view EnforcerName(EnforcerKind kind) {
  switch (kind) {
    case EnforcerKind::kAppArmor:
      return "AppArmor";
    case EnforcerKind::kBpf:
      return "BPF";
    case EnforcerKind::kSeccomp:
      return "Seccomp";
  }
  return "unknown";
}

std::string AgentAction::Text() const {
  const std::string name = absl::StrCat(EnforcerName(enforcer), " ", profile);
  switch (kind) {
    case Kind::kApply:
      return absl::StrCat("apply ", name, " (", reason, ")");
    case Kind::kEnroll:
      return absl::StrCat("enroll ", cgroup, " in ", profile);
    case Kind::kWithdraw:
      return absl::StrCat("withdraw ", cgroup, " from ", profile);
    case Kind::kRetire:
      return absl::StrCat("retire ", name);
    case Kind::kRemove:
      return absl::StrCat("remove ", name);
  }
  return name;
}

std::vector<AgentAction> PlanAgent(const AgentWanted& wanted, const AgentActual& actual) {
  return Planner(wanted, actual).Plan();
}

bool IsProfileOfRun(absl::string_view name) {
  constexpr absl::string_view kMark = "-run-";
  constexpr size_t kDigits = 8;  // RunOptions::suffix, tools/varmor/run/run_enforcer.h
  if (name.size() < kMark.size() + kDigits) return false;
  const absl::string_view tail = name.substr(name.size() - kMark.size() - kDigits);
  return tail.substr(0, kMark.size()) == kMark &&
         std::all_of(tail.begin() + kMark.size(), tail.end(), [](unsigned char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

}  // namespace varmor
