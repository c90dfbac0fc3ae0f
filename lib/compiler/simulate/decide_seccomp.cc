#include "lib/compiler/simulate/decide_seccomp.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/seccomp/argument_diagram.h"
#include "lib/compiler/seccomp/call_function.h"
#include "lib/compiler/seccomp/errno_name.h"
#include "lib/compiler/seccomp/multiplexed_calls.h"
#include "lib/compiler/seccomp/parse_oci_seccomp.h"
#include "lib/compiler/seccomp/syscall_tables.h"

namespace varmor {
namespace {

using Outcome = Verdict::Outcome;

// Far above what one syscall of a real profile needs.
constexpr size_t kDiagramBudget = 1 << 18;

// Above every number: a profile names a call that libseccomp 2.5 does not know, and how runc reads
// that depends on the release it is linked with.
constexpr int kNewestNumber = std::numeric_limits<int>::max();

Verdict Unknown(std::string reason) {
  Verdict verdict;
  verdict.outcome = Outcome::kUnknown;
  verdict.reason = std::move(reason);
  return verdict;
}

Verdict NotMediated(std::string reason) {
  Verdict verdict;
  verdict.outcome = Outcome::kNotMediated;
  verdict.reason = std::move(reason);
  return verdict;
}

std::string EffectOf(const SeccompOutcome& outcome) {
  if (absl::StartsWith(outcome.action, "SCMP_ACT_KILL")) return "killed";
  if (outcome.action == "SCMP_ACT_TRAP") return "SIGSYS";
  if (outcome.action == "SCMP_ACT_LOG") return "logged";
  if (outcome.action != "SCMP_ACT_ERRNO") return "";
  return outcome.errno_value == 0 ? "skipped with the result 0" : ErrnoName(outcome.errno_value);
}

const char* DefaultReason(const SeccompOutcome& outcome) {
  if (outcome.denies) return "no entry is about it, and the profile denies by default";
  if (outcome.action == "SCMP_ACT_LOG") {
    return "no entry is about it, and the profile allows by default and logs";
  }
  return "no entry is about it, and the profile allows by default";
}

// Verdicts with one outcome; not empty.
Verdict Together(const std::vector<Verdict>& verdicts) {
  Verdict all = verdicts.front();
  std::map<std::pair<int, std::string>, ResponsibleRule> rules;
  for (const Verdict& verdict : verdicts) {
    all.reported &= verdict.reported;
    for (const ResponsibleRule& rule : verdict.rules) {
      rules.emplace(std::make_pair(rule.index, rule.origin.text()), rule);
    }
    if (all.effect.empty()) all.effect = verdict.effect;
  }
  all.rules.clear();
  for (auto& [key, rule] : rules) all.rules.push_back(rule);
  return all;
}

bool SameOutcome(const std::vector<Verdict>& verdicts) {
  return std::all_of(verdicts.begin(), verdicts.end(), [&](const Verdict& verdict) {
    return verdict.outcome == verdicts.front().outcome;
  });
}

// "some calls for it are denied (ptrace), others are not (pidfd_getfd)".
class CallLists {
 public:
  void Add(const std::string& name, const Verdict& verdict) {
    std::vector<std::string>& list = verdict.outcome == Outcome::kDeny    ? denied_
                                     : verdict.outcome == Outcome::kAllow ? allowed_
                                                                          : unclear_;
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
    if (verdict.outcome == Outcome::kUnknown && why_.empty()) why_ = verdict.reason;
  }

  std::string Text() const {
    std::vector<std::string> parts;
    if (!denied_.empty()) parts.push_back(absl::StrCat("denied: ", absl::StrJoin(denied_, ", ")));
    if (!allowed_.empty()) parts.push_back(absl::StrCat("not: ", absl::StrJoin(allowed_, ", ")));
    if (!unclear_.empty()) {
      parts.push_back(absl::StrCat("unclear: ", absl::StrJoin(unclear_, ", "), " (", why_, ")"));
    }
    return absl::StrCat("the calls for it are not judged alike (", absl::StrJoin(parts, "; "), ")");
  }

 private:
  std::vector<std::string> denied_;
  std::vector<std::string> allowed_;
  std::vector<std::string> unclear_;
  std::string why_;
};

std::optional<SyscallArguments> AllArguments(const ArgConjunction& known) {
  if (known.size() != 6) return std::nullopt;
  SyscallArguments args{};
  for (const SeccompArg& arg : known) {
    if (arg.op != "SCMP_CMP_EQ") return std::nullopt;
    args[arg.index] = arg.value;
  }
  return args;
}

// The answers that calls with such arguments get; empty when there are too many conditions.
std::vector<FilterAnswer> Answers(const CallRules& call, const SeccompOutcome& default_outcome,
                                  size_t entries, const ArgConjunction& known) {
  if (const std::optional<SyscallArguments> args = AllArguments(known); args.has_value()) {
    FilterAnswer answer{default_outcome, {}};
    for (const FilterRule* rule : call.Matching(*args)) {
      answer.outcome = rule->outcome;
      answer.entries.push_back(rule->entry);
    }
    return {answer};
  }
  std::vector<size_t> names(entries);
  for (size_t i = 0; i < entries; ++i) names[i] = i;
  FilterAnswers answers;
  ArgumentDiagrams diagrams(kDiagramBudget);
  ArgumentDiagrams::Node function = CallFunction(call, default_outcome, names, answers, diagrams);
  // Elsewhere the first number above all answers.
  const uint32_t elsewhere = answers.size();
  function = diagrams.Combine(
      function, diagrams.Conjunction(known, call.narrow),
      [&](uint32_t answer, uint32_t inside) { return inside != 0 ? answer : elsewhere; });
  std::vector<FilterAnswer> list;
  if (diagrams.exhausted()) return list;
  for (const auto& [number, args] : diagrams.Values(function)) {
    if (number != elsewhere) list.push_back(answers[number]);
  }
  return list;
}

}  // namespace

absl::StatusOr<SeccompSimulator> SeccompSimulator::Load(const SeccompArtifact& artifact) {
  Diagnostics diagnostics;
  ParsedSeccomp parsed = ParseOciSeccomp(artifact.json(), "json", diagnostics);
  for (const Diagnostic& diagnostic : diagnostics.list()) {
    if (diagnostic.severity != Diagnostic::Severity::kError) continue;
    return absl::InvalidArgumentError(absl::StrCat("seccomp profile: ", diagnostic.problem));
  }
  return SeccompSimulator(FilterRules(std::move(parsed.profile)),
                          {artifact.rules().begin(), artifact.rules().end()});
}

SeccompSimulator::SeccompSimulator(FilterRules filter, std::vector<RuleOrigin> rules)
    : filter_(std::move(filter)), rules_(std::move(rules)) {
  for (const std::string& architecture : filter_.profile().architectures) {
    int& newest = newest_named_[architecture];
    for (const SeccompEntry& entry : filter_.profile().entries) {
      for (const std::string& name : entry.names) {
        const bool unknown = LookUpSyscall(name, {architecture}) == SyscallKnowledge::kNewer;
        newest = std::max(newest, unknown ? kNewestNumber : SyscallNumber(name, architecture));
      }
    }
  }
}

bool SeccompSimulator::AnsweredByRunc(absl::string_view architecture,
                                      const std::string& name) const {
  const auto found = newest_named_.find(std::string(architecture));
  if (!filter_.default_outcome().denies || found == newest_named_.end()) return false;
  const int newest = found->second;
  if (newest == 0 || newest == kNewestNumber) return false;
  return LookUpSyscall(name, {found->first}) == SyscallKnowledge::kNewer ||
         SyscallNumber(name, architecture) > newest;
}

ResponsibleRule SeccompSimulator::RuleOf(size_t entry) const {
  ResponsibleRule rule;
  // The compiler's list is parallel to the entries.
  if (rules_.size() == filter_.profile().entries.size()) {
    rule.index = static_cast<int>(entry);
    rule.origin = rules_[entry];
  } else {
    rule.origin.set_text(absl::StrCat("entry ", entry, " of the profile"));
  }
  return rule;
}

std::string SeccompSimulator::NativeArchitecture() const {
  const std::vector<std::string>& listed = filter_.profile().architectures;
  return listed.empty() ? "" : listed.front();
}

Verdict SeccompSimulator::AnswerOf(const SeccompOutcome& outcome,
                                   const std::vector<size_t>& entries) const {
  Verdict verdict;
  for (const size_t entry : entries) {
    ResponsibleRule rule = RuleOf(entry);
    if (verdict.rules.empty() || verdict.rules.back().index != rule.index ||
        verdict.rules.back().origin.text() != rule.origin.text()) {
      verdict.rules.push_back(std::move(rule));
    }
  }
  verdict.reported = filter_.IsReported(outcome);
  verdict.effect = EffectOf(outcome);
  if (outcome.denies) verdict.outcome = Outcome::kDeny;
  if (entries.empty()) verdict.reason = DefaultReason(outcome);
  if (outcome.action == "SCMP_ACT_NOTIFY" || outcome.action == "SCMP_ACT_TRACE") {
    verdict.outcome = Outcome::kUnknown;
    verdict.reason =
        outcome.action == "SCMP_ACT_NOTIFY" ? "the profile's listener decides" : "a tracer decides";
  }
  return verdict;
}

Verdict SeccompSimulator::OwnNumber(absl::string_view architecture, const std::string& name,
                                    const ArgConjunction& known) const {
  const CallRules call = filter_.Rules(architecture, name);
  if (!call.unreliable.empty()) return Unknown(absl::StrCat(name, ": ", call.unreliable));
  const SeccompOutcome& otherwise = filter_.default_outcome();
  std::vector<Verdict> verdicts;
  for (const FilterAnswer& answer :
       Answers(call, otherwise, filter_.profile().entries.size(), known)) {
    verdicts.push_back(AnswerOf(answer.outcome, answer.entries));
  }
  if (verdicts.empty()) return Unknown(absl::StrCat(name, " has too many conditions"));
  if (!SameOutcome(verdicts)) {
    return Unknown(absl::StrCat(name, " is denied with some arguments only"));
  }
  Verdict verdict = Together(verdicts);
  if (AnsweredByRunc(architecture, name)) {
    absl::StrAppend(&verdict.reason,
                    "; runc answers ENOSYS, as the call is newer than all that the ",
                    "profile names");
  }
  std::vector<std::string> architectures;
  if (!architecture.empty()) architectures.push_back(std::string(architecture));
  if (!call.rules.empty() && LookUpSyscall(name, architectures) == SyscallKnowledge::kNewer) {
    return Unknown(absl::StrCat("older releases of libseccomp do not know ", name,
                                " and leave the entries about it out"));
  }
  return verdict;
}

Verdict SeccompSimulator::AnyNumber(absl::string_view architecture, const std::string& name,
                                    const ArgConjunction& known) const {
  const MultiplexedCall* carried = FindMultiplexedCall(architecture, name);
  if (carried == nullptr) return OwnNumber(architecture, name, known);
  std::vector<Verdict> verdicts = {
      OwnNumber(architecture, carried->carrier, {{0, carried->number, 0, "SCMP_CMP_EQ"}})};
  if (HasOwnNumber(architecture, name)) {
    verdicts.insert(verdicts.begin(), OwnNumber(architecture, name, known));
  }
  if (SameOutcome(verdicts)) return Together(verdicts);
  return Unknown(absl::StrCat("programs of ", ArchitectureText(architecture), " call ", name,
                              " directly or through ", carried->carrier,
                              ", where a filter does not see its arguments"));
}

Verdict SeccompSimulator::DecideCall(const SyscallEvent& call, bool own_number_only) const {
  const std::string architecture =
      call.architecture().empty() ? NativeArchitecture() : call.architecture();
  if (!filter_.HasArchitecture(architecture)) {
    if (filter_.profile().architectures.empty()) {
      return Unknown("the profile lists no architectures, and the node's is not known here");
    }
    Verdict killed = AnswerOf(SeccompOutcome::Of("SCMP_ACT_KILL_THREAD", std::nullopt), {});
    killed.reason = absl::StrCat("the profile does not list ", ArchitectureText(architecture));
    return killed;
  }
  std::vector<std::string> architectures;
  if (!architecture.empty()) architectures.push_back(architecture);
  if (LookUpSyscall(call.name(), architectures) == SyscallKnowledge::kElsewhere) {
    return NotMediated(absl::StrCat(ArchitectureText(architecture), " has no call ", call.name()));
  }
  ArgConjunction args;
  for (uint32_t i = 0; i < 6; ++i) {
    const uint64_t value =
        static_cast<int>(i) < call.args_size() ? call.args(static_cast<int>(i)) : 0;
    args.push_back({i, value, 0, "SCMP_CMP_EQ"});
  }
  if (own_number_only) return OwnNumber(architecture, call.name(), args);
  return AnyNumber(architecture, call.name(), args);
}

Verdict SeccompSimulator::DecideOwnNumber(const SyscallEvent& call) const {
  return DecideCall(call, true);
}

// Denied when one of the calls is.
Verdict SeccompSimulator::Way(absl::string_view architecture, const EventWay& way) const {
  std::vector<Verdict> verdicts;
  for (const EventCall& call : way) {
    verdicts.push_back(AnyNumber(architecture, call.name, call.args));
    if (verdicts.back().outcome == Outcome::kDeny) return verdicts.back();
  }
  if (SameOutcome(verdicts)) return Together(verdicts);
  for (const Verdict& verdict : verdicts) {
    if (verdict.outcome == Outcome::kUnknown) return verdict;
  }
  return verdicts.front();
}

Verdict SeccompSimulator::DecideEvent(const Event& event) const {
  const std::string architecture = NativeArchitecture();
  std::vector<std::string> architectures;
  if (!architecture.empty()) architectures.push_back(architecture);
  const EventCalls calls = CallsOfEvent(event, architecture);
  if (!calls.unknown.empty()) return Unknown(calls.unknown);
  std::vector<Verdict> verdicts;
  CallLists lists;
  for (const EventWay& way : calls.ways) {
    const bool exists = std::all_of(way.begin(), way.end(), [&](const EventCall& call) {
      const SyscallKnowledge knowledge = LookUpSyscall(call.name, architectures);
      return knowledge == SyscallKnowledge::kKnown || knowledge == SyscallKnowledge::kNewer;
    });
    if (!exists) continue;
    verdicts.push_back(Way(architecture, way));
    lists.Add(
        absl::StrJoin(way, "+", [](std::string* out, const EventCall& call) { *out += call.name; }),
        verdicts.back());
  }
  if (verdicts.empty()) {
    return NotMediated("a filter sees calls and their arguments, and no call is all of this");
  }
  if (!SameOutcome(verdicts)) return Unknown(lists.Text());
  return Together(verdicts);
}

absl::StatusOr<Verdict> SeccompSimulator::Decide(const Event& event) const {
  if (event.has_syscall()) {
    const SyscallEvent& call = event.syscall();
    if (LookUpSyscall(call.name(), {}) == SyscallKnowledge::kUnknown) {
      return absl::InvalidArgumentError(absl::StrCat("unknown syscall ", Quoted(call.name())));
    }
    if (!call.architecture().empty() && FindSeccompArchitecture(call.architecture()) == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown architecture ", Quoted(call.architecture())));
    }
    if (call.args_size() > 6) return absl::InvalidArgumentError("a syscall has six arguments");
  }
  if (!filter_.refusal().empty()) {
    return Unknown(absl::StrCat("no container starts with the profile: ", filter_.refusal()));
  }
  return event.has_syscall() ? DecideCall(event.syscall(), false) : DecideEvent(event);
}

}  // namespace varmor
