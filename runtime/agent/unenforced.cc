#include "runtime/agent/unenforced.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

using RuleList = google::protobuf::RepeatedPtrField<RuleOrigin>;

const RuleList& RulesOf(const ArmorProfileArtifacts& artifacts, EnforcerKind kind) {
  switch (kind) {
    case EnforcerKind::kAppArmor:
      return artifacts.app_armor().rules();
    case EnforcerKind::kBpf:
      return artifacts.bpf().rules();
    case EnforcerKind::kSeccomp:
      break;
  }
  return artifacts.seccomp().rules();
}

bool SameRule(const RuleOrigin& a, const RuleOrigin& b) {
  return a.rule() == b.rule() && a.field() == b.field();
}

// Names under which there are rules about different things.
bool IsNamed(const RuleOrigin& rule) {
  return !rule.rule().empty() && rule.rule() != "raw" && rule.rule() != "runtime-default";
}

// What denies does so here too.
bool DoesAsMuch(const RuleOrigin& other, const RuleOrigin& rule) {
  if (absl::StrContains(rule.action(), "deny")) return absl::StrContains(other.action(), "deny");
  return other.action() != "allow";
}

std::string NameOf(const RuleOrigin& rule) {
  if (rule.rule().empty() && rule.field().empty()) return "every rule";
  if (rule.rule() != "raw") return rule.rule();
  return absl::StrCat("the rule at ", rule.field());
}

}  // namespace

std::vector<std::string> AllTexts(const UnenforcedTexts& texts) {
  std::vector<std::string> all = texts.whole;
  for (const std::string& text : texts.in_part) all.push_back(absl::StrCat("in part: ", text));
  return all;
}

UnenforcedTexts TextsOfUnenforced(
    const ArmorProfileArtifacts& artifacts,
    const std::map<EnforcerKind, std::vector<UnenforcedRule>>& unenforced) {
  const auto enforced_by = [&](EnforcerKind kind, const RuleOrigin& rule) {
    const std::vector<UnenforcedRule>& lost = unenforced.at(kind);
    const RuleList& rules = RulesOf(artifacts, kind);
    return std::any_of(rules.begin(), rules.end(),
                       [&](const RuleOrigin& one) {
                         return SameRule(one, rule) && DoesAsMuch(one, rule);
                       }) &&
           std::none_of(lost.begin(), lost.end(), [&](const UnenforcedRule& one) {
             return one.rule.rule().empty() || SameRule(one.rule, rule);
           });
  };
  UnenforcedTexts out;
  for (const auto& [kind, rules] : unenforced) {
    for (const UnenforcedRule& one : rules) {
      const bool elsewhere =
          IsNamed(one.rule) &&
          std::any_of(unenforced.begin(), unenforced.end(), [&, kind = kind](const auto& other) {
            return other.first != kind && enforced_by(other.first, one.rule);
          });
      if (elsewhere) continue;
      std::string text =
          absl::StrCat(EnforcerName(kind), ": ", NameOf(one.rule), " (", one.reason, ")");
      std::vector<std::string>& texts = one.in_part ? out.in_part : out.whole;
      if (std::find(texts.begin(), texts.end(), text) == texts.end()) {
        texts.push_back(std::move(text));
      }
    }
  }
  return out;
}

}  // namespace varmor
