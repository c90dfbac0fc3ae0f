#include "tools/varmor/number_bounds.h"

#include <cstdint>
#include <limits>

#include "proto/field_options.pb.h"

namespace varmor {

using google::protobuf::FieldDescriptor;
using rapidjson::Value;

void AddNumberBounds(const FieldDescriptor& field, JsonBuilder& json, Value& schema) {
  const bool is_signed = field.cpp_type() == FieldDescriptor::CPPTYPE_INT32 ||
                         field.cpp_type() == FieldDescriptor::CPPTYPE_INT64;
  const uint64_t least = field.options().GetExtension(min);
  uint64_t most = field.options().GetExtension(max);
  if (most == 0 && field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32) {
    most = std::numeric_limits<uint32_t>::max();
  }
  if (least > 0 || !is_signed) json.Add(schema, "minimum", Value(least));
  if (most > 0) json.Add(schema, "maximum", Value(most));
}

}  // namespace varmor
