// Calls that some architectures make through socketcall or ipc, with their arguments in memory.
#ifndef LIB_COMPILER_SECCOMP_MULTIPLEXED_CALLS_H_
#define LIB_COMPILER_SECCOMP_MULTIPLEXED_CALLS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace varmor {

struct MultiplexedCall {
  const char* name;
  // "socketcall" or "ipc", and the value of its first argument: include/uapi/linux/net.h and ipc.h.
  const char* carrier;
  uint32_t number;
};

// All of them, sorted by carrier and number.
const std::vector<MultiplexedCall>& MultiplexedCalls();

// Null when `architecture` ("SCMP_ARCH_X86") does not make call `name` through another one.
const MultiplexedCall* FindMultiplexedCall(absl::string_view architecture, const std::string& name);

// Whether the architecture has the call under a number of its own.
bool HasOwnNumber(absl::string_view architecture, const std::string& name);

}  // namespace varmor

#endif  // LIB_COMPILER_SECCOMP_MULTIPLEXED_CALLS_H_
