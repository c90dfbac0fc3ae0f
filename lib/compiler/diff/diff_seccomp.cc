#include "lib/compiler/diff/diff_seccomp.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/seccomp/argument_diagram.h"
#include "lib/compiler/seccomp/call_function.h"
#include "lib/compiler/seccomp/filter_rules.h"
#include "lib/compiler/seccomp/multiplexed_calls.h"
#include "lib/compiler/seccomp/syscall_tables.h"
#include "lib/compiler/simulate/decide_seccomp.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

using Node = ArgumentDiagrams::Node;

// Nodes and steps for one syscall; those of a real profile need some thousand.
constexpr size_t kDiagramBudget = 1 << 19;

// Whose programs a kernel of the first architecture also runs.
constexpr struct {
  const char* native;
  const char* companion;
} kCompanions[] = {
    {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"},      {"SCMP_ARCH_X86_64", "SCMP_ARCH_X32"},
    {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"},     {"SCMP_ARCH_S390X", "SCMP_ARCH_S390"},
    {"SCMP_ARCH_PPC64", "SCMP_ARCH_PPC"},       {"SCMP_ARCH_PARISC64", "SCMP_ARCH_PARISC"},
    {"SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS"},     {"SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32"},
    {"SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL"}, {"SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32"},
};

// 0: goes through; 1: somebody else decides; 2: denied.
int Strictness(const SeccompOutcome& outcome) {
  if (outcome.denies) return 2;
  return outcome.action == "SCMP_ACT_NOTIFY" || outcome.action == "SCMP_ACT_TRACE" ? 1 : 0;
}

bool SameRules(const CallRules& a, const CallRules& b) {
  return std::equal(a.rules.begin(), a.rules.end(), b.rules.begin(), b.rules.end(),
                    [](const FilterRule& x, const FilterRule& y) {
                      return x.args == y.args && x.outcome == y.outcome;
                    });
}

// One side of the comparison; without a profile it allows everything.
class Side {
 public:
  absl::Status Load(const SeccompArtifact* artifact) {
    if (artifact == nullptr) return absl::OkStatus();
    VARMOR_ASSIGN_OR_RETURN(profile_, SeccompSimulator::Load(*artifact));
    // Entries of one rule have the number of the first of them.
    std::map<std::string, size_t> first;
    for (size_t i = 0; i < filter().profile().entries.size(); ++i) {
      first_entries_.push_back(first.emplace(RuleKey(i), i).first->second);
    }
    return absl::OkStatus();
  }

  bool empty() const { return !profile_.has_value(); }
  const FilterRules& filter() const { return profile_->filter(); }
  const std::vector<size_t>& first_entries() const { return first_entries_; }

  const std::vector<std::string>& architectures() const {
    static const std::vector<std::string>& none = *new std::vector<std::string>();
    return empty() ? none : filter().profile().architectures;
  }

  // Without a list it is for the node's architecture alone.
  bool Knows(const std::string& architecture, const std::string& native) const {
    if (empty() || architecture.empty()) return true;
    if (architectures().empty()) return architecture == native;
    return filter().HasArchitecture(architecture);
  }

  SeccompOutcome Default(bool known) const {
    if (empty()) return SeccompOutcome::Of("SCMP_ACT_ALLOW", std::nullopt);
    if (!known) return SeccompOutcome::Of("SCMP_ACT_KILL_THREAD", std::nullopt);
    return filter().default_outcome();
  }

  bool IsReported(const SeccompOutcome& outcome) const {
    return !empty() && filter().IsReported(outcome);
  }

  Verdict Answer(const SyscallEvent& call) const {
    if (!empty()) return profile_->DecideOwnNumber(call);
    Verdict verdict;
    verdict.reason = "there is no seccomp profile";
    return verdict;
  }

  // What identifies the rule of an entry across both sides.
  std::string RuleKey(size_t entry) const {
    const ResponsibleRule rule = profile_->RuleOf(entry);
    if (rule.index < 0) return rule.origin.text();
    return absl::StrCat(rule.origin.rule(), "\n", rule.origin.field());
  }

 private:
  std::optional<SeccompSimulator> profile_;
  std::vector<size_t> first_entries_;
};

struct Pair {
  FilterAnswer before;
  FilterAnswer after;
};

bool Precedes(const SyscallEvent& a, const SyscallEvent& b) {
  if (a.args_size() != b.args_size()) return a.args_size() < b.args_size();
  return std::lexicographical_compare(a.args().begin(), a.args().end(), b.args().begin(),
                                      b.args().end());
}

class Comparison {
 public:
  Comparison(const Side& before, const Side& after, DiffResult& result)
      : before_(before), after_(after), result_(result) {
    const Side& first = before.empty() || before.architectures().empty() ? after : before;
    if (!first.architectures().empty()) native_ = first.architectures().front();
  }

  void Run() {
    std::vector<std::string> architectures = {native_};
    const auto add = [&](const std::string& word) {
      if (std::find(architectures.begin(), architectures.end(), word) == architectures.end()) {
        architectures.push_back(word);
      }
    };
    for (const Side* side : {&before_, &after_}) {
      for (const std::string& word : side->architectures()) add(word);
    }
    if (before_.empty() || after_.empty()) {
      for (const auto& row : kCompanions) {
        if (native_ == row.native) add(row.companion);
      }
    }
    for (const std::string& architecture : architectures) CompareArchitecture(architecture);
    CompareFlags();
    CompareListeners();
    for (auto& [key, change] : changes_) result_.changes.push_back(std::move(change));
  }

 private:
  // kind, class of events, rules before, rules after.
  using Key = std::tuple<Change::Kind, std::string, std::set<std::string>, std::set<std::string>>;

  void CompareArchitecture(const std::string& architecture) {
    before_knows_ = before_.Knows(architecture, native_);
    after_knows_ = after_.Knows(architecture, native_);
    if (!before_knows_ && !after_knows_) return;
    std::set<std::string> calls;
    for (const auto& [side, knows] :
         {std::make_pair(&before_, before_knows_), std::make_pair(&after_, after_knows_)}) {
      if (side->empty() || !knows) continue;
      const std::vector<std::string> named = side->filter().CallsWithRules(architecture);
      calls.insert(named.begin(), named.end());
    }
    for (const std::string& call : calls) CompareCall(architecture, call, call);
    const std::string unnamed = FirstUnnamed(architecture, calls);
    if (!unnamed.empty()) CompareCall(architecture, unnamed, "");
  }

  // The first call of the architecture that is not in `calls`, to stand for all those.
  static std::string FirstUnnamed(const std::string& architecture,
                                  const std::set<std::string>& calls) {
    for (const std::string& name : SyscallNames()) {
      if (calls.count(name) > 0 || name.front() == '_') continue;  // such as _sysctl: obsolete
      if (architecture.empty() || HasOwnNumber(architecture, name)) return name;
    }
    return "";
  }

  CallRules Rules(const Side& side, bool knows, const std::string& architecture,
                  const std::string& name) const {
    return side.empty() || !knows ? CallRules() : side.filter().Rules(architecture, name);
  }

  // `named`: "" when the call stands for all that no entry names.
  void CompareCall(const std::string& architecture, const std::string& name,
                   const std::string& named) {
    CallRules before = Rules(before_, before_knows_, architecture, name);
    CallRules after = Rules(after_, after_knows_, architecture, name);
    const bool same_default =
        IsSame({before_.Default(before_knows_), {}}, {after_.Default(after_knows_), {}});
    if (SameRules(before, after) && same_default && SameReports(before)) return;
    if (!before.unreliable.empty() || !after.unreliable.empty()) {
      const std::string& why = before.unreliable.empty() ? after.unreliable : before.unreliable;
      Undecided(absl::StrCat("syscall ", name, ": ", why));
      return;
    }
    std::vector<std::pair<Pair, SyscallArguments>> pairs;
    if (!DifferentPairs(before, after, false, pairs)) {
      Undecided(absl::StrCat("syscall ", name, " has too many conditions to compare"));
      return;
    }
    if (pairs.empty()) return;
    std::vector<std::pair<Pair, SyscallArguments>> by_rule;
    if (DifferentPairs(before, after, true, by_rule)) pairs = std::move(by_rule);
    for (const auto& [pair, args] : pairs) {
      AddChange(architecture, name, named, pair, args);
    }
  }

  bool IsSame(const FilterAnswer& before, const FilterAnswer& after) const {
    return before.outcome == after.outcome &&
           before_.IsReported(before.outcome) == after_.IsReported(after.outcome);
  }

  // The outcomes of these rules are reported by both sides or by neither.
  bool SameReports(const CallRules& call) const {
    return std::all_of(call.rules.begin(), call.rules.end(), [&](const FilterRule& rule) {
      return before_.IsReported(rule.outcome) == after_.IsReported(rule.outcome);
    });
  }

  // Each pair of answers that differ, with the smallest arguments that get them. False when the
  // budget does not suffice.
  bool DifferentPairs(const CallRules& before, const CallRules& after, bool by_rule,
                      std::vector<std::pair<Pair, SyscallArguments>>& pairs) const {
    static const std::vector<size_t>& no_names = *new std::vector<size_t>();
    ArgumentDiagrams diagrams(kDiagramBudget);
    FilterAnswers before_answers;
    FilterAnswers after_answers;
    const Node before_function =
        CallFunction(before, before_.Default(before_knows_),
                     by_rule ? before_.first_entries() : no_names, before_answers, diagrams);
    const Node after_function =
        CallFunction(after, after_.Default(after_knows_),
                     by_rule ? after_.first_entries() : no_names, after_answers, diagrams);
    std::vector<Pair> found = {{}};  // 0: no difference
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> numbers;
    const Node difference =
        diagrams.Combine(before_function, after_function, [&](uint32_t x, uint32_t y) -> uint32_t {
          if (IsSame(before_answers[x], after_answers[y])) return 0;
          const auto [at, fresh] =
              numbers.emplace(std::make_pair(x, y), static_cast<uint32_t>(found.size()));
          if (fresh) found.push_back({before_answers[x], after_answers[y]});
          return at->second;
        });
    if (diagrams.exhausted()) return false;
    for (const auto& [number, args] : diagrams.Values(difference)) {
      if (number != 0) pairs.emplace_back(found[number], args);
    }
    return true;
  }

  static std::set<std::string> RuleKeys(const Side& side, const FilterAnswer& answer) {
    std::set<std::string> keys;
    for (const size_t entry : answer.entries) keys.insert(side.RuleKey(entry));
    return keys;
  }

  void AddChange(const std::string& architecture, const std::string& name, const std::string& named,
                 const Pair& pair, const SyscallArguments& args) {
    const int before = Strictness(pair.before.outcome);
    const int after = Strictness(pair.after.outcome);
    Change change;
    change.kind = before < after   ? Change::Kind::kNewlyDenied
                  : before > after ? Change::Kind::kNewlyAllowed
                                   : Change::Kind::kAuditOnly;
    change.enforcer = "Seccomp";
    SyscallEvent& call = *change.example.mutable_syscall();
    call.set_name(name);
    size_t count = args.size();
    while (count > 0 && args[count - 1] == 0) --count;
    for (size_t i = 0; i < count; ++i) call.add_args(args[i]);
    if (!IsNativeOfBoth(architecture)) call.set_architecture(architecture);
    // Where one side kills all programs of an architecture, these are one class.
    const bool whole = before_knows_ != after_knows_;
    const std::string of = absl::StrCat(" of ", ArchitectureText(architecture), " programs");
    change.what = whole           ? absl::StrCat("all syscalls", of)
                  : named.empty() ? "syscalls that no entry names"
                                  : absl::StrCat("syscall ", named);
    const Key key = {change.kind, change.what, RuleKeys(before_, pair.before),
                     RuleKeys(after_, pair.after)};
    if (!whole && architecture != native_) change.what += of;
    const auto known = changes_.find(key);
    if (known != changes_.end() && !Replaces(call, known->second.example.syscall())) return;
    change.before = before_.Answer(call);
    change.after = after_.Answer(call);
    changes_[key] = std::move(change);
  }

  // The first architecture speaks for the others.
  static bool Replaces(const SyscallEvent& call, const SyscallEvent& known) {
    return call.architecture() == known.architecture() && call.name() == known.name() &&
           Precedes(call, known);
  }

  bool IsNativeOfBoth(const std::string& architecture) const {
    for (const Side* side : {&before_, &after_}) {
      if (!side->architectures().empty() && side->architectures().front() != architecture) {
        return false;
      }
    }
    return architecture == native_;
  }

  void Undecided(const std::string& what) {
    const std::string text = absl::StrCat("Seccomp: ", what);
    std::vector<std::string>& list = result_.undecided;
    if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
  }

  static std::set<std::string> Flags(const Side& side) {
    std::set<std::string> flags;
    if (!side.empty()) {
      flags.insert(side.filter().profile().flags.begin(), side.filter().profile().flags.end());
    }
    flags.erase("SECCOMP_FILTER_FLAG_LOG");  // shows in what is reported
    return flags;
  }

  void CompareFlags() {
    const std::set<std::string> before = Flags(before_);
    const std::set<std::string> after = Flags(after_);
    std::vector<std::string> differ;
    std::set_symmetric_difference(before.begin(), before.end(), after.begin(), after.end(),
                                  std::back_inserter(differ));
    if (differ.empty()) return;
    Undecided(absl::StrCat("one profile has ", absl::StrJoin(differ, ", "),
                           ", which shows in no verdict"));
  }

  static std::string Listener(const Side& side) {
    if (side.empty() || side.filter().profile().listener_path.empty()) return "";
    const SeccompProfile& profile = side.filter().profile();
    return absl::StrCat(profile.listener_path, "\n", profile.listener_metadata);
  }

  void CompareListeners() {
    if (Listener(before_) == Listener(after_)) return;
    Undecided("the listeners differ, and what they decide is not compared");
  }

  const Side& before_;
  const Side& after_;
  DiffResult& result_;
  std::string native_;
  // Of the architecture that is being compared.
  bool before_knows_ = true;
  bool after_knows_ = true;
  std::map<Key, Change> changes_;
};

bool Refused(const Side& side, const char* which, DiffResult& result) {
  if (side.empty() || side.filter().refusal().empty()) return false;
  result.undecided.push_back(absl::StrCat("Seccomp: no container starts with the profile ", which,
                                          " the change: ", side.filter().refusal()));
  return true;
}

}  // namespace

absl::Status DiffSeccomp(const SeccompArtifact* before, const SeccompArtifact* after,
                         DiffResult& result) {
  Side before_side;
  Side after_side;
  VARMOR_RETURN_IF_ERROR(before_side.Load(before));
  VARMOR_RETURN_IF_ERROR(after_side.Load(after));
  if (before != nullptr && after != nullptr && before->json() == after->json()) {
    return absl::OkStatus();
  }
  const bool refused = Refused(before_side, "before", result);
  if (Refused(after_side, "after", result) || refused) return absl::OkStatus();
  Comparison(before_side, after_side, result).Run();
  return absl::OkStatus();
}

}  // namespace varmor
