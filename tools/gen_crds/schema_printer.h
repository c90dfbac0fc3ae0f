// Structural schemas (OpenAPI v3 as Kubernetes wants it) from the messages' descriptors.
#ifndef TOOLS_GEN_CRDS_SCHEMA_PRINTER_H_
#define TOOLS_GEN_CRDS_SCHEMA_PRINTER_H_

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "rapidjson/document.h"
#include "tools/varmor/json_document.h"

namespace varmor {

class SchemaPrinter {
 public:
  // `strict`: required keys, enumerations and bounds are checked. Otherwise types alone.
  SchemaPrinter(JsonBuilder& json, bool strict) : json_(json), strict_(strict) {}

  // {type: object, properties, required}. Fields with `replaced_by` are left out when `strict`.
  rapidjson::Value Object(const google::protobuf::Descriptor& message);
  // With the field's comment as its description.
  rapidjson::Value Field(const google::protobuf::FieldDescriptor& field);

  rapidjson::Value Type(absl::string_view type, absl::string_view description = "");
  // Anything: not looked into, kept as it is. `type` may be "".
  rapidjson::Value Anything(absl::string_view type, absl::string_view description = "");

 private:
  rapidjson::Value Untitled(const google::protobuf::FieldDescriptor& field);
  rapidjson::Value Single(const google::protobuf::FieldDescriptor& field);
  rapidjson::Value Number(const google::protobuf::FieldDescriptor& field);
  rapidjson::Value String(const google::protobuf::FieldDescriptor& field);

  JsonBuilder& json_;
  bool strict_;
};

}  // namespace varmor

#endif  // TOOLS_GEN_CRDS_SCHEMA_PRINTER_H_
