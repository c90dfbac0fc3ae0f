// What is written about one compiled policy: its files, and the report about them.
#ifndef TOOLS_VARMOR_PROFILE_OUTPUT_H_
#define TOOLS_VARMOR_PROFILE_OUTPUT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/compile.h"
#include "rapidjson/document.h"
#include "tools/varmor/json_document.h"

namespace varmor {

struct OutputFile {
  // Key of the artifact in reports: "appArmor", "bpf", "bpfBinary", "seccomp".
  std::string artifact;
  // "varmor-shop-web.apparmor".
  std::string name;
  std::string content;
  // BPF: the artifact's own digest, which loaders compare.
  std::string digest;
};

struct OutputHole {
  std::string artifact;
  // "DISK_DEVICES", ...
  std::string kind;
  bool bound = false;
};

struct ProfileOutput {
  std::string profile_name;
  // Those of one enforcer together, the readable one first. The report is not among them.
  std::vector<OutputFile> files;
  std::vector<OutputHole> holes;
};

// Prints the artifacts of a result without errors, bound to the node when there is one. The error
// of binding names the profile.
absl::StatusOr<ProfileOutput> MakeProfileOutput(const CompileResult& result, const NodeFacts* node);

// The report about one policy: its name, what was written with digests, holes, coverage of each
// rule under each enforcer, addresses to watch, diagnostics. With `contents` the readable artifacts
// are in it, JSON as objects.
rapidjson::Value ProfileReport(JsonBuilder& json, const LoadedPolicy& policy,
                               const CompileResult& result, const ProfileOutput& output,
                               bool contents);

}  // namespace varmor

#endif  // TOOLS_VARMOR_PROFILE_OUTPUT_H_
