#include "runtime/agent/agent_policy.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/protocol/armor_profile.h"
#include "runtime/protocol/gzip.h"

namespace varmor {

PackedArtifacts::PackedArtifacts(const ArmorProfileArtifacts& artifacts)
    : gzip_(std::make_shared<const std::string>(Gzip(artifacts.SerializeAsString()))) {
  if (artifacts.has_app_armor()) {
    digests_[EnforcerKind::kAppArmor] = Sha256Hex(artifacts.app_armor().SerializeAsString());
  }
  if (artifacts.has_bpf()) {
    digests_[EnforcerKind::kBpf] = Sha256Hex(artifacts.bpf().SerializeAsString());
  }
  if (artifacts.has_seccomp()) {
    digests_[EnforcerKind::kSeccomp] = Sha256Hex(artifacts.seccomp().SerializeAsString());
  }
}

ArmorProfileArtifacts PackedArtifacts::Unpack() const {
  ArmorProfileArtifacts artifacts;
  if (gzip_ == nullptr) return artifacts;
  const absl::StatusOr<std::string> bytes = Gunzip(*gzip_, kMaxArtifactBytes);
  // It is what the constructor made.
  if (!bytes.ok() || !artifacts.ParseFromString(*bytes)) artifacts.Clear();
  return artifacts;
}

absl::StatusOr<ArmorProfileArtifacts> AllowAllArtifacts(EnforcerKind enforcer,
                                                        const std::string& profile) {
  // Any policy whose profile has another name of the same form; only that is replaced.
  constexpr char kName[] = "varmor-retired-profile";
  const LoadResult loaded = LoadPolicies(
      {{"retired",
        absl::StrCat("{apiVersion: crd.varmor.org/v1beta1, kind: VarmorPolicy, metadata: "
                     "{name: profile, namespace: retired}, spec: {target: {kind: Pod, "
                     "name: x}, policy: {enforcer: ",
                     EnforcerName(enforcer), ", mode: AlwaysAllow}}}")}},
      {});
  if (loaded.policies.size() != 1) return absl::InternalError("no policy that allows everything");
  VARMOR_ASSIGN_OR_RETURN(CompileResult result,
                          Compile(loaded.policies[0], {}, BuiltinCatalogue()));
  ArmorProfileArtifacts artifacts;
  if (enforcer == EnforcerKind::kAppArmor && result.app_armor.has_value()) {
    *artifacts.mutable_app_armor() = *std::move(result.app_armor);
    artifacts.mutable_app_armor()->set_name(profile);
    for (AppArmorPiece& piece : *artifacts.mutable_app_armor()->mutable_pieces()) {
      if (piece.has_text()) piece.set_text(absl::StrReplaceAll(piece.text(), {{kName, profile}}));
    }
    return artifacts;
  }
  if (enforcer == EnforcerKind::kSeccomp && result.seccomp.has_value()) {
    *artifacts.mutable_seccomp() = *std::move(result.seccomp);
    artifacts.mutable_seccomp()->set_name(profile);
    return artifacts;
  }
  return absl::InternalError(
      absl::StrCat("no ", EnforcerName(enforcer), " profile that allows everything"));
}

}  // namespace varmor
