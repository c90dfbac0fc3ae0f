// The built-in rules: data in rules/*.textproto, compiled into the library.
#ifndef LIB_COMPILER_CATALOGUE_CATALOGUE_H_
#define LIB_COMPILER_CATALOGUE_CATALOGUE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/builtin_rule.pb.h"

namespace varmor {

// lib/compiler/apparmor/statement.h, which is not installed.
struct AppArmorStatement;

// Immutable once made; safe to share between threads.
class Catalogue {
 public:
  // INVALID_ARGUMENT when an id or alias is used twice or is not normalised, or an AppArmor rule
  // cannot be parsed. `runtime_default` is what runtime_default() returns; it is not among the
  // rules.
  static absl::StatusOr<Catalogue> FromRules(BuiltinRules rules, BuiltinRule runtime_default = {});

  // In the order of the data files, categories together.
  const std::vector<BuiltinRule>& rules() const { return rules_; }

  // By id or alias, already normalised; null when there is none.
  const BuiltinRule* Find(absl::string_view name) const;

  // The AppArmor rules of `rule`, parsed: in their order, without qualifiers and places. `rule`
  // must be one of this catalogue's rules(), not a copy. For the stages of the compiler.
  const std::vector<AppArmorStatement>& AppArmorStatements(const BuiltinRule& rule) const;

  // Ids and aliases of one category, sorted: for "did you mean".
  std::vector<std::string> Names(BuiltinRule::Category category) const;

  // What the BPF enforcer forbids in every profile that is not privileged (modes RuntimeDefault and
  // EnhanceProtect). Only the BPF effects are to be applied: AppArmor has its own base, and for
  // seccomp the container runtime has one. Not a rule that a policy can name.
  const BuiltinRule& runtime_default() const { return runtime_default_; }

 private:
  std::vector<BuiltinRule> rules_;
  // By the index of the rule. Shared by copies, whose rules have the same indexes.
  std::shared_ptr<const std::vector<std::vector<AppArmorStatement>>> app_armor_;
  BuiltinRule runtime_default_;
  absl::flat_hash_map<std::string, size_t> index_;
};

// The rules that this library ships; parsed once, lives for ever.
const Catalogue& BuiltinCatalogue();

// Lower case, "_" as "-": "Disable_Cap_Net_Raw" is "disable-cap-net-raw".
std::string NormaliseRuleName(absl::string_view name);

}  // namespace varmor

#endif  // LIB_COMPILER_CATALOGUE_CATALOGUE_H_
