#include "lib/compiler/convert/message_document.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "proto/field_options.pb.h"

namespace varmor {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Kind = DocumentNode::Kind;
using NodePtr = std::unique_ptr<DocumentNode>;

NodePtr Make(Kind kind) {
  auto node = std::make_unique<DocumentNode>();
  node->kind = kind;
  return node;
}

NodePtr Scalar(absl::string_view text, bool plain) {
  NodePtr node = Make(Kind::kScalar);
  node->scalar = std::string(text);
  node->plain = plain;
  return node;
}

NodePtr Copy(const DocumentNode& original) {
  NodePtr copy = Make(original.kind);
  copy->scalar = original.scalar;
  copy->plain = original.plain;
  for (const NodePtr& item : original.items) copy->items.push_back(Copy(*item));
  return copy;
}

// Item `index` of a list, or the value of a single field (`index` -1).
NodePtr Value(const Message& message, const FieldDescriptor& field, int index,
              const DocumentNode* original) {
  const Reflection& reflection = *message.GetReflection();
  const bool item = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageToDocument(item ? reflection.GetRepeatedMessage(message, &field, index)
                                    : reflection.GetMessage(message, &field),
                               item ? nullptr : original);
    case FieldDescriptor::CPPTYPE_STRING:
      return Scalar(item ? reflection.GetRepeatedString(message, &field, index)
                         : reflection.GetString(message, &field),
                    false);
    case FieldDescriptor::CPPTYPE_BOOL:
      return Scalar(reflection.GetBool(message, &field) ? "true" : "false", true);
    case FieldDescriptor::CPPTYPE_INT64:
      return Scalar(absl::StrCat(reflection.GetInt64(message, &field)), true);
    case FieldDescriptor::CPPTYPE_UINT64:
      return Scalar(absl::StrCat(item ? reflection.GetRepeatedUInt64(message, &field, index)
                                      : reflection.GetUInt64(message, &field)),
                    true);
    case FieldDescriptor::CPPTYPE_UINT32:
      return Scalar(absl::StrCat(item ? reflection.GetRepeatedUInt32(message, &field, index)
                                      : reflection.GetUInt32(message, &field)),
                    true);
    default:
      // The schemas have no other types (load/read_message.cc says the same).
      return Make(Kind::kNull);
  }
}

NodePtr List(const Message& message, const FieldDescriptor& field) {
  NodePtr list = Make(Kind::kSequence);
  const int size = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < size; ++i) list->items.push_back(Value(message, field, i, nullptr));
  return list;
}

NodePtr Map(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  std::map<std::string, std::string> sorted;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    const Reflection& pair = *entry.GetReflection();
    sorted[pair.GetString(entry, field.message_type()->map_key())] =
        pair.GetString(entry, field.message_type()->map_value());
  }
  NodePtr map = Make(Kind::kMapping);
  for (const auto& [key, value] : sorted) {
    map->items.push_back(Scalar(key, false));
    map->items.push_back(Scalar(value, false));
  }
  return map;
}

bool IsPresent(const Message& message, const FieldDescriptor& field) {
  if (field.options().GetExtension(varmor::required)) return true;
  const Reflection& reflection = *message.GetReflection();
  return field.is_repeated() ? reflection.FieldSize(message, &field) > 0
                             : reflection.HasField(message, &field);
}

NodePtr FieldValue(const Message& message, const FieldDescriptor& field,
                   const DocumentNode* original) {
  const DocumentNode* value = original == nullptr ? nullptr : original->Find(field.json_name());
  if (field.options().GetExtension(varmor::opaque)) {
    return value == nullptr ? Make(Kind::kNull) : Copy(*value);
  }
  if (field.is_map()) return Map(message, field);
  if (field.is_repeated()) return List(message, field);
  return Value(message, field, -1, value);
}

}  // namespace

std::unique_ptr<DocumentNode> MessageToDocument(const Message& message,
                                                const DocumentNode* original) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  const std::string& list_field = type.options().GetExtension(varmor::list_form);
  if (!list_field.empty()) return List(message, *type.FindFieldByName(list_field));
  NodePtr node = Make(Kind::kMapping);
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (!IsPresent(message, field)) continue;
    node->items.push_back(Scalar(field.json_name(), false));
    node->items.push_back(FieldValue(message, field, original));
  }
  return node;
}

}  // namespace varmor
