#include "lib/enforcers/apparmor/compare_record.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/enforcers/apparmor/replace_profile.h"

namespace varmor {
namespace {

const KernelProfile* Find(const std::vector<KernelProfile>& held, absl::string_view name) {
  for (const KernelProfile& profile : held) {
    if (profile.name == name) return &profile;
  }
  return nullptr;
}

// What somebody did to one of the profiles we loaded; "" when nothing can be seen.
std::string Change(const AppArmorKernelHash& loaded, const KernelProfile* now) {
  if (now == nullptr) return absl::StrCat("somebody removed ", Quoted(loaded.profile()));
  if (loaded.hash().empty() || now->hash.empty() || now->hash == loaded.hash()) return "";
  return absl::StrCat("somebody replaced ", Quoted(loaded.profile()), ": the kernel's hash is ",
                      now->hash, ", not ", loaded.hash());
}

// The first change of a profile or its children.
std::string FirstChange(const std::vector<KernelProfile>& held, const AppArmorRecord& record) {
  std::vector<std::string> known(record.kept_children().begin(), record.kept_children().end());
  for (const AppArmorKernelHash& loaded : record.hashes()) {
    std::string change = Change(loaded, Find(held, loaded.profile()));
    if (!change.empty()) return change;
    known.push_back(loaded.profile());
  }
  const std::vector<std::string> added = StaleChildren(held, known);
  return added.empty() ? "" : absl::StrCat("somebody added ", Quoted(added[0]));
}

bool HasHashes(const AppArmorRecord& record) {
  return std::none_of(record.hashes().begin(), record.hashes().end(),
                      [](const AppArmorKernelHash& hash) { return hash.hash().empty(); });
}

}  // namespace

void SetHashes(const std::vector<KernelProfile>& held, const std::vector<std::string>& children,
               AppArmorRecord& record) {
  for (const KernelProfile& profile : held) {
    if (profile.name != record.profile() &&
        !std::binary_search(children.begin(), children.end(), profile.name)) {
      continue;
    }
    AppArmorKernelHash& hash = *record.add_hashes();
    hash.set_profile(profile.name);
    hash.set_hash(profile.hash);
  }
}

std::vector<std::string> RecordedChildren(const AppArmorRecord& record) {
  std::vector<std::string> children;
  for (const AppArmorKernelHash& hash : record.hashes()) {
    if (hash.profile() != record.profile()) children.push_back(hash.profile());
  }
  return children;
}

AppArmorState::Origin CompareWithRecord(const std::vector<KernelProfile>& held,
                                        const AppArmorRecord& record, std::string& problem) {
  problem = FirstChange(held, record);
  if (!problem.empty()) {
    if (record.pending_key().empty()) return AppArmorState::Origin::kTampered;
    problem = "a change of the profile was interrupted";
    return AppArmorState::Origin::kUnknown;
  }
  if (HasHashes(record)) return AppArmorState::Origin::kAsLoaded;
  problem = "the kernel keeps no hashes of profiles";
  return AppArmorState::Origin::kUnknown;
}

}  // namespace varmor
