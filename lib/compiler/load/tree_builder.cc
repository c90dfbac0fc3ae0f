#include "lib/compiler/load/tree_builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/load/field_path.h"
#include "lib/compiler/load/source_text.h"

namespace varmor {
namespace {

using Kind = DocumentNode::Kind;

// Below this a walk over the keys is cheaper than a table.
constexpr size_t kFewItems = 16;

// Nobody reads more about one document.
constexpr size_t kMaxDuplicates = 1000;

constexpr absl::string_view kMergeKey = "<<";

const DocumentNode* FindKey(const DocumentNode& mapping, absl::string_view key) {
  for (size_t i = 0; i + 1 < mapping.items.size(); i += 2) {
    if (mapping.items[i]->scalar == key) return mapping.items[i].get();
  }
  return nullptr;
}

}  // namespace

TreeBuilder::TreeBuilder(absl::string_view name, absl::string_view text,
                         const DocumentLimits& limits, Diagnostics& diagnostics)
    : name_(name), text_(text), limits_(limits), diagnostics_(diagnostics) {}

void TreeBuilder::Start(int index, size_t offset) {
  index_ = index;
  start_offset_ = offset;
  nodes_ = 0;
  scalar_bytes_ = 0;
  duplicates_ = 0;
  spoiled_ = false;
  root_.reset();
  retired_.clear();
  open_.clear();
}

std::unique_ptr<DocumentNode> TreeBuilder::Finish() {
  open_.clear();
  retired_.clear();
  std::unique_ptr<DocumentNode> root = std::move(root_);
  if (spoiled_ || root == nullptr || root->kind == Kind::kNull) return nullptr;
  return root;
}

DocumentNode* TreeBuilder::AddNull(size_t offset, TextPlace place) {
  if (!Admit(offset, place, 0)) return nullptr;
  auto node = std::make_unique<DocumentNode>();
  node->place = place;
  return Attach(std::move(node));
}

DocumentNode* TreeBuilder::AddScalar(size_t offset, TextPlace place, absl::string_view value,
                                     bool plain) {
  if (!Admit(offset, place, value.size())) return nullptr;
  auto node = std::make_unique<DocumentNode>();
  node->kind = Kind::kScalar;
  node->place = place;
  node->scalar = std::string(value);
  node->plain = plain;
  const ScalarLines lines = FindScalarLines(text_, offset, place, value);
  node->text_place = lines.first;
  node->text_indent = lines.indent;
  if (value.find('\0') != absl::string_view::npos) {
    Spoil("nul-character", place, absl::StrCat("text ", Quoted(value), " has a NUL character"),
          "remove the escape that stands for it");
    return nullptr;
  }
  return Attach(std::move(node));
}

DocumentNode* TreeBuilder::StartCollection(Kind kind, size_t offset, TextPlace place) {
  if (!Admit(offset, place, 0)) return nullptr;
  if (depth() >= limits_.depth) {
    Spoil("too-deep", place,
          absl::StrCat("lists and objects are nested deeper than ", limits_.depth, " levels"),
          "a policy needs fewer than 16 levels");
    return nullptr;
  }
  auto node = std::make_unique<DocumentNode>();
  node->kind = kind;
  node->place = place;
  DocumentNode* added = Attach(std::move(node));
  if (added == nullptr) return nullptr;
  open_.emplace_back();
  open_.back().node = added;
  return added;
}

void TreeBuilder::EndCollection() {
  if (spoiled_ || open_.empty()) return;
  DocumentNode* node = open_.back().node;
  if (open_.back().merges) MergeKeys(node);
  open_.pop_back();
}

void TreeBuilder::AddCopy(const DocumentNode* original, TextPlace place) {
  if (spoiled_) return;
  for (const OpenCollection& open : open_) {
    if (open.node != original) continue;
    Spoil("bad-alias", place, "the alias stands inside what it refers to",
          "write the value out in full");
    return;
  }
  std::unique_ptr<DocumentNode> copy = Copy(*original, depth(), place);
  if (copy != nullptr) Attach(std::move(copy));
}

const DocumentNode* TreeBuilder::PendingKey() const {
  if (open_.empty() || open_.back().node->kind != Kind::kMapping || WantsKey()) return nullptr;
  return open_.back().node->items.back().get();
}

void TreeBuilder::Spoil(absl::string_view code, TextPlace place, absl::string_view problem,
                        absl::string_view fix) {
  if (spoiled_) return;
  Report(code, place, NextPath(), problem, fix);
  spoiled_ = true;
}

void TreeBuilder::Report(absl::string_view code, TextPlace place, absl::string_view field,
                         absl::string_view problem, absl::string_view fix) {
  diagnostics_.Error(code, field, problem, fix);
  Diagnostic& added = diagnostics_.mutable_list().back();
  added.file = std::string(name_);
  added.place = place;
  added.document = index_;
}

std::string TreeBuilder::OpenPath() const {
  std::string path;
  for (size_t i = 0; i + 1 < open_.size(); ++i) {
    const DocumentNode& node = *open_[i].node;
    path = node.kind == Kind::kSequence
               ? JoinIndex(path, node.items.size() - 1)
               : JoinKey(path, node.items[(node.items.size() - 1) & ~size_t{1}]->scalar);
  }
  return path;
}

std::string TreeBuilder::NextPath() const {
  std::string path = OpenPath();
  if (open_.empty()) return path;
  const DocumentNode& node = *open_.back().node;
  if (node.kind == Kind::kSequence) return JoinIndex(path, node.items.size());
  return WantsKey() ? path : JoinKey(path, node.items.back()->scalar);
}

bool TreeBuilder::Admit(size_t offset, TextPlace place, size_t scalar_bytes) {
  if (spoiled_) return false;
  if (offset - std::min(offset, start_offset_) > limits_.document_bytes) {
    Spoil("too-large", place,
          absl::StrCat("the document is larger than ", limits_.document_bytes, " bytes"),
          "split it into several documents");
    return false;
  }
  if (scalar_bytes > limits_.scalar_bytes) {
    Spoil("too-large", place,
          absl::StrCat("the text has ", scalar_bytes, " bytes; ", limits_.scalar_bytes,
                       " are allowed"),
          "shorten it or split it");
    return false;
  }
  return CountNode(place, scalar_bytes);
}

bool TreeBuilder::CountNode(TextPlace place, size_t scalar_bytes) {
  if (++nodes_ > limits_.nodes) {
    Spoil("too-many-nodes", place,
          absl::StrCat("the document has more than ", limits_.nodes,
                       " values, counting what aliases stand for"),
          "split it into several documents, or use fewer aliases");
    return false;
  }
  scalar_bytes_ += scalar_bytes;
  if (scalar_bytes_ > limits_.document_bytes) {
    Spoil("too-large", place,
          absl::StrCat("the texts of the document have more than ", limits_.document_bytes,
                       " bytes, counting what aliases stand for"),
          "split it into several documents, or use fewer aliases");
    return false;
  }
  return true;
}

bool TreeBuilder::WantsKey() const { return open_.back().node->items.size() % 2 == 0; }

DocumentNode* TreeBuilder::Attach(std::unique_ptr<DocumentNode> node) {
  DocumentNode* raw = node.get();
  if (open_.empty()) {
    if (root_ == nullptr) root_ = std::move(node);
    return root_.get() == raw ? raw : nullptr;
  }
  DocumentNode* parent = open_.back().node;
  if (parent->kind == Kind::kMapping && WantsKey() && !CheckKey(*node)) return nullptr;
  parent->items.push_back(std::move(node));
  return raw;
}

bool TreeBuilder::CheckKey(const DocumentNode& key) {
  if (key.kind != Kind::kScalar) {
    Spoil("bad-key", key.place,
          absl::StrCat("a key is ",
                       key.kind == Kind::kNull ? "empty" : "a list or an object instead of text"),
          key.kind == Kind::kNull ? "write the key as text"
                                  : "write the key as text; \"{{\" belongs to a template, which "
                                    "has to be rendered first");
    return false;
  }
  OpenCollection& open = open_.back();
  if (key.plain && key.scalar == kMergeKey) open.merges = true;
  const DocumentNode* first = nullptr;
  const size_t count = open.node->items.size() / 2;
  if (count < kFewItems) {
    first = FindKey(*open.node, key.scalar);
  } else {
    if (open.keys.empty()) {
      for (size_t i = 0; i < open.node->items.size(); i += 2) {
        open.keys.emplace(open.node->items[i]->scalar, open.node->items[i].get());
      }
    }
    const auto [it, added] = open.keys.emplace(key.scalar, &key);
    if (!added) first = it->second;
  }
  if (first == nullptr || ++duplicates_ > kMaxDuplicates) return true;
  Report("duplicate-key", key.place, JoinKey(OpenPath(), key.scalar),
         absl::StrCat("key ", Quoted(key.scalar), " stands twice, first at line ",
                      first->place.line, ", column ", first->place.column),
         "keep one of the two");
  return true;
}

// A "<<" key stands for the pairs of its value; pairs of the mapping itself win, then earlier ones.
// Pairs are copied and the values kept, as later aliases may refer to them.
void TreeBuilder::MergeKeys(DocumentNode* mapping) {
  std::vector<std::unique_ptr<DocumentNode>> items = std::move(mapping->items);
  mapping->items.clear();
  std::vector<const DocumentNode*> sources;
  absl::flat_hash_set<std::string> seen;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (!items[i]->plain || items[i]->scalar != kMergeKey) {
      seen.insert(items[i]->scalar);
      mapping->items.push_back(std::move(items[i]));
      mapping->items.push_back(std::move(items[i + 1]));
      continue;
    }
    retired_.push_back(std::move(items[i + 1]));
    const DocumentNode& value = *retired_.back();
    if (value.kind != Kind::kSequence) sources.push_back(&value);
    if (value.kind != Kind::kSequence) continue;
    for (const auto& item : value.items) sources.push_back(item.get());
  }
  for (const DocumentNode* source : sources) {
    if (!MergePairs(*source, mapping, &seen)) return;
  }
}

bool TreeBuilder::MergePairs(const DocumentNode& source, DocumentNode* mapping,
                             absl::flat_hash_set<std::string>* seen) {
  if (source.kind != Kind::kMapping) {
    Spoil("bad-merge", source.place, "the value of \"<<\" is not an object",
          "refer to an object: `<<: *name`");
    return false;
  }
  for (size_t i = 0; i + 1 < source.items.size(); i += 2) {
    if (!seen->insert(source.items[i]->scalar).second) continue;
    for (size_t k = i; k < i + 2; ++k) {
      std::unique_ptr<DocumentNode> copy = Copy(*source.items[k], depth(), source.place);
      if (copy == nullptr) return false;
      mapping->items.push_back(std::move(copy));
    }
  }
  return true;
}

std::unique_ptr<DocumentNode> TreeBuilder::Copy(const DocumentNode& original, int depth,
                                                TextPlace place) {
  if (!CountNode(place, original.scalar.size())) return nullptr;
  if (!original.items.empty() && depth >= limits_.depth) {
    Spoil("too-deep", place,
          absl::StrCat("lists and objects are nested deeper than ", limits_.depth,
                       " levels, counting what aliases stand for"),
          "write fewer aliases inside aliases");
    return nullptr;
  }
  auto copy = std::make_unique<DocumentNode>();
  copy->kind = original.kind;
  copy->place = original.place;
  copy->scalar = original.scalar;
  copy->plain = original.plain;
  copy->text_place = original.text_place;
  copy->text_indent = original.text_indent;
  copy->items.reserve(original.items.size());
  for (const auto& item : original.items) {
    std::unique_ptr<DocumentNode> child = Copy(*item, depth + 1, place);
    if (child == nullptr) return nullptr;
    copy->items.push_back(std::move(child));
  }
  return copy;
}

}  // namespace varmor
