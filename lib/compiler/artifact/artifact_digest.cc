#include "lib/compiler/artifact/artifact_digest.h"

#include <openssl/evp.h>

#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }

  void Add(absl::string_view bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }

  // Lengths before contents: no two artifacts give the same bytes.
  void AddField(absl::string_view value) {
    Add(absl::StrCat(value.size(), ":"));
    Add(value);
  }

  std::string Hex() && {
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), hash, &size);
    return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(hash), size));
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

}  // namespace

std::string Sha256Hex(absl::string_view bytes) {
  Sha256 hash;
  hash.Add(bytes);
  return std::move(hash).Hex();
}

std::string BpfDigest(const BpfArtifact& artifact) {
  Sha256 hash;
  hash.AddField(absl::StrCat("abi ", artifact.abi(), artifact.complain() ? " complain" : ""));
  for (const BpfMap& map : artifact.maps()) {
    hash.AddField(map.name());
    hash.AddField(absl::StrCat(map.kind(), " ", map.key_size(), " ", map.value_size(), " ",
                               map.max_entries(), " ", map.flags()));
    for (const BpfMapEntry& entry : map.entries()) {
      hash.AddField(entry.key());
      hash.AddField(entry.value());
    }
  }
  for (const int hole : artifact.holes()) hash.AddField(absl::StrCat("hole ", hole));
  return std::move(hash).Hex();
}

}  // namespace varmor
