#include "lib/compiler/convert/convert_policy.h"

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "lib/compiler/convert/emit_yaml.h"
#include "lib/compiler/convert/message_document.h"
#include "lib/compiler/policy/enforcer_set.h"

namespace varmor {
namespace {

using Names = google::protobuf::RepeatedPtrField<std::string>;

// What rules without qualifiers do; empty: nothing.
std::vector<std::string> ImpliedQualifiers(const EnhanceProtect& enhance) {
  std::vector<std::string> words;
  if (!enhance.allow_violations()) words.push_back("deny");
  if (enhance.audit_violations()) words.push_back("audit");
  return words;
}

// Gives the rules of one policy the qualifiers that its switches imply.
class QualifierWriter {
 public:
  explicit QualifierWriter(std::vector<std::string> words) : words_(std::move(words)) {}

  void Write(BpfRawRules* rules) {
    WriteEach(rules->mutable_files());
    WriteEach(rules->mutable_processes());
    WriteEach(rules->mutable_mounts());
    WriteEach(rules->mutable_capabilities());
    if (rules->has_ptrace()) WriteOne(rules->mutable_ptrace());
    if (!rules->has_network()) return;
    WriteEach(rules->mutable_network()->mutable_sockets());
    if (!rules->network().has_egress()) return;
    BpfEgressRules* egress = rules->mutable_network()->mutable_egress();
    WriteEach(egress->mutable_to_destinations());
    WriteEach(egress->mutable_to_services());
    WriteEach(egress->mutable_to_pods());
  }

  // Rules that no word was known for.
  int without_effect() const { return without_effect_; }

 private:
  template <typename Rules>
  void WriteEach(Rules* rules) {
    for (auto& rule : *rules) WriteOne(&rule);
  }

  template <typename Rule>
  void WriteOne(Rule* rule) {
    if (rule->has_qualifiers()) return;
    if (words_.empty()) ++without_effect_;
    for (const std::string& word : words_) rule->mutable_qualifiers()->add_words(word);
  }

  const std::vector<std::string> words_;
  int without_effect_ = 0;
};

void MoveLegacyEgress(BpfNetworkRules* network) {
  for (const BpfLegacyEgress& old : network->egresses()) {
    BpfDestination* rule = network->mutable_egress()->add_to_destinations();
    rule->set_ip(old.ip());
    rule->set_cidr(old.ip_block());
    if (old.port() != 0) rule->add_ports()->set_port(old.port());
  }
  network->clear_egresses();
}

template <typename Rules>
void SpellPermissions(Rules* rules) {
  for (BpfFileRule& rule : *rules) {
    for (std::string& permission : *rule.mutable_permissions()) {
      if (absl::AsciiStrToLower(permission) == "e") permission = "exec";
    }
  }
}

void ModerniseBpf(BpfRawRules* rules) {
  if (rules->has_network()) MoveLegacyEgress(rules->mutable_network());
  SpellPermissions(rules->mutable_files());
  SpellPermissions(rules->mutable_processes());
}

// The usual spelling of built-in rules, where the result can be one.
void SpellRuleNames(Names* names) {
  for (std::string& name : *names) {
    const std::string usual = absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", "-"}});
    const bool valid = !usual.empty() && std::all_of(usual.begin(), usual.end(), [](char c) {
      return absl::ascii_isalnum(c) || c == '-';
    });
    if (valid) name = usual;
  }
}

void ModerniseEnhanceProtect(EnhanceProtect* enhance, std::vector<std::string>* remarks) {
  SpellRuleNames(enhance->mutable_hardening_rules());
  SpellRuleNames(enhance->mutable_vul_mitigation_rules());
  for (AttackProtectionRules& group : *enhance->mutable_attack_protection_rules()) {
    SpellRuleNames(group.mutable_rules());
  }
  if (!enhance->has_bpf_raw_rules()) return;
  ModerniseBpf(enhance->mutable_bpf_raw_rules());
  QualifierWriter writer(ImpliedQualifiers(*enhance));
  writer.Write(enhance->mutable_bpf_raw_rules());
  if (writer.without_effect() == 0) return;
  remarks->push_back(
      absl::StrCat("spec.policy.enhanceProtect.bpfRawRules: ", writer.without_effect(),
                   writer.without_effect() == 1 ? " rule has" : " rules have",
                   " no qualifiers and no effect, as allowViolations is set without "
                   "auditViolations; left as found"));
}

void SpellEnforcer(PolicyBody* policy, std::vector<std::string>* remarks) {
  Diagnostics mistakes;
  const EnforcerSet set = ParseEnforcers(policy->enforcer(), "spec.policy.enforcer", mistakes);
  if (mistakes.HasErrors() || set.empty()) {
    remarks->push_back(absl::StrCat("spec.policy.enforcer: ", Quoted(policy->enforcer()),
                                    " is not understood and stays as it is"));
    return;
  }
  policy->set_enforcer(EnforcerSetName(set));
}

void DropServerFields(PolicyObject* object, std::vector<std::string>* remarks) {
  std::vector<std::string> dropped;
  ObjectMeta* metadata = object->mutable_metadata();
  const auto* reflection = metadata->GetReflection();
  for (const char* name :
       {"uid", "resource_version", "generation", "creation_timestamp", "deletion_timestamp",
        "deletion_grace_period_seconds", "managed_fields", "self_link"}) {
    const auto* field = metadata->GetDescriptor()->FindFieldByName(name);
    if (!reflection->HasField(*metadata, field)) continue;
    reflection->ClearField(metadata, field);
    dropped.push_back(absl::StrCat("metadata.", field->json_name()));
  }
  if (object->has_status()) dropped.push_back("status");
  object->clear_status();
  if (dropped.empty()) return;
  remarks->push_back(
      absl::StrCat("left out, as the server writes it: ", absl::StrJoin(dropped, ", ")));
}

}  // namespace

std::string ConvertPolicy(const LoadedPolicy& policy, std::vector<std::string>* remarks) {
  if (!policy.valid) {
    remarks->push_back("the policy has errors and was not converted");
    return "";
  }
  PolicyObject object = policy.object;
  DropServerFields(&object, remarks);
  PolicyBody* body = object.mutable_spec()->mutable_policy();
  SpellEnforcer(body, remarks);
  if (body->has_enhance_protect()) {
    ModerniseEnhanceProtect(body->mutable_enhance_protect(), remarks);
  }
  if (body->defense_in_depth().bpf().has_bpf_raw_rules()) {
    ModerniseBpf(body->mutable_defense_in_depth()->mutable_bpf()->mutable_bpf_raw_rules());
  }
  return EmitYaml(*MessageToDocument(object, policy.root.get()));
}

}  // namespace varmor
