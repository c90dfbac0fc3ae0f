#include "lib/enforcers/apparmor/kernel_profiles.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

// A profile's directory may vanish while it is read: then its files are not found.
absl::StatusOr<std::string> ReadLine(const std::string& path) {
  VARMOR_ASSIGN_OR_RETURN(const std::string text, ReadFileWhole(path));
  return std::string(absl::StripTrailingAsciiWhitespace(text));
}

// Of the kernel's algorithms, the one it uses.
std::string ReadHash(const std::string& profile_directory) {
  for (const char* file : {"/sha256", "/sha1"}) {
    const absl::StatusOr<std::string> hash = ReadLine(profile_directory + file);
    if (hash.ok()) return *hash;
  }
  return "";
}

absl::StatusOr<KernelProfile> ReadOne(const std::string& directory, std::string name) {
  KernelProfile profile;
  profile.name = std::move(name);
  VARMOR_ASSIGN_OR_RETURN(profile.mode, ReadLine(directory + "/mode"));
  profile.hash = ReadHash(directory);
  return profile;
}

// Whether securityfs may have named a profile's directory so: NAME and a number.
bool IsDirectoryOf(absl::string_view entry, absl::string_view name) {
  return absl::ConsumePrefix(&entry, name) && absl::ConsumePrefix(&entry, ".") && !entry.empty() &&
         std::all_of(entry.begin(), entry.end(), absl::ascii_isdigit);
}

// The directory of a profile whose name has no "/"; "" when it is not loaded.
absl::StatusOr<std::string> FindDirectory(const std::string& directory, absl::string_view name) {
  const std::string profiles = directory + "/policy/profiles";
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> entries, ListDirectory(profiles));
  for (const std::string& entry : entries) {
    if (!IsDirectoryOf(entry, name)) continue;
    std::string found = absl::StrCat(profiles, "/", entry);
    const absl::StatusOr<std::string> real = ReadLine(found + "/name");
    if (absl::IsNotFound(real.status())) continue;
    if (!real.ok()) return real.status();
    if (*real == name) return found;
  }
  return "";
}

// The last part of "NAME//child_0": some kernels print the whole name of a child, some its own.
absl::string_view OwnName(absl::string_view name) {
  const size_t found = name.rfind("//");
  return found == absl::string_view::npos ? name : name.substr(found + 2);
}

absl::Status ReadChildren(const std::string& directory, const std::string& parent,
                          std::vector<KernelProfile>& profiles) {
  const absl::StatusOr<std::vector<std::string>> entries = ListDirectory(directory + "/profiles");
  if (absl::IsNotFound(entries.status())) return absl::OkStatus();
  if (!entries.ok()) return entries.status();
  for (const std::string& entry : *entries) {
    const std::string child_directory = absl::StrCat(directory, "/profiles/", entry);
    VARMOR_ASSIGN_OR_RETURN(const std::string name, ReadLine(child_directory + "/name"));
    VARMOR_ASSIGN_OR_RETURN(KernelProfile child,
                            ReadOne(child_directory, absl::StrCat(parent, "//", OwnName(name))));
    const std::string full_name = child.name;
    profiles.push_back(std::move(child));
    VARMOR_RETURN_IF_ERROR(ReadChildren(child_directory, full_name, profiles));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<KernelProfile>> ReadKernelProfile(const std::string& directory,
                                                             absl::string_view name) {
  std::vector<KernelProfile> profiles;
  VARMOR_ASSIGN_OR_RETURN(const std::string found, FindDirectory(directory, name));
  if (found.empty()) return profiles;
  VARMOR_ASSIGN_OR_RETURN(KernelProfile profile, ReadOne(found, std::string(name)));
  profiles.push_back(std::move(profile));
  VARMOR_RETURN_IF_ERROR(ReadChildren(found, std::string(name), profiles));
  std::sort(profiles.begin(), profiles.end(),
            [](const KernelProfile& a, const KernelProfile& b) { return a.name < b.name; });
  return profiles;
}

std::optional<std::string> ReadKernelPolicy(const std::string& directory, absl::string_view name) {
  const absl::StatusOr<std::string> found = FindDirectory(directory, name);
  if (!found.ok() || found->empty()) return std::nullopt;
  absl::StatusOr<std::string> policy = ReadFileWhole(*found + "/raw_data");
  if (!policy.ok() || policy->empty()) return std::nullopt;
  return *std::move(policy);
}

}  // namespace varmor
