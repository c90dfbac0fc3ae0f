#include "lib/enforcers/seccomp/install_profile.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/seccomp/argument_condition.h"
#include "lib/compiler/seccomp/parse_oci_seccomp.h"
#include "lib/compiler/seccomp/seccomp_outcome.h"
#include "lib/compiler/seccomp/syscall_tables.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/capabilities.h"

namespace varmor {
namespace {

absl::Status Refused(absl::string_view what, int result) {
  return absl::FailedPreconditionError(absl::StrCat(what, ": ", std::strerror(-result)));
}

absl::StatusOr<uint32_t> ActionOf(const SeccompOutcome& outcome) {
  if (outcome.action == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
  if (outcome.action == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(outcome.errno_value);
  if (outcome.action == "SCMP_ACT_KILL_PROCESS") return SCMP_ACT_KILL_PROCESS;
  if (outcome.action == "SCMP_ACT_KILL_THREAD") return SCMP_ACT_KILL_THREAD;
  if (outcome.action == "SCMP_ACT_LOG") return SCMP_ACT_LOG;
  if (outcome.action == "SCMP_ACT_TRACE") return SCMP_ACT_TRACE(outcome.errno_value);
  if (outcome.action == "SCMP_ACT_TRAP") return SCMP_ACT_TRAP;
  return absl::UnimplementedError(absl::StrCat(outcome.action, " needs a listener"));
}

scmp_compare OperatorOf(absl::string_view word) {
  if (word == "SCMP_CMP_NE") return SCMP_CMP_NE;
  if (word == "SCMP_CMP_LT") return SCMP_CMP_LT;
  if (word == "SCMP_CMP_LE") return SCMP_CMP_LE;
  if (word == "SCMP_CMP_EQ") return SCMP_CMP_EQ;
  if (word == "SCMP_CMP_GE") return SCMP_CMP_GE;
  if (word == "SCMP_CMP_GT") return SCMP_CMP_GT;
  return SCMP_CMP_MASKED_EQ;
}

absl::Status AddCall(scmp_filter_ctx context, uint32_t action, const std::string& name,
                     const ArgConjunction& conditions) {
  const int number = seccomp_syscall_resolve_name(name.c_str());
  if (number == __NR_SCMP_ERROR) return absl::OkStatus();
  std::vector<scmp_arg_cmp> list;
  for (const SeccompArg& arg : conditions) {
    list.push_back({arg.index, OperatorOf(arg.op), arg.value, arg.value_two});
  }
  const int result = seccomp_rule_add_array(context, action, number,
                                            static_cast<unsigned>(list.size()), list.data());
  return result == 0 ? absl::OkStatus() : Refused(Quoted(name), result);
}

absl::Status AddEntry(scmp_filter_ctx context, uint32_t default_action, const SeccompEntry& entry) {
  VARMOR_ASSIGN_OR_RETURN(const uint32_t action,
                          ActionOf(SeccompOutcome::Of(entry.action, entry.errno_ret)));
  if (action == default_action) return absl::OkStatus();  // libseccomp refuses these
  for (const ArgConjunction& conditions : Alternatives(entry.args)) {
    for (const std::string& name : entry.names) {
      VARMOR_RETURN_IF_ERROR(AddCall(context, action, name, conditions));
    }
  }
  return absl::OkStatus();
}

absl::Status AddEntries(scmp_filter_ctx context, uint32_t default_action,
                        const std::vector<SeccompEntry>& entries) {
  for (size_t i = 0; i < entries.size(); ++i) {
    const absl::Status status = AddEntry(context, default_action, entries[i]);
    if (status.ok()) continue;
    return absl::Status(status.code(), absl::StrCat("syscalls[", i, "], ", status.message()));
  }
  return absl::OkStatus();
}

absl::Status AddArchitecture(scmp_filter_ctx context, const std::string& word) {
  const SeccompArchitecture* architecture = FindSeccompArchitecture(word);
  if (architecture == nullptr || architecture->token == 0) {
    return absl::FailedPreconditionError(absl::StrCat("libseccomp does not know ", word));
  }
  const int result = seccomp_arch_add(context, architecture->token);
  // The native one is there already.
  return result == 0 || result == -EEXIST ? absl::OkStatus() : Refused(word, result);
}

absl::Status SetFlag(scmp_filter_ctx context, const std::string& flag) {
  constexpr struct {
    const char* word;
    scmp_filter_attr attribute;
  } kFlags[] = {{"SECCOMP_FILTER_FLAG_TSYNC", SCMP_FLTATR_CTL_TSYNC},
                {"SECCOMP_FILTER_FLAG_LOG", SCMP_FLTATR_CTL_LOG},
                {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SCMP_FLTATR_CTL_SSB}};
  for (const auto& known : kFlags) {
    if (flag != known.word) continue;
    const int result = seccomp_attr_set(context, known.attribute, 1);
    return result == 0 ? absl::OkStatus() : Refused(flag, result);
  }
  return absl::UnimplementedError(absl::StrCat(flag, " needs a listener"));
}

// Every mistake of a profile's text, one a line.
absl::Status Mistakes(const SeccompArtifact& artifact, const Diagnostics& diagnostics) {
  std::string text = absl::StrCat("seccomp profile ", Quoted(artifact.name()), ":");
  for (Diagnostic diagnostic : diagnostics.list()) {
    diagnostic.file = artifact.name();
    diagnostic.place = diagnostic.inside;
    absl::StrAppend(&text, "\n", FormatDiagnostic(diagnostic));
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return absl::InvalidArgumentError(text);
}

}  // namespace

EnforcerSupport ProbeSeccompFilters() {
  EnforcerSupport support;
  if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
    support.problem = "this kernel has no seccomp";
    support.fix = "run a kernel built with CONFIG_SECCOMP and CONFIG_SECCOMP_FILTER";
    return support;
  }
  constexpr struct {
    const char* name;
    uint32_t action;
    const char* since;
  } kActions[] = {{"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, "4.14"},
                  {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, "3.5"},
                  {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP, "3.5"},
                  {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, "3.5"},
                  {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE, "3.5"},
                  {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF, "5.0"},
                  {"SCMP_ACT_LOG", SECCOMP_RET_LOG, "4.14"}};
  support.available = true;
  for (const auto& known : kActions) {
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &known.action) == 0) continue;
    if (errno == EINVAL || errno == ENOSYS) {
      support.available = false;
      support.problem = "this kernel's seccomp takes no filters";
      support.fix = "run Linux 4.14 or newer, built with CONFIG_SECCOMP_FILTER";
      support.limits.clear();
      return support;
    }
    support.limits.push_back(absl::StrCat(known.name, ": needs Linux ", known.since));
  }
  return support;
}

absl::StatusOr<SeccompProgram> SeccompProgram::Build(const SeccompProfile& profile) {
  VARMOR_ASSIGN_OR_RETURN(
      const uint32_t action,
      ActionOf(SeccompOutcome::Of(profile.default_action, profile.default_errno_ret)));
  SeccompProgram program(seccomp_init(action));
  if (program.context_ == nullptr) {
    return absl::FailedPreconditionError("libseccomp refuses the default action");
  }
  // The kernel's own errors, not libseccomp's ECANCELED for all of them.
  seccomp_attr_set(program.context_, SCMP_FLTATR_API_SYSRAWRC, 1);
  for (const std::string& word : profile.architectures) {
    VARMOR_RETURN_IF_ERROR(AddArchitecture(program.context_, word));
  }
  for (const std::string& flag : profile.flags) {
    VARMOR_RETURN_IF_ERROR(SetFlag(program.context_, flag));
  }
  VARMOR_RETURN_IF_ERROR(AddEntries(program.context_, action, profile.entries));
  return program;
}

absl::StatusOr<SeccompProgram> SeccompProgram::Build(const SeccompArtifact& artifact) {
  Diagnostics diagnostics;
  const ParsedSeccomp parsed = ParseOciSeccomp(artifact.json(), "", diagnostics);
  if (diagnostics.HasErrors()) return Mistakes(artifact, diagnostics);
  return Build(parsed.profile);
}

SeccompProgram::SeccompProgram(SeccompProgram&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)) {}

SeccompProgram& SeccompProgram::operator=(SeccompProgram&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

SeccompProgram::~SeccompProgram() {
  if (context_ != nullptr) seccomp_release(context_);
}

absl::Status SeccompProgram::Install(NoNewPrivs no_new_privs) const {
  const bool set = no_new_privs == NoNewPrivs::kAlways || !HasCapability(CAP_SYS_ADMIN);
  if (const int result = seccomp_attr_set(context_, SCMP_FLTATR_CTL_NNP, set ? 1 : 0);
      result != 0) {
    return Refused("no_new_privs", result);
  }
  const int result = seccomp_load(context_);
  return result == 0 ? absl::OkStatus() : Refused("the kernel refuses the seccomp filter", result);
}

absl::Status InstallSeccompProfile(const SeccompProfile& profile, NoNewPrivs no_new_privs) {
  VARMOR_ASSIGN_OR_RETURN(const SeccompProgram program, SeccompProgram::Build(profile));
  return program.Install(no_new_privs);
}

}  // namespace varmor
