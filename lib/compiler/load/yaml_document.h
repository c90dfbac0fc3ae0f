// YAML text to DocumentNode trees.
#ifndef LIB_COMPILER_LOAD_YAML_DOCUMENT_H_
#define LIB_COMPILER_LOAD_YAML_DOCUMENT_H_

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/load/document.h"

namespace varmor {

// `text` is UTF-8 without byte order mark and control characters (FindTextFault). Stops at the
// first syntax error; false then.
bool ParseYaml(absl::string_view name, absl::string_view text, const DocumentLimits& limits,
               ParsedDocuments* out, Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_LOAD_YAML_DOCUMENT_H_
