#include "lib/enforcers/bpf/testing/judge/judge_profiles.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/bind/bind_bpf.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/compiler/policy_maker.h"

namespace varmor {
namespace {

BpfArtifact Bind(const BpfArtifact& artifact) {
  NodeFacts facts;
  for (const uint32_t device : kDiskDevices) {
    DiskDevice& disk = *facts.add_disk_devices();
    disk.set_name(absl::StrCat("disk", device));
    disk.set_major(device >> 20);
    disk.set_minor(device & 0xFFFFF);
  }
  return BindBpf(artifact, facts).value();
}

}  // namespace

BpfArtifact ProfileOfRandomRules(RandomRules& random) {
  BpfRules rules = random.Make();
  // A type longer than a word, and the families that no bit stands for.
  for (BpfMount& rule : rules.mounts) {
    if (random.Pick(4) == 0) rule.fstype = "securityfs";
  }
  for (BpfSocket& rule : rules.sockets) {
    if (random.Pick(4) == 0) rule.domains |= uint64_t{1} << (VARMOR_SOCKET_DOMAINS - 1);
  }
  for (uint32_t i = random.Pick(3); i > 0; --i) {
    BpfDiskDevice& rule = rules.disk_devices.emplace_back();
    const uint32_t how = random.Pick(6);
    rule.action.deny = how < 4;
    rule.action.audit = how % 2 == 0;
    rule.action.allow = how == 5;
    rule.mount = random.Pick(3) == 0;
    rule.access = rule.mount ? 0 : (1 + random.Pick(7)) << 1;
    rule.origin = {"raw", absl::StrCat("disk", i)};
  }
  return Bind(EmitRules(rules));
}

std::optional<BpfArtifact> ProfileOfRandomPolicy(uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes(400);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 250);
  ByteSource source(bytes.data(), bytes.size());
  PolicyObject object = MakePolicy(source);
  object.mutable_metadata()->clear_generate_name();  // not text
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(object, &text).ok()) return {};
  LoadOptions load;
  load.lenient = true;
  const LoadResult loaded = LoadPolicies({{"policy.json", text}}, load);
  if (loaded.policies.size() != 1) return {};
  CompileOptions options;
  options.lenient = true;
  options.caller_binds = true;
  CompileResult result = Compile(loaded.policies[0], options, BuiltinCatalogue()).value();
  if (!result.bpf.has_value()) return {};
  return Bind(*result.bpf);
}

}  // namespace varmor
