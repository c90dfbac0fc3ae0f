// Whether AppArmor works here, and what is missing when it does not.
#ifndef LIB_ENFORCERS_APPARMOR_APP_ARMOR_PROBE_H_
#define LIB_ENFORCERS_APPARMOR_APP_ARMOR_PROBE_H_

#include <string>
#include <vector>

#include "lib/enforcers/apparmor/app_armor_host.h"
#include "lib/enforcers/apparmor/app_armor_parser.h"
#include "lib/enforcers/enforcer.h"
#include "proto/artifact.pb.h"

namespace varmor {

// The kernel, its files, our privileges. Cheap: asked before every change.
EnforcerSupport ProbeAppArmorKernel(AppArmorHost& host);

// Whether no profile can be loaded since the kernel has no AppArmor or it is switched off. False
// when that cannot be told.
bool AppArmorIsOff(AppArmorHost& host);

// Also the parser, which compiles a small profile, and one for each thing that only newer kernels
// mediate, to see whether rules about it come to anything; and the state directory. Takes
// milliseconds, so nothing is kept, and a parser that was replaced is noticed.
EnforcerSupport ProbeAppArmor(AppArmorHost& host, const AppArmorParser& parser,
                              const std::string& state_directory);

// Rules that deny or audit what this kernel's AppArmor does not mediate, or the parser does not
// compile, in the artifact's order. Where all profiles of the machine only complain, one without
// rule and field stands for all.
std::vector<UnenforcedRule> UnenforcedRules(const AppArmorArtifact& artifact, AppArmorHost& host,
                                            const AppArmorParser& parser);

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_APP_ARMOR_PROBE_H_
