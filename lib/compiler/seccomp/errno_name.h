// Names of errno values, as Linux numbers them on most architectures.
#ifndef LIB_COMPILER_SECCOMP_ERRNO_NAME_H_
#define LIB_COMPILER_SECCOMP_ERRNO_NAME_H_

#include <cstdint>
#include <string>

namespace varmor {

// "EPERM" for 1; "errno 4000" for a number without a name.
std::string ErrnoName(uint32_t value);

}  // namespace varmor

#endif  // LIB_COMPILER_SECCOMP_ERRNO_NAME_H_
