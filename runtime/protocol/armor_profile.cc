#include "runtime/protocol/armor_profile.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/bind/bind_app_armor.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/policy/enforcer_set.h"
#include "runtime/protocol/gzip.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

// Why a profile without artifacts is no use.
constexpr char kNoArtifacts[] =
    "is missing: the profile was written by a manager of vArmor itself; it takes force when "
    "this project's manager has written it again";

absl::StatusOr<ArmorProfileArtifacts> UnpackArtifacts(absl::string_view text) {
  std::string gzip;
  if (!absl::Base64Unescape(text, &gzip)) return absl::InvalidArgumentError("is not base64");
  absl::StatusOr<std::string> bytes = Gunzip(gzip, kMaxArtifactBytes);
  if (!bytes.ok()) return bytes.status();
  ArmorProfileArtifacts artifacts;
  if (!artifacts.ParseFromString(*bytes)) {
    return absl::InvalidArgumentError("holds no ArmorProfileArtifacts message");
  }
  return artifacts;
}

ArmorProfileOwner ReadOwner(const JsonFields& metadata) {
  for (const Json& reference : metadata.List("ownerReferences")) {
    if (!reference.is_object()) continue;
    const auto controller = reference.find("controller");
    if (controller == reference.end() || *controller != true) continue;
    std::vector<std::string> ignored;
    const JsonFields fields(reference, "", ignored);
    return {fields.Text("kind"), fields.Text("name"), fields.Text("uid")};
  }
  return {};
}

// An artifact for each enforcer and no other, all under the profile's name.
void CheckArtifacts(const ArmorProfileSpec& spec, const JsonFields& profile) {
  Diagnostics diagnostics;
  const EnforcerSet wanted = ParseEnforcers(spec.enforcer, "enforcer", diagnostics);
  for (const Diagnostic& d : diagnostics.list()) profile.Problem("enforcer", d.problem);
  if (diagnostics.HasErrors()) return;
  const ArmorProfileArtifacts& artifacts = spec.artifacts;
  const auto check = [&](absl::string_view enforcer, bool wants, bool has, absl::string_view name) {
    if (wants != has) {
      profile.Problem("artifacts", absl::StrCat(has ? "has one for " : "has none for ", enforcer,
                                                has ? ", which spec.profile.enforcer does not name"
                                                    : ", which spec.profile.enforcer names"));
    } else if (has && name != spec.profile_name) {
      profile.Problem("artifacts", absl::StrCat("the one for ", enforcer, " is named ",
                                                Quoted(name), ", not ", Quoted(spec.profile_name)));
    }
  };
  check("AppArmor", wanted.app_armor, artifacts.has_app_armor(), artifacts.app_armor().name());
  check("BPF", wanted.bpf, artifacts.has_bpf(), artifacts.bpf().name());
  check("Seccomp", wanted.seccomp, artifacts.has_seccomp(), artifacts.seccomp().name());
  if (wanted.network_proxy) profile.Problem("enforcer", "NetworkProxy is not supported");
  const bool complain = spec.mode == "complain";
  // A BPF profile whose rules only audit complains in either mode.
  if ((artifacts.has_app_armor() && artifacts.app_armor().complain() != complain) ||
      (artifacts.has_bpf() && complain && !artifacts.bpf().complain())) {
    profile.Problem("mode",
                    absl::StrCat("is ", Quoted(spec.mode), "; the artifacts say otherwise"));
  }
}

// `keys` are the names of one text in the generations of the schema.
void CheckText(const JsonFields& profile, const std::vector<const char*>& keys,
               absl::string_view wanted) {
  for (const char* key : keys) {
    if (profile.Has(key) && profile.Text(key) != wanted) {
      profile.Problem(key, "is not the text of spec.profile.artifacts");
    }
  }
}

void ReadArtifacts(const JsonFields& profile, ArmorProfileSpec& spec) {
  if (!profile.Has("artifacts")) {
    profile.Problem("artifacts", kNoArtifacts);
    return;
  }
  absl::StatusOr<ArmorProfileArtifacts> artifacts = UnpackArtifacts(profile.Text("artifacts"));
  if (!artifacts.ok()) {
    profile.Problem("artifacts", artifacts.status().message());
    return;
  }
  spec.artifacts = *std::move(artifacts);
  CheckArtifacts(spec, profile);
  CheckText(profile, {"content", "appArmor"},
            spec.artifacts.has_app_armor() ? UnboundText(spec.artifacts.app_armor()) : "");
  CheckText(profile, {"seccompContent", "seccomp"}, spec.artifacts.seccomp().json());
}

void ReadSpec(const JsonFields& fields, ArmorProfile& out) {
  ArmorProfileSpec& spec = out.spec;
  if (fields.Has("target")) spec.target = fields.Child("target").value();
  const JsonFields profile = fields.Child("profile");
  spec.profile_name = profile.RequiredText("name");
  if (!spec.profile_name.empty() && spec.profile_name != out.name) {
    profile.Problem("name", absl::StrCat("is ", Quoted(spec.profile_name), ", not metadata.name, ",
                                         Quoted(out.name)));
  }
  spec.enforcer = profile.RequiredText("enforcer");
  spec.mode = profile.RequiredText("mode");
  if (!spec.mode.empty() && spec.mode != "enforce" && spec.mode != "complain") {
    profile.Problem("mode", absl::StrCat("is ", Quoted(spec.mode), ", not enforce or complain"));
  }
  ReadArtifacts(profile, spec);
  const JsonFields modeling = fields.Child("behaviorModeling");
  spec.modeling = modeling.Bool("enable");
  spec.modeling_minutes = modeling.Number("duration", 0);
  spec.update_existing_workloads = fields.Bool("updateExistingWorkloads");
}

}  // namespace

absl::StatusOr<Json> ArmorProfileSpecJson(const ArmorProfileSpec& spec) {
  Json profile = {{"name", spec.profile_name},
                  {"enforcer", spec.enforcer},
                  {"mode", spec.mode},
                  {"artifacts", absl::Base64Escape(Gzip(spec.artifacts.SerializeAsString()))}};
  if (spec.artifacts.has_app_armor()) profile["content"] = UnboundText(spec.artifacts.app_armor());
  if (spec.artifacts.has_seccomp()) profile["seccompContent"] = spec.artifacts.seccomp().json();
  Json out = {
      {"profile", std::move(profile)},
      {"behaviorModeling", {{"enable", spec.modeling}, {"duration", spec.modeling_minutes}}},
      {"updateExistingWorkloads", spec.update_existing_workloads}};
  if (!spec.target.is_null()) out["target"] = spec.target;
  const size_t bytes = JsonText(out).size();
  if (bytes >= kMaxArmorProfileBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the compiled profile takes ", bytes, " bytes; an ArmorProfile holds ",
                     kMaxArmorProfileBytes, "; use fewer patterns or rules"));
  }
  return out;
}

absl::StatusOr<ArmorProfile> ParseArmorProfile(const Json& object) {
  std::vector<std::string> problems;
  const JsonFields fields(object, "", problems);
  ArmorProfile out;
  const JsonFields metadata = fields.Child("metadata");
  out.name_space = metadata.RequiredText("namespace");
  out.name = metadata.RequiredText("name");
  out.uid = metadata.Text("uid");
  out.owner = ReadOwner(metadata);
  out.deleting = metadata.Has("deletionTimestamp");
  const JsonFields annotations = metadata.Child("annotations");
  out.retiring = annotations.Text(kRetireAnnotation) == "true";
  out.reconcile_counter = annotations.Text(kReconcileAnnotation);
  const JsonFields spec = fields.Child("spec");
  out.revision = ArmorProfileRevision(spec.value());
  ReadSpec(spec, out);
  const absl::Status status = ProblemsStatus(
      absl::StrCat("ArmorProfile ", ArmorProfileKey(out.name_space, out.name)), problems);
  if (!status.ok()) return status;
  return out;
}

std::string ArmorProfileRevision(const Json& spec) {
  const auto member = [&](const char* key) -> Json {
    if (!spec.is_object()) return nullptr;
    const auto found = spec.find(key);
    return found == spec.end() ? Json(nullptr) : *found;
  };
  return Sha256Hex(
      JsonText({{"behaviorModeling", member("behaviorModeling")}, {"profile", member("profile")}}));
}

std::string ArmorProfileKey(absl::string_view name_space, absl::string_view name) {
  return absl::StrCat(name_space, "/", name);
}

ArtifactSet ArtifactsOf(const ArmorProfileArtifacts& artifacts) {
  ArtifactSet set;
  if (artifacts.has_app_armor()) set.app_armor = &artifacts.app_armor();
  if (artifacts.has_bpf()) set.bpf = &artifacts.bpf();
  if (artifacts.has_seccomp()) set.seccomp = &artifacts.seccomp();
  return set;
}

}  // namespace varmor
