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

// Whether rules with different outcomes hold for the same call. libseccomp then chooses by the
// conditions, or refuses the second one ("file exists").
std::string Contested(const std::vector<FilterRule>& rules) {
  // Pairs to look at; far more than profiles have.
  constexpr size_t kMaxPairs = 1 << 16;
  size_t pairs = 0;
  for (size_t b = 1; b < rules.size(); ++b) {
    for (size_t a = 0; a < b; ++a) {
      if (rules[a].outcome == rules[b].outcome) continue;
      if (++pairs > kMaxPairs) return "too many entries with different actions";
      if (!CanBothHold(rules[a].args, rules[b].args)) continue;
      return absl::StrCat("entries ", rules[a].entry, " and ", rules[b].entry,
                          " disagree about some calls; libseccomp chooses, or the container does "
                          "not start");
    }
  }
  return "";
}

// Several rules are right if all of them compare with EQ and MASKED_EQ only, or if all of them have
// one argument and compare with small values; see lower/seccomp_entry_list.h.
//
// `conditions` are those of each rule as written, with those that always or never hold.
std::string Unreliable(const std::vector<std::vector<SeccompArg>>& conditions) {
  if (conditions.size() < 2) return "";
  bool equalities = true;
  bool simple = true;
  std::string comparison;
  for (const std::vector<SeccompArg>& args : conditions) {
    for (const SeccompArg& arg : args) {
      simple &= IsSimple(arg) && args.size() == 1;
      if (IsEquality(arg)) continue;
      equalities = false;
      comparison = arg.op;
    }
  }
  if (equalities || simple) return "";
  return absl::StrCat("libseccomp may decide ", conditions.size(),
                      " entries with conditions wrongly when one of them is ", comparison);
}

std::vector<SeccompArg> Cut(std::vector<SeccompArg> args) {
  for (SeccompArg& arg : args) {
    arg.value &= kLowerHalf;
    arg.value_two &= kLowerHalf;
  }
  return args;
}

// libseccomp makes nothing of a comparison under a mask without bits.
std::vector<SeccompArg> WithoutEmptyMasks(std::vector<SeccompArg> args) {
  args.erase(std::remove_if(args.begin(), args.end(),
                            [](const SeccompArg& arg) {
                              return arg.op == "SCMP_CMP_MASKED_EQ" && arg.value == 0;
                            }),
             args.end());
  return args;
}

bool RepeatsAnIndex(const std::vector<SeccompArg>& args) {
  std::set<uint32_t> seen;
  for (const SeccompArg& arg : args) {
    if (!seen.insert(arg.index).second) return true;
  }
  return false;
}

// The argument lists that runtimes make of one entry: as soon as an index occurs twice, each
// argument alone.
std::vector<std::vector<SeccompArg>> ArgumentLists(const std::vector<SeccompArg>& args) {
  if (!RepeatsAnIndex(args)) return {args};
  std::vector<std::vector<SeccompArg>> lists;
  for (const SeccompArg& arg : args) lists.push_back({arg});
  return lists;
}

// What libseccomp makes of a list for a call through another one: the number takes the place of
// what the list says about the first argument.
std::vector<SeccompArg> CarriedArguments(std::vector<SeccompArg> args, uint32_t number) {
  args.erase(std::remove_if(args.begin(), args.end(),
                            [](const SeccompArg& arg) { return arg.index == 0; }),
             args.end());
  args.push_back({0, number, 0, "SCMP_CMP_EQ"});
  return args;
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
    if (rule.whole) return "";
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
  std::vector<std::vector<SeccompArg>> conditions;
  for (const auto& [index, carried] : uses) {
    const SeccompEntry& entry = profile_.entries[index];
    for (std::vector<SeccompArg> args : ArgumentLists(entry.args)) {
      if (carried != nullptr) args = CarriedArguments(std::move(args), carried->number);
      if (call.narrow) args = Cut(std::move(args));
      args = WithoutEmptyMasks(std::move(args));
      for (ArgConjunction& holds : Alternatives(args)) {
        call.rules.push_back({std::move(holds), SeccompOutcome::Of(entry.action, entry.errno_ret),
                              index, args.empty()});
      }
      conditions.push_back(std::move(args));
    }
  }
  call.unreliable = Unreliable(conditions);
  if (call.unreliable.empty()) call.unreliable = Contested(call.rules);
  return call;
}

CallRules FilterRules::Rules(absl::string_view architecture, const std::string& name) const {
  CallRules call = Listed(architecture, name);
  const auto whole = std::find_if(call.rules.begin(), call.rules.end(),
                                  [](const FilterRule& rule) { return rule.whole; });
  if (whole == call.rules.end()) return call;
  call.rules = std::vector<FilterRule>(1, FilterRule(*whole));
  call.unreliable.clear();
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
