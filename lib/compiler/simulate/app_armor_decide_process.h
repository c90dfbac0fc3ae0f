// Events about capabilities, sockets and other processes under an AppArmor profile.
#ifndef LIB_COMPILER_SIMULATE_APP_ARMOR_DECIDE_PROCESS_H_
#define LIB_COMPILER_SIMULATE_APP_ARMOR_DECIDE_PROCESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "lib/compiler/simulate/app_armor_model.h"
#include "lib/compiler/simulate/verdict.h"
#include "proto/event.pb.h"

namespace varmor {

// All return INVALID_ARGUMENT for words that do not exist.
absl::StatusOr<Verdict> DecideAppArmorCapability(const AppArmorModel& model,
                                                 const AppArmorProfileModel& profile,
                                                 const std::string& name);

// Creating and using a socket: AppArmor looks at address family and type, not at the protocol.
absl::StatusOr<Verdict> DecideAppArmorSocket(const AppArmorModel& model,
                                             const AppArmorProfileModel& profile,
                                             const SocketEvent& event);

// Whether the socket may be used. AppArmor 3.0 has no rules about addresses and ports.
absl::StatusOr<Verdict> DecideAppArmorConnect(const AppArmorModel& model,
                                              const AppArmorProfileModel& profile,
                                              const ConnectEvent& event);

// The kernel asks both sides. That of the other process is asked here when its profile is in the
// same text; otherwise the answer is this side's. Processes without a profile are not asked.
absl::StatusOr<Verdict> DecideAppArmorPtrace(const AppArmorModel& model,
                                             const AppArmorProfileModel& profile,
                                             const PtraceEvent& event);
absl::StatusOr<Verdict> DecideAppArmorSignal(const AppArmorModel& model,
                                             const AppArmorProfileModel& profile,
                                             const SignalEvent& event);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_APP_ARMOR_DECIDE_PROCESS_H_
