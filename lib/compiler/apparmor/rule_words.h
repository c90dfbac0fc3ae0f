// The words of the AppArmor language: capabilities, address families, mount flags, signals, ...
// As of parser 3.0.
#ifndef LIB_COMPILER_APPARMOR_RULE_WORDS_H_
#define LIB_COMPILER_APPARMOR_RULE_WORDS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace varmor {

using RuleWords = std::vector<std::string>;

// In the order of their numbers: "chown" .. "checkpoint_restore".
const RuleWords& AppArmorCapabilities();
const RuleWords& AppArmorNetworkFamilies();
const RuleWords& AppArmorNetworkTypes();
// tcp, udp, icmp.
const RuleWords& AppArmorNetworkProtocols();
const RuleWords& AppArmorPtraceAccesses();
// Without rtmin+N.
const RuleWords& AppArmorSignals();
const RuleWords& AppArmorUnixAccesses();
const RuleWords& AppArmorRlimits();
// Words that can begin a rule, qualifiers and structure included.
const RuleWords& AppArmorStatementWords();

// A word for mount options. Several words mean one flag: "make-private" and "private".
struct MountFlag {
  const char* word;
  const char* canonical;
  // Asks for another operation than mounting: bind, move, remount, propagation.
  enum class Command { kNone, kRemount, kBind, kMove, kPropagation } command;
};
const std::vector<MountFlag>& AppArmorMountFlags();
const MountFlag* FindMountFlag(absl::string_view word);

bool Contains(const RuleWords& words, absl::string_view word);
// "did you mean ..." for the nearest of `words`, otherwise `otherwise`.
std::string DidYouMean(absl::string_view word, const RuleWords& words, absl::string_view otherwise);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_RULE_WORDS_H_
