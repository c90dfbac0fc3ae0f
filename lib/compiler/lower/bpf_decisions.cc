#include "lib/compiler/lower/bpf_decisions.h"

#include <algorithm>
#include <iterator>

namespace varmor {
namespace {

void JoinBits(uint32_t& bits, uint16_t (&rules)[VARMOR_DECISION_BITS], uint32_t mask,
              uint16_t rule) {
  for (int bit = 0; bit < VARMOR_DECISION_BITS; ++bit) {
    if ((mask >> bit & 1) != 0 && (bits >> bit & 1) == 0) rules[bit] = rule;
  }
  bits |= mask;
}

void JoinOne(uint8_t& value, uint16_t& first, uint16_t rule) {
  if (value == 0) first = rule;
  value = 1;
}

}  // namespace

varmor_decision EmptyDecision() {
  varmor_decision decision{};
  std::fill(std::begin(decision.deny_rule), std::end(decision.deny_rule), VARMOR_NO_RULE);
  std::fill(std::begin(decision.audit_rule), std::end(decision.audit_rule), VARMOR_NO_RULE);
  std::fill(std::begin(decision.allow_rule), std::end(decision.allow_rule), VARMOR_NO_RULE);
  return decision;
}

varmor_verdict EmptyVerdict() {
  varmor_verdict verdict{};
  verdict.deny_rule = verdict.audit_rule = verdict.allow_rule = VARMOR_NO_RULE;
  return verdict;
}

void Join(varmor_decision& decision, uint32_t mask, const Action& action, uint16_t rule) {
  if (action.deny) JoinBits(decision.deny, decision.deny_rule, mask, rule);
  if (action.audit) JoinBits(decision.audit, decision.audit_rule, mask, rule);
  if (action.allow) JoinBits(decision.allow, decision.allow_rule, mask, rule);
}

void Join(varmor_verdict& verdict, const Action& action, uint16_t rule) {
  if (action.deny) JoinOne(verdict.deny, verdict.deny_rule, rule);
  if (action.audit) JoinOne(verdict.audit, verdict.audit_rule, rule);
  if (action.allow) JoinOne(verdict.allow, verdict.allow_rule, rule);
}

}  // namespace varmor
