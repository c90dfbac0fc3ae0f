#include "lib/compiler/apparmor/check_statements.h"

#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/parse_statements.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<AppArmorPlacedStatement> Place(const std::string& rules, const std::string& field) {
  Diagnostics diagnostics;
  std::vector<AppArmorPlacedStatement> placed;
  for (AppArmorStatement& s : ParseAppArmorStatements(rules, field, {}, diagnostics)) {
    placed.push_back({std::move(s), field});
  }
  EXPECT_EQ(diagnostics.size(), 0) << FormatDiagnostic(diagnostics.list()[0]);
  return placed;
}

std::vector<std::string> Findings(const std::vector<AppArmorPlacedStatement>& statements) {
  Diagnostics diagnostics;
  CheckAppArmorStatements(statements, diagnostics);
  std::vector<std::string> out;
  for (const Diagnostic& d : diagnostics.list()) {
    out.push_back(absl::StrCat(SeverityName(d.severity), " ", d.field, ":", d.inside.line, " ",
                               d.problem, " [", d.code, "]"));
  }
  return out;
}

std::vector<std::string> Findings(const std::string& rules) { return Findings(Place(rules, "f")); }

bool Conflicts(const std::string& rules) {
  for (const std::string& finding : Findings(rules)) {
    if (absl::StrContains(finding, "apparmor-exec-conflict")) return true;
  }
  return false;
}

struct ConflictCase {
  const char* rules;
  bool conflict;
};

constexpr ConflictCase kConflictCases[] = {
    {"/a ix, /a ix,", false},
    {"/a ix, /a px,", true},
    {"/a px, /a Px,", true},
    {"/a px, /a px -> b,", true},
    {"/a px -> b, /a px -> c,", true},
    {"/a px -> b, /a px -> b,", false},
    {"/a cx -> b, /a px -> b,", true},
    {"/a ux, /a Ux,", true},
    {"/a pix, /a px,", true},
    {"/a pux, /a PUx,", true},
    {"/a ix, /b px,", false},
    {"/a ix, /* px,", false},
    {"/a ix, /** px,", false},
    {"/* ix, /a px,", false},
    {"/a* ix, /* px,", true},
    {"/a* ix, /b* px,", false},
    {"/a* ix, /*a px,", true},
    {"/a*b ix, /a*c px,", false},
    {"/a/* ix, /a/** px,", true},
    {"/a/*/b ix, /a/** px,", true},
    {"/a/* ix, /a/*/b px,", false},
    {"/a? ix, /?b px,", true},
    {"/a? ix, /b? px,", false},
    {"/[ab] ix, /[bc] px,", true},
    {"/[ab] ix, /[cd] px,", false},
    {"/[ab] ix, /a px,", false},
    {"/[a] ix, /a px,", false},
    {"/[a] ix, /[a] px,", true},
    {"/[^a] ix, /a px,", false},
    {"/[^a] ix, /b* px,", true},
    {"/{a,b} ix, /b px,", true},
    {"/{a,b} ix, /{b,c} px,", true},
    {"/{a,b} ix, /{c,d} px,", false},
    {"/{a,b} ix, /* px,", false},
    {"/{a,b*} ix, /b px,", false},
    {"/{a,b*} ix, /a px,", false},
    {"/{a,b*} ix, /bc* px,", true},
    {"/a{,b} ix, /a px,", true},
    {"/a{,/b} ix, /a/b px,", true},
    {"/a//b ix, /a/b px,", true},
    {"/\\x61 ix, /a px,", true},
    {"/\\* ix, /* px,", false},
    {"/\\* ix, /a px,", false},
    {"file, /a px,", false},
    {"file, /a* px,", true},
    {"file, /a* ix,", false},
    {"file, /{a,b} cx -> k,", false},
    {"file, /** px,", true},
    {"file, /a cx -> k, /b cx -> l,", false},
    {"owner /a* ix, /a* px,", true},
    {"owner /a* ix, owner /ab* px,", true},
    {"owner /a ix, /a px,", true},
    {"audit /a* ix, /a* px,", true},
    {"/a* r, /a* px,", false},
    {"/a* rix, /ab* rwix,", false},
    {"/a* rix, /ab* rpx,", true},
    {"deny /a* x, /a* px,", false},
    {"deny /a* x, /a* px, /ab* ix,", true},
    {"@{PROC}/x ix, /proc/x px,", true},
    {"@{PROC}/x ix, /proc/* px,", false},
    {"@{HOME}/x ix, /root/x px,", false},
    {"@{HOME}/x ix, /home/u/x px,", false},
    {"@{HOME}/x ix, /home/*/x px,", true},
    {"@{run}/x ix, /var/run/x px,", true},
    {"link /a -> /b, /a px,", false},
    {"/a ix, /* px, /** cx,", true},
    {"/a ix, /a/b px, /a/c cx,", false},
};

TEST(CheckStatementsTest, FindsTheExecConflictsThatTheAppArmorParserFinds) {
  std::vector<std::string> texts;
  for (const ConflictCase& c : kConflictCases) {
    EXPECT_EQ(Conflicts(c.rules), c.conflict) << c.rules;
    texts.push_back(ProfileAround(c.rules));
  }
  const std::vector<ParserVerdict> verdicts = RunAppArmorParserOnEach(texts);
  for (size_t i = 0; i < texts.size(); ++i) {
    ASSERT_FALSE(absl::StartsWith(verdicts[i].messages, "MISSING")) << verdicts[i].messages;
    EXPECT_EQ(!verdicts[i].ok, kConflictCases[i].conflict) << kConflictCases[i].rules << "\n"
                                                           << verdicts[i].messages;
  }
}

TEST(CheckStatementsTest, AgreesWithTheAppArmorParserOnRandomExecRules) {
  const std::vector<std::string> paths = {
      "/a",     "/b",       "/a/b",      "/a*",     "/*",       "/**",     "/a/**", "/a/*",
      "/{a,b}", "/{a,b*}",  "/[ab]",     "/?",      "/a?",      "/a/**/c", "/**/b", "/a{,/b}",
      "/b*",    "/a/b/c",   "@{HOME}/x", "/root/*", "@{run}/x", "/run/x",  "/[^a]", "/{*,a}",
      "/**x",   "/a/{b,c}", "/a/bd",     "/p{**,}", "/",        "/a/*/*",  "/a**b", "/ab"};
  const std::vector<std::string> modes = {"ix",  "px",      "Px",      "cx",      "ux", "pix",
                                          "rix", "cx -> k", "px -> k", "cx -> l", "Ux"};
  std::mt19937 random(3);
  std::vector<std::string> rules;
  std::vector<std::string> texts;
  for (int i = 0; i < 250; ++i) {
    std::string text = random() % 6 == 0 ? "file,\n" : "";
    for (int n = 2 + random() % 2; n > 0; --n) {
      absl::StrAppend(&text, random() % 5 == 0 ? "owner " : "", paths[random() % paths.size()], " ",
                      modes[random() % modes.size()], ",\n");
    }
    rules.push_back(text);
    texts.push_back(ProfileAround(text));
  }
  const std::vector<ParserVerdict> verdicts = RunAppArmorParserOnEach(texts);
  int conflicts = 0;
  for (size_t i = 0; i < rules.size(); ++i) {
    EXPECT_EQ(Conflicts(rules[i]), !verdicts[i].ok) << rules[i] << verdicts[i].messages;
    conflicts += !verdicts[i].ok;
  }
  EXPECT_GT(conflicts, 40);
  EXPECT_LT(conflicts, 210);
}

TEST(CheckStatementsTest, ReportsAConflictAtTheUsersRule) {
  std::vector<AppArmorPlacedStatement> statements = Place("/a r,\n/bin/* px,", "spec.raw");
  statements.insert(statements.begin(), Place("file,", "")[0]);
  EXPECT_THAT(Findings(statements),
              ElementsAre("error spec.raw:2 exec rules \"/bin/* px,\" and \"file,\" overlap and "
                          "differ; the AppArmor parser refuses the profile "
                          "[apparmor-exec-conflict]"));
}

TEST(CheckStatementsTest, WarnsOfRulesThatDenialsSwallow) {
  EXPECT_THAT(Findings("/etc/x rw,\ndeny /etc/** wl,\ndeny /etc/* r,"),
              ElementsAre("warning f:1 rule \"/etc/x rw,\" has no effect: deny rules take all of "
                          "it away [apparmor-deny-swallows-allow]"));
  EXPECT_THAT(Findings("capability chown kill,\ndeny capability kill,\ndeny capability chown,"),
              ElementsAre("warning f:1 rule \"capability chown kill,\" has no effect: deny rules "
                          "take all of it away [apparmor-deny-swallows-allow]"));
  EXPECT_THAT(Findings("network inet6 dgram,\ndeny network udp,"),
              ElementsAre("warning f:1 rule \"network inet6 dgram,\" has no effect: deny rules "
                          "take all of it away [apparmor-deny-swallows-allow]"));
}

struct SwallowCase {
  const char* rules;
  bool swallowed;
};

constexpr SwallowCase kSwallowCases[] = {
    {"/a r, deny /a r,", true},
    {"/a r, deny /a w,", false},
    {"/a rw, deny /a w,", false},
    {"/a a, deny /a w,", true},
    {"/a w, deny /a a,", false},
    {"/a* r, deny /a r,", false},
    {"/a/* r, deny /a/** r,", true},
    {"/a/** r, deny /a/* r,", false},
    {"/a/** r, deny /a/* r, deny /a/*/** r,", false},  // not /a/b/
    {"/a/** r, deny /a/* r, deny /a/*/{,**} r,", true},
    {"/{a,b} r, deny /a r, deny /b r,", true},
    {"/{a,b} r, deny /a r,", false},
    {"/a ix, deny /a x,", true},
    {"/a rix, deny /a x,", false},
    {"/a r, deny owner /a r,", false},
    {"owner /a r, deny owner /a r,", true},
    {"owner /a r, deny /a r,", true},
    {"@{PROC}/mem r, deny /proc/** r,", true},
    {"/proc/mem r, deny @{PROC}/mem r,", true},
    {"@{HOME}/x r, deny /root/** r,", false},
    {"capability, deny capability kill,", false},
    {"capability kill, deny capability,", true},
    {"network, deny network tcp,", false},
    {"network tcp, deny network inet, deny network inet6,", true},
    {"network inet, deny network,", true},
    {"network unix, deny network inet,", false},
};

TEST(CheckStatementsTest, ReasonsAboutWhatDenialsCover) {
  for (const SwallowCase& c : kSwallowCases) {
    EXPECT_EQ(!Findings(c.rules).empty(), c.swallowed) << c.rules;
  }
}

// A rule that is swallowed can be left out: the parser makes the same profile of the rest. (But for
// owner rules and denials of exec, which leave traces.)
TEST(CheckStatementsTest, SwallowedRulesMakeNoDifferenceToTheAppArmorParser) {
  for (const SwallowCase& c : kSwallowCases) {
    const std::string rules = c.rules;
    if (absl::StrContains(rules, "owner") || absl::StrContains(rules, "x,")) continue;
    const std::string rest = rules.substr(rules.find("deny"));
    const ParserVerdict with = CompileWithAppArmorParser(ProfileAround(rules));
    const ParserVerdict without = CompileWithAppArmorParser(ProfileAround(rest));
    ASSERT_TRUE(with.ok && without.ok) << with.messages << without.messages;
    EXPECT_EQ(with.binary == without.binary, c.swallowed) << rules;
  }
}

TEST(CheckStatementsTest, NotesDuplicates) {
  std::vector<AppArmorPlacedStatement> statements = Place("/a r,", "one");
  statements.push_back(Place("r /a,", "two")[0]);
  EXPECT_THAT(Findings(statements), ElementsAre("note two:1 rule \"/a r,\" stands there twice, "
                                                "first in one [apparmor-duplicate]"));
  EXPECT_THAT(Findings("/a r, /a w, owner /a r,"), IsEmpty());
}

}  // namespace
}  // namespace varmor
