// Mounts: every combination of mount rules that a source can meet, and for each the calls that the
// rules tell apart.
#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "lib/compiler/diff/diff_bpf_parts.h"
#include "lib/compiler/diff/diff_bpf_walk.h"
#include "lib/compiler/ir/bpf_rules.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

// One operation of the kernel at a time, and binding again with other flags.
struct Operation {
  std::vector<const char*> words;
  // Flags may come with it.
  bool has_flags;
  // The source is a path, whatever the caller wrote.
  bool on_path;
};

const std::vector<Operation>& Operations() {
  static const auto* operations = new std::vector<Operation>{
      {{"new"}, true, false},
      {{"bind"}, true, true},
      {{"rbind"}, true, true},
      {{"remount"}, true, false},
      {{"remount", "bind"}, true, false},
      {{"move"}, true, true},
      {{"umount"}, false, true},
      {{"pivot-root"}, false, true},
      {{"make-private"}, true, false},
      {{"make-rprivate"}, true, false},
      {{"make-slave"}, true, false},
      {{"make-rslave"}, true, false},
      {{"make-shared"}, true, false},
      {{"make-rshared"}, true, false},
      {{"make-unbindable"}, true, false},
      {{"make-runbindable"}, true, false},
  };
  return *operations;
}

// The flags that say how to mount, not what to do.
constexpr const char* kFlags[] = {"ro",       "nosuid",      "nodev",       "noexec",  "sync",
                                  "mand",     "dirsync",     "nosymfollow", "noatime", "nodiratime",
                                  "relatime", "strictatime", "iversion",    "silent"};

// A rule without its number.
struct Rule {
  varmor_mount_rule rule;

  auto AsTuple() const {
    return std::make_tuple(rule.any, rule.none, std::string(rule.fstype, sizeof(rule.fstype)),
                           rule.action);
  }
  bool operator<(const Rule& other) const { return AsTuple() < other.AsTuple(); }
  bool operator==(const Rule& other) const { return AsTuple() == other.AsTuple(); }
};

// The rules that hold for a source, sorted, each once.
std::vector<Rule> RulesOf(const BpfImage& image, absl::Span<const uint32_t> accepts) {
  std::vector<Rule> rules;
  for (const uint32_t id : accepts) {
    if (id == 0) continue;
    const varmor_mount_accept& range = image.mount_accepts[id];
    for (uint32_t i = 0; i < range.count; ++i) {
      rules.push_back({image.mount_rules[range.first + i]});
    }
  }
  std::sort(rules.begin(), rules.end());
  rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
  return rules;
}

// All that one side has to say about a source.
struct Met {
  std::vector<Rule> rules;
  // Bits of VARMOR_ACCESS_ANCESTOR that are denied and audited.
  uint32_t deny_below = 0;
  uint32_t audit_below = 0;

  bool operator<(const Met& other) const {
    return std::tie(rules, deny_below, audit_below) <
           std::tie(other.rules, other.deny_below, other.audit_below);
  }
};

// `accepts`: of the mount tables, then of the file tables, if those were walked.
Met WhatMeets(const BpfImage& image, absl::Span<const uint32_t> accepts) {
  Met met;
  met.rules = RulesOf(image, accepts.subspan(0, image.profile.mount_tables));
  for (const uint32_t id : accepts.subspan(image.profile.mount_tables)) {
    if (id == 0) continue;
    met.deny_below |= image.accepts[id].deny & VARMOR_ACCESS_ANCESTOR;
    met.audit_below |= image.accepts[id].audit & VARMOR_ACCESS_ANCESTOR;
  }
  return met;
}

std::string TypeOf(const varmor_mount_rule& rule) {
  return std::string(rule.fstype, strnlen(rule.fstype, VARMOR_FSTYPE_BYTES));
}

// Every type that a rule of either side names, and one that none does.
std::vector<std::string> FileSystemTypes(const BpfImage& before, const BpfImage& after) {
  std::set<std::string> named;
  for (const BpfImage* image : {&before, &after}) {
    for (const varmor_mount_rule& rule : image->mount_rules) named.insert(TypeOf(rule));
  }
  std::vector<std::string> types;
  for (const char* candidate : {"ext4", "tmpfs", "xfs", "btrfs", "vfat", "iso9660"}) {
    if (named.count(candidate) != 0) continue;
    types.emplace_back(candidate);
    break;
  }
  for (int i = 0; types.empty(); ++i) {
    const std::string candidate = "fs" + std::to_string(i);
    if (named.count(candidate) == 0) types.push_back(candidate);
  }
  for (const std::string& type : named) {
    if (!type.empty() && type != "*") types.push_back(type);
  }
  return types;
}

// Sets of flags, one for each way in which the rules can see flags: of flags that stand in the same
// masks all, none, or one are set.
absl::StatusOr<std::vector<std::vector<const char*>>> FlagSets(const std::vector<Rule>& before,
                                                               const std::vector<Rule>& after,
                                                               BpfDiffWork& work) {
  std::map<std::vector<bool>, std::vector<const char*>> groups;
  for (const char* word : kFlags) {
    const uint64_t bits = FindBpfWord(kMountFlagWords, word)->bits;
    std::vector<bool> membership;
    for (const std::vector<Rule>* rules : {&before, &after}) {
      for (const Rule& rule : *rules) {
        membership.push_back((rule.rule.any & bits) != 0);
        membership.push_back((rule.rule.none & bits) != 0);
      }
    }
    if (std::find(membership.begin(), membership.end(), true) == membership.end()) continue;
    groups[membership].push_back(word);
  }
  std::vector<std::vector<const char*>> sets = {{}};
  for (const auto& [membership, words] : groups) {
    const size_t count = sets.size();
    if (!work.Spend(count * 50)) return absl::ResourceExhaustedError("mount flags");
    for (size_t i = 0; i < count; ++i) {
      sets.push_back(sets[i]);
      sets.back().push_back(words[0]);
      if (words.size() == 1) continue;
      sets.push_back(sets[i]);
      sets.back().insert(sets.back().end(), words.begin(), words.end());
    }
  }
  std::stable_sort(sets.begin(), sets.end(),
                   [](const auto& a, const auto& b) { return a.size() < b.size(); });
  return sets;
}

Event MountEventOf(const Operation& operation, const std::string& source, const std::string& type,
                   const std::vector<const char*>& flags, bool disk) {
  Event event;
  MountEvent& mount = *event.mutable_mount();
  mount.set_source(source);
  mount.set_fstype(type);
  for (const char* word : operation.words) mount.add_flags(word);
  for (const char* word : flags) mount.add_flags(word);
  mount.set_disk_device(disk);
  const std::string first = operation.words[0];
  const bool elsewhere = first == "new" || first == "bind" || first == "rbind" || first == "move";
  mount.set_target(elsewhere || source.empty() || source[0] != '/' ? "/mnt" : source);
  return event;
}

class MountComparison {
 public:
  MountComparison(BpfChanges& changes, BpfDiffWork& work)
      : changes_(changes),
        work_(work),
        types_(FileSystemTypes(changes.before(), changes.after())),
        disks_(SaysSomething(changes.before().profile.disk_mount) ||
               SaysSomething(changes.after().profile.disk_mount)),
        same_frame_(SameFrame()),
        ancestors_(HasAncestors(changes.before()) || HasAncestors(changes.after())) {}

  absl::Status Run();

 private:
  static bool SaysSomething(const varmor_verdict& v) { return (v.deny | v.audit | v.allow) != 0; }
  static bool HasAncestors(const BpfImage& image);
  bool SameFrame() const;
  absl::Status AddTables(const BpfImage& image, PathWalk& walk) const;
  const char* ClassOf(const Event& event) const;
  absl::Status AskAbout(const PathWitness& witness, const std::vector<Rule>& before,
                        const std::vector<Rule>& after);
  absl::Status AskOperation(const Operation& operation, const PathWitness& witness,
                            const std::vector<std::vector<const char*>>& flag_sets);

  BpfChanges& changes_;
  BpfDiffWork& work_;
  const std::vector<std::string> types_;
  const bool disks_;
  const bool same_frame_;
  const bool ancestors_;
};

// Unmounting and moving ask the file rules about what lies below.
bool MountComparison::HasAncestors(const BpfImage& image) {
  return std::any_of(image.accepts.begin(), image.accepts.end(), [](const varmor_decision& accept) {
    return ((accept.deny | accept.audit | accept.allow) & VARMOR_ACCESS_ANCESTOR) != 0;
  });
}

// Equal rules then mean the same.
bool MountComparison::SameFrame() const {
  const varmor_profile& a = changes_.before().profile;
  const varmor_profile& b = changes_.after().profile;
  return a.flags == b.flags && ((a.default_deny ^ b.default_deny) & VARMOR_CLASS_MOUNT) == 0 &&
         a.disk_mount.deny == b.disk_mount.deny && a.disk_mount.audit == b.disk_mount.audit &&
         a.disk_mount.allow == b.disk_mount.allow;
}

absl::Status MountComparison::AddTables(const BpfImage& image, PathWalk& walk) const {
  VARMOR_RETURN_IF_ERROR(walk.Add(image, image.profile.mount, image.profile.mount_tables,
                                  image.mount_accepts.size(), work_));
  if (!ancestors_) return absl::OkStatus();
  return walk.Add(image, image.profile.file, image.profile.file_tables, image.accepts.size(),
                  work_);
}

// A difference that comes from rules about files below the mount is one of theirs.
const char* MountComparison::ClassOf(const Event& event) const {
  if (!ancestors_) return "mount";
  const absl::StatusOr<BpfVerdict> a = changes_.before_image().Decide(event);
  const absl::StatusOr<BpfVerdict> b = changes_.after_image().Decide(event);
  const bool same = a.ok() && b.ok() && a->deny == b->deny && a->audit == b->audit &&
                    a->would_deny == b->would_deny;
  return same ? "file" : "mount";
}

absl::Status MountComparison::AskOperation(const Operation& operation, const PathWitness& witness,
                                           const std::vector<std::vector<const char*>>& flag_sets) {
  const bool is_new = std::strcmp(operation.words[0], "new") == 0;
  const std::vector<std::string> none = {"none"};
  const std::vector<std::vector<const char*>> no_flags = {{}};
  for (const auto& flags : operation.has_flags ? flag_sets : no_flags) {
    for (const std::string& type : is_new ? types_ : none) {
      for (int disk = 0; disk <= (is_new && disks_ ? 1 : 0); ++disk) {
        if (!work_.Spend(400)) return absl::ResourceExhaustedError("mounts");
        const Event event = MountEventOf(operation, witness.text, type, flags, disk != 0);
        VARMOR_RETURN_IF_ERROR(changes_.Ask(ClassOf(event), event).status());
      }
    }
  }
  return absl::OkStatus();
}

absl::Status MountComparison::AskAbout(const PathWitness& witness, const std::vector<Rule>& before,
                                       const std::vector<Rule>& after) {
  const bool same_rules = same_frame_ && before == after;
  VARMOR_ASSIGN_OR_RETURN(const auto flag_sets, FlagSets(before, after, work_));
  for (const Operation& operation : Operations()) {
    if (operation.on_path && !witness.is_path) continue;
    const bool asks_files = ancestors_ && (std::strcmp(operation.words[0], "umount") == 0 ||
                                           std::strcmp(operation.words[0], "move") == 0);
    if (same_rules && !asks_files) continue;
    VARMOR_RETURN_IF_ERROR(AskOperation(operation, witness, flag_sets));
  }
  return absl::OkStatus();
}

absl::Status MountComparison::Run() {
  PathWalk walk;
  VARMOR_RETURN_IF_ERROR(AddTables(changes_.before(), walk));
  const size_t middle = walk.size();
  VARMOR_RETURN_IF_ERROR(AddTables(changes_.after(), walk));
  VARMOR_ASSIGN_OR_RETURN(std::vector<PathWitness> witnesses, walk.Run(true, work_));
  // A source that is a path is the better example.
  std::stable_partition(witnesses.begin(), witnesses.end(),
                        [](const PathWitness& witness) { return witness.is_path; });
  // Sources that meet the same rules are judged alike.
  std::set<std::tuple<bool, Met, Met>> seen;
  for (const PathWitness& witness : witnesses) {
    const absl::Span<const uint32_t> accepts(witness.accepts);
    const Met before = WhatMeets(changes_.before(), accepts.subspan(0, middle));
    const Met after = WhatMeets(changes_.after(), accepts.subspan(middle));
    if (!seen.emplace(witness.is_path, before, after).second) continue;
    VARMOR_RETURN_IF_ERROR(AskAbout(witness, before.rules, after.rules));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CompareBpfMounts(BpfChanges& changes, BpfDiffWork& work) {
  return MountComparison(changes, work).Run();
}

}  // namespace varmor
