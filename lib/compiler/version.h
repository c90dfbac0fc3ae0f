// The one place that holds the compiler's version.
#ifndef LIB_COMPILER_VERSION_H_
#define LIB_COMPILER_VERSION_H_

namespace varmor {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace varmor

#endif  // LIB_COMPILER_VERSION_H_
