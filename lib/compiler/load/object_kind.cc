#include "lib/compiler/load/object_kind.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace varmor {
namespace {

using Type = ObjectKind::Type;

constexpr absl::string_view kGroup = "crd.varmor.org";
constexpr absl::string_view kApiVersion = "crd.varmor.org/v1beta1";

const std::vector<std::string>& PolicyKinds() {
  static const auto* const kinds =
      new std::vector<std::string>{"VarmorPolicy", "VarmorClusterPolicy"};
  return *kinds;
}

// Kinds of the group that hold no policy.
bool IsCompiledKind(absl::string_view kind) {
  absl::ConsumeSuffix(&kind, "List");
  return kind == "ArmorProfile" || kind == "ArmorProfileModel";
}

bool IsPolicyKind(absl::string_view kind) {
  return std::find(PolicyKinds().begin(), PolicyKinds().end(), kind) != PolicyKinds().end();
}

// The scalar at `key`, or null with an error.
const std::string* RequiredText(const DocumentNode& root, absl::string_view key,
                                Diagnostics& diagnostics) {
  const DocumentNode* node = root.Find(key);
  if (node != nullptr && node->kind == DocumentNode::Kind::kScalar && !node->scalar.empty()) {
    return &node->scalar;
  }
  if (node == nullptr || node->kind == DocumentNode::Kind::kNull) {
    diagnostics.Error(
        "missing-field", key, absl::StrCat("required key \"", key, "\" is missing"),
        "a policy begins with apiVersion: crd.varmor.org/v1beta1 and kind: VarmorPolicy "
        "or VarmorClusterPolicy");
  } else {
    diagnostics.Error("wrong-type", key, absl::StrCat("\"", key, "\" is not a word"),
                      "write one word after the colon");
  }
  return nullptr;
}

ObjectKind ClassifyOwnGroup(const std::string& api_version, const std::string& kind,
                            Diagnostics& diagnostics) {
  if (IsCompiledKind(kind)) return {Type::kForeign, ""};
  absl::string_view item_kind = kind;
  const bool is_list = absl::ConsumeSuffix(&item_kind, "List") && IsPolicyKind(item_kind);
  if (!is_list && !IsPolicyKind(kind)) {
    const std::string nearest = NearestWord(kind, PolicyKinds());
    diagnostics.Error("unknown-kind", "kind",
                      absl::StrCat("unknown kind ", Quoted(kind), " in group ", kGroup),
                      nearest.empty() ? "policies are VarmorPolicy and VarmorClusterPolicy"
                                      : absl::StrCat("did you mean \"", nearest, "\"?"));
    return {};
  }
  if (api_version != kApiVersion) {
    diagnostics.Error("unknown-version", "apiVersion",
                      absl::StrCat("unknown version ", Quoted(api_version)),
                      absl::StrCat("write ", kApiVersion));
    return {};
  }
  if (is_list) return {Type::kList, std::string(item_kind)};
  return {Type::kPolicy, ""};
}

}  // namespace

ObjectKind ClassifyObject(const DocumentNode& root, Diagnostics& diagnostics) {
  if (root.kind != DocumentNode::Kind::kMapping) {
    diagnostics.Error("not-an-object", "",
                      absl::StrCat("the document is ",
                                   root.kind == DocumentNode::Kind::kSequence ? "a list"
                                   : root.kind == DocumentNode::Kind::kScalar ? "text"
                                                                              : "empty",
                                   ", not an object"),
                      "a policy is an object with the keys apiVersion, kind, metadata and spec");
    return {};
  }
  // The tool's own tests of policies have no group (docs/policy_tests.md).
  const DocumentNode* test = root.Find("kind");
  if (test != nullptr && test->kind == DocumentNode::Kind::kScalar &&
      test->scalar == "PolicyTest" && root.Find("apiVersion") == nullptr) {
    return {Type::kForeign, ""};
  }
  const std::string* api_version = RequiredText(root, "apiVersion", diagnostics);
  const std::string* kind = RequiredText(root, "kind", diagnostics);
  if (api_version == nullptr || kind == nullptr) return {};
  const std::string group = api_version->substr(0, api_version->find('/'));
  if (group == kGroup) return ClassifyOwnGroup(*api_version, *kind, diagnostics);
  absl::string_view bare_kind = *kind;
  absl::ConsumeSuffix(&bare_kind, "List");
  const bool near_group = !NearestWord(group, {std::string(kGroup)}).empty();
  if (near_group || IsPolicyKind(bare_kind)) {
    diagnostics.Error("unknown-version", "apiVersion",
                      absl::StrCat("unknown group ", Quoted(group), " for kind ", Quoted(*kind)),
                      absl::StrCat("write ", kApiVersion));
    return {};
  }
  if (*api_version == "v1" && *kind == "List") return {Type::kList, ""};
  return {Type::kForeign, ""};
}

}  // namespace varmor
