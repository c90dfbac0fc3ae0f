// The AppArmor bodies of the records, tried on the real apparmor_parser: under both bases and with
// all four qualifiers a policy can give them.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"

namespace varmor {
namespace {

constexpr char kParser[] = "/usr/sbin/apparmor_parser";
// The features of the kernel to compile for. Without them, and without AppArmor in the running
// kernel, the parser leaves out mount and network rules and so would accept nonsense.
constexpr char kFeatures[] = "/etc/apparmor.d/abi/3.0";

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

// What the parser says; "" when it accepts.
std::string ParserError(const std::string& profile) {
  const std::string path = ::testing::TempDir() + "/profile";
  std::ofstream(path) << profile;
  const std::string command =
      absl::StrCat(kParser, " -Q -K -q -M ", kFeatures, " '", path, "' 2>&1");
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "cannot be run";
  std::string output;
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, n);
  const int status = pclose(pipe);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return output.empty() ? "failed without a message" : output;
}

class AppArmorParserTest : public ::testing::TestWithParam<absl::string_view> {
 protected:
  void SetUp() override {
    if (access(kParser, X_OK) != 0) GTEST_SKIP() << kParser << " is not installed (apparmor)";
    ASSERT_EQ(access(kFeatures, R_OK), 0) << kFeatures << " belongs to the same package";
  }
};

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
