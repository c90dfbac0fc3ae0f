// Bytes to policies: the first stage. Checks everything that the schema says and nothing else.
#ifndef LIB_COMPILER_LOAD_LOAD_POLICY_H_
#define LIB_COMPILER_LOAD_LOAD_POLICY_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/load/document.h"
#include "proto/facts.pb.h"
#include "proto/policy.pb.h"

namespace varmor {

// One input: a file's content, or standard input.
struct PolicySource {
  // As shown in diagnostics: a path, or "-".
  std::string name;
  std::string text;
};

struct LoadedPolicy {
  std::string file;
  // Number of the document in the file, from 0.
  int document = 0;
  PolicyObject object;
  // What was read, with its places; the object's field paths are paths in it. For an item of a
  // `kind: List`, that item.
  std::shared_ptr<const DocumentNode> root;
  // False when reading found errors: `object` is then incomplete and must not be compiled.
  bool valid = true;
  // Mistakes and remarks about this document, without places (see Locate). Not filtered by valid.
  Diagnostics diagnostics;
};

struct LoadResult {
  // In the order of the inputs.
  std::vector<LoadedPolicy> policies;
  // Objects of other kinds, which are skipped, and documents without content.
  size_t foreign_objects = 0;
  size_t empty_documents = 0;
  // Mistakes that belong to no policy: syntax, limits, not an object. Located.
  Diagnostics diagnostics;
};

struct LoadOptions {
  bool lenient = false;
  DocumentLimits limits;
};

// Reads every policy in `sources`. Unknown and duplicate keys, wrong types, numbers out of range
// and missing required keys are errors with their place; nothing is ignored silently.
LoadResult LoadPolicies(const std::vector<PolicySource>& sources, const LoadOptions& options);

// Reads one object of another schema (NodeFacts, ClusterFacts, BehaviorModel) with the same care.
// False when there was an error; `diagnostics` then says which, located.
bool LoadMessage(const PolicySource& source, const LoadOptions& options,
                 google::protobuf::Message* message, Diagnostics& diagnostics);

// Fills file, place, value and document of every diagnostic that has none yet, from its field path
// and its place inside the field's text.
void Locate(const LoadedPolicy& policy, Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_LOAD_LOAD_POLICY_H_
