#include "lib/compiler/load/object_name.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace varmor {
namespace {

constexpr size_t kLabelBytes = 63;
constexpr size_t kSubdomainBytes = 253;

bool IsNameByte(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-'; }

bool IsLabelOfAnyLength(absl::string_view label) {
  return !label.empty() && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), IsNameByte);
}

// `name` in lower case with one "-" for each character that may not stand in names.
std::string Repaired(absl::string_view name, bool dots) {
  std::string out;
  for (const char c : absl::AsciiStrToLower(name)) {
    const bool continues_character = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (continues_character) continue;
    out.push_back(IsNameByte(c) || (dots && c == '.') ? c : '-');
  }
  return out;
}

void CheckName(const DocumentNode* metadata, absl::string_view key, bool dots,
               Diagnostics& diagnostics) {
  const DocumentNode* node = metadata->Find(key);
  if (node == nullptr || node->kind != DocumentNode::Kind::kScalar) return;
  const auto valid = dots ? IsDnsSubdomain : IsDnsLabel;
  if (valid(node->scalar)) return;
  const std::string repaired = Repaired(node->scalar, dots);
  diagnostics.Error(
      "bad-name", absl::StrCat("metadata.", key),
      absl::StrCat(Quoted(node->scalar), " is not a valid ", key),
      valid(repaired)
          ? absl::StrCat("did you mean ", Quoted(repaired), "?")
          : absl::StrCat("use lower-case letters, digits and \"-\"", dots ? " or \".\"" : "",
                         ", at most ", dots ? kSubdomainBytes : kLabelBytes,
                         " of them, beginning and ending with a letter or digit"));
}

}  // namespace

bool IsDnsLabel(absl::string_view name) {
  return name.size() <= kLabelBytes && IsLabelOfAnyLength(name);
}

bool IsDnsSubdomain(absl::string_view name) {
  if (name.size() > kSubdomainBytes) return false;
  const std::vector<absl::string_view> labels = absl::StrSplit(name, '.');
  return std::all_of(labels.begin(), labels.end(), IsLabelOfAnyLength);
}

void CheckObjectNames(const DocumentNode& root, Diagnostics& diagnostics) {
  const DocumentNode* metadata = root.Find("metadata");
  if (metadata == nullptr) return;
  CheckName(metadata, "name", true, diagnostics);
  const DocumentNode* kind = root.Find("kind");
  const DocumentNode* namespace_node = metadata->Find("namespace");
  const bool has_namespace =
      namespace_node != nullptr && namespace_node->kind == DocumentNode::Kind::kScalar;
  if (kind != nullptr && kind->scalar == "VarmorClusterPolicy") {
    if (!has_namespace || namespace_node->scalar.empty()) return;
    diagnostics.StrictError("namespace-ignored", "metadata.namespace",
                            absl::StrCat("a VarmorClusterPolicy has no namespace; ",
                                         Quoted(namespace_node->scalar), " would be ignored"),
                            "remove the key, or write kind: VarmorPolicy");
    return;
  }
  CheckName(metadata, "namespace", false, diagnostics);
}

}  // namespace varmor
