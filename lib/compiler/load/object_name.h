// Names of Kubernetes objects.
#ifndef LIB_COMPILER_LOAD_OBJECT_NAME_H_
#define LIB_COMPILER_LOAD_OBJECT_NAME_H_

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/load/document.h"

namespace varmor {

// DNS-1123 label: lower-case letters, digits and "-", 1 to 63, a letter or digit at both ends.
bool IsDnsLabel(absl::string_view name);

// DNS-1123 subdomain: labels (of any length) joined by ".", at most 253 bytes in all.
bool IsDnsSubdomain(absl::string_view name);

// Checks metadata.name and metadata.namespace of a policy object where they are text; that they are
// present is the schema's part.
void CheckObjectNames(const DocumentNode& root, Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_LOAD_OBJECT_NAME_H_
