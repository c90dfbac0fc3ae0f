// From the resolved rules of each enforcer to claims.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/apparmor/parse_statements.h"
#include "lib/compiler/apparmor/profile_text.h"
#include "lib/compiler/lint/claim.h"
#include "lib/compiler/seccomp/parse_oci_seccomp.h"

namespace varmor {
namespace {

using Effect = Claim::Effect;

Effect EffectOf(const Action& action) {
  if (action.deny) return Effect::kDeny;
  return action.allow ? Effect::kAllow : Effect::kObserve;
}

// Built-in rules under allowViolations without auditViolations have none.
bool HasEffect(const Action& action) { return action.deny || action.audit || action.allow; }

// ---- BPF

// Letters of BpfAccess bits; appending is apart from writing there.
constexpr std::pair<uint32_t, char> kBpfAccessLetters[] = {
    {kAccessRead, 'r'}, {kAccessWrite, 'w'}, {kAccessAppend, 'p'}, {kAccessExec, 'x'}};

class BpfClaims {
 public:
  explicit BpfClaims(Claims& out) : out_(out) {}

  void AddAll(const BpfRules& rules) {
    for (const BpfFile& file : rules.files) AddFile(file);
    for (const BpfSocket& rule : rules.sockets) Add(rule, &rule);
    for (const BpfEgress& rule : rules.egress) Add(rule, &rule);
    for (const BpfPtrace& rule : rules.ptrace) Add(rule, &rule);
    for (const BpfMount& rule : rules.mounts) {
      Add(rule, MountClaim{&rule, BpfPathSet(rule.source)});
    }
    for (const BpfCapability& rule : rules.capabilities) Add(rule, &rule);
    for (const BpfOperation& rule : rules.operations) Add(rule, &rule);
    for (const BpfDiskDevice& rule : rules.disk_devices) {
      Add(rule, DiskClaim{rule.mount, "", rule.access});
    }
  }

 private:
  template <typename Rule, typename What>
  void Add(const Rule& rule, What what) {
    if (!HasEffect(rule.action)) return;
    Claim claim;
    claim.enforcer = Claim::Enforcer::kBpf;
    claim.effect = EffectOf(rule.action);
    claim.audit = rule.action.audit;
    claim.origin = rule.origin;
    claim.base = rule.origin.rule == "runtime-default" || rule.origin.rule == "model";
    claim.builtin = !claim.base && rule.origin.rule != "raw";
    claim.what = std::move(what);
    out_.list.push_back(std::move(claim));
  }

  void AddFile(const BpfFile& file) {
    const PathSet paths = BpfPathSet(file.pattern);
    for (const auto& [bit, letter] : kBpfAccessLetters) {
      if ((file.access & bit) == 0) continue;
      PathClaim claim;
      claim.paths = paths;
      claim.access = letter;
      Add(file, std::move(claim));
    }
  }

  Claims& out_;
};

// ---- AppArmor

class AppArmorClaims {
 public:
  explicit AppArmorClaims(Claims& out) : out_(out) {}

  void AddAll(const AppArmorRules& rules, const AppArmorArtifact* artifact) {
    if (rules.base == AppArmorRules::Base::kText) {
      AddText(rules);
    } else if (artifact != nullptr) {
      AddRuntimeDefault(rules.base_action, *artifact);
    }
    for (const AppArmorRule& rule : rules.rules) AddRule(rule, "");
    for (const AppArmorTargetRules& target : rules.target_rules) {
      for (const AppArmorRule& rule : target.rules) AddRule(rule, target.target);
    }
  }

 private:
  void AddText(const AppArmorRules& rules) {
    Diagnostics ignored;  // compiling has reported them
    const std::optional<AppArmorProfileText> text = ParseAppArmorProfileText(
        rules.base_text, rules.base_origin.field, AppArmorParseOptions(), ignored);
    if (!text.has_value()) return;
    Claim claim;
    claim.origin = rules.base_origin;
    claim.base = true;
    for (const AppArmorStatement& statement : text->profile().statements) {
      AddRaw(statement, claim);
    }
  }

  // What the runtime's default profile forbids, as the profile lists it.
  void AddRuntimeDefault(const Action& action, const AppArmorArtifact& artifact) {
    if (!HasEffect(action)) return;
    Claim claim;
    claim.origin = {"runtime-default", ""};
    claim.base = true;
    claim.effect = EffectOf(action);
    claim.audit = action.audit;
    for (const RuleOrigin& rule : artifact.rules()) {
      if (rule.rule() != "runtime-default" || absl::StartsWith(rule.text(), "child_")) continue;
      Diagnostics ignored;
      for (const AppArmorStatement& statement : ParseAppArmorStatements(
               absl::StrCat("deny ", rule.text(), ","), "", AppArmorParseOptions(), ignored)) {
        AddStatement(statement, claim);
      }
    }
  }

  void AddRule(const AppArmorRule& rule, const std::string& target) {
    Claim claim;
    claim.origin = rule.origin;
    claim.builtin = rule.builtin;
    claim.target = target;
    if (!rule.builtin) return AddRaw(rule.statement, claim);
    if (!HasEffect(rule.action)) return;
    claim.effect = EffectOf(rule.action);
    claim.audit = rule.action.audit;
    if (rule.kind == AppArmorRule::Kind::kStatement) return AddStatement(rule.statement, claim);
    claim.enforcer = Claim::Enforcer::kAppArmor;
    claim.what = DiskClaim{rule.kind == AppArmorRule::Kind::kDiskDeviceMount, rule.permissions, 0};
    out_.list.push_back(std::move(claim));
  }

  // A statement with its own qualifiers.
  void AddRaw(const AppArmorStatement& statement, Claim claim) {
    claim.effect = statement.deny ? Effect::kDeny : Effect::kAllow;
    claim.audit = statement.audit;
    claim.text = ToString(statement);
    claim.place = statement.place;
    AddStatement(statement, std::move(claim));
  }

  void AddStatement(const AppArmorStatement& statement, Claim claim) {
    claim.enforcer = Claim::Enforcer::kAppArmor;
    out_.statements.push_back(statement);
    const AppArmorStatement& kept = out_.statements.back();
    std::string letters = kept.permissions;
    if (!kept.exec.empty()) letters += 'x';
    if (kept.kind != AppArmorStatement::Kind::kFile || letters.empty() ||
        absl::StartsWith(kept.body, "link")) {
      claim.what = StatementClaim{&kept};
      out_.list.push_back(std::move(claim));
      return;
    }
    PathClaim path;
    path.paths = Paths(kept.path);
    path.owner = kept.owner;
    for (const char letter : letters) {
      path.access = letter;
      path.transition.clear();
      if (letter == 'x' && claim.effect != Effect::kDeny) {
        path.transition = absl::StrCat(kept.exec, " ", kept.target);
      }
      claim.what = path;
      out_.list.push_back(claim);
    }
  }

  // The rules of a group come once for each of its targets.
  const PathSet& Paths(const std::string& pattern) {
    const auto [entry, is_new] = paths_.try_emplace(pattern);
    if (is_new) entry->second = AppArmorPathSet(pattern);
    return entry->second;
  }

  Claims& out_;
  std::map<std::string, PathSet> paths_;
};

// ---- seccomp

std::string ArchitecturesOf(const SeccompRule& rule) {
  std::vector<std::string> words = rule.only_architectures;
  for (const std::string& word : rule.except_architectures) words.push_back("!" + word);
  return absl::StrJoin(words, ",");
}

void AddSyscalls(const std::vector<std::string>& names, const std::string& action,
                 std::optional<uint32_t> errno_ret, const std::vector<SeccompArg>& args,
                 const std::string& architectures, Claim claim, Claims& out) {
  SyscallClaim syscall;
  syscall.outcome = SeccompOutcome::Of(action, errno_ret);
  syscall.conditions = Alternatives(args);
  syscall.architectures = architectures;
  claim.enforcer = Claim::Enforcer::kSeccomp;
  claim.effect = syscall.outcome.denies       ? Effect::kDeny
                 : action == "SCMP_ACT_ALLOW" ? Effect::kAllow
                                              : Effect::kObserve;
  for (const std::string& name : names) {
    syscall.name = name;
    claim.what = syscall;
    out.list.push_back(claim);
  }
}

void AddSeccomp(const SeccompRules& rules, Claims& out) {
  if (rules.base == SeccompRules::Base::kText) {
    Diagnostics ignored;  // compiling has reported them
    const ParsedSeccomp parsed = ParseOciSeccomp(rules.base_text, rules.base_origin.field, ignored);
    const std::vector<SeccompEntry>& entries = parsed.profile.entries;
    for (size_t i = 0; i < entries.size(); ++i) {
      Claim claim;
      claim.origin = rules.base_origin;
      claim.base = true;
      claim.text = absl::StrCat("syscalls[", i, "]");
      const auto place = parsed.places.find(claim.text);
      if (place != parsed.places.end()) claim.place = place->second;
      AddSyscalls(entries[i].names, entries[i].action, entries[i].errno_ret, entries[i].args, "",
                  claim, out);
    }
  }
  for (const SeccompRule& rule : rules.rules) {
    Claim claim;
    claim.origin = rule.origin;
    claim.builtin = rule.builtin;
    AddSyscalls(rule.names, rule.action, rule.errno_ret, rule.args, ArchitecturesOf(rule), claim,
                out);
  }
}

}  // namespace

Claims ClaimsOf(const CompileResult& result) {
  Claims claims;
  const RuleSet& rules = *result.rules;
  if (rules.app_armor.has_value()) {
    AppArmorClaims(claims).AddAll(*rules.app_armor,
                                  result.app_armor.has_value() ? &*result.app_armor : nullptr);
  }
  if (rules.bpf.has_value()) BpfClaims(claims).AddAll(*rules.bpf);
  if (rules.seccomp.has_value()) AddSeccomp(*rules.seccomp, claims);
  return claims;
}

}  // namespace varmor
