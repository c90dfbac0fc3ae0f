#include "lib/compiler/apparmor/check_target.h"

#include "gtest/gtest.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"

namespace varmor {
namespace {

struct TargetCase {
  const char* path;
  const char* problem;  // nullptr: accepted
  const char* fix;
};

constexpr TargetCase kTargetCases[] = {
    {"/bin/sh", nullptr, nullptr},
    {"/opt/my tool/run", nullptr, nullptr},
    {"/opt/a,b\"c", nullptr, nullptr},
    {"", "target \"\" is not absolute", "start it with \"/\""},
    {"bin/sh", "target \"bin/sh\" is not absolute", "start it with \"/\""},
    {"/bin/*", "target \"/bin/*\" holds glob characters; a target is one executable",
     "list each executable"},
    {"/bin/{a,b}", "target \"/bin/{a,b}\" holds glob characters; a target is one executable",
     "list each executable"},
    {"/bin/a\\b", "target \"/bin/a\\\\b\" holds glob characters; a target is one executable",
     "list each executable"},
    {"/bin//sh", "target \"/bin//sh\" is not how the kernel writes the path", "write \"/bin/sh\""},
    {"/bin/./sh", "target \"/bin/./sh\" is not how the kernel writes the path",
     "write \"/bin/sh\""},
    {"/usr/../bin/sh", "target \"/usr/../bin/sh\" is not how the kernel writes the path",
     "write \"/bin/sh\""},
    {"/bin/", "target \"/bin/\" is not how the kernel writes the path", "write \"/bin\""},
    {"/..", "target \"/..\" is not an executable", "write the path of an executable"},
    {"/", "target \"/\" is not an executable", "write the path of an executable"},
    {"/bin/a\nb", "target \"/bin/a\\nb\" holds a control character", "remove it"},
};

TEST(CheckTargetTest, AcceptsPathsOfExecutablesOnly) {
  for (const TargetCase& c : kTargetCases) {
    SCOPED_TRACE(c.path);
    Diagnostics diagnostics;
    EXPECT_EQ(CheckAppArmorTarget(c.path, "targets[0]", diagnostics), c.problem == nullptr);
    ASSERT_EQ(diagnostics.size(), c.problem == nullptr ? 0 : 1);
    if (c.problem == nullptr) continue;
    EXPECT_EQ(diagnostics.list()[0].field, "targets[0]");
    EXPECT_EQ(diagnostics.list()[0].code, "apparmor-target");
    EXPECT_EQ(diagnostics.list()[0].problem, c.problem);
    EXPECT_EQ(diagnostics.list()[0].fix, c.fix);
  }
}

TEST(CheckTargetTest, ReportsEveryReason) {
  Diagnostics diagnostics;
  EXPECT_FALSE(CheckAppArmorTarget("@{PROC}//*", "f", diagnostics));
  EXPECT_EQ(diagnostics.size(), 3);
  EXPECT_FALSE(CheckAppArmorTarget(std::string("/a\0b", 4), "f", diagnostics));
}

TEST(CheckTargetTest, QuotesPathsSoThatTheyMatchThemselvesOnly) {
  EXPECT_EQ(QuotePath("/bin/sh"), "/bin/sh");
  EXPECT_EQ(QuotePath("/tmp/a b"), "\"/tmp/a b\"");
  EXPECT_EQ(QuotePath("/tmp/[x]{y}*?"), "/tmp/\\[x\\]\\{y\\}\\*\\?");
  EXPECT_EQ(QuotePath("/tmp/a\\b\"c"), "\"/tmp/a\\134b\\\"c\"");
  EXPECT_EQ(QuotePath("/tmp/a\nb"), "/tmp/a\\012b");
  EXPECT_EQ(QuotePath("/tmp/@{PROC}"), "/tmp/@\\{PROC\\}");
}

// Every byte of a name: the printed rule means the same as the one with all bytes as octal numbers.
TEST(CheckTargetTest, TheAppArmorParserReadsQuotedPathsAsMeant) {
  std::string printed;
  std::string octal;
  for (int byte = 1; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    for (const std::string& path : {std::string("/p") + c + "q", std::string("/p") + c}) {
      if (c == '/') continue;
      printed += QuotePath(path) + " r,\n";
      octal +=
          "/p\\" +
          std::string{static_cast<char>('0' + byte / 64), static_cast<char>('0' + byte / 8 % 8),
                      static_cast<char>('0' + byte % 8)} +
          path.substr(3) + " r,\n";
    }
  }
  const ParserVerdict a = CompileWithAppArmorParser(ProfileAround(printed));
  const ParserVerdict b = CompileWithAppArmorParser(ProfileAround(octal));
  ASSERT_TRUE(a.ok) << a.messages;
  ASSERT_TRUE(b.ok) << b.messages;
  EXPECT_TRUE(a.binary == b.binary);
}

}  // namespace
}  // namespace varmor
