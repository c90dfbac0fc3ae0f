#include "lib/compiler/normalise/bpf_rules_for_test.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "lib/compiler/normalise/bpf_rule_text.h"

namespace varmor {
namespace {

template <typename Rule>
void AppendRules(const std::vector<Rule>& rules, std::string& out) {
  for (const Rule& rule : rules) {
    absl::StrAppend(&out, ActionName(rule.action), " ", RuleText(rule), " @ ", rule.origin.field,
                    "\n");
  }
}

}  // namespace

BpfRawRulesContext RawContext() {
  BpfRawRulesContext context;
  context.rule = "raw";
  context.field = "bpf";
  context.default_action.deny = true;
  return context;
}

BpfRules ReadRawRules(const std::string& text, const BpfRawRulesContext& context,
                      Diagnostics& diagnostics) {
  BpfRawRules raw;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &raw)) << text;
  BpfRules rules;
  AppendBpfRawRules(raw, context, rules, diagnostics);
  return rules;
}

BpfRules RawRules(const std::string& text, const BpfRawRulesContext& context) {
  Diagnostics diagnostics;
  BpfRules rules = ReadRawRules(text, context, diagnostics);
  EXPECT_EQ(DiagnosticsText(diagnostics), "");
  return rules;
}

BpfRules RawAllowList(const std::string& text) {
  BpfRawRulesContext context = RawContext();
  context.default_action = Action{false, false, true};
  context.knows_allow = true;
  BpfRules rules = RawRules(text, context);
  rules.default_deny = true;
  return rules;
}

std::string RulesText(const BpfRules& rules) {
  std::string out;
  AppendRules(rules.files, out);
  AppendRules(rules.sockets, out);
  AppendRules(rules.egress, out);
  AppendRules(rules.ptrace, out);
  AppendRules(rules.mounts, out);
  AppendRules(rules.capabilities, out);
  return out;
}

std::string DiagnosticsText(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& d : diagnostics.list()) {
    if (d.severity != Diagnostic::Severity::kNote) absl::StrAppend(&out, FormatDiagnostic(d));
  }
  return out;
}

std::string Outcome(const std::string& text, const BpfRawRulesContext& context) {
  Diagnostics diagnostics;
  const std::string rules = RulesText(ReadRawRules(text, context, diagnostics));
  return rules + DiagnosticsText(diagnostics);
}

}  // namespace varmor
