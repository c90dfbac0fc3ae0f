#include "tools/varmor/profile_output.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <openssl/sha.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/bind/bind_app_armor.h"
#include "lib/compiler/bind/bind_bpf.h"
#include "lib/compiler/emit/bpf_json.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/compiler/version.h"
#include "tools/varmor/diagnostic_formats.h"

namespace varmor {
namespace {

using rapidjson::kArrayType;
using rapidjson::kObjectType;
using rapidjson::Value;

constexpr char kAppArmor[] = "appArmor";
constexpr char kBpf[] = "bpf";
constexpr char kBpfBinary[] = "bpfBinary";
constexpr char kSeccomp[] = "seccomp";

std::string Sha256(absl::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof digest));
}

// The same bytes for the same message: no map fields are printed in hash order.
std::string Serialized(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

absl::Status AddAppArmor(const AppArmorArtifact& artifact, const NodeFacts* node,
                         ProfileOutput& output) {
  std::string text = UnboundText(artifact);
  if (node != nullptr) {
    VARMOR_ASSIGN_OR_RETURN(text, BindAppArmor(artifact, *node));
  }
  output.files.push_back({kAppArmor, output.profile_name + ".apparmor", std::move(text), ""});
  if (HasHoles(artifact)) {
    output.holes.push_back({kAppArmor, HoleKind_Name(DISK_DEVICES), node != nullptr});
  }
  return absl::OkStatus();
}

absl::Status AddBpf(const BpfArtifact& artifact, const NodeFacts* node, ProfileOutput& output) {
  BpfArtifact bound = artifact;
  if (node != nullptr) {
    VARMOR_ASSIGN_OR_RETURN(bound, BindBpf(artifact, *node));
  }
  output.files.push_back(
      {kBpf, output.profile_name + ".bpf.json", BpfArtifactToJson(bound), bound.digest()});
  output.files.push_back(
      {kBpfBinary, output.profile_name + ".bpf.pb", Serialized(bound), bound.digest()});
  for (const int kind : artifact.holes()) {
    const bool open =
        std::find(bound.holes().begin(), bound.holes().end(), kind) != bound.holes().end();
    output.holes.push_back({kBpf, HoleKind_Name(static_cast<HoleKind>(kind)), !open});
  }
  return absl::OkStatus();
}

Value PolicyName(JsonBuilder& json, const LoadedPolicy& policy) {
  Value object(kObjectType);
  json.Add(object, "file", policy.file);
  json.Add(object, "document", policy.document);
  json.Add(object, "kind", policy.object.kind());
  json.AddUnlessEmpty(object, "namespace", policy.object.metadata().namespace_());
  json.Add(object, "name", policy.object.metadata().name());
  return object;
}

// A JSON text as a tree; as text when it is none.
Value Content(JsonBuilder& json, const OutputFile& file) {
  if (absl::EndsWith(file.name, ".json")) {
    rapidjson::Document document(&json.allocator());
    document.Parse<rapidjson::kParseFullPrecisionFlag>(file.content.data(), file.content.size());
    if (!document.HasParseError()) return Value(document, json.allocator());
  }
  return json.Text(file.content);
}

Value Files(JsonBuilder& json, const CompileResult& result, const ProfileOutput& output,
            bool contents) {
  Value files(kObjectType);
  for (const OutputFile& file : output.files) {
    if (contents && file.artifact == kBpfBinary) continue;
    Value entry(kObjectType);
    json.Add(entry, "file", file.name);
    json.Add(entry, "sha256", Sha256(file.content));
    if (file.artifact == kBpf) {
      json.Add(entry, "digest", file.digest);
      json.Add(entry, "abi", static_cast<int>(result.bpf->abi()));
    }
    if (contents) json.Add(entry, "content", Content(json, file));
    json.Add(files, file.artifact, std::move(entry));
  }
  return files;
}

Value Holes(JsonBuilder& json, const ProfileOutput& output) {
  Value holes(kArrayType);
  for (const OutputHole& hole : output.holes) {
    Value entry(kObjectType);
    json.Add(entry, "artifact", hole.artifact);
    json.Add(entry, "kind", hole.kind);
    json.Add(entry, "bound", hole.bound);
    json.Append(holes, std::move(entry));
  }
  return holes;
}

Value CoverageList(JsonBuilder& json, const std::vector<Coverage>& coverage) {
  Value list(kArrayType);
  for (const Coverage& line : coverage) {
    Value entry(kObjectType);
    json.Add(entry, "rule", line.rule);
    json.Add(entry, "field", line.field);
    json.Add(entry, "enforcer", line.enforcer);
    json.Add(entry, "state", line.state);
    json.AddUnlessEmpty(entry, "reason", line.reason);
    json.Append(list, std::move(entry));
  }
  return list;
}

Value Watches(JsonBuilder& json, const CompileResult& result) {
  Value watches(kArrayType);
  if (!result.bpf.has_value()) return watches;
  for (const EgressWatch& watch : result.bpf->egress_watches()) {
    Value entry(kObjectType);
    json.Add(entry, "field", watch.field());
    json.AddUnlessEmpty(entry, "namespace", watch.namespace_());
    json.AddUnlessEmpty(entry, "serviceName", watch.service_name());
    json.AddUnlessEmpty(entry, "selector", watch.selector());
    json.Add(entry, "pods", watch.pods());
    json.Append(watches, std::move(entry));
  }
  return watches;
}

}  // namespace

absl::StatusOr<ProfileOutput> MakeProfileOutput(const CompileResult& result,
                                                const NodeFacts* node) {
  ProfileOutput output;
  output.profile_name = result.profile_name;
  // The name becomes a file's; validation keeps it to a label's letters.
  if (result.profile_name.empty() || absl::StrContains(result.profile_name, "/") ||
      result.profile_name[0] == '.') {
    return absl::InternalError(
        absl::StrCat("profile name ", Quoted(result.profile_name), " cannot be a file's name"));
  }
  if (result.app_armor.has_value()) {
    VARMOR_RETURN_IF_ERROR(AddAppArmor(*result.app_armor, node, output));
  }
  if (result.bpf.has_value()) VARMOR_RETURN_IF_ERROR(AddBpf(*result.bpf, node, output));
  if (result.seccomp.has_value()) {
    output.files.push_back(
        {kSeccomp, output.profile_name + ".seccomp.json", result.seccomp->json(), ""});
  }
  return output;
}

rapidjson::Value ProfileReport(JsonBuilder& json, const LoadedPolicy& policy,
                               const CompileResult& result, const ProfileOutput& output,
                               bool contents) {
  Value report(kObjectType);
  json.Add(report, "profile", result.profile_name);
  json.Add(report, "mode", result.mode);
  json.Add(report, "compiler", absl::StrCat("varmor ", kVersion));
  json.Add(report, "policy", PolicyName(json, policy));
  json.Add(report, "artifacts", Files(json, result, output, contents));
  json.Add(report, "holes", Holes(json, output));
  json.Add(report, "coverage", CoverageList(json, result.coverage));
  json.Add(report, "watches", Watches(json, result));
  Value diagnostics(kArrayType);
  for (const Diagnostic& d : result.diagnostics.list()) {
    json.Append(diagnostics, DiagnosticAsJson(json, d));
  }
  json.Add(report, "diagnostics", std::move(diagnostics));
  return report;
}

}  // namespace varmor
