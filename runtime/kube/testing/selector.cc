#include "runtime/kube/testing/selector.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/kube/kube_object.h"

namespace varmor {
namespace {

using Json = nlohmann::json;

// One requirement: what a value, or its absence, must be.
struct Requirement {
  std::string key;
  std::vector<std::string> values;  // empty: any
  bool negated = false;

  // `value` is nullptr when the label is missing.
  bool Holds(const std::string* value) const {
    bool matches = value != nullptr;
    if (matches && !values.empty()) {
      matches = std::find(values.begin(), values.end(), *value) != values.end();
    }
    return matches != negated;
  }
};

// At commas outside of parentheses.
std::vector<std::string> SplitRequirements(absl::string_view text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char byte : text) {
    if (byte == '(') ++depth;
    if (byte == ')') --depth;
    if (byte == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += byte;
    }
  }
  return parts;
}

absl::StatusOr<Requirement> ParseComparison(absl::string_view text, size_t at) {
  Requirement requirement;
  requirement.negated = at > 0 && text[at - 1] == '!';
  requirement.key =
      std::string(absl::StripAsciiWhitespace(text.substr(0, at - (requirement.negated ? 1 : 0))));
  absl::string_view value = text.substr(at + 1);
  if (!requirement.negated) absl::ConsumePrefix(&value, "=");
  requirement.values = {std::string(absl::StripAsciiWhitespace(value))};
  if (requirement.key.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("unable to parse requirement: \"", text, "\""));
  }
  return requirement;
}

absl::StatusOr<Requirement> ParseSet(absl::string_view text) {
  const size_t open = text.find('(');
  const std::vector<absl::string_view> words =
      absl::StrSplit(text.substr(0, open), ' ', absl::SkipWhitespace());
  if (words.size() != 2 || !absl::EndsWith(text, ")") ||
      (words[1] != "in" && words[1] != "notin")) {
    return absl::InvalidArgumentError(absl::StrCat("unable to parse requirement: \"", text, "\""));
  }
  Requirement requirement;
  requirement.key = std::string(words[0]);
  requirement.negated = words[1] == "notin";
  const absl::string_view inside = text.substr(open + 1, text.size() - open - 2);
  for (const absl::string_view value : absl::StrSplit(inside, ',')) {
    requirement.values.emplace_back(absl::StripAsciiWhitespace(value));
  }
  return requirement;
}

absl::StatusOr<Requirement> ParseRequirement(absl::string_view text) {
  if (absl::StrContains(text, '(')) return ParseSet(text);
  const size_t at = text.find('=');
  if (at != absl::string_view::npos) return ParseComparison(text, at);
  Requirement requirement;
  requirement.negated = absl::ConsumePrefix(&text, "!");
  requirement.key = std::string(absl::StripAsciiWhitespace(text));
  if (requirement.key.empty() || absl::StrContains(requirement.key, ' ')) {
    return absl::InvalidArgumentError(absl::StrCat("unable to parse requirement: \"", text, "\""));
  }
  return requirement;
}

}  // namespace

absl::StatusOr<ObjectPredicate> ParseLabelSelector(absl::string_view text) {
  std::vector<Requirement> requirements;
  if (!text.empty()) {
    for (const std::string& part : SplitRequirements(text)) {
      VARMOR_ASSIGN_OR_RETURN(Requirement requirement,
                              ParseRequirement(absl::StripAsciiWhitespace(part)));
      requirements.push_back(std::move(requirement));
    }
  }
  return ObjectPredicate([requirements](const Json& object) {
    const Json* labels = FieldAt(object, {"metadata", "labels"});
    return std::all_of(requirements.begin(), requirements.end(), [labels](const Requirement& one) {
      if (labels == nullptr || !labels->contains(one.key)) return one.Holds(nullptr);
      const std::string value = TextAt(*labels, {one.key});
      return one.Holds(&value);
    });
  });
}

absl::StatusOr<ObjectPredicate> ParseFieldSelector(absl::string_view text, bool of_pods) {
  std::vector<Requirement> requirements;
  if (!text.empty()) {
    for (const absl::string_view part : absl::StrSplit(text, ',')) {
      const size_t at = part.find('=');
      if (at == absl::string_view::npos) {
        return absl::InvalidArgumentError(
            absl::StrCat("invalid selector: '", part, "'; can't understand it"));
      }
      VARMOR_ASSIGN_OR_RETURN(Requirement requirement, ParseComparison(part, at));
      const std::string& key = requirement.key;
      const bool known = key == "metadata.name" || key == "metadata.namespace" ||
                         (of_pods && (key == "spec.nodeName" || key == "status.phase"));
      if (!known) {
        return absl::InvalidArgumentError(absl::StrCat("field label not supported: ", key));
      }
      requirements.push_back(std::move(requirement));
    }
  }
  return ObjectPredicate([requirements](const Json& object) {
    return std::all_of(requirements.begin(), requirements.end(), [&object](const Requirement& one) {
      const std::pair<std::string, std::string> keys = absl::StrSplit(one.key, '.');
      // A field that is missing is "".
      const std::string value = TextAt(object, {keys.first, keys.second});
      return one.Holds(&value);
    });
  });
}

}  // namespace varmor
