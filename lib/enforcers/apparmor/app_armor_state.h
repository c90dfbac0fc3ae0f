// What the kernel holds under a profile's name, compared with what we loaded.
#ifndef LIB_ENFORCERS_APPARMOR_APP_ARMOR_STATE_H_
#define LIB_ENFORCERS_APPARMOR_APP_ARMOR_STATE_H_

#include <string>
#include <vector>

namespace varmor {

struct AppArmorState {
  enum class Origin {
    kAsLoaded,  // what we loaded last
    kTampered,  // somebody replaced or removed what we loaded, a child perhaps
    kUnknown,   // we have no record, the kernel keeps no hashes, or we died while loading
  };

  bool loaded = false;
  // "enforce", "complain", "kill", "unconfined"; "" when not loaded.
  std::string mode;
  // The kernel's hash of the profile, as it prints it; "" when it keeps none.
  std::string hash;
  // Full names of the child profiles that are loaded, "NAME//child_0", sorted.
  std::vector<std::string> children;
  // Those among them that the artifact does not have: the kernel keeps them from a former profile,
  // because somebody was confined by them. The next Apply tries again to take them out.
  std::vector<std::string> stale_children;
  Origin origin = Origin::kUnknown;
  // What is wrong, for kTampered and kUnknown: "the kernel's hash is 12ab, not 34cd as loaded".
  std::string problem;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_APP_ARMOR_STATE_H_
