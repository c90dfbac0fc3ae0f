#include "lib/compiler/bind/bind_app_armor.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/apparmor/check_target.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

bool IsDeviceName(absl::string_view name) {
  for (const absl::string_view part : absl::StrSplit(name, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
    for (const char c : part) {
      if (!absl::ascii_isalnum(c) && absl::string_view("._!-").find(c) == absl::string_view::npos) {
        return false;
      }
    }
  }
  return true;
}

absl::StatusOr<std::set<std::string>> DevicePaths(const NodeFacts& facts) {
  std::set<std::string> paths;
  for (const DiskDevice& device : facts.disk_devices()) {
    if (!IsDeviceName(device.name())) {
      return absl::InvalidArgumentError(
          absl::StrCat("node facts: ", Quoted(device.name()), " is no name of a disk device"));
    }
    paths.insert(QuotePath("/dev/" + device.name()));
  }
  return paths;
}

// "    # Not bound: " and the line with DISK for the device, which a reader can tell from a rule.
std::string UnboundLine(const AppArmorHole& hole) {
  const absl::string_view prefix = hole.prefix();
  const absl::string_view rule = absl::StripLeadingAsciiWhitespace(prefix);
  const absl::string_view indent = prefix.substr(0, prefix.size() - rule.size());
  return absl::StrCat(indent, "# Not bound to a node; one line per disk is missing here: ", rule,
                      "/dev/DISK", hole.suffix(), "\n");
}

}  // namespace

absl::StatusOr<std::string> BindAppArmor(const AppArmorArtifact& artifact, const NodeFacts& facts) {
  VARMOR_ASSIGN_OR_RETURN(const std::set<std::string> paths, DevicePaths(facts));
  std::string text;
  for (const AppArmorPiece& piece : artifact.pieces()) {
    if (!piece.has_hole()) {
      absl::StrAppend(&text, piece.text());
      continue;
    }
    const AppArmorHole& hole = piece.hole();
    if (hole.kind() != DISK_DEVICES) {
      return absl::InvalidArgumentError(absl::StrCat("AppArmor artifact ", Quoted(artifact.name()),
                                                     ": hole of unknown kind ",
                                                     static_cast<int>(hole.kind())));
    }
    for (const std::string& path : paths) {
      absl::StrAppend(&text, hole.prefix(), path, hole.suffix(), "\n");
    }
  }
  return text;
}

std::string UnboundText(const AppArmorArtifact& artifact) {
  std::string text;
  for (const AppArmorPiece& piece : artifact.pieces()) {
    absl::StrAppend(&text, piece.has_hole() ? UnboundLine(piece.hole()) : piece.text());
  }
  return text;
}

bool HasHoles(const AppArmorArtifact& artifact) {
  return std::any_of(artifact.pieces().begin(), artifact.pieces().end(),
                     [](const AppArmorPiece& piece) { return piece.has_hole(); });
}

}  // namespace varmor
