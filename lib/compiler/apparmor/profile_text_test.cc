#include "lib/compiler/apparmor/profile_text.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;

constexpr char kProfile[] = R"(# } not yet
abi <abi/3.0>,
#include <tunables/global>
@{APP} = /opt/app /srv/app
profile "my app" flags=(attach_disconnected, mediate_deleted) {
  include <abstractions/base>
  @{APP}/** r,     # }
  "/srv/a \} b" w,
  /data/{{a,b},c} r,
  profile helper /usr/bin/helper {
    /x r,
  }
  ^hat flags=(complain) {
    capability kill,
  }
  signal peer=x,
} # the end }
# really }
)";

std::optional<AppArmorProfileText> ParseValid(const std::string& text) {
  Diagnostics diagnostics;
  auto profile = ParseAppArmorProfileText(text, "f", {}, diagnostics);
  for (const Diagnostic& d : diagnostics.list()) ADD_FAILURE() << FormatDiagnostic(d);
  return profile;
}

std::vector<std::string> Mistakes(const std::string& text) {
  Diagnostics diagnostics;
  EXPECT_FALSE(ParseAppArmorProfileText(text, "f", {}, diagnostics).has_value());
  std::vector<std::string> out;
  for (const Diagnostic& d : diagnostics.list()) {
    out.push_back(absl::StrCat(d.inside.line, ":", d.inside.column, " ", d.problem, " [", d.code,
                               "] ", d.fix));
  }
  return out;
}

TEST(ProfileTextTest, TakesAProfileApart) {
  const auto profile = ParseValid(absl::StrCat(kProfile, "\n"));
  ASSERT_TRUE(profile.has_value());
  const AppArmorBlock& block = profile->profile();
  EXPECT_EQ(block.name, "my app");
  EXPECT_EQ(block.attachment, "");
  EXPECT_THAT(block.flags, ElementsAre("attach_disconnected", "mediate_deleted"));
  EXPECT_THAT(profile->variables(), ElementsAre("APP"));
  ASSERT_EQ(block.statements.size(), 5);
  EXPECT_EQ(ToString(block.statements[0]), "include <abstractions/base>");
  EXPECT_EQ(ToString(block.statements[1]), "@{APP}/** r,");
  EXPECT_EQ(ToString(block.statements[2]), "\"/srv/a \\} b\" w,");
  EXPECT_EQ(block.statements[3].place.line, 9);
  ASSERT_EQ(block.children.size(), 2);
  EXPECT_EQ(block.children[0].name, "helper");
  EXPECT_EQ(block.children[0].attachment, "/usr/bin/helper");
  EXPECT_FALSE(block.children[0].is_hat);
  EXPECT_EQ(block.children[1].name, "hat");
  EXPECT_TRUE(block.children[1].is_hat);
  EXPECT_EQ(ToString(block.children[1].statements[0]), "capability kill,");
}

TEST(ProfileTextTest, AppendsInFrontOfTheBraceThatClosesTheProfile) {
  const auto profile = ParseValid("profile p {\n  /a r, # }\n  profile c { /b r, }\n} # }\n");
  ASSERT_TRUE(profile.has_value());
  EXPECT_EQ(profile->WithBodyAppendix("  /new r,"),
            "profile p {\n  /a r, # }\n  profile c { /b r, }\n  /new r,\n} # }\n");
  EXPECT_EQ(profile->WithNameAndAppendix("other name", "  /new r,\n  /x w,\n"),
            "profile \"other name\" {\n  /a r, # }\n  profile c { /b r, }\n  /new r,\n  /x w,\n} # "
            "}\n");
}

TEST(ProfileTextTest, AppendsToAProfileOnOneLine) {
  EXPECT_EQ(ParseValid("profile p { /a r, }")->WithBodyAppendix("/b r,"),
            "profile p { /a r, \n/b r,\n}\n");
  EXPECT_EQ(ParseValid("profile p {}")->WithBodyAppendix("/b r,"), "profile p {\n/b r,\n}\n");
  EXPECT_EQ(ParseValid("profile p {}")->WithBodyAppendix(""), "profile p {}\n");
}

TEST(ProfileTextTest, RenamesProfilesWithoutAKeyword) {
  Diagnostics diagnostics;
  const auto profile = ParseAppArmorProfileText("# profile\n/usr/bin/foo (complain) { /a r, }\n",
                                                "f", {}, diagnostics);
  ASSERT_TRUE(profile.has_value());
  EXPECT_EQ(profile->WithName("varmor-x"), "# profile\nprofile varmor-x (complain) { /a r, }\n");
  EXPECT_EQ(profile->profile().attachment, "/usr/bin/foo");
  ASSERT_EQ(diagnostics.size(), 1);
  EXPECT_EQ(FormatDiagnostic(diagnostics.list()[0]),
            "warning: f: profile \"/usr/bin/foo\" attaches to every process on the node that "
            "executes \"/usr/bin/foo\" [apparmor-attachment]\n"
            "  fix: name the profile without a path\n");
}

TEST(ProfileTextTest, RefusesWhatIsNotOneProfile) {
  EXPECT_THAT(Mistakes(""), ElementsAre("2:1 the text holds no profile [apparmor-structure] write "
                                        "profile NAME { RULES }"));
  EXPECT_THAT(Mistakes("/a r,\n"),
              ElementsAre("1:4 unexpected \"r\" [apparmor-syntax] expected \"{\" behind the name "
                          "\"/a\""));
  EXPECT_THAT(Mistakes("profile p {\n  /a r,\n"),
              ElementsAre("1:1 profile \"p\" is not closed [apparmor-structure] end it with "
                          "\"}\""));
  EXPECT_THAT(Mistakes("profile p { }\nprofile evil { /** rwix, }\n"),
              ElementsAre("2:1 \"profile\" behind the end of the profile [apparmor-structure] keep "
                          "one profile; further profiles belong inside it or in policies of their "
                          "own"));
  EXPECT_THAT(Mistakes("profile p { }\n}\n"),
              ElementsAre("2:1 \"}\" behind the end of the profile [apparmor-structure] drop it: "
                          "the profile is closed already"));
  EXPECT_THAT(Mistakes("profile :ns:p { }"),
              ElementsAre("1:9 profile name \":ns:p\" names a namespace, a child or a variable "
                          "[apparmor-structure] write a plain name"));
  EXPECT_THAT(Mistakes("hat h { }"), ElementsAre("1:1 a hat outside of a profile "
                                                 "[apparmor-structure] write it inside the profile "
                                                 "it belongs to"));
}

TEST(ProfileTextTest, ReportsMistakesInTheHead) {
  EXPECT_THAT(Mistakes("profile p flags=(complian) { }"),
              ElementsAre("1:18 unknown profile flag \"complian\" [apparmor-unknown-flag] did you "
                          "mean \"complain\"?"));
  EXPECT_THAT(Mistakes("profile p flags=(kill,complain) { }"),
              ElementsAre("1:23 profile flags \"kill\" and \"complain\" exclude each other "
                          "[apparmor-flag-conflict] keep one"));
  EXPECT_THAT(Mistakes("profile p{ }"),
              ElementsAre("1:9 pattern \"p{\": \"{\" without \"}\" [apparmor-pattern] close it, or "
                          "write \\{"));
}

TEST(ProfileTextTest, ReportsMistakesInTheBodyAndInThePreamble) {
  EXPECT_THAT(Mistakes("@{A} = /a, /b\nabi <abi/3.0>\nprofile p {\n  foo }\n"),
              ElementsAre("1:10 unexpected \",\" [apparmor-syntax] expected a value",
                          "2:14 \"abi\" does not end with a comma [apparmor-missing-comma] end it "
                          "with \",\"",
                          "4:3 unknown rule \"foo\" [apparmor-unknown-rule] begin with a path, "
                          "with permissions or with the kind of a rule"));
  EXPECT_THAT(Mistakes("profile p {\n  @{PROC}/x r,\n}"),
              ElementsAre("2:3 unknown variable \"@{PROC}\" [apparmor-unknown-variable] include "
                          "<tunables/global> first"));
  EXPECT_THAT(Mistakes("include <tunables/global>\ninclude <tunables/mail>\n"
                       "profile p {\n  @{SPOOL}/** r,\n}"),
              ElementsAre("4:3 unknown variable \"@{SPOOL}\" [apparmor-unknown-variable] define it "
                          "in front of the profile, @{SPOOL} = VALUE"));
  EXPECT_THAT(Mistakes("include <tunables/global>\nprofile p {\n  include \"/etc/shadow\"\n}"),
              ElementsAre("3:3 include of \"/etc/shadow\" leaves the include directory "
                          "[apparmor-include] include a file of <abstractions/>, or copy its "
                          "rules"));
  EXPECT_THAT(Mistakes("profile p {\n  audit {\n    /a r,\n  }\n  /b rq,\n}\n"),
              ElementsAre("2:9 \"{\" would open a block [apparmor-structure] list the rules "
                          "themselves: rules cannot open or close blocks",
                          "5:7 unknown permission \"q\" in \"rq\" [apparmor-unknown-permission] "
                          "permissions are r, w, a, l, k, m and, for exec, ix, px, cx, ux and "
                          "their variants; x in deny rules"));
}

TEST(ProfileTextTest, TheAppArmorParserTakesTheChangedText) {
  for (const std::string& text :
       {std::string(kProfile), std::string("profile p { /a r, }"), std::string("profile p {}#c"),
        std::string("profile p { /a r, } # c"),
        std::string("# c\nprofile p # c\n  (audit)\n{ network, }")}) {
    SCOPED_TRACE(text);
    const auto profile = ParseValid(text);
    ASSERT_TRUE(profile.has_value());
    for (const std::string& changed :
         {profile->text(), profile->WithNameAndAppendix("a b", "deny /added w,")}) {
      const ParserVerdict verdict = RunAppArmorParser(changed);
      EXPECT_TRUE(verdict.ok) << changed << "\n" << verdict.messages;
    }
  }
}

}  // namespace
}  // namespace varmor
