#include "lib/compiler/load/load_policy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/compiler/load/field_path.h"
#include "lib/compiler/load/object_kind.h"
#include "lib/compiler/load/object_name.h"
#include "lib/compiler/load/read_message.h"

namespace varmor {
namespace {

constexpr size_t kShownValueBytes = 200;

// Whether a place in the node's text is a place in the source. It is not for texts with escapes,
// and for texts that stand elsewhere (a behaviour model's), whose lines and columns reach further.
bool CanMap(const DocumentNode& node, TextPlace inside) {
  if (inside.line <= 0 || node.kind != DocumentNode::Kind::kScalar || node.text_place.line == 0) {
    return false;
  }
  const std::vector<absl::string_view> lines = absl::StrSplit(node.scalar, '\n');
  return static_cast<size_t>(inside.line) <= lines.size() &&
         inside.column <= static_cast<int>(lines[static_cast<size_t>(inside.line) - 1].size()) + 1;
}

TextPlace Inside(const DocumentNode& node, TextPlace inside) {
  if (!CanMap(node, inside)) {
    return node.place;
  }
  const int column = inside.line == 1 ? node.text_place.column : node.text_indent + 1;
  return {node.text_place.line + inside.line - 1, column + std::max(inside.column, 1) - 1};
}

std::string ShownValue(const std::string& scalar) {
  size_t size = std::min(scalar.size(), kShownValueBytes);
  // Never cut inside a UTF-8 sequence.
  while (size > 0 && size < scalar.size() &&
         (static_cast<unsigned char>(scalar[size]) & 0xC0) == 0x80) {
    --size;
  }
  return scalar.substr(0, size);
}

void LocateIn(const DocumentNode& root, const std::string& file, int document, Diagnostic* d) {
  if (!d->file.empty()) return;
  d->file = file;
  d->document = document;
  const DocumentNode& node = *FindNode(root, d->field);
  if (d->place.line == 0) {
    d->place = Inside(node, d->inside);
    if (d->inside.line > 0 && !CanMap(node, d->inside)) {
      absl::StrAppend(&d->problem, " (line ", d->inside.line, ", column ", d->inside.column,
                      " of the text)");
    }
  }
  if (d->value.empty() && node.kind == DocumentNode::Kind::kScalar) {
    d->value = ShownValue(node.scalar);
  }
}

void LocateAll(const DocumentNode& root, const std::string& file, int document,
               Diagnostics& diagnostics) {
  for (Diagnostic& d : diagnostics.mutable_list()) LocateIn(root, file, document, &d);
}

// A field path of an object that stands at `path`.
std::string JoinPaths(const std::string& path, const std::string& field) {
  if (path.empty() || field.empty()) return absl::StrCat(path, field);
  return absl::StrCat(path, field.front() == '[' ? "" : ".", field);
}

std::unique_ptr<DocumentNode> Word(absl::string_view text, TextPlace place) {
  auto node = std::make_unique<DocumentNode>();
  node->kind = DocumentNode::Kind::kScalar;
  node->place = place;
  node->scalar = std::string(text);
  return node;
}

// An API server leaves kind and apiVersion out of the items of a typed list.
void AddKind(const ObjectKind& list, DocumentNode* item) {
  if (list.item_kind.empty() || item->kind != DocumentNode::Kind::kMapping) return;
  if (item->Find("kind") == nullptr) {
    item->items.push_back(Word("kind", item->place));
    item->items.push_back(Word(list.item_kind, item->place));
  }
  if (item->Find("apiVersion") == nullptr) {
    item->items.push_back(Word("apiVersion", item->place));
    item->items.push_back(Word("crd.varmor.org/v1beta1", item->place));
  }
}

DocumentNode* FindMutable(DocumentNode* mapping, absl::string_view key) {
  for (size_t i = 0; i + 1 < mapping->items.size(); i += 2) {
    if (mapping->items[i]->scalar == key) return mapping->items[i + 1].get();
  }
  return nullptr;
}

// Loads the documents of one source.
class SourceLoader {
 public:
  SourceLoader(const PolicySource& source, const LoadOptions& options, LoadResult* result)
      : source_(source), options_(options), result_(result) {}

  void Load();

 private:
  void LoadDocument(std::shared_ptr<DocumentNode> root);
  void LoadObject(const std::shared_ptr<DocumentNode>& root, const std::string& path);
  void LoadItems(const std::shared_ptr<DocumentNode>& root, const ObjectKind& kind,
                 const std::string& path);
  void LoadOnePolicy(const std::shared_ptr<const DocumentNode>& root, const std::string& path);
  void ClaimDuplicates(const std::string& path, LoadedPolicy* policy);

  const PolicySource& source_;
  const LoadOptions& options_;
  LoadResult* const result_;
  int document_ = 0;
  // Keys that stand twice in the current document and belong to no policy yet.
  std::vector<Diagnostic> duplicates_;
};

void SourceLoader::Load() {
  Diagnostics mistakes;
  ParsedDocuments parsed = ParseDocuments(source_.name, source_.text, options_.limits, mistakes);
  result_->empty_documents += parsed.empty_documents;
  // The parser reports in the order of the documents.
  auto next = mistakes.mutable_list().begin();
  const auto end = mistakes.mutable_list().end();
  for (size_t i = 0; i < parsed.documents.size(); ++i) {
    document_ = parsed.indexes[i];
    for (; next != end && next->document < document_; ++next) result_->diagnostics.Add(*next);
    duplicates_.clear();
    for (; next != end && next->document == document_ && next->code == "duplicate-key"; ++next) {
      duplicates_.push_back(std::move(*next));
    }
    LoadDocument(std::move(parsed.documents[i]));
  }
  for (; next != end; ++next) result_->diagnostics.Add(std::move(*next));
}

void SourceLoader::LoadDocument(std::shared_ptr<DocumentNode> root) {
  Diagnostics ignored;
  const bool foreign = ClassifyObject(*root, ignored).type == ObjectKind::Type::kForeign;
  LoadObject(root, "");
  for (Diagnostic& d : duplicates_) {
    // Another tool's object is another tool's business.
    if (foreign) d.severity = Diagnostic::Severity::kWarning;
    result_->diagnostics.Add(std::move(d));
  }
}

// `path` leads from the document's root to the object: "" or "items[3]".
void SourceLoader::LoadObject(const std::shared_ptr<DocumentNode>& root, const std::string& path) {
  Diagnostics mistakes;
  const ObjectKind kind = ClassifyObject(*root, mistakes);
  LocateAll(*root, source_.name, document_, mistakes);
  for (Diagnostic& d : mistakes.mutable_list()) {
    d.field = JoinPaths(path, d.field);
    result_->diagnostics.Add(std::move(d));
  }
  if (kind.type == ObjectKind::Type::kPolicy) LoadOnePolicy(root, path);
  if (kind.type == ObjectKind::Type::kList) LoadItems(root, kind, path);
  if (kind.type == ObjectKind::Type::kForeign) ++result_->foreign_objects;
}

void SourceLoader::LoadItems(const std::shared_ptr<DocumentNode>& root, const ObjectKind& kind,
                             const std::string& path) {
  DocumentNode* items = FindMutable(root.get(), "items");
  if (items == nullptr || items->kind == DocumentNode::Kind::kNull) return;
  const std::string items_path = JoinPaths(path, "items");
  if (items->kind != DocumentNode::Kind::kSequence) {
    Diagnostics mistakes;
    mistakes.Error("wrong-type", "items", "the items of a list are not written as a list",
                   "begin every item with \"- \"");
    LocateAll(*root, source_.name, document_, mistakes);
    mistakes.mutable_list().back().field = items_path;
    result_->diagnostics.Add(mistakes.list().back());
    return;
  }
  for (size_t i = 0; i < items->items.size(); ++i) {
    DocumentNode* item = items->items[i].get();
    AddKind(kind, item);
    // Shares the document's ownership.
    LoadObject(std::shared_ptr<DocumentNode>(root, item), JoinIndex(items_path, i));
  }
}

void SourceLoader::LoadOnePolicy(const std::shared_ptr<const DocumentNode>& root,
                                 const std::string& path) {
  LoadedPolicy policy;
  policy.file = source_.name;
  policy.document = document_;
  policy.root = root;
  policy.diagnostics = Diagnostics(options_.lenient);
  ClaimDuplicates(path, &policy);
  ReadMessage(*root, &policy.object, policy.diagnostics);
  CheckObjectNames(*root, policy.diagnostics);
  policy.valid = !policy.diagnostics.HasErrors();
  result_->policies.push_back(std::move(policy));
}

void SourceLoader::ClaimDuplicates(const std::string& path, LoadedPolicy* policy) {
  const std::string prefix = path.empty() ? "" : absl::StrCat(path, ".");
  const auto unclaimed = std::stable_partition(
      duplicates_.begin(), duplicates_.end(),
      [&](const Diagnostic& d) { return !absl::StartsWith(d.field, prefix); });
  for (auto it = unclaimed; it != duplicates_.end(); ++it) {
    it->field.erase(0, prefix.size());
    policy->diagnostics.Add(std::move(*it));
  }
  duplicates_.erase(unclaimed, duplicates_.end());
}

void ReportDocumentCount(const PolicySource& source, size_t count, Diagnostics& diagnostics) {
  diagnostics.Error("document-count", "",
                    absl::StrCat("the input has ", count, " documents; one is wanted"),
                    "leave one object in it");
  diagnostics.mutable_list().back().file = source.name;
}

}  // namespace

LoadResult LoadPolicies(const std::vector<PolicySource>& sources, const LoadOptions& options) {
  LoadResult result;
  result.diagnostics = Diagnostics(options.lenient);
  for (const PolicySource& source : sources) SourceLoader(source, options, &result).Load();
  return result;
}

bool LoadMessage(const PolicySource& source, const LoadOptions& options,
                 google::protobuf::Message* message, Diagnostics& diagnostics) {
  Diagnostics mistakes(options.lenient);
  const ParsedDocuments parsed = ParseDocuments(source.name, source.text, options.limits, mistakes);
  if (parsed.documents.size() == 1) {
    ReadMessage(*parsed.documents[0], message, mistakes);
    LocateAll(*parsed.documents[0], source.name, parsed.indexes[0], mistakes);
  } else if (!mistakes.HasErrors()) {
    ReportDocumentCount(source, parsed.documents.size(), mistakes);
  }
  const bool good = !mistakes.HasErrors();
  for (Diagnostic& d : mistakes.mutable_list()) diagnostics.Add(std::move(d));
  return good;
}

void Locate(const LoadedPolicy& policy, Diagnostics& diagnostics) {
  LocateAll(*policy.root, policy.file, policy.document, diagnostics);
}

}  // namespace varmor
