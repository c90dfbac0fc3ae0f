#include "lib/compiler/seccomp/validate_syscalls.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/seccomp/argument_condition.h"
#include "lib/compiler/seccomp/seccomp_outcome.h"
#include "lib/compiler/seccomp/syscall_tables.h"

namespace varmor {
namespace {

// More arguments than this in one entry are a mistake, even as alternatives.
constexpr size_t kMaxArgs = 64;

// One rule, and how to name its parts in a diagnostic.
struct Rule {
  std::vector<std::string> names;
  std::string action;
  std::optional<uint32_t> errno_ret;
  std::vector<SeccompArg> args;
  // "syscalls[3]" in a text; "" for a raw rule, whose place is a field of the policy.
  std::string path;
  // Field of the whole text, or of the raw rule.
  std::string field;
};

class Checker {
 public:
  Checker(const SyscallContext& context, const std::map<std::string, TextPlace>* places,
          Diagnostics& diagnostics)
      : context_(context), places_(places), diagnostics_(diagnostics) {}

  void Check(const std::vector<Rule>& rules) {
    for (const Rule& rule : rules) {
      CheckNames(rule);
      CheckAction(rule);
      CheckErrno(rule);
      CheckArgs(rule);
    }
    CheckPairs(rules);
  }

 private:
  enum class Level { kWarning, kStrict, kError };

  void Say(Level level, const Rule& rule, absl::string_view member, absl::string_view code,
           absl::string_view problem, absl::string_view fix) {
    std::string field = rule.field;
    std::string text(problem);
    TextPlace inside;
    if (places_ == nullptr) {
      if (!member.empty()) absl::StrAppend(&field, ".", member);
    } else {
      const std::string path = member.empty() ? rule.path : absl::StrCat(rule.path, ".", member);
      auto place = places_->find(path);
      if (place == places_->end()) place = places_->find(rule.path);
      if (place != places_->end()) inside = place->second;
      text = absl::StrCat(path, ": ", problem);
    }
    switch (level) {
      case Level::kWarning:
        return diagnostics_.Warning(code, field, text, fix, inside);
      case Level::kStrict:
        return diagnostics_.StrictError(code, field, text, fix, inside);
      case Level::kError:
        return diagnostics_.Error(code, field, text, fix, inside);
    }
  }

  void CheckNames(const Rule& rule) {
    // What the parser of a text refused is missing here.
    if (places_ != nullptr && places_->count(rule.path + ".names") == 0) return;
    if (rule.names.empty()) {
      Say(Level::kError, rule, "names", "no-syscalls", "no syscall is named",
          "name at least one, or remove the rule");
    }
    std::set<std::string> seen;
    for (size_t i = 0; i < rule.names.size(); ++i) {
      const std::string member = absl::StrCat("names[", i, "]");
      if (!seen.insert(rule.names[i]).second) {
        Say(Level::kWarning, rule, member, "duplicate-syscall",
            absl::StrCat(Quoted(rule.names[i]), " is named twice"), "remove one of them");
        continue;
      }
      CheckName(rule, member, rule.names[i]);
    }
  }

  void CheckName(const Rule& rule, const std::string& member, const std::string& name) {
    if (name.empty() && places_ != nullptr) return;
    switch (LookUpSyscall(name, context_.architectures)) {
      case SyscallKnowledge::kKnown:
      case SyscallKnowledge::kNewer:
        return;
      case SyscallKnowledge::kElsewhere:
        Say(Level::kWarning, rule, member, "foreign-syscall",
            absl::StrCat(Quoted(name), " does not exist on ",
                         absl::StrJoin(context_.architectures, ", ")),
            "");
        return;
      case SyscallKnowledge::kUnknown:
        break;
    }
    const std::string near = NearestWord(name, SyscallNames());
    Say(Level::kStrict, rule, member, "unknown-syscall",
        absl::StrCat("unknown syscall ", Quoted(name), "; runtimes skip it silently"),
        near.empty() ? "" : absl::StrCat("did you mean \"", near, "\"?"));
  }

  // An unknown word of a text was reported by the parser, which left the member empty.
  void UnknownWord(const Rule& rule, absl::string_view member, absl::string_view what,
                   const std::string& word, const std::vector<std::string>& known) {
    if (places_ != nullptr) return;
    const std::string near = NearestWord(word, known);
    Say(Level::kError, rule, member, absl::StrCat("unknown-", what),
        absl::StrCat("unknown ", what, " ", Quoted(word)),
        near.empty() ? absl::StrCat("known are ", absl::StrJoin(known, ", "))
                     : absl::StrCat("did you mean \"", near, "\"?"));
  }

  void CheckAction(const Rule& rule) {
    const SeccompActionWord* action = FindSeccompAction(rule.action);
    if (action == nullptr) {
      return UnknownWord(rule, "action", "action", rule.action, SeccompActionWords());
    }
    // Raw rules beside a base may use its listener; lowering sees both.
    const bool listener_unknown = places_ == nullptr && context_.default_action != "SCMP_ACT_ALLOW";
    if (rule.action == "SCMP_ACT_NOTIFY" && !context_.has_listener && !listener_unknown) {
      Say(Level::kError, rule, "action", "notify-without-listener",
          "\"SCMP_ACT_NOTIFY\" needs a listener: runc does not start the container, crun refuses "
          "the "
          "call with ENOSYS",
          places_ == nullptr ? "use SCMP_ACT_ERRNO" : "set listenerPath, or use SCMP_ACT_ERRNO");
    }
    if (places_ == nullptr && rule.action == "SCMP_ACT_ALLOW" &&
        context_.default_action == "SCMP_ACT_ALLOW") {
      Say(Level::kStrict, rule, "action", "no-effect",
          "\"SCMP_ACT_ALLOW\" has no effect where everything is allowed that no rule names",
          "remove the rule; to deny everything else use mode DefenseInDepth");
    }
    const bool names_execve =
        std::find(rule.names.begin(), rule.names.end(), "execve") != rule.names.end();
    if (action->denies && names_execve && rule.args.empty()) {
      Say(Level::kWarning, rule, "names", "blocks-start",
          "refuses \"execve\", which the runtime itself calls to start the container",
          "deny programs with the AppArmor or BPF enforcer");
    }
  }

  void CheckErrno(const Rule& rule) {
    if (!rule.errno_ret.has_value()) return;
    const SeccompActionWord* action = FindSeccompAction(rule.action);
    if (action != nullptr && !action->takes_errno) {
      Say(Level::kStrict, rule, "errnoRet", "errno-without-errno-action",
          absl::StrCat("an errno beside ", Quoted(rule.action),
                       ": runc ignores it, crun does not start the container"),
          "remove errnoRet, or use SCMP_ACT_ERRNO");
    } else if (*rule.errno_ret > kMaxSeccompErrno) {
      Say(Level::kError, rule, "errnoRet", "bad-errno",
          absl::StrCat("errno ", *rule.errno_ret, " is too large; the largest is ",
                       kMaxSeccompErrno),
          "1 is EPERM, 38 is ENOSYS");
    } else if (*rule.errno_ret == 0 && rule.action == "SCMP_ACT_ERRNO") {
      Say(Level::kWarning, rule, "errnoRet", "errno-zero",
          "errno 0 makes the call return 0, as if it had worked", "1 is EPERM, 38 is ENOSYS");
    }
  }

  void CheckArgs(const Rule& rule) {
    if (rule.args.size() > kMaxArgs) {
      Say(Level::kError, rule, "args", "too-many",
          absl::StrCat(rule.args.size(), " arguments; ", kMaxArgs, " are possible"),
          "split the rule");
      return;
    }
    for (size_t i = 0; i < rule.args.size(); ++i) {
      CheckArg(rule, absl::StrCat("args[", i, "]"), rule.args[i]);
    }
  }

  void CheckArg(const Rule& rule, const std::string& member, const SeccompArg& arg) {
    if (arg.index > 5) {
      Say(Level::kError, rule, member + ".index", "bad-index",
          absl::StrCat("no argument has index ", arg.index), "the six arguments are 0 to 5");
    }
    if (!IsSeccompOperator(arg.op)) {
      return UnknownWord(rule, member + ".op", "operator", arg.op, SeccompOperatorWords());
    }
    if (arg.op == "SCMP_CMP_MASKED_EQ") return CheckMasked(rule, member, arg);
    if (arg.value_two != 0) {
      Say(Level::kWarning, rule, member + ".valueTwo", "unused-value",
          absl::StrCat("only SCMP_CMP_MASKED_EQ reads valueTwo, not ", arg.op), "remove it");
    }
    if (!CanHold(arg)) {
      Say(Level::kStrict, rule, member, "never-holds", "no value meets this condition",
          "comparisons are unsigned, of 64 bits");
    } else if (AlwaysHolds(arg)) {
      Say(Level::kStrict, rule, member, "always-holds", "every value meets this condition",
          "remove the argument");
    }
  }

  void CheckMasked(const Rule& rule, const std::string& member, const SeccompArg& arg) {
    if (arg.value == 0) {
      Say(Level::kStrict, rule, member + ".value", "always-holds",
          "a mask of 0 compares nothing: every value meets this condition",
          "value is the mask, valueTwo what the masked argument has to be");
    } else if ((arg.value_two & ~arg.value) != 0) {
      Say(Level::kStrict, rule, member + ".valueTwo", "bits-outside-mask",
          absl::StrCat("bits 0x", absl::Hex(arg.value_two & ~arg.value), " are not in the mask 0x",
                       absl::Hex(arg.value), " and do not count"),
          "value is the mask, valueTwo what the masked argument has to be");
    }
  }

  // Every pair of rules that names one syscall.
  void CheckPairs(const std::vector<Rule>& rules) {
    std::map<std::string, std::vector<size_t>> by_name;
    std::vector<std::vector<ArgConjunction>> alternatives;
    for (size_t i = 0; i < rules.size(); ++i) {
      alternatives.push_back(rules[i].args.size() > kMaxArgs ? std::vector<ArgConjunction>()
                                                             : Alternatives(rules[i].args));
      const std::set<std::string> names(rules[i].names.begin(), rules[i].names.end());
      for (const std::string& name : names) by_name[name].push_back(i);
    }
    std::set<std::pair<size_t, size_t>> reported;
    for (const auto& [name, list] : by_name) {
      for (size_t b = 1; b < list.size(); ++b) {
        for (size_t a = 0; a < b; ++a) {
          const std::pair<size_t, size_t> pair(list[a], list[b]);
          if (SameOutcome(rules[pair.first], rules[pair.second])) continue;
          if (!Overlap(alternatives[pair.first], alternatives[pair.second])) continue;
          if (!reported.insert(pair).second) continue;
          Contradiction(name, rules[pair.first], rules[pair.second]);
        }
      }
    }
  }

  static bool SameOutcome(const Rule& a, const Rule& b) {
    return SeccompOutcome::Of(a.action, a.errno_ret) == SeccompOutcome::Of(b.action, b.errno_ret);
  }

  static bool Overlap(const std::vector<ArgConjunction>& a, const std::vector<ArgConjunction>& b) {
    for (const ArgConjunction& x : a) {
      for (const ArgConjunction& y : b) {
        if (CanBothHold(x, y)) return true;
      }
    }
    return false;
  }

  void Contradiction(const std::string& name, const Rule& a, const Rule& b) {
    const std::string& other = places_ == nullptr ? a.field : a.path;
    Say(Level::kStrict, b, "", "contradictory-actions",
        absl::StrCat("for some calls of ", Quoted(name), " this says ",
                     SeccompOutcome::Of(b.action, b.errno_ret).Text(), " and ", other, " says ",
                     SeccompOutcome::Of(a.action, a.errno_ret).Text(),
                     "; runtimes follow one of them or do not start"),
        "keep one of them, or give them conditions that exclude each other");
  }

  const SyscallContext& context_;
  const std::map<std::string, TextPlace>* places_;
  Diagnostics& diagnostics_;
};

}  // namespace

SeccompRule RawSeccompRule(const LinuxSyscall& syscall, absl::string_view field) {
  SeccompRule rule;
  rule.names.assign(syscall.names().begin(), syscall.names().end());
  rule.action = syscall.action();
  if (syscall.has_errno_ret()) rule.errno_ret = syscall.errno_ret();
  for (const LinuxSeccompArg& arg : syscall.args()) {
    rule.args.push_back({arg.index(), arg.value(), arg.value_two(), arg.op()});
  }
  rule.origin = {"raw", std::string(field)};
  return rule;
}

void ValidateSyscalls(const google::protobuf::RepeatedPtrField<LinuxSyscall>& syscalls,
                      absl::string_view field, const SyscallContext& context,
                      Diagnostics& diagnostics) {
  std::vector<Rule> rules;
  for (const LinuxSyscall& syscall : syscalls) {
    const std::string item = absl::StrCat(field, "[", rules.size(), "]");
    SeccompRule raw = RawSeccompRule(syscall, item);
    rules.push_back({std::move(raw.names), std::move(raw.action), raw.errno_ret,
                     std::move(raw.args), "", item});
  }
  Checker(context, nullptr, diagnostics).Check(rules);
}

void CheckSyscallEntries(const ParsedSeccomp& parsed, absl::string_view field,
                         const SyscallContext& context, Diagnostics& diagnostics) {
  std::vector<Rule> rules;
  for (const SeccompEntry& entry : parsed.profile.entries) {
    rules.push_back({entry.names, entry.action, entry.errno_ret, entry.args,
                     absl::StrCat("syscalls[", rules.size(), "]"), std::string(field)});
  }
  Checker(context, &parsed.places, diagnostics).Check(rules);
}

}  // namespace varmor
