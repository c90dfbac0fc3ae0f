#include "lib/compiler/apparmor/statement_parts.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/parse_statements.h"

namespace varmor {
namespace {

// "words | name=values | path | -> target | more".
std::string PartsText(const std::string& rule) {
  AppArmorParseOptions options;
  options.allow_include = true;
  Diagnostics diagnostics;
  const std::vector<AppArmorStatement> statements =
      ParseAppArmorStatements(rule, "", options, diagnostics);
  if (statements.size() != 1) return "not one statement";
  const AppArmorStatementParts parts = PartsOf(statements[0]);
  std::vector<std::string> out;
  if (!parts.words.empty()) out.push_back(absl::StrJoin(parts.words, " "));
  for (const AppArmorCondition& condition : parts.conditions) {
    out.push_back(absl::StrCat(condition.name, condition.in ? " in " : "=",
                               absl::StrJoin(condition.values, "+")));
  }
  if (parts.has_path) out.push_back(absl::StrCat("[", parts.path, "]"));
  if (parts.has_target) out.push_back(absl::StrCat("-> ", parts.target));
  if (parts.subset) out.push_back("subset");
  if (!parts.include.empty()) {
    out.push_back(absl::StrCat(parts.include_if_exists ? "if exists " : "", parts.include));
  }
  return absl::StrJoin(out, " | ");
}

TEST(StatementPartsTest, HaveTheWordsOfEveryKind) {
  const std::pair<const char*, const char*> kCases[] = {
      {"/a rw,", ""},
      {"link subset /a -> /b,", "subset"},
      {"link /a -> /b,", ""},
      {"capability,", ""},
      {"deny capability chown net_raw,", "chown net_raw"},
      {"network inet stream,", "inet stream"},
      {"network,", ""},
      {"ptrace,", ""},
      {"ptrace (read, trace) peer=foo,", "read trace | peer=foo"},
      {"ptrace peer=\"a b\",", "peer=a b"},
      {"signal send set=(kill, term) peer=x,", "send | set=kill+term | peer=x"},
      {"signal set=kill,", "set=kill"},
      {"unix (send) type=stream peer=(label=x, addr=none),",
       "send | type=stream | peer.addr=none | peer.label=x"},
      {"unix peer=(label=x),", "peer.label=x"},
      {"dbus send bus=session peer=(name=org.a),", "send | bus=session | peer.name=org.a"},
      {"mount,", ""},
      {"mount options in (ro, nodev) fstype=(a, b) /dev/sda -> /mnt/,",
       "options in ro+nodev | fstype=a+b | [/dev/sda] | -> /mnt/"},
      {"mount \"\" -> /b,", "[] | -> /b"},
      {"mount -> \"/a b\",", "-> /a b"},
      {"remount options=ro /a,", "options=ro | [/a]"},
      {"umount /a,", "[/a]"},
      {"pivot_root oldroot=/o /n -> p,", "oldroot=/o | [/n] | -> p"},
      {"change_profile,", ""},
      {"change_profile safe /a -> b,", "[/a] | -> b"},
      {"include <abstractions/base>\n", "abstractions/base"},
      {"#include if exists <abstractions/base.d>\n", "if exists abstractions/base.d"},
  };
  for (const auto& [rule, parts] : kCases) EXPECT_EQ(PartsText(rule), parts) << rule;
}

}  // namespace
}  // namespace varmor
