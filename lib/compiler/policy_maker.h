// Policies from bytes, for fuzzing the compiler as a whole: most of them have the right shape, so
// that the stages behind the reader see input too.
#ifndef LIB_COMPILER_POLICY_MAKER_H_
#define LIB_COMPILER_POLICY_MAKER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "google/protobuf/message.h"
#include "proto/policy.pb.h"

namespace varmor {

// Spends the bytes of an input; gives zeros when they are used up.
class ByteSource {
 public:
  ByteSource(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  bool empty() const { return at_ >= size_; }
  uint8_t Byte() { return empty() ? 0 : data_[at_++]; }
  // 0 to `end` - 1.
  uint32_t Below(uint32_t end) { return (Byte() << 8 | Byte()) % end; }
  // Bytes as they are, at most 60.
  std::string Bytes();

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

// A policy whose fields hold words that mean something there, mixed with damaged ones. The same
// bytes give the same policy.
PolicyObject MakePolicy(ByteSource& source);

}  // namespace varmor

#endif  // LIB_COMPILER_POLICY_MAKER_H_
