#include "lib/compiler/policy_maker.h"

#include <algorithm>
#include <map>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "proto/field_options.pb.h"

namespace varmor {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

using Words = std::vector<std::string>;

const Words& WordsOf(const std::string& field) {
  static const auto& table = *new std::map<std::string, Words>{
      {"enforcer", {"AppArmorBPFSeccomp", "AppArmor", "BPF", "Seccomp", "bpfseccomp"}},
      {"pattern",
       {"/etc/**", "/etc/passwd", "/**/sh", "/proc/**/mem", "*.so", "/a/*/b", "/{a,b}/[a-c]?",
        "{{.DiskDevices}}", "/tmp/x**x", "**", "/a b", "etc", "/[", "/**/*/**"}},
      {"source_pattern", {"**", "/proc**", "proc", "/dev/sda", "{{.DiskDevices}}", "/a/*"}},
      {"permissions", {"read", "w", "append", "exec", "all", "trace", "readby", "x", "*"}},
      {"words", {"deny", "audit", "allow"}},
      {"ip", {"10.0.0.1", "::1", "localhost", "pod-self", "unspecified", "::ffff:1.2.3.4", "x"}},
      {"cidr", {"10.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/8", "10.0.0.1/33"}},
      {"ip_block", {"10.0.0.0/8", "10.0.0.1"}},
      {"domains", {"inet", "inet6", "unix", "netlink", "alg", "all"}},
      {"types", {"stream", "dgram", "raw"}},
      {"protocols", {"tcp", "udp", "icmp"}},
      {"fstype", {"*", "proc", "none", "cgroup2", "a-name-of-more-than-15"}},
      {"flags", {"bind", "rbind", "ro", "rw", "umount", "all", "move", "make-rprivate", "nosuid"}},
      {"rules",
       {"deny /etc/** wl,", "audit deny capability sys_admin,", "deny mount,", "/bin/a px -> b,",
        "owner @{HOME}/** rw,", "deny network inet raw,", "signal (send) peer=x,", "}, profile x {",
        "deny /a{,b,[c]} r", "include <abstractions/base>\n", "deny /\\x, w,",
        "change_profile -> **,"}},
      {"targets", {"/bin/sh", "/usr/bin/{a,b}", "bin"}},
      {"custom_profile",
       {"profile varmor-n-p {\n  file,\n}\n", "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}",
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
        "\"SCMP_ACT_ALLOW\"}]}",
        "profile", "{"}},
      {"names", {"unshare", "clone", "mount", "open", "no_such_call", "net_raw", "all"}},
      {"action", {"SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_KILL", "ERRNO"}},
      {"op", {"SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_GE"}},
      {"name", {"p", "q", "a.b", "A", "a-very-long-name"}},
      {"namespace", {"n", "kube-system", ""}},
      {"key", {"app", "a/b"}},
      {"values", {"web", "x y"}},
      {"containers", {"c"}},
  };
  static const auto& none = *new Words();
  const auto it = table.find(field);
  return it == table.end() ? none : it->second;
}

const std::string& RuleId(ByteSource& source) {
  const std::vector<BuiltinRule>& rules = BuiltinCatalogue().rules();
  return rules[source.Below(static_cast<uint32_t>(rules.size()))].id();
}

std::string MakeString(const FieldDescriptor& field, ByteSource& source) {
  const uint8_t how = source.Byte();
  if (how >= 250) return source.Bytes();
  const std::string& name = field.name();
  if (name == "hardening_rules" || name == "vul_mitigation_rules") return RuleId(source);
  if (name == "rules" && field.is_repeated()) return RuleId(source);
  const auto& options = field.options();
  if (const int count = options.ExtensionSize(one_of); count > 0) {
    return options.GetExtension(one_of, static_cast<int>(source.Below(count)));
  }
  const Words& words = WordsOf(name);
  if (words.empty()) return source.Bytes();
  return words[source.Below(static_cast<uint32_t>(words.size()))];
}

uint64_t MakeNumber(ByteSource& source) {
  static constexpr uint64_t kNumbers[] = {0,     1,       2,          80,         443,
                                          65535, 1 << 16, 0x10000000, 0xFFFFFFFF, ~uint64_t{0}};
  return kNumbers[source.Below(sizeof(kNumbers) / sizeof(kNumbers[0]))];
}

void FillMessage(int depth, ByteSource& source, Message* message);

void SetScalar(const FieldDescriptor& field, ByteSource& source, Message* message) {
  const Reflection& reflection = *message->GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      reflection.SetString(message, &field, MakeString(field, source));
      return;
    case FieldDescriptor::CPPTYPE_BOOL:
      reflection.SetBool(message, &field, (source.Byte() & 1) != 0);
      return;
    case FieldDescriptor::CPPTYPE_UINT32:
      reflection.SetUInt32(message, &field, static_cast<uint32_t>(MakeNumber(source)));
      return;
    case FieldDescriptor::CPPTYPE_UINT64:
      reflection.SetUInt64(message, &field, MakeNumber(source));
      return;
    case FieldDescriptor::CPPTYPE_INT64:
      reflection.SetInt64(message, &field, static_cast<int64_t>(MakeNumber(source)));
      return;
    default:
      return;
  }
}

void FillField(const FieldDescriptor& field, int depth, ByteSource& source, Message* message) {
  const Reflection& reflection = *message->GetReflection();
  const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  // Values that nobody looks into have nothing to find.
  if (field.options().GetExtension(opaque)) return;
  if (field.is_map()) return;
  if (!field.is_repeated()) {
    if (is_message) {
      FillMessage(depth + 1, source, reflection.MutableMessage(message, &field));
    } else {
      SetScalar(field, source, message);
    }
    return;
  }
  const uint32_t count = source.Below(4);
  for (uint32_t i = 0; i < count; ++i) {
    if (is_message) {
      FillMessage(depth + 1, source, reflection.AddMessage(message, &field));
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      reflection.AddString(message, &field, MakeString(field, source));
    }
  }
}

void FillMessage(int depth, ByteSource& source, Message* message) {
  const Descriptor& type = *message->GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const bool needed = field.options().GetExtension(required);
    if (!needed && (depth > 8 || source.Byte() < 128)) continue;
    FillField(field, depth, source, message);
  }
}

}  // namespace

std::string ByteSource::Bytes() {
  const size_t wanted = std::min<size_t>(Byte() % 61, size_ - std::min(at_, size_));
  std::string out(reinterpret_cast<const char*>(data_) + at_, wanted);
  at_ += wanted;
  return out;
}

PolicyObject MakePolicy(ByteSource& source) {
  PolicyObject object;
  FillMessage(0, source, &object);
  // What most inputs would get wrong, and then nothing else would be looked at.
  if (source.Byte() < 250) {
    object.set_kind("VarmorPolicy");
    object.mutable_metadata()->set_name("p");
    object.mutable_metadata()->set_namespace_("n");
    object.mutable_spec()->mutable_target()->set_name("t");
    object.mutable_spec()->mutable_target()->clear_selector();
  }
  PolicyBody& body = *object.mutable_spec()->mutable_policy();
  if (body.mode() == "EnhanceProtect") body.mutable_enhance_protect();
  if (body.mode() == "DefenseInDepth") body.mutable_defense_in_depth();
  return object;
}

}  // namespace varmor
