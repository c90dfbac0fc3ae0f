// Files and programs: the tables of both sides walked together, one path for every combination of
// accept records, and every kind of access asked about it.
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/compiler/diff/diff_bpf_parts.h"
#include "lib/compiler/diff/diff_bpf_walk.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

// Events that differ in nothing else are asked about as one of these.
constexpr FileEvent::Access kAccesses[] = {FileEvent::READ, FileEvent::WRITE, FileEvent::APPEND,
                                           FileEvent::CONNECT};

Event FileEventOf(const std::string& path, FileEvent::Access access, bool disk) {
  Event event;
  event.mutable_file()->set_path(path);
  event.mutable_file()->set_access(access);
  event.mutable_file()->set_disk_device(disk);
  return event;
}

bool SaysSomething(const varmor_decision& decision) {
  return (decision.deny | decision.audit | decision.allow) != 0;
}

// How much a verdict shows.
int Noise(const BpfVerdict& verdict) {
  return (verdict.deny ? 4 : 0) + (verdict.would_deny ? 2 : 0) + (verdict.audit ? 1 : 0);
}

// What both sides say about writing to `path`.
std::pair<int, int> WriteNoise(const BpfChanges& changes, const std::string& path) {
  return {Noise(changes.before_image().DecideFile(path, VARMOR_ACCESS_WRITE, false)),
          Noise(changes.after_image().DecideFile(path, VARMOR_ACCESS_WRITE, false))};
}

// New names that matter for a renaming: two paths for each way in which both sides agree about
// writing to it. The quietest first, so that an example shows nothing else.
std::vector<std::string> NewNames(const BpfChanges& changes,
                                  const std::vector<PathWitness>& witnesses) {
  std::map<int, std::set<std::string>> found;
  for (const PathWitness& witness : witnesses) {
    if (witness.text == "/") continue;
    const std::pair<int, int> noise = WriteNoise(changes, witness.text);
    if (noise.first != noise.second) continue;
    std::set<std::string>& names = found[noise.first];
    if (!names.empty()) continue;
    names.insert(witness.text);
    // Nobody renames a file to its own name, so there has to be another one.
    for (const char* more : {"a", "b", "0", "/a", "~"}) {
      if (names.size() == 1 && WriteNoise(changes, witness.text + more) == noise) {
        names.insert(witness.text + more);
      }
    }
  }
  std::vector<std::string> all;
  for (const auto& [noise, names] : found) all.insert(all.end(), names.begin(), names.end());
  return all;
}

absl::Status CompareRenames(const std::vector<PathWitness>& witnesses, BpfChanges& changes,
                            BpfDiffWork& work) {
  const std::vector<std::string> names = NewNames(changes, witnesses);
  for (const PathWitness& witness : witnesses) {
    if (witness.text == "/") continue;
    for (const std::string& name : names) {
      if (name == witness.text) continue;
      if (!work.Spend(500)) return absl::ResourceExhaustedError("renaming");
      Event event = FileEventOf(name, FileEvent::RENAME, false);
      event.mutable_file()->set_old_path(witness.text);
      VARMOR_ASSIGN_OR_RETURN(const bool differ, changes.Ask("file", event));
      if (differ) break;
    }
  }
  return absl::OkStatus();
}

absl::Status AddTables(const BpfImage& image, bool exec, PathWalk& walk, BpfDiffWork& work) {
  const varmor_profile& profile = image.profile;
  return exec ? walk.Add(image, profile.exec, profile.exec_tables, image.accepts.size(), work)
              : walk.Add(image, profile.file, profile.file_tables, image.accepts.size(), work);
}

absl::StatusOr<std::vector<PathWitness>> Walk(bool exec, const BpfChanges& changes,
                                              BpfDiffWork& work) {
  PathWalk walk;
  VARMOR_RETURN_IF_ERROR(AddTables(changes.before(), exec, walk, work));
  VARMOR_RETURN_IF_ERROR(AddTables(changes.after(), exec, walk, work));
  return walk.Run(false, work);
}

}  // namespace

absl::Status CompareBpfFiles(BpfChanges& changes, BpfDiffWork& work) {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<PathWitness> witnesses, Walk(false, changes, work));
  const bool disks = SaysSomething(changes.before().profile.disk_file) ||
                     SaysSomething(changes.after().profile.disk_file);
  for (const PathWitness& witness : witnesses) {
    for (const FileEvent::Access access : kAccesses) {
      if (!work.Spend(500)) return absl::ResourceExhaustedError("access");
      VARMOR_RETURN_IF_ERROR(
          changes.Ask("file", FileEventOf(witness.text, access, false)).status());
      if (!disks) continue;
      VARMOR_RETURN_IF_ERROR(changes.Ask("disk", FileEventOf(witness.text, access, true)).status());
    }
  }
  return CompareRenames(witnesses, changes, work);
}

absl::Status CompareBpfExec(BpfChanges& changes, BpfDiffWork& work) {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<PathWitness> witnesses, Walk(true, changes, work));
  for (const PathWitness& witness : witnesses) {
    if (!work.Spend(500)) return absl::ResourceExhaustedError("exec");
    Event event;
    event.mutable_exec()->set_path(witness.text);
    VARMOR_RETURN_IF_ERROR(changes.Ask("exec", event).status());
  }
  return absl::OkStatus();
}

}  // namespace varmor
