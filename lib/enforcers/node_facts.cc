#include "lib/enforcers/node_facts.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

// Limits of the kernel's device numbers: 12 and 20 bits (include/linux/kdev_t.h).
constexpr uint32_t kMaxMajor = 4095;
constexpr uint32_t kMaxMinor = 1048575;

}  // namespace

bool ReadPartitionLine(absl::string_view line, DiskDevice& device) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
  uint32_t major = 0;
  uint32_t minor = 0;
  if (words.size() != 4 || !absl::SimpleAtoi(words[0], &major) ||
      !absl::SimpleAtoi(words[1], &minor) || major > kMaxMajor || minor > kMaxMinor) {
    return false;
  }
  device.set_name(std::string(words[3]));
  device.set_major(major);
  device.set_minor(minor);
  return true;
}

// A heading, an empty line, then a line for each device. No disks: an empty file.
absl::StatusOr<NodeFacts> ParsePartitions(absl::string_view text) {
  NodeFacts facts;
  bool heading = true;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipWhitespace())) {
    if (!heading && !ReadPartitionLine(line, *facts.add_disk_devices())) {
      return absl::InvalidArgumentError(
          absl::StrCat("not a line of /proc/partitions: ", Quoted(line)));
    }
    heading = false;
  }
  return facts;
}

absl::StatusOr<NodeFacts> ReadNodeFacts(const std::string& partitions) {
  VARMOR_ASSIGN_OR_RETURN(const std::string text, ReadFileWhole(partitions));
  return ParsePartitions(text);
}

}  // namespace varmor
