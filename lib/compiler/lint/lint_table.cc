#include "lib/compiler/lint/lint_table.h"

#include <algorithm>
#include <utility>

namespace varmor {
namespace {

constexpr auto kError = Diagnostic::Severity::kError;
constexpr auto kWarning = Diagnostic::Severity::kWarning;
constexpr auto kNote = Diagnostic::Severity::kNote;

constexpr LintSpec kLints[] = {
    {"apparmor-deny-swallows-allow", kWarning, "denials take away all that an AppArmor rule allows",
     true, true},
    {"apparmor-duplicate", kNote, "an AppArmor rule stands there twice", true, true},
    {"apparmor-no-effect", kWarning, "an AppArmor rule allows what is allowed anyway", true, true},
    {"audits-everything", kNote, "every start of a program is reported many times", false, true},
    {"breaks-name-resolution", kWarning, "a denial that includes questions to name servers", false,
     true},
    {"breaks-programs", kWarning, "a denial that includes what every program needs", false, true},
    {"broad-allow", kWarning, "an allow rule without limits", false, true},
    {"covered-by-default", kNote, "a rule for what the default forbids anyway", false, true},
    {"dangerous-capability", kWarning, "a capability is allowed that leads out of the container",
     false, true},
    {"deny-narrows-allow", kNote, "denials take away a part of what a BPF rule allows", false,
     true},
    {"deny-swallows-allow", kWarning, "denials take away all that a BPF rule allows", false, true},
    {"duplicate-rule", kWarning, "a built-in rule is listed twice", true, true},
    {"enforcer-without-rules", kWarning, "an enforcer that has nothing to do", false, true},
    {"implied-rule", kWarning, "a built-in rule that another one includes", false, true},
    {"incomplete-syscall-group", kWarning, "a refused system call has twins that are allowed",
     false, true},
    {"lint-limit", kNote, "too many rules to compare all of them", false, false},
    {"pattern-names-symlink", kWarning, "a denial of a path that is a symbolic link", false, true},
    {"pattern-wildcards", kWarning, "characters that vArmor took literally are wildcards", true,
     true},
    {"privileged-without-hardening", kNote, "privileged, and no hardening rule", false, true},
    {"profile-does-not-enforce", kWarning, "a custom profile that blocks nothing", false, true},
    {"risky-syscall", kWarning, "a system call is allowed that runtimes withhold", false, true},
    {"sensitive-write", kWarning, "writing is allowed where the kernel or the node is configured",
     false, true},
    {"shadowed-rule", kWarning, "a rule that other rules make superfluous", false, true},
    {"silencing-unknown", kError, "a silencing of a lint that does not exist", false, false},
    {"silencing-unused", kWarning, "a silencing of something that is not found", false, false},
    {"silencing-without-reason", kError, "a silencing without a reason", false, false},
    {"unconfined-exec", kWarning, "a program may leave the profile", false, true},
};

}  // namespace

absl::Span<const LintSpec> AllLints() { return kLints; }

const LintSpec* FindLint(absl::string_view id) {
  for (const LintSpec& lint : kLints) {
    if (lint.id == id) return &lint;
  }
  return nullptr;
}

std::vector<std::string> SilenceableLints() {
  std::vector<std::string> ids;
  for (const LintSpec& lint : kLints) {
    if (lint.can_be_silenced) ids.emplace_back(lint.id);
  }
  return ids;
}

void AddFinding(absl::string_view id, absl::string_view field, absl::string_view problem,
                absl::string_view fix, Diagnostics& findings, TextPlace inside) {
  Diagnostic finding;
  finding.severity = FindLint(id)->severity;
  finding.code = std::string(id);
  finding.field = std::string(field);
  finding.problem = std::string(problem);
  finding.fix = std::string(fix);
  finding.inside = inside;
  findings.Add(std::move(finding));
}

}  // namespace varmor
