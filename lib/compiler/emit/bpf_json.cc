#include "lib/compiler/emit/bpf_json.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/artifact/check_bpf_image.h"

namespace varmor {
namespace {

// Protobuf's own bound for a message.
constexpr size_t kMostBytes = 0x7FFFFFFF;

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void Text(Writer& json, const char* key, absl::string_view value) {
  json.Key(key);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void Number(Writer& json, const char* key, uint64_t value) {
  json.Key(key);
  json.Uint64(value);
}

// Without trailing zero bytes.
std::string Hex(const std::string& bytes) {
  const size_t last = bytes.find_last_not_of('\0');
  return absl::BytesToHexString(bytes.substr(0, last == std::string::npos ? 0 : last + 1));
}

void WriteRules(const BpfArtifact& artifact, Writer& json) {
  json.Key("rules");
  json.StartArray();
  for (int i = 0; i < artifact.rules_size(); ++i) {
    const RuleOrigin& rule = artifact.rules(i);
    json.StartObject();
    Number(json, "number", static_cast<uint64_t>(i));
    Text(json, "action", rule.action());
    Text(json, "does", rule.text());
    Text(json, "rule", rule.rule());
    Text(json, "field", rule.field());
    json.EndObject();
  }
  json.EndArray();
}

void WriteTables(const BpfArtifact& artifact, Writer& json) {
  json.Key("tables");
  json.StartArray();
  for (const BpfTableSummary& table : artifact.tables()) {
    json.StartObject();
    Text(json, "kind", table.kind());
    Text(json, "direction", table.direction());
    Number(json, "patterns", table.patterns());
    Number(json, "states", table.states());
    Number(json, "classes", table.classes());
    Number(json, "pages", table.pages());
    Number(json, "accepts", table.accepts());
    json.EndObject();
  }
  json.EndArray();
}

void WriteHolesAndWatches(const BpfArtifact& artifact, Writer& json) {
  json.Key("holes");
  json.StartArray();
  for (const int hole : artifact.holes()) {
    json.String(absl::AsciiStrToLower(HoleKind_Name(static_cast<HoleKind>(hole))).c_str());
  }
  json.EndArray();
  json.Key("egress_watches");
  json.StartArray();
  for (const EgressWatch& watch : artifact.egress_watches()) {
    json.StartObject();
    Text(json, "kind", watch.pods() ? "pods" : "services");
    Text(json, "namespace", watch.namespace_());
    Text(json, "service", watch.service_name());
    Text(json, "selector", watch.selector());
    Text(json, "field", watch.field());
    json.EndObject();
  }
  json.EndArray();
}

void WriteMap(const BpfMap& map, Writer& json) {
  json.StartObject();
  Text(json, "name", map.name());
  Text(json, "kind", absl::AsciiStrToLower(BpfMap::Kind_Name(map.kind())));
  Number(json, "key_size", map.key_size());
  Number(json, "value_size", map.value_size());
  Number(json, "max_entries", map.max_entries());
  Number(json, "flags", map.flags());
  json.Key("entries");
  json.StartArray();
  for (const BpfMapEntry& entry : map.entries()) {
    json.StartObject();
    Text(json, "key", absl::BytesToHexString(entry.key()));
    Text(json, "value", Hex(entry.value()));
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

}  // namespace

std::string BpfArtifactToJson(const BpfArtifact& artifact) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.SetIndent(' ', 2);
  json.StartObject();
  Text(json, "name", artifact.name());
  Number(json, "abi", artifact.abi());
  Text(json, "digest", artifact.digest());
  Text(json, "mode", artifact.complain() ? "complain" : "enforce");
  WriteRules(artifact, json);
  WriteTables(artifact, json);
  WriteHolesAndWatches(artifact, json);
  json.Key("maps");
  json.StartArray();
  for (const BpfMap& map : artifact.maps()) WriteMap(map, json);
  json.EndArray();
  json.EndObject();
  return absl::StrCat(absl::string_view(buffer.GetString(), buffer.GetSize()), "\n");
}

absl::StatusOr<BpfArtifact> ParseBpfArtifact(absl::string_view bytes) {
  BpfArtifact artifact;
  if (bytes.size() > kMostBytes ||
      !artifact.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("not a BPF artifact, or a damaged one");
  }
  if (absl::Status status = CheckBpfImage(artifact); !status.ok()) return status;
  return artifact;
}

}  // namespace varmor
