// Combines syscall entries of several sources into a list that every runtime reads alike.
#ifndef LIB_COMPILER_LOWER_SECCOMP_ENTRY_LIST_H_
#define LIB_COMPILER_LOWER_SECCOMP_ENTRY_LIST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/seccomp_profile.h"
#include "lib/compiler/seccomp/argument_condition.h"
#include "lib/compiler/seccomp/seccomp_outcome.h"

namespace varmor {

// libseccomp, which both runtimes use, keeps the first entry without arguments of a syscall and
// forgets every other one of that syscall; it refuses two entries with the same arguments and
// different actions; between others it chooses by the arguments, not by the order. So entries with
// different actions must not overlap, and this class reports those that do.
//
// libseccomp 2.5.4 also makes wrong filters, or never comes back, when a syscall has several
// entries with conditions, unless all of them compare with EQ and MASKED_EQ only, or all of them
// have one argument and what they compare by LT, LE, GE and GT is below 2^32. (Found by comparing
// filters with rules; lower_seccomp_oracle_test.) Anything else is reported too.
class SeccompEntryList {
 public:
  enum class Source { kBase, kRaw, kBuiltin };

  SeccompEntryList(const std::string& default_action, std::optional<uint32_t> default_errno_ret);

  // Entries keep the order in which they are added.
  void Add(Source source, SeccompEntry entry);

  // The combined list; call once.
  std::vector<SeccompEntry> Finish(Diagnostics& diagnostics);

 private:
  // One alternative of an entry.
  struct Unit {
    Source source = Source::kBase;
    SeccompEntry entry;
    SeccompOutcome outcome;
    // Parallel to entry.names.
    std::vector<bool> dropped;
  };
  struct NameInUnit {
    size_t unit = 0;
    size_t name = 0;
  };

  void AddUnit(Source source, const SeccompEntry& entry, const SeccompOutcome& outcome,
               std::vector<std::string> names, const ArgConjunction& args);
  void Combine(const NameInUnit& first, const NameInUnit& second, Diagnostics& diagnostics);
  void Contradiction(const std::string& name, const Unit& a, const Unit& b,
                     Diagnostics& diagnostics);
  void CheckReliable(const std::string& name, const std::vector<NameInUnit>& uses,
                     Diagnostics& diagnostics);
  void Drop(const NameInUnit& which) { units_[which.unit].dropped[which.name] = true; }

  bool allows_by_default_;
  SeccompOutcome default_;
  std::vector<Unit> units_;
  // Raw entries that do what the default does, for Finish to report.
  std::vector<SeccompEntry> without_effect_;
  // Contradictions that were reported: syscall, field of the raw rule, the other rule.
  std::set<std::tuple<std::string, std::string, std::string>> reported_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_LOWER_SECCOMP_ENTRY_LIST_H_
