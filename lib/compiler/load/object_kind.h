// Which of a manifest's objects are policies, which are lists of objects, which are none of our
// business, and which were meant to be policies and are misspelt.
#ifndef LIB_COMPILER_LOAD_OBJECT_KIND_H_
#define LIB_COMPILER_LOAD_OBJECT_KIND_H_

#include <string>

#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/load/document.h"

namespace varmor {

struct ObjectKind {
  enum class Type {
    kPolicy,
    // An object whose `items` are objects.
    kList,
    // Another Kubernetes object, which a manifest may well contain, or a test of a policy.
    kForeign,
    // Not an object, or one that looks like a misspelt policy: reported.
    kMistaken,
  };
  Type type = Type::kMistaken;
  // kList: the kind of items that leave out their own, as a typed list of an API server does; or
  // "".
  std::string item_kind;
};

// Adds errors, with field paths from `root` on, when the result is kMistaken.
ObjectKind ClassifyObject(const DocumentNode& root, Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_LOAD_OBJECT_KIND_H_
