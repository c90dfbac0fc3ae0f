#include "lib/compiler/lint/lint_risky.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/apparmor/profile_text.h"
#include "lib/compiler/apparmor/statement_parts.h"
#include "lib/compiler/lint/lint_table.h"
#include "lib/compiler/policy/capability.h"

namespace varmor {
namespace {

using Effect = Claim::Effect;
using Kind = AppArmorStatement::Kind;

// Capabilities that give the node, or the kernel, to whoever has them, and how.
struct DangerousCapability {
  absl::string_view name;
  absl::string_view power;
};

constexpr DangerousCapability kDangerousCapabilities[] = {
    {"bpf", "loads programs into the kernel"},
    {"dac_read_search", "opens any file of the node by its handle"},
    {"mac_admin", "changes security profiles"},
    {"mac_override", "ignores security profiles"},
    {"perfmon", "watches every process of the node"},
    {"sys_admin", "mounts file systems and much else"},
    {"sys_boot", "restarts the node"},
    {"sys_module", "loads kernel modules"},
    {"sys_ptrace", "reads and changes other processes"},
    {"sys_rawio", "reads and writes physical memory"},
    {"syslog", "reads the kernel's messages and addresses"},
};

// Files by which the node is configured or taken over.
struct SensitiveFile {
  absl::string_view path;
  absl::string_view power;
};

constexpr SensitiveFile kSensitiveFiles[] = {
    {"/proc/sys/kernel/core_pattern", "names a program that the node runs as root"},
    {"/proc/sys/kernel/modprobe", "names a program that the node runs as root"},
    {"/proc/sys/fs/binfmt_misc/register", "names interpreters for the whole node"},
    {"/proc/sys/kernel/yama/ptrace_scope", "is a setting of the whole node"},
    {"/proc/sysrq-trigger", "restarts the node"},
    {"/sys/kernel/uevent_helper", "names a program that the node runs as root"},
    {"/sys/fs/cgroup/memory/release_agent", "names a program that the node runs as root"},
    {"/sys/kernel/security/apparmor/.replace", "changes security profiles"},
    {"/dev/mem", "is the node's memory"},
    {"/run/containerd/containerd.sock", "starts containers without limits"},
    {"/run/docker.sock", "starts containers without limits"},
};

// System calls that Docker's default profile withholds from containers without capabilities, and
// ptrace, which it gives only because newer kernels make it harmless to the filter itself.
constexpr absl::string_view kRiskySyscalls[] = {"acct",
                                                "add_key",
                                                "bpf",
                                                "delete_module",
                                                "finit_module",
                                                "fsconfig",
                                                "fsmount",
                                                "fsopen",
                                                "fspick",
                                                "init_module",
                                                "ioperm",
                                                "iopl",
                                                "kexec_file_load",
                                                "kexec_load",
                                                "keyctl",
                                                "mount",
                                                "mount_setattr",
                                                "move_mount",
                                                "open_by_handle_at",
                                                "open_tree",
                                                "perf_event_open",
                                                "pivot_root",
                                                "process_vm_writev",
                                                "ptrace",
                                                "reboot",
                                                "request_key",
                                                "setns",
                                                "swapoff",
                                                "swapon",
                                                "umount",
                                                "umount2",
                                                "unshare",
                                                "userfaultfd"};

// Allow lists are where permissions matter; built-in rules and defaults are not the author's.
bool IsAuthors(const Claim& claim) {
  return !claim.builtin && claim.origin.rule != "runtime-default" && claim.origin.rule != "model";
}

std::string Subject(const Claim& claim) {
  return claim.text.empty() ? "the rule" : Quoted(claim.text);
}

auto KeyOf(const Claim& claim) {
  return std::make_tuple(claim.enforcer, claim.origin.field, claim.place.line, claim.place.column,
                         claim.text);
}

class RiskFinder {
 public:
  RiskFinder(const CompileResult& result, const Claims& claims, Diagnostics& findings)
      : rules_(*result.rules), claims_(claims), findings_(findings) {}

  void Find() {
    for (const Claim& claim : claims_.list) {
      if (!IsAuthors(claim) || claim.effect == Effect::kDeny) continue;
      if (const auto* path = std::get_if<PathClaim>(&claim.what)) FindInPath(claim, *path);
      if (const auto* s = std::get_if<StatementClaim>(&claim.what)) {
        FindInStatement(claim, *s->statement);
      }
      if (const auto* capability = std::get_if<const BpfCapability*>(&claim.what)) {
        if (claim.effect == Effect::kAllow) ReportCapabilities(claim, BpfNames(**capability));
      }
    }
    for (const auto& [key, paths] : sensitive_) ReportSensitive(*paths.first, paths.second);
    FindSyscalls();
  }

 private:
  bool IsAllowList(Claim::Enforcer enforcer) const {
    if (enforcer == Claim::Enforcer::kAppArmor) {
      return rules_.app_armor->base == AppArmorRules::Base::kText;
    }
    return enforcer == Claim::Enforcer::kBpf && rules_.bpf->default_deny;
  }

  void Report(absl::string_view id, const Claim& claim, absl::string_view problem,
              absl::string_view fix) {
    if (!reported_.insert(std::make_tuple(std::string(id), KeyOf(claim))).second) return;
    AddFinding(id, claim.origin.field, absl::StrCat(Subject(claim), " ", problem), fix, findings_,
               claim.place);
  }

  // A rule, and the files among kSensitiveFiles.
  using Sensitive = std::pair<const Claim*, std::vector<const SensitiveFile*>>;

  void FindInPath(const Claim& claim, const PathClaim& path) {
    if (path.access == 'x' && claim.enforcer == Claim::Enforcer::kAppArmor) {
      const std::vector<std::string> words = {
          path.transition.substr(0, path.transition.find(' ')),
          path.transition.substr(path.transition.find(' ') + 1)};
      if (absl::StrContains(absl::AsciiStrToLower(words[0]), 'u') || words[1] == "unconfined") {
        Report("unconfined-exec", claim,
               "lets a program run without any profile, and so without this policy",
               "use ix, or cx with a profile of its own");
      }
    }
    if (path.access != 'w' || claim.effect != Effect::kAllow || !IsAllowList(claim.enforcer)) {
      return;
    }
    if (path.paths.Matches("/etc/x") && path.paths.Matches("/x/y") &&
        path.paths.Matches("/proc/sys/x")) {
      Report("broad-allow", claim, "allows writing to every file that no rule denies",
             "list the directories that the program writes to");
      return;
    }
    Sensitive found = {&claim, {}};
    for (const SensitiveFile& file : kSensitiveFiles) {
      if (path.paths.Matches(file.path) && !IsDenied(claim, file.path)) {
        found.second.push_back(&file);
      }
    }
    if (!found.second.empty()) sensitive_.emplace(KeyOf(claim), std::move(found));
  }

  bool IsDenied(const Claim& claim, absl::string_view file) const {
    return std::any_of(claims_.list.begin(), claims_.list.end(), [&](const Claim& other) {
      const auto* path = std::get_if<PathClaim>(&other.what);
      return path != nullptr && other.effect == Effect::kDeny && other.enforcer == claim.enforcer &&
             path->access == 'w' && !path->owner &&
             (other.target.empty() || other.target == claim.target) && path->paths.Matches(file);
    });
  }

  void ReportSensitive(const Claim& claim, const std::vector<const SensitiveFile*>& files) {
    std::string problem =
        absl::StrCat("allows writing to ", files[0]->path, ", which ", files[0]->power);
    if (files.size() > 1) {
      absl::StrAppend(&problem, ", and to ", files.size() - 1, " more files of that kind");
    }
    Report("sensitive-write", claim, problem, "allow only what the program writes, or deny these");
  }

  static std::vector<std::string> BpfNames(const BpfCapability& rule) {
    std::vector<std::string> names;
    for (const DangerousCapability& capability : kDangerousCapabilities) {
      const int number = CapabilityNumber(capability.name);
      if (number >= 0 && (rule.mask >> number & 1) != 0) names.emplace_back(capability.name);
    }
    return names;
  }

  void ReportCapabilities(const Claim& claim, const std::vector<std::string>& names) {
    std::vector<std::string> powers;
    for (const DangerousCapability& capability : kDangerousCapabilities) {
      if (std::find(names.begin(), names.end(), capability.name) == names.end()) continue;
      powers.push_back(absl::StrCat(capability.name, " (", capability.power, ")"));
    }
    if (powers.empty()) return;
    const size_t count = powers.size();
    if (count > 3) {
      powers.resize(2);
      powers.push_back(absl::StrCat(count - 2, " more of that kind"));
    }
    Report("dangerous-capability", claim, absl::StrCat("allows ", absl::StrJoin(powers, ", ")),
           "allow only the capabilities that the program uses");
  }

  void FindInStatement(const Claim& claim, const AppArmorStatement& statement) {
    const AppArmorStatementParts parts = PartsOf(statement);
    const bool allow_list = IsAllowList(Claim::Enforcer::kAppArmor);
    const bool bare = !absl::StrContains(statement.body, ' ');
    switch (statement.kind) {
      case Kind::kFile:
        if (bare && allow_list) {
          Report("broad-allow", claim, "allows every file and program that no rule denies",
                 "list what the program uses");
        }
        break;
      case Kind::kCapability:
        if (bare && allow_list) {
          Report("broad-allow", claim, "allows every capability, sys_admin included",
                 "list the capabilities that the program uses");
        } else if (allow_list) {
          ReportCapabilities(claim, parts.words);
        }
        break;
      case Kind::kMount:
        if (bare && allow_list) {
          Report("broad-allow", claim, "allows mounting anything anywhere",
                 "say which file systems, from where, and to where");
        }
        break;
      case Kind::kPtrace:
        if (parts.Find("peer") == nullptr && allow_list) {
          Report("broad-allow", claim, "allows tracing of every process, also under other profiles",
                 "add peer=@{profile_name}");
        }
        break;
      case Kind::kChangeProfile:
        if (!parts.has_target || absl::StrContains(parts.target, "**") ||
            parts.target == "unconfined" || parts.target == "*") {
          Report("unconfined-exec", claim, "lets the program change to any profile, or to none",
                 "name the profile that it may change to");
        }
        break;
      default:
        break;
    }
  }

  void FindSyscalls() {
    std::map<std::tuple<std::string, int, int>, std::pair<const Claim*, std::vector<std::string>>>
        entries;
    for (const Claim& claim : claims_.list) {
      const auto* syscall = std::get_if<SyscallClaim>(&claim.what);
      if (syscall == nullptr || !IsAuthors(claim) || claim.effect == Effect::kDeny) continue;
      const bool risky = std::binary_search(std::begin(kRiskySyscalls), std::end(kRiskySyscalls),
                                            absl::string_view(syscall->name));
      const bool always = std::any_of(syscall->conditions.begin(), syscall->conditions.end(),
                                      [](const ArgConjunction& all) { return all.empty(); });
      const bool allow_list = rules_.seccomp->base == SeccompRules::Base::kText;
      if (!risky || !always || !allow_list) continue;
      auto& entry = entries[{claim.origin.field, claim.place.line, claim.place.column}];
      entry.first = &claim;
      entry.second.push_back(Quoted(syscall->name));
    }
    for (const auto& [key, entry] : entries) {
      const std::string where = entry.first->text.empty() ? "the rule" : entry.first->text;
      AddFinding("risky-syscall", entry.first->origin.field,
                 absl::StrCat(where, " allows ", absl::StrJoin(entry.second, ", "),
                              ", which runtimes withhold from containers"),
                 "remove the name unless the program needs it", findings_, entry.first->place);
    }
  }

  const RuleSet& rules_;
  const Claims& claims_;
  Diagnostics& findings_;
  using Key = decltype(KeyOf(std::declval<const Claim&>()));
  std::set<std::tuple<std::string, Key>> reported_;
  std::map<Key, Sensitive> sensitive_;
};

void FindIdleProfile(const RuleSet& rules, Diagnostics& findings) {
  if (!rules.app_armor.has_value() || rules.app_armor->base != AppArmorRules::Base::kText) return;
  const AppArmorRules& app_armor = *rules.app_armor;
  Diagnostics ignored;
  const std::optional<AppArmorProfileText> text = ParseAppArmorProfileText(
      app_armor.base_text, app_armor.base_origin.field, AppArmorParseOptions(), ignored);
  if (!text.has_value()) return;
  for (const std::string& flag : text->profile().flags) {
    if (flag != "complain" && flag != "unconfined") continue;
    AddFinding("profile-does-not-enforce", app_armor.base_origin.field,
               absl::StrCat("the profile has the flag ", Quoted(flag), ", so it blocks nothing"),
               flag == "complain" ? "remove the flag; to try a policy out set allowViolations"
                                  : "remove the flag",
               findings);
  }
}

void FindBarePrivilege(const PolicyObject& policy, Diagnostics& findings) {
  const PolicyBody& body = policy.spec().policy();
  const EnhanceProtect& enhance = body.enhance_protect();
  if (body.mode() != "EnhanceProtect" || !enhance.privileged()) return;
  if (!enhance.hardening_rules().empty()) return;
  AddFinding("privileged-without-hardening", "spec.policy.enhanceProtect.privileged",
             "with privileged everything is allowed that no rule denies, and no hardening rule is "
             "listed",
             "add hardening rules (`varmor rules --category hardening`), or drop privileged",
             findings);
}

}  // namespace

void LintRiskyPermissions(const PolicyObject& policy, const CompileResult& result,
                          const Claims& claims, Diagnostics& findings) {
  RiskFinder(result, claims, findings).Find();
  FindIdleProfile(*result.rules, findings);
  FindBarePrivilege(policy, findings);
}

}  // namespace varmor
