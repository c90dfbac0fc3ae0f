// The profile of an AppArmor artifact as structured rules: text parsed, includes put in, variables
// replaced. What Decide and Diff look at.
#ifndef LIB_COMPILER_SIMULATE_APP_ARMOR_MODEL_H_
#define LIB_COMPILER_SIMULATE_APP_ARMOR_MODEL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/simulate/app_armor_rule.h"
#include "lib/compiler/simulate/simulate_options.h"
#include "lib/compiler/simulate/verdict.h"
#include "proto/artifact.pb.h"

namespace varmor {

struct AppArmorProfileModel {
  // As the kernel has it: "varmor-demo-web", "varmor-demo-web//child_0".
  std::string name;
  // "" for the main profile, else the part behind "//" (of nested children all of it).
  std::string child;
  // What an executable's path must match for an exec without "->" to find this profile: the
  // attachment, or the name where it is a path. `any` never; undecidable when there is none.
  AppArmorPattern attachment;
  bool complain = false;
  // flags=(unconfined): nothing is mediated. flags=(kill): denials kill the process.
  bool unconfined = false;
  bool kill = false;
  // flags=(audit): everything is reported, and no denial is quiet.
  bool audit_all = false;
  // In the order of the text, included rules where the include stands, implied rules last.
  std::vector<AppArmorRuleModel> rules;
  // Includes whose text is not at hand, and rules of included texts that were not understood, as
  // written.
  std::vector<std::string> missing;
  // `missing` holds more than abstractions/base. The base abstraction, as AppArmor ships it, only
  // allows: it has no denials and no audit rules.
  bool missing_more_than_base = false;
};

class AppArmorModel {
 public:
  // INVALID_ARGUMENT for a text that our parser refuses.
  //
  // Includes come from `options.includes`: a path, or a directory of which every file directly
  // below is read. An "include if exists" that is not there is empty when there are `includes`.
  // Variables have the values that the preamble and included tunables define; without the text of
  // tunables/global, those of AppArmor 3.0.
  static absl::StatusOr<AppArmorModel> Load(const AppArmorArtifact& artifact,
                                            const SimulateOptions& options);

  // The main profile first, then its children in the order of the text, each followed by its own.
  const std::vector<AppArmorProfileModel>& profiles() const { return profiles_; }
  // `child` as in AppArmorProfileModel. Null when there is none.
  const AppArmorProfileModel* Find(absl::string_view child) const;

  // The rule as a verdict names it: one for each of its indexes, or one with the index -1 and the
  // rule's text, with " in abstractions/base" behind it for an included rule.
  std::vector<ResponsibleRule> Responsible(const AppArmorRuleModel& rule) const;

 private:
  std::vector<AppArmorProfileModel> profiles_;
  std::vector<RuleOrigin> rules_;
};

// Whether `pattern` matches. Of a disk hole: whether `disk`. False for an undecidable pattern.
bool Matches(const AppArmorPattern& pattern, absl::string_view subject, bool disk = false);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_APP_ARMOR_MODEL_H_
