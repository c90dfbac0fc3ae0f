// A whole AppArmor profile given as text: custom profiles and stored models of DefenseInDepth.
#ifndef LIB_COMPILER_APPARMOR_PROFILE_TEXT_H_
#define LIB_COMPILER_APPARMOR_PROFILE_TEXT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/apparmor/parse_statements.h"
#include "lib/compiler/apparmor/statement.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

// One profile, child profile or hat.
struct AppArmorBlock {
  // Unquoted: "nginx", "/usr/bin/foo". For a child, without its parent's name.
  std::string name;
  // Path pattern it attaches to; "" if the text has none beside the name.
  std::string attachment;
  std::vector<std::string> flags;
  // "user.trust=yes", as written, unquoted.
  std::vector<std::string> xattrs;
  bool is_hat = false;
  // False for "/bin/foo { ... }", where the name stands alone.
  bool has_keyword = true;
  std::vector<AppArmorStatement> statements;
  std::vector<AppArmorBlock> children;

  // Bytes of the text: the name with its quotes; what is between the braces.
  size_t name_begin = 0;
  size_t name_end = 0;
  size_t body_begin = 0;
  size_t body_end = 0;  // at the closing brace
};

// What stands in front of a profile: an include, a definition, an alias.
struct AppArmorPreambleItem {
  enum class Kind { kInclude, kVariable, kAlias };
  Kind kind = Kind::kInclude;
  // kInclude.
  AppArmorStatement include;
  // kVariable: without @{}. kAlias: the path that stands for others.
  std::string name;
  // kVariable: "+=".
  bool adds = false;
  // kVariable: its values, variables in them unexpanded. kAlias: one path.
  std::vector<std::string> values;
};

// An immutable value.
class AppArmorProfileText {
 public:
  AppArmorProfileText(std::string text, AppArmorBlock profile)
      : text_(std::move(text)), profile_(std::move(profile)) {}

  const std::string& text() const { return text_; }
  const AppArmorBlock& profile() const { return profile_; }
  // Names of the variables that the preamble defines.
  const std::vector<std::string>& variables() const { return variables_; }
  void set_variables(std::vector<std::string> variables) { variables_ = std::move(variables); }
  // In the order of the text, without the ABI.
  const std::vector<AppArmorPreambleItem>& preamble() const { return preamble_; }
  void set_preamble(std::vector<AppArmorPreambleItem> preamble) { preamble_ = std::move(preamble); }

  // The text with the main profile called `name`, nothing else changed. Where the name was also the
  // path that the profile attaches to, it does not attach any more.
  std::string WithName(absl::string_view name) const;
  // The text with `rules` as last lines of the main profile's body: in front of its closing brace,
  // whatever comments, nested profiles or further braces follow.
  std::string WithBodyAppendix(absl::string_view rules) const;
  // Both.
  std::string WithNameAndAppendix(absl::string_view name, absl::string_view rules) const;

 private:
  std::string text_;
  AppArmorBlock profile_;
  std::vector<std::string> variables_;
  std::vector<AppArmorPreambleItem> preamble_;
};

// Parses a text that must hold exactly one profile. Nothing when it has errors. Includes of
// abstractions/ and tunables/ are accepted, others are StrictErrors.
std::optional<AppArmorProfileText> ParseAppArmorProfileText(absl::string_view text,
                                                            absl::string_view field,
                                                            const AppArmorParseOptions& options,
                                                            Diagnostics& diagnostics);

// Parses what stands in front of a profile, up to the profile or the end: of a profile's text, or a
// file below tunables/. Variables that are added to may be defined elsewhere. Mistakes go to
// `diagnostics`, and reading goes on behind them.
std::vector<AppArmorPreambleItem> ParseAppArmorPreamble(absl::string_view text,
                                                        absl::string_view field,
                                                        const AppArmorParseOptions& options,
                                                        Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_PROFILE_TEXT_H_
