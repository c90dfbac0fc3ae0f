// libFuzzer: policies of every shape through the whole compiler. What it promises about any policy
// is checked: no artifact with an error, the same bytes twice, artifacts that other readers take,
// and events that get an answer.
//   bazel build --config=fuzz //lib/compiler:compile_fuzzer
//   bazel-bin/lib/compiler/compile_fuzzer NEW_CORPUS lib/compiler/corpus
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "lib/compiler/artifact/check_bpf_image.h"
#include "lib/compiler/bind/bind_app_armor.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/convert/convert_policy.h"
#include "lib/compiler/convert/emit_yaml.h"
#include "lib/compiler/convert/message_document.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/compiler/policy_maker.h"
#include "lib/compiler/seccomp/parse_oci_seccomp.h"

namespace varmor {
namespace {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "broken: " << what << "\n";
  std::abort();
}

bool SameArtifacts(const CompileResult& a, const CompileResult& b) {
  const auto bytes = [](const auto& artifact) {
    return artifact.has_value() ? artifact->SerializeAsString() : std::string();
  };
  return bytes(a.app_armor) == bytes(b.app_armor) && bytes(a.bpf) == bytes(b.bpf) &&
         bytes(a.seccomp) == bytes(b.seccomp);
}

void CheckArtifacts(const CompileResult& result) {
  if (result.bpf.has_value()) {
    Require(CheckBpfImage(*result.bpf).ok(), "the image is one that loaders take");
  }
  if (result.seccomp.has_value()) {
    Diagnostics diagnostics;
    ParseOciSeccomp(result.seccomp->json(), "profile", diagnostics);
    Require(!diagnostics.HasErrors(), "the seccomp profile can be read");
  }
  if (result.app_armor.has_value()) {
    NodeFacts node;
    node.add_disk_devices()->set_name("sda");
    Require(BindAppArmor(*result.app_armor, node).ok(), "the AppArmor profile can be bound");
  }
}

void CheckPolicy(const LoadedPolicy& policy, bool lenient) {
  CompileOptions options;
  options.lenient = lenient;
  const absl::StatusOr<CompileResult> result = Compile(policy, options, BuiltinCatalogue());
  if (!result.ok()) std::cerr << result.status() << "\n";
  Require(result.ok(), "no policy is a fault of ours");
  const bool artifacts =
      result->app_armor.has_value() || result->bpf.has_value() || result->seccomp.has_value();
  Require(!result->diagnostics.HasErrors() || !artifacts, "no artifact beside an error");
  for (const Diagnostic& d : result->diagnostics.list()) {
    Require(!d.code.empty() && !d.problem.empty(), "a diagnostic says something");
  }
  CheckArtifacts(*result);
  const absl::StatusOr<CompileResult> again = Compile(policy, options, BuiltinCatalogue());
  Require(again.ok() && SameArtifacts(*result, *again), "the same bytes twice");
}

void CheckText(const std::string& text) {
  for (const bool lenient : {false, true}) {
    LoadOptions options;
    options.lenient = lenient;
    const LoadResult loaded = LoadPolicies({{"p.yaml", text}}, options);
    for (const LoadedPolicy& policy : loaded.policies) CheckPolicy(policy, lenient);
  }
}

}  // namespace
}  // namespace varmor

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  varmor::ByteSource source(data, size);
  const varmor::PolicyObject object = varmor::MakePolicy(source);
  varmor::CheckText(varmor::EmitYaml(*varmor::MessageToDocument(object, nullptr)));
  return 0;
}
