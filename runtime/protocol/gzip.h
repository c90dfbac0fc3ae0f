// Bytes to gzip and back, in memory.
#ifndef RUNTIME_PROTOCOL_GZIP_H_
#define RUNTIME_PROTOCOL_GZIP_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

// Without time or name in the header: the same bytes give the same bytes.
std::string Gzip(absl::string_view bytes);

// One gzip member and nothing after it. INVALID_ARGUMENT for anything else; RESOURCE_EXHAUSTED when
// it unpacks to more than `limit` bytes.
absl::StatusOr<std::string> Gunzip(absl::string_view gzip, size_t limit);

}  // namespace varmor

#endif  // RUNTIME_PROTOCOL_GZIP_H_
