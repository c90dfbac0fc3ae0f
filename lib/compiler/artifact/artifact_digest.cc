#include "lib/compiler/artifact/artifact_digest.h"

#include <openssl/sha.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

// Lengths before contents: no two artifacts give the same bytes.
void AppendField(std::string& bytes, absl::string_view value) {
  absl::StrAppend(&bytes, value.size(), ":", value);
}

}  // namespace

std::string Sha256Hex(absl::string_view bytes) {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), hash);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(hash), sizeof(hash)));
}

std::string BpfDigest(const BpfArtifact& artifact) {
  std::string bytes;
  AppendField(bytes, absl::StrCat("abi ", artifact.abi(), artifact.complain() ? " complain" : ""));
  for (const BpfMap& map : artifact.maps()) {
    AppendField(bytes, map.name());
    AppendField(bytes, absl::StrCat(map.kind(), " ", map.key_size(), " ", map.value_size(), " ",
                                    map.max_entries(), " ", map.flags()));
    for (const BpfMapEntry& entry : map.entries()) {
      AppendField(bytes, entry.key());
      AppendField(bytes, entry.value());
    }
  }
  for (const int hole : artifact.holes()) AppendField(bytes, absl::StrCat("hole ", hole));
  return Sha256Hex(bytes);
}

}  // namespace varmor
