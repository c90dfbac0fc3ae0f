#include "lib/enforcers/apparmor/testing/artifact_for_test.h"

#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

constexpr char kHead[] = "abi <abi/3.0>,\ninclude <tunables/global>\n";
constexpr char kFlags[] = "flags=(attach_disconnected,mediate_deleted)";
constexpr char kAllowed[] =
    "  file,\n  network,\n  capability,\n  mount,\n  umount,\n  signal,\n  ptrace,\n  unix,\n";

}  // namespace

std::string TextForTest(const std::string& name, const std::string& rules) {
  return absl::StrCat(kHead, "profile ", name, " ", kFlags, " {\n", kAllowed, "  ", rules, "\n}\n");
}

AppArmorArtifact ArtifactForTest(const std::string& name, const std::string& rules) {
  return ArtifactOfText(name, TextForTest(name, rules));
}

AppArmorArtifact ArtifactOfText(const std::string& name, const std::string& text) {
  AppArmorArtifact artifact;
  artifact.set_name(name);
  artifact.add_pieces()->set_text(text);
  return artifact;
}

AppArmorArtifact ArtifactWithChild(const std::string& name, const std::string& target,
                                   const std::string& child, const std::string& rules) {
  AppArmorArtifact artifact =
      ArtifactForTest(name, absl::StrCat(target, " cx -> ", child, ",\n  profile ", child, " ",
                                         kFlags, " {\n", kAllowed, "    ", rules, "\n  }"));
  artifact.add_children(absl::StrCat(name, "//", child));
  return artifact;
}

ArtifactSet SetOf(const AppArmorArtifact& artifact) {
  ArtifactSet set;
  set.app_armor = &artifact;
  return set;
}

}  // namespace varmor
