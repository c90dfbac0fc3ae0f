#include "tools/gen_crds/schema_printer.h"

#include <utility>

#include "proto/field_options.pb.h"
#include "tools/varmor/field_comments.h"
#include "tools/varmor/number_bounds.h"

namespace varmor {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using rapidjson::kArrayType;
using rapidjson::kObjectType;
using rapidjson::Value;

constexpr char kPreserve[] = "x-kubernetes-preserve-unknown-fields";

// A word at most once is what the webhook checks; a schema would have to list the permutations.
constexpr char kEnforcerPattern[] = "^(?i:AppArmor|BPF|Seccomp|NetworkProxy){1,4}$";

// Characters of texts that people write; an object of the API server holds 1.5 MiB.
constexpr int kMaxRawRule = 32 << 10;
constexpr int kMaxCustomProfile = 512 << 10;

int MaxLength(const FieldDescriptor& field) {
  if (field.full_name() == "varmor.AppArmorRawRules.rules") return kMaxRawRule;
  if (field.name() == "custom_profile") return kMaxCustomProfile;
  return 0;
}

}  // namespace

Value SchemaPrinter::Type(absl::string_view type, absl::string_view description) {
  Value schema(kObjectType);
  json_.AddUnlessEmpty(schema, "description", description);
  json_.AddUnlessEmpty(schema, "type", type);
  return schema;
}

Value SchemaPrinter::Anything(absl::string_view type, absl::string_view description) {
  Value schema = Type(type, description);
  json_.Add(schema, kPreserve, true);
  return schema;
}

Value SchemaPrinter::Object(const Descriptor& message) {
  Value properties(kObjectType);
  Value required_keys(kArrayType);
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (strict_ && !field.options().GetExtension(replaced_by).empty()) continue;
    json_.Add(properties, field.json_name(), Field(field));
    if (strict_ && field.options().GetExtension(required)) {
      json_.Append(required_keys, field.json_name());
    }
  }
  Value schema = Type("object");
  json_.Add(schema, "properties", std::move(properties));
  if (!required_keys.Empty()) json_.Add(schema, "required", std::move(required_keys));
  json_.Add(schema, kPreserve, true);
  return schema;
}

Value SchemaPrinter::Field(const FieldDescriptor& field) {
  Value schema = Untitled(field);
  const absl::string_view comment = CommentOf(field.full_name());
  if (comment.empty()) return schema;
  Value described(kObjectType);
  json_.Add(described, "description", comment);
  for (auto& member : schema.GetObject()) {
    described.AddMember(member.name, member.value, json_.allocator());
  }
  return described;
}

Value SchemaPrinter::Untitled(const FieldDescriptor& field) {
  if (field.options().GetExtension(opaque)) return Anything("object");
  if (field.is_map()) {
    Value schema = Type("object");
    json_.Add(schema, "additionalProperties", Single(*field.message_type()->FindFieldByNumber(2)));
    return schema;
  }
  if (!field.is_repeated()) return Single(field);
  // An object may stand in place of the list, which a structural schema cannot say.
  if (!field.options().GetExtension(object_form).empty()) return Anything("");
  Value list = Type("array");
  json_.Add(list, "items", Single(field));
  if (strict_ && field.options().GetExtension(required)) json_.Add(list, "minItems", 1);
  return list;
}

Value SchemaPrinter::Single(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const Descriptor& message = *field.message_type();
      const std::string& list = message.options().GetExtension(list_form);
      return list.empty() ? Object(message) : Untitled(*message.FindFieldByName(list));
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      return Type("boolean");
    case FieldDescriptor::CPPTYPE_STRING:
      return String(field);
    default:
      return Number(field);
  }
}

// Always 64 bits: with int32, which is signed, a server refuses 0xffffffff.
Value SchemaPrinter::Number(const FieldDescriptor& field) {
  Value schema = Type("integer");
  json_.Add(schema, "format", "int64");
  if (!strict_) return schema;
  AddNumberBounds(field, json_, schema);
  return schema;
}

Value SchemaPrinter::String(const FieldDescriptor& field) {
  Value schema = Type("string");
  if (!strict_) return schema;
  if (field.full_name() == "varmor.PolicyBody.enforcer") {
    json_.Add(schema, "pattern", kEnforcerPattern);
  }
  if (const int length = MaxLength(field); length > 0) json_.Add(schema, "maxLength", length);
  const int words = field.options().ExtensionSize(one_of);
  if (words == 0) return schema;
  Value choices(kArrayType);
  for (int i = 0; i < words; ++i) json_.Append(choices, field.options().GetExtension(one_of, i));
  json_.Add(schema, "enum", std::move(choices));
  return schema;
}

}  // namespace varmor
