// The compiler: one policy in, up to three artifacts and every mistake out. Pure: no files, clock,
// environment or kernel. Thread-safe: any number of Compile calls may run at once.
#ifndef LIB_COMPILER_COMPILE_H_
#define LIB_COMPILER_COMPILE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/coverage.h"
#include "lib/compiler/load/load_policy.h"
#include "proto/artifact.pb.h"
#include "proto/facts.pb.h"

namespace varmor {

class Catalogue;  // catalogue/catalogue.h
struct RuleSet;   // ir/rule_set.h

struct CompileOptions {
  // Turn into warnings what vArmor accepts and ignores or misunderstands.
  bool lenient = false;
  // Namespace of vArmor itself; part of a cluster policy's profile name.
  std::string install_namespace = "varmor";
  // Compile only these enforcers ("AppArmor", "BPF", "Seccomp"); empty: all that the policy names.
  std::vector<std::string> only_enforcers;
  // Mode BehaviorModeling: the modelling time is over.
  bool modeling_finished = false;
  // Mode DefenseInDepth with profileType BehaviorModel.
  const BehaviorModel* model = nullptr;
  // Addresses for toServices, toPods and the built-in service rules. Null: unknown.
  const ClusterFacts* cluster = nullptr;
  // The caller binds the artifacts to a node itself: no warning that they have holes.
  bool caller_binds = false;
  // Fill CompileResult::rules, which lint looks at; they take memory.
  bool keep_rules = false;
  // Architectures in seccomp profiles, "SCMP_ARCH_X86_64" first the native one.
  std::vector<std::string> architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
};

struct CompileResult {
  std::string profile_name;
  // "enforce" or "complain".
  std::string mode;
  std::optional<AppArmorArtifact> app_armor;
  std::optional<BpfArtifact> bpf;
  std::optional<SeccompArtifact> seccomp;
  std::vector<Coverage> coverage;
  // What the artifacts were made from (its coverage is the one above). Null unless asked for.
  std::shared_ptr<const RuleSet> rules;
  // Those of loading included, located and sorted. With an error among them there is no artifact.
  Diagnostics diagnostics;
};

// Compiles one policy. Every mistake of the policy is in the result; a Status is a fault of ours.
absl::StatusOr<CompileResult> Compile(const LoadedPolicy& policy, const CompileOptions& options,
                                      const Catalogue& catalogue);

// Adds to the results an error for every profile name that more than one policy of the list has
// (namespace "a-b" with policy "c" and namespace "a" with "b-c"); removes their artifacts.
// `results` is parallel to `policies`.
void CheckProfileNames(const std::vector<LoadedPolicy>& policies,
                       std::vector<CompileResult>& results);

}  // namespace varmor

#endif  // LIB_COMPILER_COMPILE_H_
