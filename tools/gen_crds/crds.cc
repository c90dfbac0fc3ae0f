#include "tools/gen_crds/crds.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/facts.pb.h"
#include "proto/policy.pb.h"
#include "tools/gen_crds/schema_printer.h"
#include "tools/varmor/json_document.h"

namespace varmor {
namespace {

using google::protobuf::Descriptor;
using rapidjson::kArrayType;
using rapidjson::kObjectType;
using rapidjson::Value;

struct Column {
  const char* name;
  const char* type;
  const char* path;
};

struct Kind {
  const char* plural;
  const char* singular;
  const char* kind;
  const char* short_name;  // or ""
  bool namespaced;
  const char* description;
};

constexpr Kind kKinds[] = {
    {"varmorpolicies", "varmorpolicy", "VarmorPolicy", "vpol", true,
     "What workloads of one namespace may do."},
    {"varmorclusterpolicies", "varmorclusterpolicy", "VarmorClusterPolicy", "vcpol", false,
     "What workloads of all namespaces may do; wins over every VarmorPolicy."},
    {"armorprofiles", "armorprofile", "ArmorProfile", "", true,
     "A compiled policy on its way to the nodes. Written by the manager alone."},
    {"armorprofilemodels", "armorprofilemodel", "ArmorProfileModel", "", true,
     "Behaviour recorded by a policy of mode BehaviorModeling, and the profiles made of it."},
};

constexpr Column kAge = {"AGE", "date", ".metadata.creationTimestamp"};

std::vector<Column> ColumnsOf(absl::string_view plural) {
  if (plural == "armorprofiles") {
    return {{"PROFILE", "string", ".spec.profile.name"},
            {"ENFORCER", "string", ".spec.profile.enforcer"},
            {"MODE", "string", ".spec.profile.mode"},
            {"DESIRED", "integer", ".status.desiredNumberLoaded"},
            {"CURRENT", "integer", ".status.currentNumberLoaded"},
            kAge};
  }
  if (plural == "armorprofilemodels") {
    return {{"STORAGE-TYPE", "string", ".storageType"},
            {"DESIRED", "integer", ".status.desiredNumber"},
            {"COMPLETED", "integer", ".status.completedNumber"},
            {"READY", "boolean", ".status.ready"},
            kAge};
  }
  return {{"ENFORCER", "string", ".spec.policy.enforcer"},
          {"MODE", "string", ".spec.policy.mode"},
          {"TARGET-KIND", "string", ".spec.target.kind"},
          {"TARGET-NAME", "string", ".spec.target.name"},
          {"TARGET-SELECTOR", "string", ".spec.target.selector"},
          {"PROFILE-NAME", "string", ".status.profileName"},
          {"READY", "boolean", ".status.ready"},
          {"STATUS", "string", ".status.phase"},
          kAge};
}

// Rules on a policy's `spec` that one field alone cannot say.
struct CelRule {
  const char* rule;
  const char* message;
};

constexpr CelRule kPolicyRules[] = {
    {"has(self.target.name) != has(self.target.selector)",
     "target has exactly one of name and selector"},
    {"self.policy.mode != 'EnhanceProtect' || has(self.policy.enhanceProtect)",
     "mode EnhanceProtect needs enhanceProtect"},
    {"self.policy.mode != 'BehaviorModeling' || has(self.policy.modelingOptions)",
     "mode BehaviorModeling needs modelingOptions"},
    {"self.policy.mode != 'DefenseInDepth' || has(self.policy.defenseInDepth)",
     "mode DefenseInDepth needs defenseInDepth"},
    {"self.target == oldSelf.target", "target cannot be changed; create another policy"},
    {"['apparmor', 'seccomp'].all(e, !oldSelf.policy.enforcer.lowerAscii().contains(e) || "
     "self.policy.enforcer.lowerAscii().contains(e))",
     "AppArmor and Seccomp cannot be removed from enforcer; create another policy"},
};

class CrdPrinter {
 public:
  CrdPrinter(rapidjson::Document& document, const Kind& kind, bool cel)
      : document_(document), json_(document), kind_(kind), cel_(cel) {}

  void Print() {
    json_.Add(document_, "apiVersion", "apiextensions.k8s.io/v1");
    json_.Add(document_, "kind", "CustomResourceDefinition");
    Value metadata(kObjectType);
    json_.Add(metadata, "name", absl::StrCat(kind_.plural, ".crd.varmor.org"));
    json_.Add(document_, "metadata", std::move(metadata));
    Value spec(kObjectType);
    json_.Add(spec, "group", "crd.varmor.org");
    json_.Add(spec, "scope", kind_.namespaced ? "Namespaced" : "Cluster");
    json_.Add(spec, "names", Names());
    Value versions(kArrayType);
    json_.Append(versions, Version());
    json_.Add(spec, "versions", std::move(versions));
    json_.Add(document_, "spec", std::move(spec));
  }

 private:
  Value Names() {
    Value names(kObjectType);
    json_.Add(names, "kind", kind_.kind);
    json_.Add(names, "listKind", absl::StrCat(kind_.kind, "List"));
    json_.Add(names, "plural", kind_.plural);
    json_.Add(names, "singular", kind_.singular);
    if (kind_.short_name[0] != '\0') {
      Value short_names(kArrayType);
      json_.Append(short_names, absl::string_view(kind_.short_name));
      json_.Add(names, "shortNames", std::move(short_names));
    }
    return names;
  }

  Value Version() {
    Value version(kObjectType);
    json_.Add(version, "name", "v1beta1");
    json_.Add(version, "served", true);
    json_.Add(version, "storage", true);
    Value subresources(kObjectType);
    json_.Add(subresources, "status", Value(kObjectType));
    json_.Add(version, "subresources", std::move(subresources));
    Value columns(kArrayType);
    for (const Column& column : ColumnsOf(kind_.plural)) {
      Value entry(kObjectType);
      json_.Add(entry, "name", column.name);
      json_.Add(entry, "type", column.type);
      json_.Add(entry, "jsonPath", column.path);
      json_.Append(columns, std::move(entry));
    }
    json_.Add(version, "additionalPrinterColumns", std::move(columns));
    Value schema(kObjectType);
    json_.Add(schema, "openAPIV3Schema", Root());
    json_.Add(version, "schema", std::move(schema));
    return version;
  }

  Value Root() {
    SchemaPrinter strict(json_, true);
    Value properties(kObjectType);
    json_.Add(properties, "apiVersion", strict.Type("string"));
    json_.Add(properties, "kind", strict.Type("string"));
    json_.Add(properties, "metadata", strict.Type("object"));
    std::vector<const char*> required;
    const absl::string_view plural = kind_.plural;
    if (plural == "armorprofiles") {
      json_.Add(properties, "spec", ArmorProfileSpec(strict));
      json_.Add(properties, "status", ArmorProfileStatus(strict));
      required = {"spec"};
    } else if (plural == "armorprofilemodels") {
      AddModel(properties);
      required = {"data"};
    } else {
      json_.Add(properties, "spec", PolicySpecSchema(strict));
      json_.Add(properties, "status", PolicyStatus(strict));
      required = {"spec"};
    }
    return Object(kind_.description, std::move(properties), required);
  }

  Value Object(absl::string_view description, Value properties,
               const std::vector<const char*>& required_keys) {
    Value schema(kObjectType);
    json_.AddUnlessEmpty(schema, "description", description);
    json_.Add(schema, "type", "object");
    json_.Add(schema, "properties", std::move(properties));
    Value required(kArrayType);
    for (const char* key : required_keys) json_.Append(required, absl::string_view(key));
    if (!required.Empty()) json_.Add(schema, "required", std::move(required));
    return schema;
  }

  Value Number(absl::string_view format, absl::string_view description) {
    Value schema(kObjectType);
    json_.AddUnlessEmpty(schema, "description", description);
    json_.Add(schema, "type", "integer");
    json_.Add(schema, "format", format);
    return schema;
  }

  Value List(Value items) {
    Value schema(kObjectType);
    json_.Add(schema, "type", "array");
    json_.Add(schema, "items", std::move(items));
    return schema;
  }

  Value PolicySpecSchema(SchemaPrinter& printer) {
    Value spec = printer.Object(*PolicySpec::descriptor());
    if (!cel_) return spec;
    Value rules(kArrayType);
    for (const CelRule& rule : kPolicyRules) {
      Value entry(kObjectType);
      json_.Add(entry, "rule", rule.rule);
      json_.Add(entry, "message", rule.message);
      json_.Append(rules, std::move(entry));
    }
    json_.Add(spec, "x-kubernetes-validations", std::move(rules));
    return spec;
  }

  Value Condition(SchemaPrinter& printer, bool node) {
    Value properties(kObjectType);
    json_.Add(properties, "type", printer.Type("string"));
    json_.Add(properties, "status", printer.Type("string"));
    if (node) json_.Add(properties, "nodeName", printer.Type("string"));
    Value time = printer.Type("string");
    json_.Add(time, "format", "date-time");
    json_.Add(properties, "lastTransitionTime", std::move(time));
    json_.Add(properties, "reason", printer.Type("string"));
    json_.Add(properties, "message", printer.Type("string"));
    std::vector<const char*> required = {"type", "status"};
    if (node) required.push_back("nodeName");
    return Object("", std::move(properties), required);
  }

  Value PolicyStatus(SchemaPrinter& printer) {
    Value properties(kObjectType);
    json_.Add(properties, "profileName",
              printer.Type("string", "Name of the profile and of its ArmorProfile."));
    json_.Add(
        properties, "ready",
        printer.Type("boolean", "Every node that should have the profile reported it loaded."));
    json_.Add(properties, "phase",
              printer.Type("string", "Pending, Modeling, Completed, Protecting or Error."));
    json_.Add(properties, "conditions", List(Condition(printer, false)));
    json_.Add(properties, "observedGeneration",
              Number("int64", "The generation of the spec that is being enforced."));
    json_.Add(properties, "desiredNodes", Number("int32", "Nodes that should have the profile."));
    json_.Add(properties, "loadedNodes", Number("int32", "Nodes that reported it loaded."));
    json_.Add(properties, "failedNodes", Number("int32", "Nodes that reported a failure."));
    json_.Add(properties, "matchedWorkloads",
              Number("int32", "Workloads that the target selects."));
    Value violations(kObjectType);
    json_.Add(violations, "total", Number("int64", ""));
    json_.Add(violations, "denied", Number("int64", ""));
    json_.Add(violations, "allowed", Number("int64", ""));
    json_.Add(violations, "lastTime", printer.Type("string"));
    json_.Add(properties, "violations",
              Object("Since the agents that now run started.", std::move(violations), {}));
    return Object("", std::move(properties), {"profileName", "ready"});
  }

  Value ArmorProfileSpec(SchemaPrinter& printer) {
    Value profile(kObjectType);
    json_.Add(profile, "name", printer.Type("string", "The same as metadata.name."));
    json_.Add(profile, "enforcer", printer.Type("string"));
    json_.Add(profile, "mode", printer.Type("string", "enforce or complain."));
    json_.Add(profile, "artifacts",
              printer.Type("string",
                           "What agents load: base64 of the gzip of an ArmorProfileArtifacts "
                           "message. The texts beside it are for people and for older agents."));
    for (const char* key : {"content", "appArmor"}) {
      json_.Add(profile, key, printer.Type("string", "AppArmor profile."));
    }
    for (const char* key : {"bpfContent", "bpf"}) {
      json_.Add(profile, key, printer.Anything("object", "Written by vArmor's managers only."));
    }
    for (const char* key : {"seccompContent", "seccomp"}) {
      json_.Add(profile, key, printer.Type("string", "OCI seccomp profile, JSON."));
    }
    Value modeling(kObjectType);
    json_.Add(modeling, "enable", printer.Type("boolean"));
    json_.Add(modeling, "duration", Number("int64", "Minutes."));
    Value properties(kObjectType);
    json_.Add(properties, "target", printer.Object(*Target::descriptor()));
    json_.Add(properties, "profile", Object("", std::move(profile), {"name", "enforcer", "mode"}));
    json_.Add(properties, "behaviorModeling",
              Object("", std::move(modeling), {"enable", "duration"}));
    json_.Add(properties, "updateExistingWorkloads", printer.Type("boolean"));
    return Object("", std::move(properties),
                  {"profile", "behaviorModeling", "updateExistingWorkloads"});
  }

  Value ArmorProfileStatus(SchemaPrinter& printer) {
    Value properties(kObjectType);
    json_.Add(properties, "desiredNumberLoaded", Number("int32", ""));
    json_.Add(properties, "currentNumberLoaded", Number("int32", ""));
    json_.Add(properties, "conditions", List(Condition(printer, true)));
    return Object("", std::move(properties), {"desiredNumberLoaded", "currentNumberLoaded"});
  }

  // Recorded data come from agents of several versions: types alone are checked.
  void AddModel(Value& properties) {
    SchemaPrinter lenient(json_, false);
    const Descriptor& model = *BehaviorModel::descriptor();
    json_.Add(properties, "storageType", lenient.Field(*model.FindFieldByName("storage_type")));
    json_.Add(properties, "data", lenient.Field(*model.FindFieldByName("data")));
    Value status(kObjectType);
    json_.Add(status, "desiredNumber", Number("int32", ""));
    json_.Add(status, "completedNumber", Number("int32", ""));
    json_.Add(status, "ready", lenient.Type("boolean"));
    json_.Add(status, "conditions", List(Condition(lenient, true)));
    json_.Add(properties, "status", Object("", std::move(status), {"ready"}));
  }

  rapidjson::Document& document_;
  JsonBuilder json_;
  const Kind& kind_;
  bool cel_;
};

}  // namespace

std::vector<std::string> CrdPlurals() {
  std::vector<std::string> plurals;
  for (const Kind& kind : kKinds) plurals.emplace_back(kind.plural);
  return plurals;
}

rapidjson::Document Crd(absl::string_view plural, bool cel) {
  rapidjson::Document document(kObjectType);
  for (const Kind& kind : kKinds) {
    if (plural == kind.plural) CrdPrinter(document, kind, cel).Print();
  }
  return document;
}

std::string CrdFile(absl::string_view plural, bool cel) {
  return absl::StrCat("# Generated: bazel run //tools/gen_crds -- --update\n",
                      PrintYaml(Crd(plural, cel)));
}

}  // namespace varmor
