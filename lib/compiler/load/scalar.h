// What a scalar means: text, a boolean or a number, as Kubernetes' tools read YAML 1.1.
#ifndef LIB_COMPILER_LOAD_SCALAR_H_
#define LIB_COMPILER_LOAD_SCALAR_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace varmor {

enum class ScalarType {
  kText,
  kBoolean,
  // A whole number that 64 bits can hold (signed when negative); also written 0x1f, 017, 0o17,
  // 0b11, 1_000, 8.0, 1e3.
  kInteger,
  // Any other number.
  kFloat,
};

struct ScalarValue {
  ScalarType type = ScalarType::kText;
  bool boolean = false;
  // kInteger: sign and absolute value. kFloat: sign only.
  bool negative = false;
  uint64_t magnitude = 0;
};

// The meaning of a scalar written without quotes. Null words ("~", "null") are not its part.
ScalarValue ResolvePlainScalar(absl::string_view text);

// "~", "null", "Null", "NULL" or nothing.
bool IsNullWord(absl::string_view text);

}  // namespace varmor

#endif  // LIB_COMPILER_LOAD_SCALAR_H_
