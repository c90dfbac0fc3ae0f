#include "lib/compiler/bind/bind_app_armor.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"

namespace varmor {
namespace {

void AddText(AppArmorArtifact& artifact, const std::string& text) {
  artifact.add_pieces()->set_text(text);
}

void AddHole(AppArmorArtifact& artifact, const std::string& prefix, const std::string& suffix,
             HoleKind kind = DISK_DEVICES) {
  AppArmorHole& hole = *artifact.add_pieces()->mutable_hole();
  hole.set_kind(kind);
  hole.set_prefix(prefix);
  hole.set_suffix(suffix);
}

// A hole in the profile and one in its child.
AppArmorArtifact Example() {
  AppArmorArtifact artifact;
  artifact.set_name("varmor-demo-web");
  AddText(artifact, "profile varmor-demo-web {\n");
  AddHole(artifact, "  audit deny ", " rw,");
  AddText(artifact, "  profile child_0 {\n");
  AddHole(artifact, "    deny mount ", ",");
  AddText(artifact, "  }\n}\n");
  return artifact;
}

NodeFacts Disks(const std::vector<std::string>& names) {
  NodeFacts facts;
  for (const std::string& name : names) facts.add_disk_devices()->set_name(name);
  return facts;
}

TEST(BindAppArmorTest, OneLinePerDiskSortedAndOnceAlsoInChildren) {
  const auto text = BindAppArmor(Example(), Disks({"sdb", "sda1", "sda", "sdb", "dm-0"}));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text,
            "profile varmor-demo-web {\n"
            "  audit deny /dev/dm-0 rw,\n"
            "  audit deny /dev/sda rw,\n"
            "  audit deny /dev/sda1 rw,\n"
            "  audit deny /dev/sdb rw,\n"
            "  profile child_0 {\n"
            "    deny mount /dev/dm-0,\n"
            "    deny mount /dev/sda,\n"
            "    deny mount /dev/sda1,\n"
            "    deny mount /dev/sdb,\n"
            "  }\n"
            "}\n");
  EXPECT_EQ(AppArmorParserRefuses({*text}), "");
}

TEST(BindAppArmorTest, QuotesNamesThatTheParserWouldNotTakeBare) {
  const auto text = BindAppArmor(Example(), Disks({"cciss!c0d0", "cciss/c0d1", "nvme0n1p1"}));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_NE(text->find("  audit deny \"/dev/cciss!c0d0\" rw,\n"), std::string::npos) << *text;
  EXPECT_NE(text->find("    deny mount \"/dev/cciss!c0d0\",\n"), std::string::npos) << *text;
  EXPECT_EQ(AppArmorParserRefuses({*text}), "");
}

TEST(BindAppArmorTest, ANodeWithoutDisksHasNoLines) {
  const auto text = BindAppArmor(Example(), NodeFacts());
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "profile varmor-demo-web {\n  profile child_0 {\n  }\n}\n");
}

TEST(BindAppArmorTest, W12_NamesThatAreNoDeviceNamesAreRefused) {
  const std::string bad[] = {"",        "sda rw, /** w", "sda\n}", "a,b", "{a,b}",
                             "*",       "../etc/shadow", "sda/..", ".",   "/sda",
                             "@{PROC}", "sd\"a",         "sd\\a",  "sda/"};
  for (const std::string& name : bad) {
    const auto text = BindAppArmor(Example(), Disks({"sda", name}));
    EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(BindAppArmor(Example(), Disks({"a b"})).status().message(),
            "node facts: \"a b\" is no name of a disk device");
}

TEST(BindAppArmorTest, RefusesHolesItDoesNotKnow) {
  AppArmorArtifact artifact = Example();
  AddHole(artifact, "  ", ",", CLUSTER_ADDRESSES);
  EXPECT_EQ(BindAppArmor(artifact, NodeFacts()).status().message(),
            "AppArmor artifact \"varmor-demo-web\": hole of unknown kind 3");
}

TEST(BindAppArmorTest, W12_TextIsNoTemplate) {
  AppArmorArtifact artifact;
  AddText(artifact, "profile p {\n  /foo/{{a,b},c}{{.DiskDevices}} r,\n}\n");
  const auto text = BindAppArmor(artifact, Disks({"sda"}));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, artifact.pieces(0).text());
}

TEST(UnboundTextTest, SaysWhatIsMissing) {
  const std::string text = UnboundText(Example());
  EXPECT_EQ(text,
            "profile varmor-demo-web {\n"
            "  # Not bound to a node; one line per disk is missing here: audit deny /dev/DISK rw,\n"
            "  profile child_0 {\n"
            "    # Not bound to a node; one line per disk is missing here: deny mount /dev/DISK,\n"
            "  }\n"
            "}\n");
  EXPECT_EQ(AppArmorParserRefuses({text}), "");
}

TEST(HasHolesTest, TellsWhetherANodeIsNeeded) {
  EXPECT_TRUE(HasHoles(Example()));
  AppArmorArtifact artifact;
  AddText(artifact, "profile p {\n}\n");
  EXPECT_FALSE(HasHoles(artifact));
}

}  // namespace
}  // namespace varmor
