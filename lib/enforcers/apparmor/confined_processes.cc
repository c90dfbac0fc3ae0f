#include "lib/enforcers/apparmor/confined_processes.h"

#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

// Before Linux 5.8 there is no directory for each security module.
std::string ReadAttribute(const std::string& thread, absl::string_view name) {
  absl::StatusOr<std::string> label = ReadFileWhole(absl::StrCat(thread, "/attr/apparmor/", name));
  if (absl::IsNotFound(label.status())) {
    label = ReadFileWhole(absl::StrCat(thread, "/attr/", name));
  }
  return label.ok() ? *label : "";
}

void AddProfiles(absl::string_view label, std::set<std::string>& profiles) {
  for (std::string& profile : ProfilesOfLabel(label)) profiles.insert(std::move(profile));
}

}  // namespace

std::vector<std::string> ProfilesOfLabel(absl::string_view label) {
  label = absl::StripTrailingAsciiWhitespace(label);
  // " (enforce)"; the names of profiles may have blanks and parentheses of their own.
  if (absl::EndsWith(label, ")")) {
    const size_t mode = label.rfind(" (");
    if (mode != absl::string_view::npos) label = label.substr(0, mode);
  }
  std::vector<std::string> profiles;
  for (const absl::string_view profile : absl::StrSplit(label, "//&", absl::SkipEmpty())) {
    if (profile != "unconfined") profiles.emplace_back(profile);
  }
  return profiles;
}

absl::StatusOr<std::vector<ConfinedProcess>> FindConfinedProcesses(const std::string& proc) {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> entries, ListDirectory(proc));
  std::vector<ConfinedProcess> confined;
  for (const std::string& entry : entries) {
    ConfinedProcess process;
    if (!absl::SimpleAtoi(entry, &process.pid)) continue;
    const std::string directory = absl::StrCat(proc, "/", entry);
    const absl::StatusOr<std::vector<std::string>> threads = ListDirectory(directory + "/task");
    if (!threads.ok()) continue;  // it has ended
    std::set<std::string> profiles;
    for (const std::string& thread : *threads) {
      const std::string files = absl::StrCat(directory, "/task/", thread);
      AddProfiles(ReadAttribute(files, "current"), profiles);
      AddProfiles(ReadAttribute(files, "exec"), profiles);
    }
    if (profiles.empty()) continue;
    const absl::StatusOr<std::string> command = ReadFileWhole(directory + "/comm");
    if (command.ok()) process.command = std::string(absl::StripTrailingAsciiWhitespace(*command));
    for (const std::string& profile : profiles) {
      process.profile = profile;
      confined.push_back(process);
    }
  }
  return confined;
}

bool IsUnder(absl::string_view profile, absl::string_view name) {
  if (!absl::StartsWith(profile, name)) return false;
  profile.remove_prefix(name.size());
  return profile.empty() || absl::StartsWith(profile, "//");
}

}  // namespace varmor
