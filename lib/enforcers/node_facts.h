// What the compiler wants to know about this machine; see bind.
#ifndef LIB_ENFORCERS_NODE_FACTS_H_
#define LIB_ENFORCERS_NODE_FACTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/facts.pb.h"

namespace varmor {

// One line of /proc/partitions: "   8        1   51475068 sda1". False when it is none.
bool ReadPartitionLine(absl::string_view line, DiskDevice& device);

// A text of the form of /proc/partitions. INVALID_ARGUMENT quotes the first line that is none.
absl::StatusOr<NodeFacts> ParsePartitions(absl::string_view text);

// The facts of this machine, now.
absl::StatusOr<NodeFacts> ReadNodeFacts(const std::string& partitions = "/proc/partitions");

}  // namespace varmor

#endif  // LIB_ENFORCERS_NODE_FACTS_H_
