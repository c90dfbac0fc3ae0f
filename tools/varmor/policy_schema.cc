#include "tools/varmor/policy_schema.h"

#include <google/protobuf/descriptor.h>

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/types/span.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "proto/facts.pb.h"
#include "proto/field_options.pb.h"
#include "proto/policy.pb.h"
#include "proto/policy_test.pb.h"
#include "tools/varmor/field_comments.h"
#include "tools/varmor/json_document.h"
#include "tools/varmor/number_bounds.h"

namespace varmor {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using rapidjson::kArrayType;
using rapidjson::kObjectType;
using rapidjson::Value;

struct SchemaKind {
  const char* name;
  const Descriptor* message;
};

const std::vector<SchemaKind>& Kinds() {
  static const auto* const kinds = new std::vector<SchemaKind>{
      {"VarmorPolicy", PolicyObject::descriptor()},
      {"VarmorClusterPolicy", PolicyObject::descriptor()},
      {"NodeFacts", NodeFacts::descriptor()},
      {"ClusterFacts", ClusterFacts::descriptor()},
      {"ArmorProfileModel", BehaviorModel::descriptor()},
      {"PolicyTest", PolicyTestFile::descriptor()},
  };
  return *kinds;
}

// A regular expression for `word` in any case, and "-" or "_" between its parts.
std::string AnyCase(absl::string_view word, bool underscores) {
  std::string out;
  for (const char c : word) {
    if (absl::ascii_isalpha(static_cast<unsigned char>(c))) {
      absl::StrAppend(&out, "[", std::string(1, absl::ascii_toupper(c)),
                      std::string(1, absl::ascii_tolower(c)), "]");
    } else if (c == '-' && underscores) {
      out += "[-_]";
    } else if (c == '*') {
      out += "[*]";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

// The category whose rules the field names.
std::optional<BuiltinRule::Category> RuleCategory(absl::string_view full_name) {
  static const auto* const fields = new std::map<std::string, BuiltinRule::Category>{
      {"varmor.EnhanceProtect.hardening_rules", BuiltinRule::HARDENING},
      {"varmor.EnhanceProtect.vul_mitigation_rules", BuiltinRule::VULNERABILITY_MITIGATION},
      {"varmor.AttackProtectionRules.rules", BuiltinRule::ATTACK_PROTECTION},
  };
  const auto found = fields->find(std::string(full_name));
  if (found == fields->end()) return std::nullopt;
  return found->second;
}

// The compiler's table of the words of a BPF rule's field; empty for other fields.
absl::Span<const BpfWord> BpfWords(absl::string_view full_name) {
  static const auto* const fields = new std::map<std::string, absl::Span<const BpfWord>>{
      {"varmor.BpfFileRule.permissions", kFilePermissionWords},
      {"varmor.BpfSocketRule.domains", kSocketDomainWords},
      {"varmor.BpfSocketRule.types", kSocketTypeWords},
      {"varmor.BpfSocketRule.protocols", kSocketProtocolWords},
      {"varmor.BpfPtraceRule.permissions", kPtracePermissionWords},
      {"varmor.BpfMountRule.flags", kMountFlagWords},
  };
  const auto found = fields->find(std::string(full_name));
  return found == fields->end() ? absl::Span<const BpfWord>() : found->second;
}

class SchemaPrinter {
 public:
  SchemaPrinter(rapidjson::Document& document, const Catalogue& catalogue)
      : document_(document), json_(document), catalogue_(catalogue) {}

  void Print(absl::string_view kind, const Descriptor& message) {
    json_.Add(document_, "$schema", "http://json-schema.org/draft-07/schema#");
    json_.Add(document_, "title", kind.empty() ? "VarmorPolicy or VarmorClusterPolicy" : kind);
    Value all(kArrayType);
    json_.Append(all, Reference(message));
    if (!kind.empty() && &message == PolicyObject::descriptor()) json_.Append(all, KindIs(kind));
    json_.Add(document_, "allOf", std::move(all));
    Value definitions(kObjectType);
    // Printing a message may ask for more of them.
    while (!wanted_.empty()) {
      const Descriptor* next = wanted_.begin()->second;
      wanted_.erase(wanted_.begin());
      Value schema = Message(*next);
      if (done_.insert(next->name()).second) definitions_.emplace(next->name(), std::move(schema));
    }
    for (auto& [name, schema] : definitions_) json_.Add(definitions, name, std::move(schema));
    json_.Add(document_, "definitions", std::move(definitions));
  }

 private:
  Value Reference(const Descriptor& message) {
    if (done_.count(message.name()) == 0) wanted_[message.name()] = &message;
    Value reference(kObjectType);
    json_.Add(reference, "$ref", absl::StrCat("#/definitions/", message.name()));
    return reference;
  }

  Value TypeIs(absl::string_view type) {
    Value schema(kObjectType);
    json_.Add(schema, "type", type);
    return schema;
  }

  Value KindIs(absl::string_view kind) {
    Value word(kObjectType);
    json_.Add(word, "const", kind);
    Value properties(kObjectType);
    json_.Add(properties, "kind", std::move(word));
    Value schema(kObjectType);
    json_.Add(schema, "properties", std::move(properties));
    return schema;
  }

  Value Message(const Descriptor& message) {
    const google::protobuf::MessageOptions& options = message.options();
    if (options.HasExtension(list_form)) {
      return Field(*message.FindFieldByName(options.GetExtension(list_form)));
    }
    Value object = Object(message);
    if (!options.HasExtension(string_form)) return object;
    Value forms(kArrayType);
    json_.Append(forms, TypeIs("string"));
    json_.Append(forms, std::move(object));
    Value schema(kObjectType);
    json_.Add(schema, "anyOf", std::move(forms));
    return schema;
  }

  Value Object(const Descriptor& message) {
    Value schema = TypeIs("object");
    json_.AddUnlessEmpty(schema, "description", CommentOf(message.full_name()));
    Value properties(kObjectType);
    Value required_keys(kArrayType);
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor& field = *message.field(i);
      json_.Add(properties, field.json_name(), Described(field));
      if (field.options().GetExtension(required)) json_.Append(required_keys, field.json_name());
    }
    json_.Add(schema, "properties", std::move(properties));
    if (!required_keys.Empty()) json_.Add(schema, "required", std::move(required_keys));
    json_.Add(schema, "additionalProperties", false);
    return schema;
  }

  // A field's schema with its description. Draft 07 ignores what stands beside "$ref".
  Value Described(const FieldDescriptor& field) {
    Value schema = Field(field);
    if (!field.options().GetExtension(required)) schema = OrNull(std::move(schema));
    const std::string& replacement = field.options().GetExtension(replaced_by);
    std::string text(CommentOf(field.full_name()));
    if (!replacement.empty()) {
      absl::StrAppend(&text, text.empty() ? "" : " ", "Older form; use ", replacement, ".");
    }
    if (text.empty()) return schema;
    if (schema.HasMember("$ref")) {
      Value all(kArrayType);
      json_.Append(all, std::move(schema));
      schema = Value(kObjectType);
      json_.Add(schema, "allOf", std::move(all));
    }
    json_.Add(schema, "description", text);
    if (!replacement.empty()) {
      json_.Add(schema, "deprecated", true);
      json_.Add(schema, "deprecationMessage", absl::StrCat("use ", replacement));
    }
    return schema;
  }

  // The reader, as Kubernetes, takes a key without a value for an absent one.
  Value OrNull(Value schema) {
    if (schema.ObjectEmpty()) return schema;
    Value either(kArrayType);
    if (schema.HasMember("type") && !schema.HasMember("enum")) {
      json_.Append(either, std::move(schema["type"]));
      json_.Append(either, absl::string_view("null"));
      schema["type"] = std::move(either);
      return schema;
    }
    json_.Append(either, std::move(schema));
    json_.Append(either, TypeIs("null"));
    schema = Value(kObjectType);
    json_.Add(schema, "anyOf", std::move(either));
    return schema;
  }

  Value Field(const FieldDescriptor& field) {
    if (field.options().GetExtension(opaque)) return Value(kObjectType);
    if (field.is_map()) {
      Value schema = TypeIs("object");
      json_.Add(schema, "additionalProperties",
                OrNull(Single(*field.message_type()->FindFieldByNumber(2))));
      return schema;
    }
    if (!field.is_repeated()) return Single(field);
    Value list = TypeIs("array");
    json_.Add(list, "items", Single(field));
    const std::string& object_field = field.options().GetExtension(object_form);
    if (object_field.empty()) return list;
    Value forms(kArrayType);
    json_.Append(forms, std::move(list));
    json_.Append(forms, Single(*field.containing_type()->FindFieldByName(object_field)));
    Value schema(kObjectType);
    json_.Add(schema, "anyOf", std::move(forms));
    return schema;
  }

  // One value of the field's type.
  Value Single(const FieldDescriptor& field) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Reference(*field.message_type());
      case FieldDescriptor::CPPTYPE_BOOL:
        return TypeIs("boolean");
      case FieldDescriptor::CPPTYPE_STRING:
        return String(field);
      default:
        return Number(field);
    }
  }

  Value Number(const FieldDescriptor& field) {
    Value schema = TypeIs("integer");
    AddNumberBounds(field, json_, schema);
    return schema;
  }

  Value String(const FieldDescriptor& field) {
    const std::vector<std::string> table = WordsOfField(field.full_name(), catalogue_);
    if (!table.empty()) return TableWords(table, RuleCategory(field.full_name()).has_value());
    if (&field == PolicyBody::descriptor()->FindFieldByName("enforcer")) return Enforcers();
    Value schema = TypeIs("string");
    const int words = field.options().ExtensionSize(one_of);
    if (words == 0) return schema;
    Value choices(kArrayType);
    for (int i = 0; i < words; ++i) json_.Append(choices, field.options().GetExtension(one_of, i));
    json_.Add(schema, "enum", std::move(choices));
    return schema;
  }

  // Editors offer the enum; the pattern is for other spellings, which the reader takes too.
  Value TableWords(const std::vector<std::string>& table, bool underscores) {
    Value choices(kArrayType);
    std::vector<std::string> patterns;
    for (const std::string& word : table) {
      json_.Append(choices, word);
      patterns.push_back(AnyCase(word, underscores));
    }
    Value words(kObjectType);
    json_.Add(words, "enum", std::move(choices));
    Value spelled(kObjectType);
    json_.Add(spelled, "pattern", absl::StrCat("^(", absl::StrJoin(patterns, "|"), ")$"));
    Value forms(kArrayType);
    json_.Append(forms, std::move(words));
    json_.Append(forms, std::move(spelled));
    Value schema = TypeIs("string");
    json_.Add(schema, "anyOf", std::move(forms));
    return schema;
  }

  // Each word at most once, in any order and case.
  Value Enforcers() {
    std::vector<std::string> patterns;
    std::string once;
    for (const char* word : {"AppArmor", "BPF", "Seccomp", "NetworkProxy"}) {
      patterns.push_back(AnyCase(word, false));
      absl::StrAppend(&once, "(?!.*", patterns.back(), ".*", patterns.back(), ")");
    }
    Value schema = TypeIs("string");
    json_.Add(schema, "pattern", absl::StrCat("^", once, "(", absl::StrJoin(patterns, "|"), ")+$"));
    Value examples(kArrayType);
    for (const char* example : {"AppArmor", "BPF", "Seccomp", "AppArmorBPFSeccomp"}) {
      json_.Append(examples, absl::string_view(example));
    }
    json_.Add(schema, "examples", std::move(examples));
    return schema;
  }

  rapidjson::Document& document_;
  JsonBuilder json_;
  const Catalogue& catalogue_;
  std::map<std::string, const Descriptor*> wanted_;
  std::set<std::string> done_;
  std::map<std::string, Value> definitions_;
};

}  // namespace

std::vector<std::string> SchemaKinds() {
  std::vector<std::string> names;
  for (const SchemaKind& kind : Kinds()) names.emplace_back(kind.name);
  return names;
}

const Descriptor* SchemaMessage(absl::string_view kind) {
  for (const SchemaKind& known : Kinds()) {
    if (kind == known.name) return known.message;
  }
  return PolicyObject::descriptor();
}

std::vector<std::string> WordsOfField(absl::string_view full_name, const Catalogue& catalogue) {
  const std::optional<BuiltinRule::Category> category = RuleCategory(full_name);
  return category.has_value() ? catalogue.Names(*category) : BpfWordNames(BpfWords(full_name));
}

rapidjson::Document PolicySchema(absl::string_view kind, const Catalogue& catalogue) {
  rapidjson::Document document(kObjectType);
  SchemaPrinter(document, catalogue).Print(kind, *SchemaMessage(kind));
  return document;
}

}  // namespace varmor
