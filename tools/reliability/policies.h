// The profiles of the checks. The paths are those of guest/prober.c.
#ifndef TOOLS_RELIABILITY_POLICIES_H_
#define TOOLS_RELIABILITY_POLICIES_H_

#include <string>
#include <vector>

#include "lib/compiler/simulate/decide.h"
#include "proto/artifact.pb.h"

namespace varmor {

// Profile "varmor-ns-NAME" from the keys of bpfRawRules, one line each and further ones indented by
// what they need below their key. Ends the program when that does not compile.
BpfArtifact CompileRules(const std::string& name, const std::vector<std::string>& lines);

// What the prober tries: version 'A' or 'B' of profile "varmor-ns-NAME".
BpfArtifact ProberProfile(const std::string& name, char version);

// Denies reading files, with events.
BpfArtifact DenyReading(const std::string& name, const std::vector<std::string>& patterns);

// As Enforcer::Apply takes it.
ArtifactSet Only(const BpfArtifact& artifact);

}  // namespace varmor

#endif  // TOOLS_RELIABILITY_POLICIES_H_
