// Prints a document as YAML that every YAML 1.1 and 1.2 reader takes the same way.
#ifndef LIB_COMPILER_CONVERT_EMIT_YAML_H_
#define LIB_COMPILER_CONVERT_EMIT_YAML_H_

#include <string>

#include "lib/compiler/load/document.h"

namespace varmor {

// Block style, two spaces, lists at the indentation of their key, text of several lines as "|"
// blocks where that keeps every byte, quotes only where they are needed. Plain scalars (numbers,
// booleans) are printed as they are, others so that they stay text. Ends in a newline.
std::string EmitYaml(const DocumentNode& root);

}  // namespace varmor

#endif  // LIB_COMPILER_CONVERT_EMIT_YAML_H_
