// A YAML or JSON document as a tree that remembers where everything stood. Knows no policy; reading
// a message out of it is read_message.h's part.
#ifndef LIB_COMPILER_LOAD_DOCUMENT_H_
#define LIB_COMPILER_LOAD_DOCUMENT_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

struct DocumentNode {
  enum class Kind { kNull, kScalar, kSequence, kMapping };
  Kind kind = Kind::kNull;
  TextPlace place;
  // kScalar: the value, unescaped. `plain`: written without quotes and not as a block, so that it
  // may be a number or a boolean.
  std::string scalar;
  bool plain = false;
  // kScalar whose lines map to lines of the source (a "|" block, or a one-line string without
  // escapes): where the text's first byte stands, and by how much its lines are indented. line 0:
  // no such mapping.
  TextPlace text_place;
  int text_indent = 0;
  // kSequence: items. kMapping: keys and values in turn, as they stood.
  std::vector<std::unique_ptr<DocumentNode>> items;

  // kMapping: the value of the first key equal to `key`, or null.
  const DocumentNode* Find(absl::string_view key) const;
};

struct DocumentLimits {
  size_t bytes = 64 << 20;          // of one input
  size_t document_bytes = 8 << 20;  // of one document
  size_t nodes = 1 << 20;           // of one document, aliases expanded
  int depth = 64;
  size_t scalar_bytes = 1 << 20;
};

struct ParsedDocuments {
  // Empty documents are left out, with a null root never present.
  std::vector<std::unique_ptr<DocumentNode>> documents;
  // Parallel to `documents`: number of the document in the input, from 0, empty ones counted.
  std::vector<int> indexes;
  size_t empty_documents = 0;
};

// Parses a stream of YAML documents, or JSON when `name` ends in ".json" or the text begins like
// JSON and is. Any bytes are fine as input; mistakes (syntax, not UTF-8, duplicate keys, a limit)
// go to `diagnostics` with `name` as file and their place, and the documents before them are
// returned.
ParsedDocuments ParseDocuments(absl::string_view name, absl::string_view text,
                               const DocumentLimits& limits, Diagnostics& diagnostics);

// The node at a field path ("spec.policy.rules[2].id"; `["a.b"]` for keys with dots), or the
// deepest ancestor that exists. Never null for a non-null root.
const DocumentNode* FindNode(const DocumentNode& root, absl::string_view field);

}  // namespace varmor

#endif  // LIB_COMPILER_LOAD_DOCUMENT_H_
