// Compiled policies in a form that can be asked and compared: what `why`, `test` and `diff` have in
// common.
#ifndef TOOLS_VARMOR_ASKED_POLICIES_H_
#define TOOLS_VARMOR_ASKED_POLICIES_H_

#include <optional>
#include <string>
#include <vector>

#include "lib/compiler/simulate/decide.h"
#include "lib/compiler/simulate/simulate_options.h"
#include "tools/varmor/arguments.h"
#include "tools/varmor/compile_policies.h"
#include "tools/varmor/console.h"
#include "tools/varmor/json_document.h"

namespace varmor {

// One policy with its artifacts, bound to the node when --bind is given.
struct AskedPolicy {
  const LoadedPolicy* loaded = nullptr;
  std::string profile_name;
  std::optional<AppArmorArtifact> app_armor;
  std::optional<BpfArtifact> bpf;
  std::optional<SeccompArtifact> seccomp;

  ArtifactSet artifacts() const;
  // "VarmorPolicy shop/web".
  std::string Title() const;
};

// PolicyFlags and --apparmor-includes.
std::vector<FlagSpec> AskingFlags();

// The texts that AppArmor profiles include, read when the first one is needed.
class IncludeTexts {
 public:
  // Reads --apparmor-includes when `policies` have an AppArmor profile and it has not been read
  // yet. False, and the console has been told, when the directory was named and cannot be read; a
  // missing default directory only gets a note.
  bool Load(const std::vector<AskedPolicy>& policies, const Arguments& arguments, Console& console);
  SimulateOptions options() const;

 private:
  bool tried_ = false;
  bool found_ = false;
  AppArmorIncludes texts_;
};

struct AskedBatch {
  PolicyBatch batch;
  // In the order of the inputs. Point into `batch`.
  std::vector<AskedPolicy> policies;
};

// Compiles the policies at `paths` as the arguments say. Returns kExitClean only when all of them
// compiled; the console has been told of every error and warning.
int PreparePolicies(const std::vector<std::string>& paths, const Arguments& arguments,
                    Console& console, AskedBatch& asked);

// "web.yaml:10:24", or only the file when the field is not in it.
std::string PlaceText(const LoadedPolicy& policy, const std::string& field);

// {enforcer, verdict, effect, reason, wouldDeny, rules: [{rule, field, text, action, file, line,
// column}]}. `enforcer` may be "".
rapidjson::Value VerdictAsJson(JsonBuilder& json, absl::string_view enforcer,
                               const Verdict& verdict, const LoadedPolicy& policy);

// {file, kind, namespace, name, profile}.
rapidjson::Value PolicyAsJson(JsonBuilder& json, const AskedPolicy& policy);

}  // namespace varmor

#endif  // TOOLS_VARMOR_ASKED_POLICIES_H_
