#include "tools/gen_rule_reference/describe_effects.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

using Lines = std::vector<std::string>;

std::string Code(absl::string_view text) { return absl::StrCat("`", text, "`"); }

// "CREATE_USER_NAMESPACE" -> "create user namespace".
std::string Words(absl::string_view enum_name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(enum_name), {{"_", " "}});
}

void AppendFileRules(const google::protobuf::RepeatedPtrField<BpfFileRule>& rules, Lines& out) {
  for (const BpfFileRule& rule : rules) {
    out.push_back(absl::StrCat(absl::StrJoin(rule.permissions(), ", "), " ", Code(rule.pattern())));
  }
}

void AppendNetworkRules(const BpfNetworkRules& rules, Lines& out) {
  for (const BpfSocketRule& rule : rules.sockets()) {
    Lines parts;
    for (const auto& word : rule.domains()) parts.push_back(absl::StrCat("domain ", Code(word)));
    for (const auto& word : rule.types()) parts.push_back(absl::StrCat("type ", Code(word)));
    for (const auto& word : rule.protocols()) {
      parts.push_back(absl::StrCat("protocol ", Code(word)));
    }
    out.push_back(absl::StrCat("sockets of ", absl::StrJoin(parts, ", ")));
  }
  for (const BpfDestination& rule : rules.egress().to_destinations()) {
    out.push_back(absl::StrCat("connecting and sending to ", Code(rule.ip())));
  }
  for (const BpfServiceDestination& rule : rules.egress().to_services()) {
    out.push_back(absl::StrCat("connecting and sending to service ",
                               Code(absl::StrCat(rule.namespace_(), "/", rule.name()))));
  }
}

Lines DescribeRules(const BpfRawRules& rules) {
  Lines out;
  AppendFileRules(rules.files(), out);
  AppendFileRules(rules.processes(), out);
  AppendNetworkRules(rules.network(), out);
  if (rules.has_ptrace()) {
    out.push_back(absl::StrCat("ptrace ", absl::StrJoin(rules.ptrace().permissions(), ", "),
                               rules.ptrace().strict_mode() ? "" : " of other containers"));
  }
  for (const BpfMountRule& rule : rules.mounts()) {
    out.push_back(absl::StrCat("mount ", absl::StrJoin(rule.flags(), ", "), " of ",
                               Code(rule.source_pattern()), ", type ", Code(rule.fstype())));
  }
  for (const BpfCapabilityRule& rule : rules.capabilities()) {
    out.push_back(absl::StrCat("capabilities ", Code(absl::StrJoin(rule.names(), ", "))));
  }
  return out;
}

std::string DescribeArg(const LinuxSeccompArg& arg) {
  if (arg.op() != "SCMP_CMP_MASKED_EQ") {
    return absl::StrFormat("argument %d %s %#x", arg.index(), arg.op(), arg.value());
  }
  return absl::StrFormat("argument %d & %#x is %#x", arg.index(), arg.value(), arg.value_two());
}

std::string DescribeSyscall(const SeccompEffect& effect) {
  Lines parts;
  for (const auto& name : effect.names()) parts.push_back(Code(name));
  std::string text = absl::StrJoin(parts, ", ");
  parts.clear();
  for (const LinuxSeccompArg& arg : effect.args()) parts.push_back(DescribeArg(arg));
  if (!parts.empty()) absl::StrAppend(&text, " if ", absl::StrJoin(parts, " and "));
  if (effect.errno_ret() != 0) absl::StrAppend(&text, ", failing with errno ", effect.errno_ret());
  if (!effect.only_architectures().empty()) {
    absl::StrAppend(&text, "; only on ", absl::StrJoin(effect.only_architectures(), ", "));
  }
  if (!effect.except_architectures().empty()) {
    absl::StrAppend(&text, "; not on ", absl::StrJoin(effect.except_architectures(), ", "));
  }
  return text;
}

}  // namespace

std::vector<std::string> DescribeEffects(const AppArmorEffects& effects) {
  Lines out;
  for (const std::string& rule : effects.rules()) out.push_back(Code(rule));
  if (!effects.disk_device_permissions().empty()) {
    out.push_back(absl::StrCat(Code("/dev/DISK " + effects.disk_device_permissions()),
                               " for each disk of the node"));
  }
  if (effects.disk_device_mount()) {
    out.push_back(absl::StrCat(Code("mount /dev/DISK"), " for each disk of the node"));
  }
  return out;
}

std::vector<std::string> DescribeEffects(const BpfEffects& effects) {
  Lines out = DescribeRules(effects.rules());
  for (const std::string& line : DescribeRules(effects.rules_when_privileged())) {
    out.push_back(absl::StrCat(line, " (in privileged policies; others forbid every mount)"));
  }
  for (const int operation : effects.operations()) {
    out.push_back(Words(BpfEffects::Operation_Name(static_cast<BpfEffects::Operation>(operation))));
  }
  if (!effects.disk_device_permissions().empty()) {
    out.push_back(absl::StrCat(absl::StrJoin(effects.disk_device_permissions(), ", "),
                               " any device file of a disk of the node"));
  }
  if (effects.disk_device_mount()) out.push_back("mount of any disk of the node");
  return out;
}

std::vector<std::string> DescribeEffects(const SeccompEffects& effects) {
  Lines out;
  for (const SeccompEffect& effect : effects.syscalls()) out.push_back(DescribeSyscall(effect));
  return out;
}

std::string DescribeEvent(const Event& event) {
  Event for_all = event;
  for_all.clear_enforcers();
  const std::string text = Code(EventText(for_all));
  if (event.enforcers().empty()) return text;
  return absl::StrCat(text, " (", absl::StrJoin(event.enforcers(), ", "), ")");
}

}  // namespace varmor
