#include "lib/enforcers/apparmor/testing/fake_app_armor_kernel.h"

#include <cstdlib>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/testing/policy_binary.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/enforcers/testing/temporary_directory.h"

namespace varmor {
namespace {

constexpr char kFeatures[] = "/etc/apparmor.d/abi/3.0";
const char* const kModes[] = {"enforce", "complain", "kill", "unconfined"};

AppArmorPaths Below(const std::string& root) {
  return {root + "/security", root + "/module", root + "/proc"};
}

// "mount {mask {mount umount\n}\n}": directories in directories, with files at the ends.
void PutFeatures(absl::string_view& text, const std::string& path) {
  while (!text.empty()) {
    text = absl::StripLeadingAsciiWhitespace(text);
    if (text.empty() || text[0] == '}') break;
    const size_t brace = text.find('{');
    if (brace == absl::string_view::npos) return;
    const std::string inner =
        absl::StrCat(path, "/", absl::StripAsciiWhitespace(text.substr(0, brace)));
    text.remove_prefix(brace + 1);
    const size_t end = text.find_first_of("{}");
    if (text[end] == '}') {
      PutFile(inner, text.substr(0, end));
      text.remove_prefix(end);
    } else {
      PutFeatures(text, inner);
    }
    if (!text.empty()) text.remove_prefix(1);  // the closing brace
  }
}

// What `apparmor_parser --Complain` asks for, a bit of the version in front of everything
// (security/apparmor/include/policy_unpack.h).
bool ForcesComplain(absl::string_view policy) {
  constexpr absl::string_view kVersion("version\0\x02", 9);
  const size_t found = policy.find(kVersion);
  // 0x800, little-endian.
  return found != absl::string_view::npos && (policy[found + kVersion.size() + 1] & 0x08) != 0;
}

std::string ParentOf(const std::string& name) { return name.substr(0, name.rfind("//")); }

}  // namespace

FakeAppArmorKernel::FakeAppArmorKernel(const std::string& root)
    : AppArmorHost(Below(root)), root_(root) {
  const std::string features = FileContent(kFeatures);
  absl::string_view text = features;
  PutFeatures(text, directory() + "/features");
  for (const char* newer : {"mount/move_mount", "namespaces/mask", "io_uring/mask"}) {
    PutFile(absl::StrCat(directory(), "/features/", newer), "yes\n");
  }
  PutFile(paths().module + "/parameters/enabled", "Y\n");
  PutFile(paths().module + "/parameters/mode", "enforce\n");
  PutFile(paths().module + "/parameters/hash_policy", "Y\n");
  PutFile(paths().proc + "/partitions",
          "major minor  #blocks  name\n\n   8        0   52428800 sda\n");
  Reboot();
}

void FakeAppArmorKernel::Reboot() {
  const std::lock_guard<std::mutex> lock(mutex_);
  profiles_.clear();
  const std::string profiles = directory() + "/policy/profiles";
  std::filesystem::remove_all(profiles);
  std::filesystem::create_directories(profiles);
  PutFile(paths().proc + "/sys/kernel/random/boot_id", absl::StrCat("boot-", ++boots_, "\n"));
}

absl::Status FakeAppArmorKernel::Replace(absl::string_view policy) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (refusals > 0) {
    --refusals;
    return absl::FailedPreconditionError("the kernel refuses to load the profile: no");
  }
  const absl::StatusOr<std::vector<BinaryProfile>> profiles = ParseBinaryPolicy(policy);
  if (!profiles.ok()) return absl::FailedPreconditionError(profiles.status().message());
  const bool wrong = wrong_modes > 0;
  if (wrong) --wrong_modes;
  for (const BinaryProfile& profile : *profiles) {
    const uint32_t mode = ForcesComplain(policy) ? 1 : profile.mode;
    Put(profile.name, kModes[wrong ? 2 : mode], policy);
  }
  ++replaced;
  return absl::OkStatus();
}

absl::Status FakeAppArmorKernel::RemoveProfile(absl::string_view name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = profiles_.find(std::string(name));
  if (found == profiles_.end()) return absl::NotFoundError("no such profile");
  std::filesystem::remove_all(found->second.directory);
  const std::string children = absl::StrCat(name, "//");
  for (auto it = profiles_.begin(); it != profiles_.end();) {
    const bool gone = it->first == name || absl::StartsWith(it->first, children);
    it = gone ? profiles_.erase(it) : std::next(it);
  }
  return absl::OkStatus();
}

void FakeAppArmorKernel::Put(const std::string& name, const std::string& mode,
                             absl::string_view policy) {
  Profile& profile = profiles_[name];
  const bool child = absl::StrContains(name, "//");
  const std::string own = child ? name.substr(name.rfind("//") + 2) : name;
  if (profile.directory.empty()) {
    const std::string parent =
        child ? profiles_[ParentOf(name)].directory : directory() + "/policy";
    profile.directory = absl::StrCat(parent, "/profiles/", own, ".", ++number_);
  }
  profile.mode = mode;
  PutFile(profile.directory + "/name", own + "\n");
  PutFile(profile.directory + "/mode", mode + "\n");
  if (forgetful) return;
  PutFile(profile.directory + "/sha256", Sha256Hex(absl::StrCat(name, mode, policy)) + "\n");
  PutFile(profile.directory + "/raw_data", policy);
}

std::vector<std::string> FakeAppArmorKernel::Loaded() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> names;
  for (const auto& profile : profiles_) names.push_back(profile.first);
  return names;
}

std::string FakeAppArmorKernel::ProcessDirectory(int pid) const {
  return absl::StrCat(root_, "/proc/", pid);
}

void FakeAppArmorKernel::AddProcess(int pid, const std::string& command, const std::string& label,
                                    const std::string& exec) {
  const std::string directory = ProcessDirectory(pid);
  PutFile(directory + "/comm", command + "\n");
  const std::string attributes = absl::StrCat(directory, "/task/", pid, "/attr/apparmor");
  PutFile(attributes + "/current", label + "\n");
  PutFile(attributes + "/exec", exec.empty() ? "" : exec + "\n");
}

void FakeAppArmorKernel::RemoveProcess(int pid) {
  std::filesystem::remove_all(ProcessDirectory(pid));
}

}  // namespace varmor
