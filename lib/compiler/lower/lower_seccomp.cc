#include "lib/compiler/lower/lower_seccomp.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/lower/seccomp_entry_list.h"
#include "lib/compiler/lower/seccomp_text_base.h"
#include "lib/compiler/seccomp/syscall_tables.h"

namespace varmor {
namespace {

// Running BehaviorModeling: too frequent to be worth a log line each.
constexpr const char* kNotRecorded[] = {"open", "openat", "openat2", "close", "read", "write"};

absl::Status CheckArchitectures(const std::vector<std::string>& architectures) {
  if (architectures.empty()) return absl::InvalidArgumentError("no architecture is given");
  for (const std::string& word : architectures) {
    const SeccompArchitecture* architecture = FindSeccompArchitecture(word);
    if (architecture == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("unknown architecture ", Quoted(word)));
    }
    if (architecture->big_endian != FindSeccompArchitecture(architectures[0])->big_endian) {
      return absl::InvalidArgumentError(absl::StrCat(
          word, " and ", architectures[0], " differ in byte order; no filter can be for both"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckBuiltin(const SeccompRule& rule) {
  const bool ok = !rule.names.empty() && FindSeccompAction(rule.action) != nullptr &&
                  std::all_of(rule.args.begin(), rule.args.end(), [](const SeccompArg& arg) {
                    return arg.index <= 5 && IsSeccompOperator(arg.op);
                  });
  if (ok) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("malformed seccomp entry of rule ", Quoted(rule.origin.rule)));
}

bool Contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool IsFor(const SeccompRule& rule, const std::string& architecture) {
  if (!rule.only_architectures.empty() && !Contains(rule.only_architectures, architecture)) {
    return false;
  }
  return !Contains(rule.except_architectures, architecture);
}

// Whether the profile gets the entry. An OCI profile applies every entry to all its architectures.
bool KeepForArchitectures(const SeccompRule& rule, const std::vector<std::string>& architectures,
                          Diagnostics& diagnostics) {
  std::vector<std::string> others;
  for (const std::string& architecture : architectures) {
    if (!IsFor(rule, architecture)) others.push_back(architecture);
  }
  if (others.size() == architectures.size()) return false;
  if (!others.empty()) {
    diagnostics.Warning(
        "architecture-condition", rule.origin.field,
        absl::StrCat("an entry of ", Quoted(rule.origin.rule), " for ",
                     absl::StrJoin(rule.names, ", "), " also acts on ", absl::StrJoin(others, ", "),
                     ", where its arguments mean something else"),
        "compile for the architectures of one kind of node at a time");
  }
  return true;
}

// On 32-bit architectures a comparison with a value that needs more bits means something else.
void CheckWidth(const SeccompProfile& profile, Diagnostics& diagnostics) {
  std::vector<std::string> narrow;
  for (const std::string& word : profile.architectures) {
    const SeccompArchitecture* architecture = FindSeccompArchitecture(word);
    if (architecture != nullptr && architecture->narrow) narrow.push_back(word);
  }
  if (narrow.empty()) return;
  for (const SeccompEntry& entry : profile.entries) {
    for (const SeccompArg& arg : entry.args) {
      const uint64_t wanted = arg.op == "SCMP_CMP_MASKED_EQ" ? arg.value_two : arg.value;
      if (wanted <= std::numeric_limits<uint32_t>::max()) continue;
      diagnostics.Warning("wide-value", entry.origin.field,
                          absl::StrCat("for ", absl::StrJoin(entry.names, ", "), ": 0x",
                                       absl::Hex(wanted), " has more than 32 bits; on ",
                                       absl::StrJoin(narrow, ", "), " it counts as 0x",
                                       absl::Hex(wanted & std::numeric_limits<uint32_t>::max())),
                          "for an int argument use SCMP_CMP_MASKED_EQ with the mask 4294967295");
    }
  }
}

SeccompEntry RecordEntry() {
  SeccompEntry entry;
  entry.names.assign(std::begin(kNotRecorded), std::end(kNotRecorded));
  entry.action = "SCMP_ACT_ALLOW";
  entry.origin.rule = "model";
  return entry;
}

void CheckListener(const SeccompRule& rule, const SeccompProfile& profile,
                   Diagnostics& diagnostics) {
  // In a block list the validator has spoken.
  if (rule.action != "SCMP_ACT_NOTIFY" || profile.default_action == "SCMP_ACT_ALLOW" ||
      !profile.listener_path.empty()) {
    return;
  }
  diagnostics.Error("notify-without-listener", absl::StrCat(rule.origin.field, ".action"),
                    "\"SCMP_ACT_NOTIFY\" needs a listener: runc does not start the container, crun "
                    "refuses the call with ENOSYS",
                    "give the profile a listenerPath, or use SCMP_ACT_ERRNO");
}

SeccompEntry EntryOf(const SeccompRule& rule) {
  return {rule.names, rule.action, rule.errno_ret, rule.args, rule.origin};
}

// The base: everything of the profile but the rules' entries.
SeccompProfile BaseOf(const SeccompRules& rules, const std::vector<std::string>& architectures,
                      Diagnostics& diagnostics) {
  SeccompProfile profile;
  switch (rules.base) {
    case SeccompRules::Base::kAllowAll:
    case SeccompRules::Base::kBlockList:
      profile.default_action = "SCMP_ACT_ALLOW";
      break;
    case SeccompRules::Base::kRecord:
      profile.default_action = "SCMP_ACT_LOG";
      profile.entries.push_back(RecordEntry());
      break;
    case SeccompRules::Base::kText:
      profile = ReadSeccompTextBase(rules, architectures, diagnostics);
      break;
  }
  if (profile.architectures.empty()) profile.architectures = architectures;
  return profile;
}

}  // namespace

absl::StatusOr<SeccompProfile> LowerSeccomp(const SeccompRules& rules,
                                            const std::vector<std::string>& architectures,
                                            Diagnostics& diagnostics) {
  if (absl::Status status = CheckArchitectures(architectures); !status.ok()) return status;
  SeccompProfile profile = BaseOf(rules, architectures, diagnostics);
  SeccompEntryList list(profile.default_action, profile.default_errno_ret);
  for (SeccompEntry& entry : profile.entries) {
    list.Add(SeccompEntryList::Source::kBase, std::move(entry));
  }
  for (const SeccompRule& rule : rules.rules) {
    if (rule.builtin) continue;
    CheckListener(rule, profile, diagnostics);
    list.Add(SeccompEntryList::Source::kRaw, EntryOf(rule));
  }
  for (const SeccompRule& rule : rules.rules) {
    if (!rule.builtin) continue;
    if (absl::Status status = CheckBuiltin(rule); !status.ok()) return status;
    if (!KeepForArchitectures(rule, profile.architectures, diagnostics)) continue;
    list.Add(SeccompEntryList::Source::kBuiltin, EntryOf(rule));
  }
  profile.entries = list.Finish(diagnostics);
  CheckWidth(profile, diagnostics);
  return profile;
}

}  // namespace varmor
