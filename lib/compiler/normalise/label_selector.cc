#include "lib/compiler/normalise/label_selector.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace varmor {
namespace {

bool RequirementHolds(const LabelSelectorRequirement& requirement, const Labels& labels) {
  const auto it = labels.find(requirement.key());
  const bool present = it != labels.end();
  if (requirement.operator_() == "Exists") return present;
  if (requirement.operator_() == "DoesNotExist") return !present;
  const bool listed = present && std::find(requirement.values().begin(), requirement.values().end(),
                                           it->second) != requirement.values().end();
  return requirement.operator_() == "In" ? listed : !listed;
}

}  // namespace

bool SelectorMatches(const LabelSelector& selector, const Labels& labels) {
  for (const auto& [key, value] : selector.match_labels()) {
    const auto it = labels.find(key);
    if (it == labels.end() || it->second != value) return false;
  }
  return std::all_of(
      selector.match_expressions().begin(), selector.match_expressions().end(),
      [&](const LabelSelectorRequirement& r) { return RequirementHolds(r, labels); });
}

std::string SelectorText(const LabelSelector& selector) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : selector.match_labels()) {
    parts.push_back(absl::StrCat(key, "=", value));
  }
  for (const LabelSelectorRequirement& requirement : selector.match_expressions()) {
    if (requirement.operator_() == "Exists") {
      parts.push_back(requirement.key());
    } else if (requirement.operator_() == "DoesNotExist") {
      parts.push_back(absl::StrCat("!", requirement.key()));
    } else {
      std::vector<std::string> values(requirement.values().begin(), requirement.values().end());
      std::sort(values.begin(), values.end());
      parts.push_back(absl::StrCat(requirement.key(), " ",
                                   absl::AsciiStrToLower(requirement.operator_()), " (",
                                   absl::StrJoin(values, ","), ")"));
    }
  }
  std::sort(parts.begin(), parts.end());
  return absl::StrJoin(parts, ",");
}

}  // namespace varmor
