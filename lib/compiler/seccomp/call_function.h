// What a filter answers to one syscall, as a function of all arguments.
#ifndef LIB_COMPILER_SECCOMP_CALL_FUNCTION_H_
#define LIB_COMPILER_SECCOMP_CALL_FUNCTION_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/compiler/seccomp/argument_diagram.h"
#include "lib/compiler/seccomp/filter_rules.h"
#include "lib/compiler/seccomp/seccomp_outcome.h"

namespace varmor {

struct FilterAnswer {
  SeccompOutcome outcome;
  // Entries (or what stands for them) that say so, ascending; empty where the default decides.
  std::vector<size_t> entries;
};

// Numbers for answers.
class FilterAnswers {
 public:
  uint32_t Number(FilterAnswer answer);
  uint32_t size() const { return static_cast<uint32_t>(answers_.size()); }
  const FilterAnswer& operator[](uint32_t number) const { return answers_[number]; }

 private:
  std::vector<FilterAnswer> answers_;
  std::map<std::pair<std::string, std::vector<size_t>>, uint32_t> numbers_;
};

// The function from arguments to numbers of `answers`, for a call that is not unreliable.
// `names_of_entries` gives what an answer calls each entry of the profile; empty: answers do not
// tell entries.
ArgumentDiagrams::Node CallFunction(const CallRules& call, const SeccompOutcome& default_outcome,
                                    const std::vector<size_t>& names_of_entries,
                                    FilterAnswers& answers, ArgumentDiagrams& diagrams);

}  // namespace varmor

#endif  // LIB_COMPILER_SECCOMP_CALL_FUNCTION_H_
