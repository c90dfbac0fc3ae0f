#include "lib/compiler/load/document.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/load/field_path.h"
#include "lib/compiler/load/json_document.h"
#include "lib/compiler/load/source_text.h"
#include "lib/compiler/load/yaml_document.h"

namespace varmor {
namespace {

void ReportAt(absl::string_view name, TextPlace place, absl::string_view code,
              absl::string_view problem, absl::string_view fix, Diagnostics& diagnostics) {
  diagnostics.Error(code, "", problem, fix);
  diagnostics.mutable_list().back().file = std::string(name);
  diagnostics.mutable_list().back().place = place;
}

bool CheckText(absl::string_view name, absl::string_view text, const DocumentLimits& limits,
               Diagnostics& diagnostics) {
  if (text.size() > limits.bytes) {
    ReportAt(name, {}, "too-large",
             absl::StrCat("the input has ", text.size(), " bytes; ", limits.bytes, " are allowed"),
             "split it into several files", diagnostics);
    return false;
  }
  const std::optional<TextFault> fault = FindTextFault(text);
  if (!fault.has_value()) return true;
  ReportAt(name, PlaceCursor(text).At(fault->offset), "bad-text", fault->problem, fault->fix,
           diagnostics);
  return false;
}

// `{"` can begin YAML too, but hardly anybody writes YAML that way.
bool LooksLikeJson(absl::string_view text) {
  text = absl::StripLeadingAsciiWhitespace(text);
  if (!absl::ConsumePrefix(&text, "{")) return false;
  return absl::StartsWith(absl::StripLeadingAsciiWhitespace(text), "\"");
}

void Append(const Diagnostics& from, Diagnostics& to) {
  for (const Diagnostic& d : from.list()) to.Add(d);
}

bool HasSyntaxError(const Diagnostics& diagnostics) {
  for (const Diagnostic& d : diagnostics.list()) {
    if (d.code == "syntax") return true;
  }
  return false;
}

// Text that begins like JSON: JSON if it is, else YAML; the errors of the one it looks like.
ParsedDocuments ParseEither(absl::string_view name, absl::string_view text,
                            const DocumentLimits& limits, Diagnostics& diagnostics) {
  ParsedDocuments json;
  Diagnostics json_mistakes;
  ParseJson(name, text, limits, &json, json_mistakes);
  if (!HasSyntaxError(json_mistakes)) {
    Append(json_mistakes, diagnostics);
    return json;
  }
  ParsedDocuments yaml;
  Diagnostics yaml_mistakes;
  ParseYaml(name, text, limits, &yaml, yaml_mistakes);
  const bool take_json = HasSyntaxError(yaml_mistakes) && LooksLikeJson(text);
  Append(take_json ? json_mistakes : yaml_mistakes, diagnostics);
  return take_json ? std::move(json) : std::move(yaml);
}

const DocumentNode* Step(const DocumentNode& node, const FieldStep& step) {
  if (step.is_index) {
    if (node.kind != DocumentNode::Kind::kSequence || step.index >= node.items.size()) {
      return nullptr;
    }
    return node.items[step.index].get();
  }
  return node.Find(step.key);
}

}  // namespace

const DocumentNode* DocumentNode::Find(absl::string_view key) const {
  if (kind != Kind::kMapping) return nullptr;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i]->scalar == key) return items[i + 1].get();
  }
  return nullptr;
}

ParsedDocuments ParseDocuments(absl::string_view name, absl::string_view text,
                               const DocumentLimits& limits, Diagnostics& diagnostics) {
  ParsedDocuments out;
  text = StripByteOrderMark(text);
  if (!CheckText(name, text, limits, diagnostics)) return out;
  if (absl::EndsWith(name, ".json")) {
    ParseJson(name, text, limits, &out, diagnostics);
    return out;
  }
  const absl::string_view start = absl::StripLeadingAsciiWhitespace(text);
  if (absl::StartsWith(start, "{") || absl::StartsWith(start, "[")) {
    return ParseEither(name, text, limits, diagnostics);
  }
  ParseYaml(name, text, limits, &out, diagnostics);
  return out;
}

const DocumentNode* FindNode(const DocumentNode& root, absl::string_view field) {
  const DocumentNode* node = &root;
  for (const FieldStep& step : SplitFieldPath(field)) {
    const DocumentNode* next = Step(*node, step);
    if (next == nullptr) break;
    node = next;
  }
  return node;
}

}  // namespace varmor
