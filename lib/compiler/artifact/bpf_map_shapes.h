// The maps of a BPF image: their kinds and sizes, declared once.
#ifndef LIB_COMPILER_ARTIFACT_BPF_MAP_SHAPES_H_
#define LIB_COMPILER_ARTIFACT_BPF_MAP_SHAPES_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/artifact.pb.h"

namespace varmor {

struct BpfMapShape {
  absl::string_view name;
  BpfMap::Kind kind;
  uint32_t key_size;
  uint32_t value_size;
  // BPF_F_* of include/uapi/linux/bpf.h.
  uint32_t flags;
  // Bound of BpfMap::max_entries, so that a reader knows what memory to expect.
  uint32_t most_entries;
};

// In the order in which an artifact lists them.
absl::Span<const BpfMapShape> BpfMapShapes();

// Null for an unknown name.
const BpfMapShape* FindBpfMapShape(absl::string_view name);

}  // namespace varmor

#endif  // LIB_COMPILER_ARTIFACT_BPF_MAP_SHAPES_H_
