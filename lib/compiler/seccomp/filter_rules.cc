#include "lib/compiler/seccomp/filter_rules.h"

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/seccomp/multiplexed_calls.h"
#include "lib/compiler/seccomp/syscall_tables.h"

namespace varmor {
namespace {

constexpr uint64_t kLowerHalf = std::numeric_limits<uint32_t>::max();

bool IsNarrow(absl::string_view architecture) {
  const SeccompArchitecture* known = FindSeccompArchitecture(architecture);
  return known != nullptr && known->narrow;
}

bool IsEquality(const SeccompArg& arg) {
  return arg.op == "SCMP_CMP_EQ" || arg.op == "SCMP_CMP_MASKED_EQ";
}

// A comparison that libseccomp gets right beside other entries of one argument.
bool IsSimple(const SeccompArg& arg) {
  return IsEquality(arg) || arg.op == "SCMP_CMP_NE" || arg.value <= kLowerHalf;
}

// Several rules are right if all of them compare with EQ and MASKED_EQ only, or if all of them have
// one argument and compare with small values; see lower/seccomp_entry_list.h.
std::string Unreliable(const std::vector<FilterRule>& rules) {
  if (rules.size() < 2) return "";
  bool equalities = true;
  bool simple = true;
  std::string comparison;
  for (const FilterRule& rule : rules) {
    for (const SeccompArg& arg : rule.args) {
      simple &= IsSimple(arg) && rule.args.size() == 1;
      if (IsEquality(arg)) continue;
      equalities = false;
      comparison = arg.op;
    }
  }
  if (equalities || simple) return "";
  return absl::StrCat("libseccomp may decide ", rules.size(),
                      " entries with conditions wrongly when one of them is ", comparison);
}

std::vector<SeccompArg> Cut(std::vector<SeccompArg> args) {
  for (SeccompArg& arg : args) {
    arg.value &= kLowerHalf;
    arg.value_two &= kLowerHalf;
  }
  return args;
}

bool RepeatsAnIndex(const std::vector<SeccompArg>& args) {
  std::set<uint32_t> seen;
  for (const SeccompArg& arg : args) {
    if (!seen.insert(arg.index).second) return true;
  }
  return false;
}

// The rules that libseccomp makes of one entry for a call through `carrier`: its number takes the
// place of what the entry says about the first argument.
std::vector<std::vector<SeccompArg>> CarriedArguments(const std::vector<SeccompArg>& args,
                                                      uint32_t number) {
  std::vector<std::vector<SeccompArg>> lists;
  if (RepeatsAnIndex(args)) {
    for (const SeccompArg& arg : args) lists.push_back({arg});
  } else {
    lists.push_back(args);
  }
  for (std::vector<SeccompArg>& list : lists) {
    list.erase(std::remove_if(list.begin(), list.end(),
                              [](const SeccompArg& arg) { return arg.index == 0; }),
               list.end());
    list.push_back({0, number, 0, "SCMP_CMP_EQ"});
  }
  return lists;
}

// Both runtimes, unless one of them is named.
std::string ErrnoRefusal(const std::string& where, const SeccompOutcome& outcome,
                         bool errno_is_given) {
  if (outcome.errno_value > kMaxSeccompErrno) {
    return absl::StrCat("runc and crun refuse errno ", outcome.errno_value, " of ", where);
  }
  const SeccompActionWord* word = FindSeccompAction(outcome.action);
  if (errno_is_given && word != nullptr && !word->takes_errno) {
    return absl::StrCat("crun refuses an errno beside ", outcome.action, " in ", where);
  }
  return "";
}

// Two actions for the same conditions. Once a rule without arguments is there, libseccomp looks at
// no other one.
std::string Contradiction(const std::string& name, const std::vector<FilterRule>& rules) {
  using Condition = std::tuple<uint32_t, uint64_t, uint64_t, std::string>;
  std::map<std::vector<Condition>, const FilterRule*> seen;
  for (const FilterRule& rule : rules) {
    if (rule.args.empty()) return "";
    std::vector<Condition> key;
    for (const SeccompArg& arg : rule.args) {
      key.emplace_back(arg.index, arg.value, arg.value_two, arg.op);
    }
    const auto [at, fresh] = seen.emplace(std::move(key), &rule);
    if (fresh || at->second->outcome == rule.outcome) continue;
    return absl::StrCat("libseccomp refuses two actions for the same calls of ", name, ": entries ",
                        at->second->entry, " and ", rule.entry);
  }
  return "";
}

}  // namespace

std::vector<const FilterRule*> CallRules::Matching(const SyscallArguments& args) const {
  std::vector<const FilterRule*> matching;
  for (const FilterRule& rule : rules) {
    const bool holds = std::all_of(rule.args.begin(), rule.args.end(), [&](const SeccompArg& arg) {
      const uint64_t value = args[arg.index];
      return ConditionHolds(arg, narrow ? value & kLowerHalf : value);
    });
    if (holds) matching.push_back(&rule);
  }
  return matching;
}

FilterRules::FilterRules(SeccompProfile profile)
    : profile_(std::move(profile)),
      default_(SeccompOutcome::Of(profile_.default_action, profile_.default_errno_ret)) {
  for (size_t i = 0; i < profile_.entries.size(); ++i) {
    const SeccompEntry& entry = profile_.entries[i];
    if (SeccompOutcome::Of(entry.action, entry.errno_ret) == default_) continue;
    for (const std::string& name : entry.names) {
      std::vector<size_t>& entries = by_name_[name];
      if (entries.empty() || entries.back() != i) entries.push_back(i);
    }
  }
  refusal_ = FindRefusal();
}

std::string FilterRules::FindRefusal() const {
  std::string refusal =
      ErrnoRefusal("the default action", default_, profile_.default_errno_ret.has_value());
  bool notifies = default_.action == "SCMP_ACT_NOTIFY";
  for (size_t i = 0; i < profile_.entries.size() && refusal.empty(); ++i) {
    const SeccompEntry& entry = profile_.entries[i];
    const SeccompOutcome outcome = SeccompOutcome::Of(entry.action, entry.errno_ret);
    notifies |= outcome.action == "SCMP_ACT_NOTIFY";
    refusal = ErrnoRefusal(absl::StrCat("entry ", i), outcome, entry.errno_ret.has_value());
  }
  if (!refusal.empty()) return refusal;
  if (notifies && profile_.listener_path.empty()) {
    return "runc refuses SCMP_ACT_NOTIFY without a listenerPath";
  }
  for (const std::string& word : profile_.architectures) {
    if (FindSeccompArchitecture(word)->token == 0) {
      return absl::StrCat("libseccomp 2.5 refuses architecture ", word);
    }
    if (FindSeccompArchitecture(word)->big_endian !=
        FindSeccompArchitecture(profile_.architectures[0])->big_endian) {
      return absl::StrCat("libseccomp refuses architectures of both byte orders: ",
                          profile_.architectures[0], " and ", word);
    }
  }
  std::vector<std::string> architectures = profile_.architectures;
  if (architectures.empty()) architectures.push_back("");
  for (const std::string& architecture : architectures) {
    for (const std::string& name : CallsWithRules(architecture)) {
      refusal = Contradiction(name, Listed(architecture, name).rules);
      if (!refusal.empty()) return refusal;
    }
  }
  return "";
}

bool FilterRules::HasArchitecture(absl::string_view architecture) const {
  if (architecture.empty()) return true;
  return std::find(profile_.architectures.begin(), profile_.architectures.end(), architecture) !=
         profile_.architectures.end();
}

void FilterRules::AddRule(const SeccompEntry& entry, size_t index,
                          const std::vector<SeccompArg>& args, CallRules& call) const {
  const SeccompOutcome outcome = SeccompOutcome::Of(entry.action, entry.errno_ret);
  for (ArgConjunction& alternative : Alternatives(call.narrow ? Cut(args) : args)) {
    call.rules.push_back({std::move(alternative), outcome, index});
  }
}

CallRules FilterRules::Listed(absl::string_view architecture, const std::string& name) const {
  CallRules call;
  call.narrow = IsNarrow(architecture);
  // Entry and number in the carrier, if it is carried.
  std::vector<std::pair<size_t, const MultiplexedCall*>> uses;
  if (const auto own = by_name_.find(name); own != by_name_.end()) {
    for (const size_t entry : own->second) uses.emplace_back(entry, nullptr);
  }
  for (const MultiplexedCall& carried : MultiplexedCalls()) {
    if (name != carried.carrier) continue;
    const auto found = by_name_.find(carried.name);
    if (found == by_name_.end()) continue;
    if (FindMultiplexedCall(architecture, carried.name) == nullptr) continue;
    for (const size_t entry : found->second) uses.emplace_back(entry, &carried);
  }
  std::stable_sort(uses.begin(), uses.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [index, carried] : uses) {
    const SeccompEntry& entry = profile_.entries[index];
    if (carried == nullptr) {
      AddRule(entry, index, entry.args, call);
      continue;
    }
    for (const std::vector<SeccompArg>& args : CarriedArguments(entry.args, carried->number)) {
      AddRule(entry, index, args, call);
    }
  }
  return call;
}

CallRules FilterRules::Rules(absl::string_view architecture, const std::string& name) const {
  CallRules call = Listed(architecture, name);
  const auto whole = std::find_if(call.rules.begin(), call.rules.end(),
                                  [](const FilterRule& rule) { return rule.args.empty(); });
  if (whole != call.rules.end()) call.rules = std::vector<FilterRule>(1, FilterRule(*whole));
  call.unreliable = Unreliable(call.rules);
  return call;
}

std::vector<std::string> FilterRules::CallsWithRules(absl::string_view architecture) const {
  std::set<std::string> names;
  for (const auto& [name, entries] : by_name_) {
    if (architecture.empty()) {
      if (LookUpSyscall(name, {}) != SyscallKnowledge::kUnknown) names.insert(name);
      continue;
    }
    const MultiplexedCall* carried = FindMultiplexedCall(architecture, name);
    if (carried != nullptr) names.insert(carried->carrier);
    if (HasOwnNumber(architecture, name) ||
        LookUpSyscall(name, {std::string(architecture)}) == SyscallKnowledge::kNewer) {
      names.insert(name);
    }
  }
  return {names.begin(), names.end()};
}

// seccomp_log() of the kernel; SECCOMP_FILTER_FLAG_LOG asks for all but ALLOW.
bool FilterRules::IsReported(const SeccompOutcome& outcome) const {
  if (outcome.action == "SCMP_ACT_ALLOW") return false;
  if (outcome.action == "SCMP_ACT_LOG") return true;
  if (absl::StartsWith(outcome.action, "SCMP_ACT_KILL")) return true;
  return std::find(profile_.flags.begin(), profile_.flags.end(), "SECCOMP_FILTER_FLAG_LOG") !=
         profile_.flags.end();
}

std::string ArchitectureText(absl::string_view architecture) {
  if (architecture.empty()) return "the node's architecture";
  absl::ConsumePrefix(&architecture, "SCMP_ARCH_");
  return absl::AsciiStrToLower(architecture);
}

}  // namespace varmor
