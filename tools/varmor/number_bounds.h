// The range of a numeric field, for JSON schemas and for CRDs.
#ifndef TOOLS_VARMOR_NUMBER_BOUNDS_H_
#define TOOLS_VARMOR_NUMBER_BOUNDS_H_

#include "google/protobuf/descriptor.h"
#include "rapidjson/document.h"
#include "tools/varmor/json_document.h"

namespace varmor {

// Adds "minimum" and "maximum" to the schema of `field`, from its options and its type.
void AddNumberBounds(const google::protobuf::FieldDescriptor& field, JsonBuilder& json,
                     rapidjson::Value& schema);

}  // namespace varmor

#endif  // TOOLS_VARMOR_NUMBER_BOUNDS_H_
