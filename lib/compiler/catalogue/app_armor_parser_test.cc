// The AppArmor bodies of the records, tried on the real apparmor_parser: under both bases and with
// all four qualifiers a policy can give them.
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"
#include "lib/compiler/catalogue/catalogue.h"

namespace varmor {
namespace {

constexpr absl::string_view kQualifiers[] = {"deny ", "audit deny ", "audit ", ""};

constexpr absl::string_view kAllowAll = R"(
  file,
  capability,
  network,
  mount,
  remount,
  umount,
  pivot_root,
  ptrace,
  signal,
  dbus,
  unix,
)";
// With the base abstraction; once is enough, as it makes the automata several times larger.
constexpr absl::string_view kRuntimeDefault = R"(
  #include <abstractions/base>
  file,
  capability,
  network,
  umount,
  deny @{PROC}/sysrq-trigger rwklx,
  deny mount,
  ptrace (trace,read,tracedby,readby) peer=test,
)";

std::set<std::string> Bodies() {
  std::set<std::string> bodies;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    const AppArmorEffects& effects = rule.app_armor();
    bodies.insert(effects.rules().begin(), effects.rules().end());
    if (!effects.disk_device_permissions().empty()) {
      bodies.insert(absl::StrCat("/dev/sda ", effects.disk_device_permissions()));
    }
    if (effects.disk_device_mount()) bodies.insert("mount /dev/sda");
  }
  return bodies;
}

// "rx" is for denials; others say what becomes of the profile.
std::string Line(absl::string_view qualifier, std::string body) {
  if (!absl::StrContains(qualifier, "deny") && absl::EndsWith(body, " rx")) {
    body.replace(body.size() - 2, 2, "rix");
  }
  return absl::StrCat("  ", qualifier, body, ",\n");
}

std::string Profile(absl::string_view base, absl::string_view lines) {
  return absl::StrCat(
      "abi <abi/3.0>,\n#include <tunables/global>\n"
      "profile test flags=(attach_disconnected,mediate_deleted) {\n",
      base, lines, "}\n");
}

// What the parser says; "" when it accepts. A parser that is missing says so.
std::string ParserError(const std::string& profile) {
  const ParserVerdict verdict = RunAppArmorParser(profile);
  if (verdict.ok) return "";
  return verdict.messages.empty() ? "failed without a message" : verdict.messages;
}

class AppArmorParserTest : public ::testing::TestWithParam<absl::string_view> {};

// All bodies at once; one by one only to say which is to blame.
TEST_P(AppArmorParserTest, AcceptsEveryBodyWithEveryQualifier) {
  for (const absl::string_view qualifier : kQualifiers) {
    SCOPED_TRACE(absl::StrCat("qualifier \"", qualifier, "\""));
    std::string all;
    for (const std::string& body : Bodies()) all += Line(qualifier, body);
    const std::string error = ParserError(Profile(GetParam(), all));
    if (error.empty()) continue;
    ADD_FAILURE() << error;
    for (const std::string& body : Bodies()) {
      EXPECT_EQ(ParserError(Profile(GetParam(), Line(qualifier, body))), "") << body;
    }
  }
}

TEST_P(AppArmorParserTest, RefusesWhatIsNoRule) {
  for (const absl::string_view body : {"mount fstype=", "network nosuchfamily", "capability nosuch",
                                       "mount options in (nosuch) /proc", "/etc/** z"}) {
    EXPECT_NE(ParserError(Profile(GetParam(), Line("deny ", std::string(body)))), "") << body;
  }
}

INSTANTIATE_TEST_SUITE_P(OnBase, AppArmorParserTest, ::testing::Values(kAllowAll, kRuntimeDefault),
                         [](const auto& info) {
                           return std::string(info.param == kAllowAll ? "AllowAll"
                                                                      : "RuntimeDefault");
                         });

}  // namespace
}  // namespace varmor
