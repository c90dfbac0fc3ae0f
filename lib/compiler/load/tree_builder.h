// Builds a DocumentNode tree from a parser's events and holds it to the limits. Both parsers, YAML
// and JSON, feed it.
#ifndef LIB_COMPILER_LOAD_TREE_BUILDER_H_
#define LIB_COMPILER_LOAD_TREE_BUILDER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/load/document.h"

namespace varmor {

// One document after the other: Start, events, Finish. After a mistake that spoils a document its
// further events are ignored.
class TreeBuilder {
 public:
  // `name` and `text` are the source as a whole; they and `diagnostics` outlive the builder.
  TreeBuilder(absl::string_view name, absl::string_view text, const DocumentLimits& limits,
              Diagnostics& diagnostics);

  void Start(int index, size_t offset);

  // `offset` is where the node begins in the text, `place` the same as line and column. Each
  // returns the node, or null when it was ignored.
  DocumentNode* AddNull(size_t offset, TextPlace place);
  DocumentNode* AddScalar(size_t offset, TextPlace place, absl::string_view value, bool plain);
  DocumentNode* StartCollection(DocumentNode::Kind kind, size_t offset, TextPlace place);
  void EndCollection();
  // A copy of `original` with all below it.
  void AddCopy(const DocumentNode* original, TextPlace place);

  // The document, or null when it was spoiled or empty.
  std::unique_ptr<DocumentNode> Finish();

  bool spoiled() const { return spoiled_; }
  int depth() const { return static_cast<int>(open_.size()); }
  // The key whose value comes next, or null.
  const DocumentNode* PendingKey() const;

  // Reports a mistake at a place and drops the document.
  void Spoil(absl::string_view code, TextPlace place, absl::string_view problem,
             absl::string_view fix);

 private:
  struct OpenCollection {
    DocumentNode* node = nullptr;
    // The keys so far, once there are many.
    absl::flat_hash_map<absl::string_view, const DocumentNode*> keys;
    bool merges = false;
  };

  void Report(absl::string_view code, TextPlace place, absl::string_view field,
              absl::string_view problem, absl::string_view fix);
  // Field path of the open collection.
  std::string OpenPath() const;
  // Field path of the node that comes next.
  std::string NextPath() const;
  bool Admit(size_t offset, TextPlace place, size_t scalar_bytes);
  bool CountNode(TextPlace place, size_t scalar_bytes);
  bool WantsKey() const;
  DocumentNode* Attach(std::unique_ptr<DocumentNode> node);
  bool CheckKey(const DocumentNode& key);
  void MergeKeys(DocumentNode* mapping);
  bool MergePairs(const DocumentNode& source, DocumentNode* mapping,
                  absl::flat_hash_set<std::string>* seen);
  std::unique_ptr<DocumentNode> Copy(const DocumentNode& original, int depth, TextPlace place);

  const absl::string_view name_;
  const absl::string_view text_;
  const DocumentLimits limits_;
  Diagnostics& diagnostics_;

  int index_ = 0;
  size_t start_offset_ = 0;
  size_t nodes_ = 0;
  size_t scalar_bytes_ = 0;
  size_t duplicates_ = 0;
  bool spoiled_ = false;
  std::unique_ptr<DocumentNode> root_;
  std::vector<OpenCollection> open_;
  // Values of "<<" keys.
  std::vector<std::unique_ptr<DocumentNode>> retired_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_LOAD_TREE_BUILDER_H_
