#include "lib/enforcers/apparmor/replace_profile.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The kernel makes these itself, for programs that a complaining profile lets run.
bool IsLearned(absl::string_view name) { return absl::StrContains(name, "//null-"); }

std::vector<std::string> ChildrenOf(const std::vector<KernelProfile>& held) {
  std::vector<std::string> children;
  for (size_t i = 1; i < held.size(); ++i) children.push_back(held[i].name);
  return children;
}

std::string WrongMode(const KernelProfile& profile, const std::string& wanted) {
  if (profile.mode == wanted) return "";
  return absl::StrCat("the kernel holds ", Quoted(profile.name), " in mode ", profile.mode,
                      ", not ", wanted);
}

}  // namespace

std::string Mismatch(const std::vector<KernelProfile>& held, const ExpectedProfile& expected) {
  if (held.empty()) {
    return absl::StrCat("the kernel does not hold ", Quoted(expected.name));
  }
  if (std::string wrong = WrongMode(held[0], expected.mode); !wrong.empty()) return wrong;
  const std::vector<std::string> children = ChildrenOf(held);
  for (const std::string& child : expected.children) {
    if (!Contains(children, child)) {
      return absl::StrCat("the kernel does not hold the child profile ", Quoted(child));
    }
  }
  return "";
}

std::vector<std::string> StaleChildren(const std::vector<KernelProfile>& held,
                                       const std::vector<std::string>& children) {
  std::vector<std::string> stale;
  for (const std::string& child : ChildrenOf(held)) {
    if (!IsLearned(child) && !Contains(children, child)) stale.push_back(child);
  }
  return stale;
}

absl::StatusOr<FormerProfile> ReadFormerProfile(AppArmorHost& host, const std::string& name,
                                                std::optional<std::string> stored) {
  FormerProfile former;
  former.name = name;
  VARMOR_ASSIGN_OR_RETURN(const std::vector<KernelProfile> held,
                          ReadKernelProfile(host.directory(), name));
  former.absent = held.empty();
  if (!former.absent) former.policy = ReadKernelPolicy(host.directory(), name);
  if (!former.absent && !former.policy.has_value()) former.policy = std::move(stored);
  return former;
}

absl::Status PutBack(AppArmorHost& host, const FormerProfile& former, const absl::Status& problem) {
  absl::Status back;
  if (former.absent) {
    back = host.RemoveProfile(former.name);
    if (absl::IsNotFound(back)) back = absl::OkStatus();
  } else if (former.policy.has_value()) {
    back = host.Replace(*former.policy);
  } else {
    back = absl::FailedPreconditionError("nobody keeps it");
  }
  if (!back.ok()) {
    return absl::Status(problem.code(),
                        absl::StrCat(problem.message(), "; the former profile could not be put ",
                                     "back, the new one is in force: ", back.message()));
  }
  return problem;
}

absl::StatusOr<std::vector<KernelProfile>> ReplaceProfile(AppArmorHost& host,
                                                          absl::string_view policy,
                                                          const ExpectedProfile& expected,
                                                          const FormerProfile& former) {
  VARMOR_RETURN_IF_ERROR(host.Replace(policy));
  absl::StatusOr<std::vector<KernelProfile>> held =
      ReadKernelProfile(host.directory(), expected.name);
  if (!held.ok()) return PutBack(host, former, held.status());
  if (const std::string wrong = Mismatch(*held, expected); !wrong.empty()) {
    return PutBack(host, former, absl::FailedPreconditionError(wrong));
  }
  return held;
}

}  // namespace varmor
