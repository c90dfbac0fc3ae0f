// Our parser against the real one: both take the same rules, and what we print means the same to
// it.
#include "lib/compiler/apparmor/testing/parser_oracle.h"

#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/parse_statements.h"
#include "lib/compiler/apparmor/testing/rule_table.h"

namespace varmor {
namespace {

constexpr size_t kBatch = 40;

struct Parsed {
  bool ok = false;
  std::string printed;
  std::string mistakes;
};

Parsed Parse(const std::string& text) {
  Diagnostics diagnostics;
  Parsed parsed;
  AppArmorParseOptions options;
  options.allow_include = true;
  for (const AppArmorStatement& s : ParseAppArmorStatements(text, "f", options, diagnostics)) {
    absl::StrAppend(&parsed.printed, ToString(s), "\n");
  }
  for (const Diagnostic& d : diagnostics.list()) parsed.mistakes += FormatDiagnostic(d);
  parsed.ok = !diagnostics.HasErrors();
  return parsed;
}

// One profile for each text, so that they cannot conflict.
std::string Profiles(const std::vector<std::string>& texts) {
  std::string out = "include <tunables/global>\n";
  for (size_t i = 0; i < texts.size(); ++i) {
    absl::StrAppend(&out, "profile p", i, " {\n", texts[i], "\n}\n");
  }
  return out;
}

// Expects that the real parser takes every rule, and compiles what we print of it to the same
// bytes.
void ExpectSameMeaning(const std::vector<std::string>& rules) {
  std::vector<std::string> texts;  // written, printed, written, printed, ...
  std::vector<size_t> firsts;
  for (size_t i = 0; i < rules.size(); i += kBatch) {
    const auto end = rules.begin() + std::min(i + kBatch, rules.size());
    const std::vector<std::string> written(rules.begin() + i, end);
    std::vector<std::string> printed;
    for (const std::string& rule : written) printed.push_back(Parse(rule).printed);
    texts.push_back(Profiles(written));
    texts.push_back(Profiles(printed));
    firsts.push_back(i);
  }
  const std::vector<ParserVerdict> verdicts = RunAppArmorParserOnEach(texts, /*compile=*/true);
  for (size_t batch = 0; batch < firsts.size(); ++batch) {
    const ParserVerdict& written = verdicts[2 * batch];
    const ParserVerdict& printed = verdicts[2 * batch + 1];
    ASSERT_FALSE(absl::StartsWith(written.messages, "MISSING")) << written.messages;
    if (written.ok && printed.ok && written.binary == printed.binary) continue;
    // Find the rules.
    for (size_t i = firsts[batch]; i < std::min(firsts[batch] + kBatch, rules.size()); ++i) {
      const std::string ours = Parse(rules[i]).printed;
      const ParserVerdict a = CompileWithAppArmorParser(ProfileAround(rules[i]));
      const ParserVerdict b = CompileWithAppArmorParser(ProfileAround(ours));
      EXPECT_TRUE(a.ok) << rules[i] << "\n" << a.messages;
      EXPECT_TRUE(b.ok) << ours << "\n" << b.messages;
      EXPECT_TRUE(a.binary == b.binary) << rules[i] << "\ndiffers from\n" << ours;
    }
  }
}

void ExpectRefused(const std::vector<std::string>& rules) {
  std::vector<std::string> texts;
  for (const std::string& rule : rules) texts.push_back(ProfileAround(rule));
  const std::vector<ParserVerdict> verdicts = RunAppArmorParserOnEach(texts);
  for (size_t i = 0; i < rules.size(); ++i) {
    ASSERT_FALSE(absl::StartsWith(verdicts[i].messages, "MISSING")) << verdicts[i].messages;
    EXPECT_FALSE(verdicts[i].ok) << "taken by the AppArmor parser: " << rules[i] << "\n"
                                 << Parse(rules[i]).mistakes;
  }
}

std::vector<std::string> Rules(const std::string& table) {
  std::vector<std::string> rules;
  for (const RuleRow& row : ReadRuleTable(table)) rules.push_back(row.rule);
  EXPECT_FALSE(rules.empty());
  return rules;
}

TEST(ParserOracleTest, TakesWhatWeTakeAndUnderstandsTheSame) {
  const std::vector<std::string> rules = Rules("accepted.table");
  EXPECT_GT(rules.size(), 250);
  ExpectSameMeaning(rules);
}

TEST(ParserOracleTest, RefusesWhatWeRefuse) { ExpectRefused(Rules("refused.table")); }

// A row that the parser refuses as well belongs into the other table.
TEST(ParserOracleTest, TakesWhatWeRefuseOnPurpose) {
  for (const std::string& rule : Rules("stricter.table")) {
    const ParserVerdict verdict = RunAppArmorParser(ProfileAround(rule));
    EXPECT_TRUE(verdict.ok) << rule << "\n" << verdict.messages;
  }
}

// Writes rules that are right most of the time.
class RuleWriter {
 public:
  explicit RuleWriter(unsigned seed) : random_(seed) {}

  std::string Write() {
    std::string rule = absl::StrCat(Qualifiers(), Body(), ",");
    if (Chance(12)) Damage(rule);
    return rule;
  }

 private:
  bool Chance(int one_in) { return random_() % one_in == 0; }

  std::string Pick(std::initializer_list<const char*> words) {
    return *(words.begin() + random_() % words.size());
  }

  std::string Qualifiers() {
    std::string out;
    if (Chance(4)) out += "audit ";
    if (Chance(5)) out += Pick({"deny ", "allow "});
    if (Chance(6)) out += "owner ";
    return out;
  }

  std::string Path() {
    std::string path = Pick({"/", "/", "/etc/", "@{PROC}/", "@{HOME}", "/x,y"});
    for (int n = random_() % 4; n > 0; --n) {
      path += Pick({"a",    "b/",    "*",     "**", "?",         "[a-c]", "[^/]", "{a,b}",
                    "{,x}", "\\*",   "\\ ",   "'",  "{{a,b},c}", "/",     ".",    "#",
                    "@",    "\\x41", "\\101", "=",  "->",        "]",     "}",    "+"});
    }
    return Chance(5) ? absl::StrCat("\"", path, "\"") : path;
  }

  std::string Permissions() {
    std::string out;
    for (int n = 1 + random_() % 3; n > 0; --n) out += Pick({"r", "w", "k", "l", "m", "a", "r"});
    if (Chance(3)) {
      out += Pick({"ix", "px", "Px", "cx", "ux", "Ux", "pix", "PUx", "cux", "x", "Cix", "PX"});
    }
    return out;
  }

  std::string File() {
    if (Chance(15)) return "file";
    if (Chance(10))
      return absl::StrCat("link ", Chance(2) ? "subset " : "", Path(), " -> ", Path());
    const std::string file = Chance(8) ? "file " : "";
    if (Chance(4)) return absl::StrCat(file, Permissions(), " ", Path());
    return absl::StrCat(
        file, Path(), " ", Permissions(),
        Chance(8) ? absl::StrCat(" -> ", Pick({"foo", "&foo", "a//b", "\"a b\""})) : "");
  }

  std::string List(std::initializer_list<const char*> words, const char* open, const char* close) {
    std::string out = open;
    for (int n = 1 + random_() % 3; n > 0; --n) {
      out += absl::StrCat(Pick(words), n > 1 ? Pick({",", ", ", " ", "\n"}) : "");
    }
    return out + close;
  }

  std::string Mount() {
    std::string out = Pick({"mount", "mount", "mount", "remount", "umount"});
    if (Chance(3)) out += absl::StrCat(" fstype", List({"ext4", "proc", "tmp*", "nfs"}, "=(", ")"));
    if (Chance(2)) {
      out += absl::StrCat(" options", Pick({"=", " in ", " = "}),
                          List({"ro", "rw", "bind", "rbind", "move", "remount", "nosuid", "private",
                                "make-rslave", "shared", "noexec", "foo", "B"},
                               "(", ")"));
    }
    if (Chance(2)) out += absl::StrCat(" ", Path());
    if (Chance(3)) out += absl::StrCat(" -> ", Path());
    return out;
  }

  std::string Label() {
    return Pick({"foo", "unconfined", "/usr/bin/*", "@{profile_name}", "\"a b\"", "a//b", "{a,b}"});
  }

  std::string Ipc() {
    switch (random_() % 4) {
      case 0:
        return absl::StrCat(
            "ptrace",
            Chance(2) ? List({"read", "trace", "tracedby", "readby", "rw"}, " (", ")") : "",
            Chance(2) ? absl::StrCat(" peer=", Label()) : "");
      case 1:
        return absl::StrCat(
            "signal", Chance(2) ? List({"send", "receive", "r", "w"}, " (", ")") : "",
            Chance(2) ? List({"kill", "hup", "rtmin+3", "exists", "foo"}, " set=(", ")") : "",
            Chance(2) ? absl::StrCat(" peer=", Label()) : "");
      case 2:
        return absl::StrCat(
            "dbus", Chance(2) ? List({"send", "receive", "bind", "eavesdrop"}, " (", ")") : "",
            Chance(3) ? " bus=system" : "", Chance(3) ? " path=/a/**" : "",
            Chance(4) ? " name=a.b" : "", Chance(4) ? " peer=(name=n, label=\"l m\")" : "");
      default:
        return absl::StrCat(
            "unix",
            Chance(2) ? List({"send", "receive", "create", "connect", "bind"}, " (", ")") : "",
            Chance(3) ? " type=stream" : "", Chance(3) ? " addr=@foo*" : "",
            Chance(3) ? " peer=(addr=none,label=x)" : "");
    }
  }

  std::string Plain() {
    switch (random_() % 5) {
      case 0:
        return absl::StrCat("capability ", List({"chown", "net_raw", "bpf", "foo"}, "", ""));
      case 1:
        return absl::StrCat("network ", Pick({"", "inet", "inet6", "unix", "tcp", "packet", "foo"}),
                            " ", Pick({"", "", "stream", "tcp", "icmp", "raw"}));
      case 2:
        return absl::StrCat(
            "set rlimit ", Pick({"cpu", "nice", "as", "nproc", "rttime", "foo"}),
            " <= ", Pick({"1", "-5", "infinity", "10M", "3 min", "20", "5us", "7x"}));
      case 3:
        return absl::StrCat("change_profile ", Pick({"", "/bin/x", "safe /bin/x", "unsafe"}),
                            Chance(2) ? absl::StrCat(" -> ", Label()) : "");
      default:
        return absl::StrCat("pivot_root ", Chance(2) ? "oldroot=/old/ " : "",
                            Chance(2) ? "/new/" : "",
                            Chance(3) ? absl::StrCat(" -> ", Label()) : "");
    }
  }

  std::string Body() {
    switch (random_() % 8) {
      case 0:
        return Mount();
      case 1:
      case 2:
        return Ipc();
      case 3:
        return Plain();
      default:
        return File();
    }
  }

  void Damage(std::string& rule) {
    const size_t at = random_() % rule.size();
    switch (random_() % 3) {
      case 0:
        rule.erase(at, 1 + random_() % 3);
        break;
      case 1:
        rule.insert(at, Pick({" ", ",", "\"", "(", ")", "=", "#", "x", "\n", "\\", "{", "}"}));
        break;
      default:
        std::swap(rule[at], rule[random_() % rule.size()]);
    }
  }

  std::mt19937 random_;
};

// What only we refuse: see stricter.table, and apparmor.md.
bool RefusedOnPurpose(const std::string& rule, const std::string& mistakes) {
  for (const char* code : {"apparmor-structure", "apparmor-include", "apparmor-useless-target",
                           "apparmor-relative-path", "apparmor-unknown-rule"}) {
    if (absl::StrContains(mistakes, code)) return true;
  }
  for (const char* problem :
       {"is a wildcard inside a class", "two ways", "looks like a definition",
        "no blanks around the arrow", "control character", "not closed on its line",
        "no blank between", "middle of a rule", "\"peer\" has no values"}) {
    if (absl::StrContains(mistakes, problem)) return true;
  }
  // A line end between "=" and the value, a "#" where a name is expected, "" as a name.
  return absl::StrContains(rule, "\n") || absl::StrContains(rule, "-> #") ||
         absl::StrContains(rule, "\"\"");
}

TEST(ParserOracleTest, AgreesOnRandomRules) {
  RuleWriter writer(20250611);
  std::vector<std::string> accepted;
  std::vector<std::string> refused;
  for (int i = 0; i < 2400; ++i) {
    std::string rule = writer.Write();
    const Parsed parsed = Parse(rule);
    if (parsed.ok) {
      accepted.push_back(std::move(rule));
    } else if (refused.size() < 250 && !RefusedOnPurpose(rule, parsed.mistakes)) {
      refused.push_back(std::move(rule));
    }
  }
  EXPECT_GT(accepted.size(), 1000);
  EXPECT_GT(refused.size(), 150);
  ExpectSameMeaning(accepted);
  ExpectRefused(refused);
}

}  // namespace
}  // namespace varmor
