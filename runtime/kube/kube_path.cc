#include "runtime/kube/kube_path.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

std::string GroupPath(const KubeResource& resource) {
  if (resource.group.empty()) return absl::StrCat("/api/", resource.version);
  return absl::StrCat("/apis/", resource.group, "/", resource.version);
}

// What the server allows as a segment: apimachinery, pkg/api/validation/path/name.go.
absl::Status CheckSegment(absl::string_view what, absl::string_view segment) {
  if (!segment.empty() && segment != "." && segment != ".." &&
      segment.find_first_of("/%") == absl::string_view::npos) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(what, " \"", segment, "\" cannot be part of a path of the API"));
}

}  // namespace

std::string KubeApiVersion(const KubeResource& resource) {
  return resource.group.empty() ? resource.version
                                : absl::StrCat(resource.group, "/", resource.version);
}

absl::StatusOr<std::string> KubeListPath(const KubeResource& resource,
                                         absl::string_view name_space) {
  if (name_space.empty()) return absl::StrCat(GroupPath(resource), "/", resource.plural);
  return KubeCollectionPath(resource, name_space);
}

absl::StatusOr<std::string> KubeCollectionPath(const KubeResource& resource,
                                               absl::string_view name_space) {
  if (!resource.namespaced) {
    if (name_space.empty()) return absl::StrCat(GroupPath(resource), "/", resource.plural);
    return absl::InvalidArgumentError(
        absl::StrCat(resource.plural, " have no namespace, and \"", name_space, "\" was given"));
  }
  if (name_space.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(resource.plural, " are in namespaces, and none was given"));
  }
  VARMOR_RETURN_IF_ERROR(CheckSegment("namespace", name_space));
  return absl::StrCat(GroupPath(resource), "/namespaces/", PercentEncoded(name_space), "/",
                      resource.plural);
}

absl::StatusOr<std::string> KubeObjectPath(const KubeResource& resource,
                                           absl::string_view name_space, absl::string_view name,
                                           absl::string_view subresource) {
  VARMOR_ASSIGN_OR_RETURN(std::string path, KubeCollectionPath(resource, name_space));
  VARMOR_RETURN_IF_ERROR(CheckSegment("name", name));
  absl::StrAppend(&path, "/", PercentEncoded(name));
  if (!subresource.empty()) {
    VARMOR_RETURN_IF_ERROR(CheckSegment("subresource", subresource));
    absl::StrAppend(&path, "/", PercentEncoded(subresource));
  }
  return path;
}

std::string PercentEncoded(absl::string_view text) {
  std::string encoded;
  for (const char byte : text) {
    if (absl::ascii_isalnum(byte) || byte == '-' || byte == '.' || byte == '_' || byte == '~') {
      encoded += byte;
    } else {
      absl::StrAppendFormat(&encoded, "%%%02X", static_cast<unsigned char>(byte));
    }
  }
  return encoded;
}

}  // namespace varmor
