#include "lib/enforcers/bpf/profile_record.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_reads.h"

namespace varmor {
namespace {

// The map is an ARRAY of pieces of this size: a length, and the serialized record.
constexpr size_t kPiece = 4096;
constexpr const char* kName = "varmor_record";
// Far more than a profile's rules can have; what is longer is somebody else's map.
constexpr uint64_t kMostBytes = 64 << 20;

uint64_t PiecesFor(uint64_t size) { return (sizeof(size) + size + kPiece - 1) / kPiece; }

}  // namespace

BpfArtifact RecordOf(const BpfArtifact& artifact) {
  BpfArtifact record;
  record.set_name(artifact.name());
  record.set_abi(artifact.abi());
  record.set_digest(artifact.digest());
  record.set_complain(artifact.complain());
  *record.mutable_rules() = artifact.rules();
  *record.mutable_holes() = artifact.holes();
  return record;
}

absl::StatusOr<UniqueFd> WriteRecord(BpfCalls& calls, const BpfArtifact& record) {
  const std::string body = record.SerializeAsString();
  const uint64_t size = body.size();
  if (size > kMostBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the profile's record has ", size, " bytes; there is room for ", kMostBytes));
  }
  std::string bytes(reinterpret_cast<const char*>(&size), sizeof(size));
  bytes += body;
  const auto pieces = static_cast<uint32_t>(PiecesFor(size));
  bytes.resize(pieces * kPiece);
  UniqueFd map(calls.CreateMap({BPF_MAP_TYPE_ARRAY, kName, sizeof(uint32_t), kPiece, pieces, 0}));
  if (!map.ok()) return BpfCallFailed("create the profile's record", errno);
  for (uint32_t i = 0; i < pieces; ++i) {
    if (calls.Update(map.get(), &i, bytes.data() + i * kPiece) != 0) {
      return BpfCallFailed("write the profile's record", errno);
    }
  }
  if (calls.Freeze(map.get()) != 0) return BpfCallFailed("freeze the profile's record", errno);
  return map;
}

absl::StatusOr<BpfArtifact> ReadRecord(int map) {
  VARMOR_ASSIGN_OR_RETURN(const BpfMapParameters shape, MapParametersOf(map));
  if (shape.type != BPF_MAP_TYPE_ARRAY || shape.value_size != kPiece) {
    return absl::FailedPreconditionError("it is no profile's record");
  }
  const uint32_t first = 0;
  VARMOR_ASSIGN_OR_RETURN(std::string bytes, ReadValue(map, &first, kPiece));
  uint64_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof(size));
  if (size > kMostBytes || PiecesFor(size) != shape.max_entries) {
    return absl::FailedPreconditionError("it is no profile's record: its length does not fit");
  }
  for (uint32_t i = 1; i < shape.max_entries; ++i) {
    VARMOR_ASSIGN_OR_RETURN(const std::string piece, ReadValue(map, &i, kPiece));
    bytes += piece;
  }
  BpfArtifact record;
  if (!record.ParseFromArray(bytes.data() + sizeof(size), static_cast<int>(size)) ||
      record.name().empty()) {
    return absl::FailedPreconditionError("the profile's record is damaged");
  }
  return record;
}

}  // namespace varmor
