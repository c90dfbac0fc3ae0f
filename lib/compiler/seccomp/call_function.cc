#include "lib/compiler/seccomp/call_function.h"

#include <algorithm>

namespace varmor {

uint32_t FilterAnswers::Number(FilterAnswer answer) {
  const std::string text = answer.outcome.Text();
  const auto [at, fresh] = numbers_.emplace(std::make_pair(text, answer.entries),
                                            static_cast<uint32_t>(answers_.size()));
  if (fresh) answers_.push_back(std::move(answer));
  return at->second;
}

ArgumentDiagrams::Node CallFunction(const CallRules& call, const SeccompOutcome& default_outcome,
                                    const std::vector<size_t>& names_of_entries,
                                    FilterAnswers& answers, ArgumentDiagrams& diagrams) {
  ArgumentDiagrams::Node function =
      ArgumentDiagrams::Constant(answers.Number({default_outcome, {}}));
  for (const FilterRule& rule : call.rules) {
    const auto add = [&](uint32_t number, uint32_t holds) {
      if (holds == 0) return number;
      FilterAnswer answer = answers[number];
      // Rules that hold for the same call agree.
      answer.outcome = rule.outcome;
      if (!names_of_entries.empty()) {
        const size_t name = names_of_entries[rule.entry];
        const auto at = std::lower_bound(answer.entries.begin(), answer.entries.end(), name);
        if (at == answer.entries.end() || *at != name) answer.entries.insert(at, name);
      }
      return answers.Number(std::move(answer));
    };
    function = diagrams.Combine(function, diagrams.Conjunction(rule.args, call.narrow), add);
  }
  return function;
}

}  // namespace varmor
