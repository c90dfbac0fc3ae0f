#include "lib/compiler/lower/lower_seccomp.h"

#include "absl/status/status.h"

namespace varmor {

absl::StatusOr<SeccompProfile> LowerSeccomp(const SeccompRules& rules,
                                            const std::vector<std::string>& architectures,
                                            Diagnostics& diagnostics) {
  (void)diagnostics;
  if (architectures.empty()) return absl::InvalidArgumentError("no architectures");
  SeccompProfile out;
  out.default_action = "SCMP_ACT_ALLOW";
  out.architectures = architectures;
  for (const SeccompRule& rule : rules.rules) {
    out.entries.push_back({rule.names, rule.action, rule.errno_ret, rule.args, rule.origin});
  }
  return out;
}

}  // namespace varmor
