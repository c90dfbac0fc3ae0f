#include "lib/compiler/emit/emit_seccomp.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "rapidjson/prettywriter.h"
#include "rapidjson/stringbuffer.h"

namespace varmor {
namespace {

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void WriteString(Writer& writer, absl::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void WriteMember(Writer& writer, const char* key, absl::string_view value) {
  if (value.empty()) return;
  writer.Key(key);
  WriteString(writer, value);
}

void WriteList(Writer& writer, const char* key, const std::vector<std::string>& values) {
  if (values.empty()) return;
  writer.Key(key);
  writer.StartArray();
  for (const std::string& value : values) WriteString(writer, value);
  writer.EndArray();
}

void WriteErrno(Writer& writer, const char* key, std::optional<uint32_t> value) {
  if (!value.has_value()) return;
  writer.Key(key);
  writer.Uint(*value);
}

void WriteArg(Writer& writer, const SeccompArg& arg) {
  writer.StartObject();
  writer.Key("index");
  writer.Uint(arg.index);
  writer.Key("value");
  writer.Uint64(arg.value);
  // A masked comparison needs its datum, also when that is 0.
  if (arg.value_two != 0 || arg.op == "SCMP_CMP_MASKED_EQ") {
    writer.Key("valueTwo");
    writer.Uint64(arg.value_two);
  }
  WriteMember(writer, "op", arg.op);
  writer.EndObject();
}

void WriteEntry(Writer& writer, const SeccompEntry& entry) {
  writer.StartObject();
  WriteList(writer, "names", entry.names);
  WriteMember(writer, "action", entry.action);
  WriteErrno(writer, "errnoRet", entry.errno_ret);
  if (!entry.args.empty()) {
    writer.Key("args");
    writer.StartArray();
    for (const SeccompArg& arg : entry.args) WriteArg(writer, arg);
    writer.EndArray();
  }
  writer.EndObject();
}

std::string Hex(uint64_t value) { return absl::StrCat("0x", absl::Hex(value)); }

std::string ArgText(const SeccompArg& arg) {
  const std::string name = absl::StrCat("arg", arg.index);
  if (arg.op == "SCMP_CMP_MASKED_EQ") {
    return absl::StrCat(name, "&", Hex(arg.value), "==", Hex(arg.value_two));
  }
  const struct {
    const char* op;
    const char* sign;
  } kSigns[] = {{"SCMP_CMP_NE", "!="}, {"SCMP_CMP_LT", "<"},  {"SCMP_CMP_LE", "<="},
                {"SCMP_CMP_EQ", "=="}, {"SCMP_CMP_GE", ">="}, {"SCMP_CMP_GT", ">"}};
  for (const auto& known : kSigns) {
    if (arg.op == known.op) return absl::StrCat(name, known.sign, Hex(arg.value));
  }
  return absl::StrCat(name, " ", arg.op, " ", Hex(arg.value));
}

// "chmod arg1&0x40==0x40 -> SCMP_ACT_ERRNO(1)"
std::string EntryText(const SeccompEntry& entry) {
  std::string text = absl::StrJoin(entry.names, ",");
  for (const SeccompArg& arg : entry.args) absl::StrAppend(&text, " ", ArgText(arg));
  absl::StrAppend(&text, " -> ", entry.action);
  if (entry.errno_ret.has_value()) absl::StrAppend(&text, "(", *entry.errno_ret, ")");
  return text;
}

// In the words of the other enforcers.
const char* ActionWord(absl::string_view action) {
  if (action == "SCMP_ACT_ALLOW") return "allow";
  if (action == "SCMP_ACT_LOG") return "audit";
  return "deny";
}

}  // namespace

std::string SeccompJson(const SeccompProfile& profile) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.SetIndent(' ', 2);
  writer.StartObject();
  WriteMember(writer, "defaultAction", profile.default_action);
  WriteErrno(writer, "defaultErrnoRet", profile.default_errno_ret);
  WriteList(writer, "architectures", profile.architectures);
  WriteList(writer, "flags", profile.flags);
  WriteMember(writer, "listenerPath", profile.listener_path);
  WriteMember(writer, "listenerMetadata", profile.listener_metadata);
  if (!profile.entries.empty()) {
    writer.Key("syscalls");
    writer.StartArray();
    for (const SeccompEntry& entry : profile.entries) WriteEntry(writer, entry);
    writer.EndArray();
  }
  writer.EndObject();
  return absl::StrCat(absl::string_view(buffer.GetString(), buffer.GetSize()), "\n");
}

SeccompArtifact EmitSeccomp(absl::string_view name, const SeccompProfile& profile) {
  SeccompArtifact artifact;
  artifact.set_name(name.data(), name.size());
  artifact.set_json(SeccompJson(profile));
  for (const SeccompEntry& entry : profile.entries) {
    RuleOrigin* rule = artifact.add_rules();
    rule->set_rule(entry.origin.rule);
    rule->set_field(entry.origin.field);
    rule->set_text(EntryText(entry));
    rule->set_action(ActionWord(entry.action));
  }
  return artifact;
}

}  // namespace varmor
