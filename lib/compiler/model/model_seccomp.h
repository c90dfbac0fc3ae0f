// The seccomp profile that a recorded behaviour amounts to: the recorded system calls are allowed,
// the rest is refused.
#ifndef LIB_COMPILER_MODEL_MODEL_SECCOMP_H_
#define LIB_COMPILER_MODEL_MODEL_SECCOMP_H_

#include <string>

#include "proto/facts.pb.h"

namespace varmor {

// JSON of an OCI seccomp profile, without architectures; "" when no system call was recorded. Two
// entries: the calls that are allowed while recording already and so are never recorded, then the
// recorded ones, sorted, each once.
std::string ModelSeccomp(const DynamicResult& recorded);

}  // namespace varmor

#endif  // LIB_COMPILER_MODEL_MODEL_SECCOMP_H_
