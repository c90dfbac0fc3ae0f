// Profiles for tests of the BPF enforcer, made by the compiler.
#ifndef LIB_ENFORCERS_BPF_TESTING_TEST_PROFILES_H_
#define LIB_ENFORCERS_BPF_TESTING_TEST_PROFILES_H_

#include <string>
#include <vector>

#include "proto/artifact.pb.h"

namespace varmor {

// Profile "varmor-ns-NAME" from rules of the BPF enforcer as YAML flow: "files: [{qualifiers:
// [deny], pattern: /a, permissions: [read]}]", one string for each key. Ends the test program when
// that does not compile.
BpfArtifact CompileProfile(const std::string& name, const std::vector<std::string>& rules);

// Denies reading of the files, with events.
BpfArtifact DenyReading(const std::string& name, const std::vector<std::string>& paths);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_TESTING_TEST_PROFILES_H_
