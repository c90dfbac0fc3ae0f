// From a command line to compiled policies: what `compile` and `check` have in common.
#ifndef TOOLS_VARMOR_COMPILE_POLICIES_H_
#define TOOLS_VARMOR_COMPILE_POLICIES_H_

#include <optional>
#include <string>
#include <vector>

#include "lib/compiler/compile.h"
#include "tools/varmor/arguments.h"
#include "tools/varmor/console.h"

namespace varmor {

// The flags that say what is compiled and how.
std::vector<FlagSpec> PolicyFlags();

// Paths given with -f and as operands.
std::vector<std::string> PolicyPaths(const Arguments& arguments);

// Reads the policies at `paths`. False when there are none to work on, or some path cannot be read;
// the console then has been told why.
bool LoadNamedPolicies(const std::vector<std::string>& paths, const LoadOptions& options,
                       Console& console, std::vector<PolicySource>& sources, LoadResult& loaded);

struct PolicyBatch {
  std::vector<PolicySource> sources;
  LoadResult loaded;
  // Parallel to loaded.policies. What apparmor_parser refused is an error in here too.
  std::vector<CompileResult> results;
  // --bind.
  std::optional<NodeFacts> node;
  // Set before compiling: the results keep their rules, for lint.
  bool keep_rules = false;
  // Set before compiling: the artifacts go to this node's enforcers, which bind them and ask
  // apparmor_parser themselves.
  bool for_enforcers = false;
  // Set before compiling: appended to the policies' names, and so to those of their profiles.
  std::string name_suffix;

  // Those of loading and compiling, in the order of their places.
  Diagnostics AllDiagnostics() const;
};

// Reads and compiles everything that the arguments name, in parallel, in a fixed order. Returns
// kExitClean, whatever the policies' diagnostics say; anything else when there is nothing to report
// on: wrong arguments and unreadable files (kExitInvalid), or a fault (kExitFault). The console
// then has been told why.
int CompilePolicies(const Arguments& arguments, Console& console, PolicyBatch& batch);

// The same for `paths` in place of those that the arguments name.
int CompilePolicyPaths(const std::vector<std::string>& paths, const Arguments& arguments,
                       Console& console, PolicyBatch& batch);

// "13 policies: 2 errors, 1 warning; skipped 2 objects of other kinds, 1 empty document".
std::string Summary(const LoadResult& loaded, const Diagnostics& diagnostics);

// "1 policy", "2 policies".
std::string Count(size_t number, absl::string_view one, absl::string_view many);

}  // namespace varmor

#endif  // TOOLS_VARMOR_COMPILE_POLICIES_H_
