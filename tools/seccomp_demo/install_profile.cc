#include "tools/seccomp_demo/install_profile.h"

#include <seccomp.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/seccomp/argument_condition.h"
#include "lib/compiler/seccomp/seccomp_outcome.h"
#include "lib/compiler/seccomp/syscall_tables.h"

namespace varmor {
namespace {

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};

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

absl::Status AddEntry(scmp_filter_ctx context, uint32_t default_action, const SeccompEntry& entry) {
  const absl::StatusOr<uint32_t> action =
      ActionOf(SeccompOutcome::Of(entry.action, entry.errno_ret));
  if (!action.ok()) return action.status();
  if (*action == default_action) return absl::OkStatus();
  for (const ArgConjunction& conditions : Alternatives(entry.args)) {
    std::vector<scmp_arg_cmp> list;
    for (const SeccompArg& arg : conditions) {
      list.push_back({arg.index, OperatorOf(arg.op), arg.value, arg.value_two});
    }
    for (const std::string& name : entry.names) {
      const int number = seccomp_syscall_resolve_name(name.c_str());
      if (number == __NR_SCMP_ERROR) continue;
      const int result = seccomp_rule_add_array(context, *action, number,
                                                static_cast<unsigned>(list.size()), list.data());
      if (result != 0) return Refused(absl::StrCat("the entry for ", Quoted(name)), result);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status InstallProfile(const SeccompProfile& profile) {
  const absl::StatusOr<uint32_t> action =
      ActionOf(SeccompOutcome::Of(profile.default_action, profile.default_errno_ret));
  if (!action.ok()) return action.status();
  const std::unique_ptr<void, Release> context(seccomp_init(*action));
  if (context == nullptr)
    return absl::FailedPreconditionError("libseccomp refuses the default action");
  for (const std::string& word : profile.architectures) {
    const SeccompArchitecture* architecture = FindSeccompArchitecture(word);
    if (architecture == nullptr || architecture->token == 0) {
      return absl::FailedPreconditionError(absl::StrCat("libseccomp does not know ", word));
    }
    const int result = seccomp_arch_add(context.get(), architecture->token);
    // The native one is there already.
    if (result != 0 && result != -EEXIST) return Refused(word, result);
  }
  for (const SeccompEntry& entry : profile.entries) {
    if (absl::Status status = AddEntry(context.get(), *action, entry); !status.ok()) return status;
  }
  // libseccomp sets no_new_privs itself.
  if (const int result = seccomp_load(context.get()); result != 0) {
    return Refused("the kernel refuses the filter", result);
  }
  return absl::OkStatus();
}

}  // namespace varmor
