// Raw rules as text to the rules and diagnostics that come out, as text again.
#ifndef LIB_COMPILER_NORMALISE_BPF_RULES_FOR_TEST_H_
#define LIB_COMPILER_NORMALISE_BPF_RULES_FOR_TEST_H_

#include <string>

#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/bpf_rules.h"
#include "lib/compiler/normalise/bpf_raw_rules.h"

namespace varmor {

// Field "bpf", rule "raw", deny where no qualifiers are.
BpfRawRulesContext RawContext();

// `text` is a BpfRawRules in text format.
BpfRules ReadRawRules(const std::string& text, const BpfRawRulesContext& context,
                      Diagnostics& diagnostics);

// The same for a text that must be without mistakes.
BpfRules RawRules(const std::string& text, const BpfRawRulesContext& context = RawContext());

// Qualifier "allow" is known, rules without qualifiers allow; the rest is denied.
BpfRules RawAllowList(const std::string& text);

// "ACTION TEXT @ FIELD" per rule, a line each.
std::string RulesText(const BpfRules& rules);
// Errors and warnings.
std::string DiagnosticsText(const Diagnostics& diagnostics);

// Both, rules first.
std::string Outcome(const std::string& text, const BpfRawRulesContext& context = RawContext());

}  // namespace varmor

#endif  // LIB_COMPILER_NORMALISE_BPF_RULES_FOR_TEST_H_
