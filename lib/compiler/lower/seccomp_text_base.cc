#include "lib/compiler/lower/seccomp_text_base.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/compiler/seccomp/parse_oci_seccomp.h"
#include "lib/compiler/seccomp/seccomp_outcome.h"
#include "lib/compiler/seccomp/syscall_tables.h"
#include "lib/compiler/seccomp/validate_syscalls.h"

namespace varmor {
namespace {

class BaseReader {
 public:
  BaseReader(const SeccompRules& rules, const std::vector<std::string>& architectures,
             Diagnostics& diagnostics)
      : rules_(rules),
        architectures_(architectures),
        diagnostics_(diagnostics),
        parsed_(ParseOciSeccomp(rules.base_text, rules.base_origin.field, diagnostics)) {}

  SeccompProfile Read() {
    SeccompProfile& profile = parsed_.profile;
    const std::string old_default = profile.default_action;
    const std::string new_default = rules_.log_instead_of_errno ? "SCMP_ACT_LOG" : "SCMP_ACT_ERRNO";
    SyscallContext context;
    context.default_action = new_default;
    context.has_listener = !profile.listener_path.empty();
    CheckSyscallEntries(parsed_, rules_.base_origin.field, context, diagnostics_);
    CheckDefault(old_default, new_default);
    CheckDefaultErrno(old_default);
    CheckFlags();
    CheckByteOrder();
    profile.default_action = new_default;
    // crun does not start a container with an errno beside another action.
    if (new_default != "SCMP_ACT_ERRNO") profile.default_errno_ret.reset();
    CheckEntries();
    if (!old_default.empty()) CheckStart();
    for (SeccompEntry& entry : profile.entries) entry.origin = rules_.base_origin;
    return profile;
  }

 private:
  TextPlace PlaceOf(const std::string& path) const {
    const auto place = parsed_.places.find(path);
    return place == parsed_.places.end() ? TextPlace{} : place->second;
  }

  void CheckDefault(const std::string& old_default, const std::string& new_default) {
    if (old_default.empty()) return;  // reported by the parser
    const std::vector<SeccompEntry>& entries = parsed_.profile.entries;
    const bool allows = std::any_of(entries.begin(), entries.end(), [](const SeccompEntry& entry) {
      return !SeccompOutcome::Of(entry.action, entry.errno_ret).denies;
    });
    block_list_ = old_default == "SCMP_ACT_ALLOW" && !allows;
    if (block_list_) {
      diagnostics_.Error(
          "block-list-profile", rules_.base_origin.field,
          absl::StrCat("a profile that allows by default and only denies would refuse nearly "
                       "everything: mode DefenseInDepth makes the default ",
                       new_default),
          "list what is allowed, or use mode EnhanceProtect with these entries as syscallRawRules",
          PlaceOf("defaultAction"));
    } else if (old_default != new_default &&
               !(rules_.log_instead_of_errno && old_default == "SCMP_ACT_ERRNO")) {
      diagnostics_.Warning("default-replaced", rules_.base_origin.field,
                           absl::StrCat("defaultAction ", Quoted(old_default), " becomes ",
                                        Quoted(new_default), " in mode DefenseInDepth"),
                           absl::StrCat("write ", Quoted(new_default)), PlaceOf("defaultAction"));
    }
  }

  void CheckDefaultErrno(const std::string& old_default) {
    const std::optional<uint32_t> value = parsed_.profile.default_errno_ret;
    if (!value.has_value()) return;
    const SeccompActionWord* action = FindSeccompAction(old_default);
    const TextPlace place = PlaceOf("defaultErrnoRet");
    if (action != nullptr && !action->takes_errno) {
      diagnostics_.StrictError(
          "errno-without-errno-action", rules_.base_origin.field,
          absl::StrCat("defaultErrnoRet beside defaultAction ", Quoted(old_default),
                       ": runc ignores it, crun does not start the container"),
          "remove it", place);
    } else if (*value > kMaxSeccompErrno) {
      diagnostics_.Error("bad-errno", rules_.base_origin.field,
                         absl::StrCat("defaultErrnoRet ", *value, " is too large; the largest is ",
                                      kMaxSeccompErrno),
                         "1 is EPERM, 38 is ENOSYS", place);
    }
  }

  void CheckFlags() {
    if (parsed_.profile.flags.empty()) return;
    diagnostics_.Warning("flags-not-portable", rules_.base_origin.field,
                         "runc before 1.2 does not start a container whose profile has \"flags\"",
                         "remove them unless every node has a newer runtime", PlaceOf("flags"));
  }

  void CheckByteOrder() {
    const SeccompArchitecture* native = FindSeccompArchitecture(architectures_.front());
    const std::vector<std::string>& words = parsed_.profile.architectures;
    for (size_t i = 0; i < words.size(); ++i) {
      const SeccompArchitecture* architecture = FindSeccompArchitecture(words[i]);
      if (native == nullptr || architecture == nullptr ||
          architecture->big_endian == native->big_endian) {
        continue;
      }
      diagnostics_.Error(
          "byte-order", rules_.base_origin.field,
          absl::StrCat("runtimes do not start a container whose profile has ", words[i], " beside ",
                       native->word, ": the byte order differs"),
          "remove it", PlaceOf(absl::StrCat("architectures[", i, "]")));
    }
  }

  void CheckEntries() {
    const SeccompProfile& profile = parsed_.profile;
    const SeccompOutcome fallback =
        SeccompOutcome::Of(profile.default_action, profile.default_errno_ret);
    for (size_t i = 0; i < profile.entries.size(); ++i) {
      const SeccompEntry& entry = profile.entries[i];
      if (entry.action.empty()) continue;  // reported by the parser
      const SeccompOutcome outcome = SeccompOutcome::Of(entry.action, entry.errno_ret);
      const std::string path = absl::StrCat("syscalls[", i, "]");
      if (outcome == fallback) {
        diagnostics_.Warning(
            "no-effect", rules_.base_origin.field,
            absl::StrCat(path, ": ", outcome.Text(),
                         " is what the profile does anyway; the entry is left out"),
            "remove it", PlaceOf(path));
      } else if (rules_.log_instead_of_errno && outcome.denies) {
        diagnostics_.Warning("still-denies", rules_.base_origin.field,
                             absl::StrCat(path, ": still refuses with ", outcome.Text(),
                                          " although allowViolations is set"),
                             "allowViolations only changes what no entry names", PlaceOf(path));
      }
    }
  }

  // The policy's own rules count as well.
  void CheckStart() {
    const auto allows_exec = [](const auto& entry) {
      return !SeccompOutcome::Of(entry.action, entry.errno_ret).denies &&
             std::find(entry.names.begin(), entry.names.end(), "execve") != entry.names.end();
    };
    const std::vector<SeccompEntry>& entries = parsed_.profile.entries;
    if (rules_.log_instead_of_errno || block_list_ ||
        std::any_of(entries.begin(), entries.end(), allows_exec) ||
        std::any_of(rules_.rules.begin(), rules_.rules.end(), allows_exec)) {
      return;
    }
    diagnostics_.Warning("blocks-start", rules_.base_origin.field,
                         "\"execve\" is not allowed, which the runtime itself calls to start the "
                         "container",
                         "allow it; docs/seccomp.md lists what runtimes need");
  }

  const SeccompRules& rules_;
  const std::vector<std::string>& architectures_;
  Diagnostics& diagnostics_;
  ParsedSeccomp parsed_;
  bool block_list_ = false;
};

}  // namespace

SeccompProfile ReadSeccompTextBase(const SeccompRules& rules,
                                   const std::vector<std::string>& architectures,
                                   Diagnostics& diagnostics) {
  return BaseReader(rules, architectures, diagnostics).Read();
}

}  // namespace varmor
