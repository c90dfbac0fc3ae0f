// Random profiles to judge by.
#ifndef LIB_ENFORCERS_BPF_TESTING_JUDGE_JUDGE_PROFILES_H_
#define LIB_ENFORCERS_BPF_TESTING_JUDGE_JUDGE_PROFILES_H_

#include <cstdint>
#include <optional>

#include "lib/compiler/simulate/testing/bpf_random_rules.h"
#include "proto/artifact.pb.h"

namespace varmor {

// Disks of the node to which the profiles are bound, as the kernel's dev_t.
constexpr uint32_t kDiskDevices[] = {8 << 20 | 0, 8 << 20 | 1, 259 << 20 | 70000};

// Rules of few names, rules about disks among them; default and mode vary.
BpfArtifact ProfileOfRandomRules(RandomRules& random);

// What the compiler makes of a random policy; none when it refuses the policy, which it mostly
// does.
std::optional<BpfArtifact> ProfileOfRandomPolicy(uint32_t seed);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_TESTING_JUDGE_JUDGE_PROFILES_H_
