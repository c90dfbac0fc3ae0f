#include "lib/compiler/apparmor/parse_statements.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/testing/rule_table.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = AppArmorStatement::Kind;

std::string Print(const std::vector<AppArmorStatement>& statements) {
  std::string out;
  for (const AppArmorStatement& statement : statements) {
    absl::StrAppend(&out, out.empty() ? "" : "\n", ToString(statement));
  }
  return out;
}

std::vector<AppArmorStatement> ParseValid(const std::string& text) {
  Diagnostics diagnostics;
  AppArmorParseOptions options;
  options.allow_include = true;
  auto statements = ParseAppArmorStatements(text, "f", options, diagnostics);
  for (const Diagnostic& d : diagnostics.list()) ADD_FAILURE() << FormatDiagnostic(d);
  return statements;
}

// "LINE:COLUMN PROBLEM [CODE] FIX"
std::vector<std::string> Mistakes(const std::string& text, AppArmorParseOptions options = {},
                                  bool lenient = false) {
  Diagnostics diagnostics(lenient);
  ParseAppArmorStatements(text, "spec.rules", options, diagnostics);
  std::vector<std::string> out;
  for (const Diagnostic& d : diagnostics.list()) {
    EXPECT_EQ(d.field, "spec.rules");
    out.push_back(absl::StrCat(d.inside.line, ":", d.inside.column, " ", d.problem, " [", d.code,
                               "] ", d.fix));
  }
  return out;
}

bool SameStatement(const AppArmorStatement& a, const AppArmorStatement& b) {
  return a.kind == b.kind && a.audit == b.audit && a.deny == b.deny &&
         a.explicit_allow == b.explicit_allow && a.owner == b.owner && a.body == b.body &&
         a.path == b.path && a.permissions == b.permissions && a.exec == b.exec &&
         a.target == b.target;
}

TEST(ParseAppArmorStatementsTest, PrintsEveryAcceptedRuleInCanonicalForm) {
  const std::vector<RuleRow> rows = ReadRuleTable("accepted.table");
  ASSERT_GT(rows.size(), 250);
  for (const RuleRow& row : rows) {
    SCOPED_TRACE(row.rule);
    EXPECT_EQ(Print(ParseValid(row.rule)), row.expected);
  }
}

TEST(ParseAppArmorStatementsTest, ReadsWhatItPrintsAsTheSameStatements) {
  for (const RuleRow& row : ReadRuleTable("accepted.table")) {
    SCOPED_TRACE(row.rule);
    const auto first = ParseValid(row.rule);
    const auto second = ParseValid(Print(first));
    ASSERT_EQ(first.size(), second.size());
    for (size_t i = 0; i < first.size(); ++i) {
      EXPECT_TRUE(SameStatement(first[i], second[i])) << ToString(second[i]);
    }
  }
}

TEST(ParseAppArmorStatementsTest, RefusesWithTheCodeOfTheTable) {
  for (const char* table : {"refused.table", "stricter.table"}) {
    const std::vector<RuleRow> rows = ReadRuleTable(table);
    ASSERT_FALSE(rows.empty());
    for (const RuleRow& row : rows) {
      SCOPED_TRACE(row.rule);
      Diagnostics diagnostics;
      AppArmorParseOptions options;
      options.allow_include = true;
      ParseAppArmorStatements(row.rule, "f", options, diagnostics);
      ASSERT_TRUE(diagnostics.HasErrors());
      EXPECT_EQ(diagnostics.list()[0].code, row.expected);
      EXPECT_NE(diagnostics.list()[0].fix, "");
    }
  }
}

TEST(ParseAppArmorStatementsTest, TakesAFileRuleApart) {
  const auto statements = ParseValid("  audit deny owner \"/a b/**\" lwr,\n/bin/sh rPIX -> x//y,");
  ASSERT_EQ(statements.size(), 2);
  EXPECT_TRUE(statements[0].audit);
  EXPECT_TRUE(statements[0].deny);
  EXPECT_TRUE(statements[0].owner);
  EXPECT_FALSE(statements[0].explicit_allow);
  EXPECT_EQ(statements[0].kind, Kind::kFile);
  EXPECT_EQ(statements[0].path, "/a b/**");
  EXPECT_EQ(statements[0].permissions, "rwl");
  EXPECT_EQ(statements[0].body, "\"/a b/**\" rwl");
  EXPECT_EQ(statements[0].place.line, 1);
  EXPECT_EQ(statements[0].place.column, 3);
  EXPECT_EQ(statements[1].path, "/bin/sh");
  EXPECT_EQ(statements[1].permissions, "r");
  EXPECT_EQ(statements[1].exec, "Pix");
  EXPECT_EQ(statements[1].target, "x//y");
  EXPECT_EQ(statements[1].body, "/bin/sh rPix -> x//y");
  EXPECT_EQ(statements[1].place.line, 2);
}

TEST(ParseAppArmorStatementsTest, KeepsBracesThatOthersTakeForTemplates) {
  EXPECT_EQ(Print(ParseValid("/foo/{{a,b},c} r,")), "/foo/{{a,b},c} r,");
}

TEST(ParseAppArmorStatementsTest, DoesNotLetACommentSwallowTheNextRule) {
  EXPECT_EQ(Print(ParseValid("/a r, # /b r,\n# /c r,\n/d r,# and the end")), "/a r,\n/d r,");
}

TEST(ParseAppArmorStatementsTest, ReadsSeveralRulesOnALineAndRulesOverSeveralLines) {
  EXPECT_EQ(Print(ParseValid("/a r,/b w,\r\nmount\n  options=(ro,\n  nodev)\n -> /c/,\r\n")),
            "/a r,\n/b w,\nmount options=(ro, nodev) -> /c/,");
}

TEST(ParseAppArmorStatementsTest, ReportsEveryMistakeAtItsPlace) {
  EXPECT_THAT(
      Mistakes("/etc/passwd rwz,\n"
               "capability net_rav,\n"
               "/ok r\n"
               "  network inet,\n"
               "nettwork inet,\n"
               "etc/shadow r,\n"
               "/x ix,\n"
               "/y rx, /z wa,\n"),
      ElementsAre(
          "1:15 unknown permission \"z\" in \"rwz\" [apparmor-unknown-permission] permissions are "
          "r, w, a, l, k, m and, for exec, ix, px, cx, ux and their variants; x in deny rules",
          "2:12 unknown capability \"net_rav\" [apparmor-unknown-capability] did you mean "
          "\"net_raw\"?",
          "3:6 a rule does not end with a comma [apparmor-missing-comma] end it with \",\"",
          "5:1 unknown rule \"nettwork\" [apparmor-unknown-rule] did you mean \"network\"?",
          "6:1 path \"etc/shadow\" is not absolute [apparmor-relative-path] start it with \"/\"",
          "8:5 \"x\" does not say how to execute [apparmor-permission-conflict] write ix, px, cx "
          "or ux, or deny the rule",
          "8:11 permissions \"wa\" hold both w and a [apparmor-permission-conflict] drop \"a\": "
          "writing includes appending"));
}

TEST(ParseAppArmorStatementsTest, RefusesToLeaveTheProfile) {
  EXPECT_THAT(
      Mistakes("/a r,\n}\nprofile evil {\n  /** rwx,\n}\n"),
      ElementsAre(
          "2:1 \"}\" would close the profile [apparmor-structure] drop it: rules cannot open or "
          "close blocks",
          "3:1 \"profile\" would begin another profile or block [apparmor-structure] list the "
          "rules themselves: rules cannot open or close blocks",
          "4:9 \"x\" does not say how to execute [apparmor-permission-conflict] write ix, px, cx "
          "or ux, or deny the rule"));
  EXPECT_THAT(Mistakes("#include <abstractions/base>"),
              ElementsAre("1:1 include of \"abstractions/base\" [apparmor-structure] copy the "
                          "rules you need: rules cannot include files"));
  EXPECT_THAT(Mistakes("@{X} = /a"),
              ElementsAre("1:1 definition of \"@{X}\" [apparmor-structure] write the value where "
                          "it is used: rules cannot define variables"));
}

TEST(ParseAppArmorStatementsTest, WordsOfMountRulesEndWhereTheParserEndsThem) {
  for (const char* rule : {"mount foo) -> /,", "mount -> *),", "mount {a,b)} -> /,", "umount *=,",
                           "mount fstype)=(ext4),", "umount @{HOME}=,"}) {
    EXPECT_THAT(Mistakes(rule), ElementsAre(testing::HasSubstr("quote the word"))) << rule;
  }
  for (const char* rule : {"mount foo(x -> /,", "mount /a)b -> /a=b,", "mount \"foo)\" -> /,",
                           "mount @{HOME}a)b=c -> /,", "umount @{HOME}),"}) {
    EXPECT_THAT(Mistakes(rule), IsEmpty()) << rule;
  }
}

TEST(ParseAppArmorStatementsTest, KeepsRulesThatOnlyLackTheirComma) {
  Diagnostics diagnostics;
  const auto statements = ParseAppArmorStatements("/a r\n/b w\n", "f", {}, diagnostics);
  EXPECT_EQ(Print(statements), "/a r,\n/b w,");
  EXPECT_EQ(diagnostics.size(), 2);
}

TEST(ParseAppArmorStatementsTest, SuggestsTheVariable) {
  EXPECT_THAT(Mistakes("@{PROCS}/x r,"),
              ElementsAre("1:1 unknown variable \"@{PROCS}\" [apparmor-unknown-variable] did you "
                          "mean \"@{PROC}\"?"));
  AppArmorParseOptions options;
  options.variables = {"PROCS"};
  EXPECT_THAT(Mistakes("@{PROCS}/x r,", options), IsEmpty());
}

TEST(ParseAppArmorStatementsTest, SaysWhatStandsForSafeAndUnsafe) {
  EXPECT_THAT(Mistakes("safe /a px,\nunsafe /b cx -> c,"),
              ElementsAre("1:1 \"safe\" in front of an exec rule is not read "
                          "[apparmor-unknown-rule] drop it and write the exec mode with a capital: "
                          "Px, Cx, Ux",
                          "2:1 \"unsafe\" in front of an exec rule is not read "
                          "[apparmor-unknown-rule] drop it: px, cx and ux say the same"));
}

TEST(ParseAppArmorStatementsTest, LenientKeepsWhatTheParserTakes) {
  EXPECT_THAT(Mistakes("/p r -> foo,"),
              ElementsAre("1:6 \"-> foo\" behind permissions that change no profile "
                          "[apparmor-useless-target] drop it, or use px or cx"));
  Diagnostics diagnostics(true);
  EXPECT_EQ(Print(ParseAppArmorStatements("/p r -> foo,", "f", {}, diagnostics)), "/p r -> foo,");
  EXPECT_FALSE(diagnostics.HasErrors());
  EXPECT_EQ(diagnostics.size(), 1);
}

TEST(ParseAppArmorStatementsTest, KnowsTheRulesOfAppArmor40) {
  const std::string rules =
      "userns create,\nio_uring (sqpoll, override_creds),\nio_uring sqpoll label=foo,\n"
      "mqueue (read, write) type=posix /queue,\nuserns,\nall,";
  EXPECT_EQ(Mistakes(rules).size(), 6);
  EXPECT_THAT(Mistakes("userns,"),
              ElementsAre("1:1 \"userns\" rules need AppArmor 4.0 [apparmor-needs-4.0] drop the "
                          "rule; the profile would not load on older nodes"));
  AppArmorParseOptions options;
  options.allow_40 = true;
  Diagnostics diagnostics;
  EXPECT_EQ(Print(ParseAppArmorStatements(rules, "f", options, diagnostics)), rules);
  EXPECT_EQ(diagnostics.size(), 0);
}

TEST(ParseAppArmorStatementsTest, AcceptsIncludesOfTheListOnly) {
  AppArmorParseOptions options;
  options.allow_include = true;
  EXPECT_THAT(Mistakes("include if exists <abstractions/base>", options), IsEmpty());
  EXPECT_THAT(Mistakes("include <local/x>\n/a r,", options),
              ElementsAre("1:1 include of \"local/x\" is not one of the files allowed here "
                          "[apparmor-include] include a file of <abstractions/>, or copy its "
                          "rules"));
  EXPECT_THAT(Mistakes("include <abstractions/../../shadow>", options),
              ElementsAre("1:1 include of \"abstractions/../../shadow\" leaves the include "
                          "directory [apparmor-include] include a file of <abstractions/>, or "
                          "copy its rules"));
  options.allowed_includes = {"local/x"};
  EXPECT_EQ(Print(ParseValid("#include <abstractions/base>\n/a r,")),
            "include <abstractions/base>\n/a r,");
  EXPECT_THAT(Mistakes("include <local/x>", options), IsEmpty());
}

TEST(ParseAppArmorStatementsTest, EndsOnAnyBytes) {
  const std::string pieces[] = {"\"",
                                "\\",
                                "{",
                                "}",
                                "(",
                                ",",
                                "->",
                                "\0x",
                                "#",
                                "\n",
                                "/a ",
                                "mount ",
                                "peer=(",
                                "options in (",
                                "set rlimit cpu <= ",
                                "\r"};
  for (const std::string& a : pieces) {
    for (const std::string& b : pieces) {
      for (const std::string& c : pieces) Mistakes(absl::StrCat(a, b, c, a));
    }
  }
  EXPECT_FALSE(Mistakes(std::string(100000, '{')).empty());
  EXPECT_FALSE(Mistakes(absl::StrCat("/", std::string(100000, '{'), " r,")).empty());
}

}  // namespace
}  // namespace varmor
