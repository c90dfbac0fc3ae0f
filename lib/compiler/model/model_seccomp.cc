#include "lib/compiler/model/model_seccomp.h"

#include <set>
#include <utility>
#include <vector>

#include "lib/compiler/emit/emit_seccomp.h"
#include "lib/compiler/ir/seccomp_profile.h"

namespace varmor {
namespace {

// The recording filter allows these, because logging them would drown everything else.
constexpr const char* kNeverRecorded[] = {"open", "openat", "openat2", "close", "read", "write"};

SeccompEntry Allow(std::vector<std::string> names) {
  SeccompEntry entry;
  entry.names = std::move(names);
  entry.action = "SCMP_ACT_ALLOW";
  entry.origin = {"model", ""};
  return entry;
}

}  // namespace

std::string ModelSeccomp(const DynamicResult& recorded) {
  if (recorded.seccomp().syscalls().empty()) return "";
  std::set<std::string> names(recorded.seccomp().syscalls().begin(),
                              recorded.seccomp().syscalls().end());
  std::vector<std::string> fixed;
  for (const char* name : kNeverRecorded) {
    fixed.push_back(name);
    names.erase(name);
  }
  SeccompProfile profile;
  profile.default_action = "SCMP_ACT_ERRNO";
  profile.entries.push_back(Allow(std::move(fixed)));
  if (!names.empty()) profile.entries.push_back(Allow({names.begin(), names.end()}));
  return SeccompJson(profile);
}

}  // namespace varmor
