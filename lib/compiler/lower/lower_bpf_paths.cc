#include "lib/compiler/lower/lower_bpf_paths.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/automaton/paginate.h"
#include "lib/compiler/lower/bpf_decisions.h"
#include "lib/compiler/status/mistake.h"

namespace varmor {
namespace {

// One pattern of a rule: what it says about paths that match.
struct PathEntry {
  PathPattern pattern;
  uint32_t access = 0;
  Action action;
  uint16_t rule = 0;
  const std::string* field = nullptr;
};

// Patterns with equal keys have equal effects: the automaton needs to know one of them only.
class DecisionNumbers {
 public:
  uint32_t Of(uint32_t access, const Action& action) {
    const auto key = std::make_tuple(access, action.deny, action.audit, action.allow);
    return numbers_.emplace(key, static_cast<uint32_t>(numbers_.size() + 1)).first->second;
  }

 private:
  std::map<std::tuple<uint32_t, bool, bool, bool>, uint32_t> numbers_;
};

// A pattern and where it stands.
struct PlacedPattern {
  const PathPattern* pattern;
  const std::string* field;
};

// Reports that patterns have no room, at the field of the first one that the message names, and
// says where the others are.
void ReportTables(const absl::Status& status, absl::string_view kind,
                  const std::vector<PlacedPattern>& patterns, Diagnostics& diagnostics) {
  const Mistake mistake = MistakeOf(status);
  std::vector<std::string> fields;
  for (const PlacedPattern& placed : patterns) {
    if (!absl::StrContains(status.message(), Quoted(placed.pattern->text()))) continue;
    if (std::find(fields.begin(), fields.end(), *placed.field) != fields.end()) continue;
    fields.push_back(*placed.field);
  }
  std::string problem = absl::StrCat(kind, " patterns: ", mistake.problem);
  if (fields.size() > 1) {
    absl::StrAppend(&problem,
                    " (the others: ", absl::StrJoin(fields.begin() + 1, fields.end(), ", "), ")");
  }
  diagnostics.Error("path-tables", fields.empty() ? "" : fields[0], problem, mistake.fix);
}

// Adds tables to the profile's pages; `headers` has room for VARMOR_PATH_TABLES_MAX.
void AddTables(const PathTables& tables, absl::string_view kind, varmor_path_table* headers,
               uint32_t& count, BpfProfile& profile) {
  for (const PathTable& table : tables.tables) {
    const auto first_page = static_cast<uint32_t>(profile.pages.size());
    std::vector<std::string> pages = PageBytes(table, first_page, &headers[count]);
    std::move(pages.begin(), pages.end(), std::back_inserter(profile.pages));
    ++count;

    BpfTableSummary& summary = profile.tables.emplace_back();
    summary.set_kind(std::string(kind));
    summary.set_direction(table.reverse ? "reverse" : "forward");
    summary.set_patterns(table.patterns);
    summary.set_states(table.states);
    summary.set_classes(table.classes);
    summary.set_pages(static_cast<uint32_t>(pages.size()));
    std::vector<uint32_t> accepts = table.accepts;
    std::sort(accepts.begin(), accepts.end());
    accepts.erase(std::unique(accepts.begin(), accepts.end()), accepts.end());
    summary.set_accepts(static_cast<uint32_t>(
        std::count_if(accepts.begin(), accepts.end(), [](uint32_t id) { return id != 0; })));
  }
}

// The file patterns of the rules, and for what they protect the directories above it: renaming one
// of those would move the protected path away.
std::vector<PathEntry> FileEntries(const Numbered<BpfFile>& files) {
  std::vector<PathEntry> entries;
  std::map<std::tuple<std::string, bool, bool>, bool> ancestors;
  for (const auto& [number, rule] : files) {
    const uint32_t access = rule->access & ~uint32_t{kAccessExec};
    if (access == 0) continue;
    entries.push_back({rule->pattern, access, rule->action, number, &rule->origin.field});
    if (rule->action.allow) continue;
    for (const std::string& ancestor : rule->pattern.LiteralAncestors()) {
      const auto key = std::make_tuple(ancestor, rule->action.deny, rule->action.audit);
      if (!ancestors.emplace(key, true).second) continue;
      entries.push_back({PathPattern::Exact(ancestor), VARMOR_ACCESS_ANCESTOR, rule->action, number,
                         &rule->origin.field});
    }
  }
  return entries;
}

std::vector<PathEntry> ExecEntries(const Numbered<BpfFile>& files) {
  std::vector<PathEntry> entries;
  for (const auto& [number, rule] : files) {
    if ((rule->access & kAccessExec) == 0) continue;
    entries.push_back(
        {rule->pattern, VARMOR_ACCESS_EXEC, rule->action, number, &rule->origin.field});
  }
  return entries;
}

std::vector<PatternInput> Inputs(const std::vector<PathEntry>& entries) {
  std::vector<PatternInput> inputs;
  DecisionNumbers decisions;
  for (size_t i = 0; i < entries.size(); ++i) {
    const PathEntry& entry = entries[i];
    inputs.push_back(
        {entry.pattern, static_cast<uint32_t>(i), decisions.Of(entry.access, entry.action)});
  }
  return inputs;
}

absl::Status LowerPathEntries(const std::vector<PathEntry>& entries, absl::string_view kind,
                              const BpfLimits& limits, varmor_path_table* headers, uint32_t& count,
                              RecordTable<varmor_decision>& accepts, BpfProfile& profile,
                              Diagnostics& diagnostics) {
  const auto label = [&](const std::vector<uint32_t>& values) {
    varmor_decision decision = EmptyDecision();
    for (const uint32_t value : values) {
      Join(decision, entries[value].access, entries[value].action, entries[value].rule);
    }
    return accepts.Intern(decision);
  };
  const absl::StatusOr<PathTables> tables = BuildPathTables(Inputs(entries), limits.tables, label);
  if (absl::IsResourceExhausted(tables.status())) {
    std::vector<PlacedPattern> patterns;
    for (const PathEntry& entry : entries) patterns.push_back({&entry.pattern, entry.field});
    ReportTables(tables.status(), kind, patterns, diagnostics);
    return absl::OkStatus();
  }
  if (!tables.ok()) return tables.status();
  AddTables(*tables, kind, headers, count, profile);
  return absl::OkStatus();
}

varmor_mount_rule MountRecord(const BpfMount& mount, uint16_t number) {
  varmor_mount_rule record{};
  record.any = mount.any;
  record.none = mount.none;
  std::copy_n(mount.fstype.begin(), std::min<size_t>(mount.fstype.size(), VARMOR_FSTYPE_BYTES - 1),
              record.fstype);
  record.rule = number;
  record.action = static_cast<uint8_t>((mount.action.deny ? VARMOR_ACTION_DENY : 0) |
                                       (mount.action.audit ? VARMOR_ACTION_AUDIT : 0) |
                                       (mount.action.allow ? VARMOR_ACTION_ALLOW : 0));
  return record;
}

absl::Status LowerMounts(const Numbered<BpfMount>& mounts, const BpfLimits& limits,
                         BpfProfile& profile, Diagnostics& diagnostics) {
  profile.mount_accepts.assign(1, varmor_mount_accept{});
  if (mounts.empty()) return absl::OkStatus();
  std::vector<PatternInput> inputs;
  for (size_t i = 0; i < mounts.size(); ++i) {
    inputs.push_back({mounts[i].second->source, static_cast<uint32_t>(i), 0});
  }
  bool too_many = false;
  const auto label = [&](const std::vector<uint32_t>& values) {
    varmor_mount_accept accept{static_cast<uint32_t>(profile.mount_rules.size()),
                               static_cast<uint32_t>(values.size())};
    too_many |= values.size() > VARMOR_MOUNT_RANGE_MAX;
    for (const uint32_t value : values) {
      profile.mount_rules.push_back(MountRecord(*mounts[value].second, mounts[value].first));
    }
    profile.mount_accepts.push_back(accept);
    return static_cast<uint32_t>(profile.mount_accepts.size() - 1);
  };
  const absl::StatusOr<PathTables> tables = BuildPathTables(inputs, limits.tables, label);
  if (absl::IsResourceExhausted(tables.status())) {
    std::vector<PlacedPattern> patterns;
    for (const auto& [number, rule] : mounts) {
      patterns.push_back({&rule->source, &rule->origin.field});
    }
    ReportTables(tables.status(), "mount source", patterns, diagnostics);
    return absl::OkStatus();
  }
  if (!tables.ok()) return tables.status();
  if (too_many) {
    diagnostics.Error(
        "too-many-mount-rules", mounts.back().second->origin.field,
        absl::StrCat("more than ", VARMOR_MOUNT_RANGE_MAX, " mount rules match the same source"),
        "join rules of one source and type by listing their flags together");
    return absl::OkStatus();
  }
  AddTables(*tables, "mount", profile.header.mount, profile.header.mount_tables, profile);
  return absl::OkStatus();
}

void CheckTableBytes(const BpfLimits& limits, const std::string& field, BpfProfile& profile,
                     Diagnostics& diagnostics) {
  const size_t bytes = profile.pages.size() * sizeof(varmor_path_page);
  if (bytes <= limits.soft_table_bytes) return;
  const std::string problem = absl::StrCat("the path tables take ", (bytes + (1 << 20) - 1) >> 20,
                                           " MiB of kernel memory per node");
  if (bytes > limits.hard_table_bytes) {
    diagnostics.Error(
        "path-tables-memory", field,
        absl::StrCat(problem, "; at most ", limits.hard_table_bytes >> 20, " MiB are possible"),
        "use patterns such as \"/dir/**\" in place of many single paths");
  } else {
    diagnostics.Warning("path-tables-memory", field, problem,
                        "use patterns such as \"/dir/**\" in place of many single paths");
  }
}

}  // namespace

absl::Status LowerBpfPaths(const Numbered<BpfFile>& files, const Numbered<BpfMount>& mounts,
                           const BpfLimits& limits, BpfProfile& profile, Diagnostics& diagnostics) {
  const std::string field = files.empty() ? "" : files.back().second->origin.field;
  RecordTable<varmor_decision> accepts;
  varmor_profile& header = profile.header;
  absl::Status status = LowerPathEntries(FileEntries(files), "file", limits, header.file,
                                         header.file_tables, accepts, profile, diagnostics);
  status.Update(LowerPathEntries(ExecEntries(files), "exec", limits, header.exec,
                                 header.exec_tables, accepts, profile, diagnostics));
  status.Update(LowerMounts(mounts, limits, profile, diagnostics));
  profile.accepts = accepts.Take();
  CheckTableBytes(limits, field, profile, diagnostics);
  return status;
}

}  // namespace varmor
