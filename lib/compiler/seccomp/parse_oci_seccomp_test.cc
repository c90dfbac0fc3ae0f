#include "lib/compiler/seccomp/parse_oci_seccomp.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

struct Parsed {
  SeccompProfile profile;
  std::map<std::string, TextPlace> places;
  std::string diagnostics;
};

Parsed Parse(absl::string_view text, bool lenient = false) {
  Diagnostics diagnostics(lenient);
  ParsedSeccomp parsed = ParseOciSeccomp(text, "f", diagnostics);
  Parsed out{std::move(parsed.profile), std::move(parsed.places), ""};
  for (const Diagnostic& d : diagnostics.list()) {
    absl::StrAppend(&out.diagnostics, d.inside.line, ":", d.inside.column, " ",
                    FormatDiagnostic(d));
  }
  return out;
}

TEST(ParseOciSeccompTest, ReadsEveryMember) {
  const Parsed got = Parse(R"({
  "defaultAction": "SCMP_ACT_ERRNO",
  "defaultErrnoRet": 38,
  "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X86"],
  "flags": ["SECCOMP_FILTER_FLAG_LOG"],
  "listenerPath": "/run/l",
  "listenerMetadata": "m\u00e9",
  "syscalls": [
    {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["chmod"], "action": "SCMP_ACT_ERRNO", "errnoRet": 0, "args": [
      {"index": 1, "value": 18446744073709551615, "valueTwo": 9007199254740993,
       "op": "SCMP_CMP_MASKED_EQ"},
      {"op": "SCMP_CMP_EQ", "value": 0, "index": 5}]}
  ]
})");
  EXPECT_EQ(got.diagnostics, "");
  const SeccompProfile& p = got.profile;
  EXPECT_EQ(p.default_action, "SCMP_ACT_ERRNO");
  EXPECT_EQ(p.default_errno_ret, 38u);
  EXPECT_EQ(p.architectures, (std::vector<std::string>{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}));
  EXPECT_EQ(p.flags, std::vector<std::string>{"SECCOMP_FILTER_FLAG_LOG"});
  EXPECT_EQ(p.listener_path, "/run/l");
  EXPECT_EQ(p.listener_metadata, "m\xc3\xa9");
  ASSERT_EQ(p.entries.size(), 2u);
  EXPECT_EQ(p.entries[0].names, (std::vector<std::string>{"read", "write"}));
  EXPECT_EQ(p.entries[0].errno_ret, std::nullopt);
  EXPECT_EQ(p.entries[1].errno_ret, 0u);
  EXPECT_EQ(
      p.entries[1].args,
      (std::vector<SeccompArg>{{1, 18446744073709551615u, 9007199254740993u, "SCMP_CMP_MASKED_EQ"},
                               {5, 0, 0, "SCMP_CMP_EQ"}}));
}

TEST(ParseOciSeccompTest, KnowsWhereThingsStand) {
  const Parsed got = Parse(
      "{ \"defaultAction\" : \"SCMP_ACT_ERRNO\" ,\n"
      "\t\"syscalls\":[{\"names\":[\"a\",\n"
      "  \"b\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,\"op\":"
      "\"SCMP_CMP_EQ\"}]}]}");
  const struct {
    const char* path;
    int line;
    int column;
  } kCases[] = {
      {"defaultAction", 1, 21},       {"syscalls", 2, 13},
      {"syscalls[0]", 2, 14},         {"syscalls[0].names[0]", 2, 24},
      {"syscalls[0].names[1]", 3, 3}, {"syscalls[0].action", 3, 17},
      {"syscalls[0].args[0]", 3, 42}, {"syscalls[0].args[0].op", 3, 68},
  };
  for (const auto& c : kCases) {
    const auto place = got.places.find(c.path);
    ASSERT_NE(place, got.places.end()) << c.path;
    EXPECT_EQ(place->second.line, c.line) << c.path;
    EXPECT_EQ(place->second.column, c.column) << c.path;
  }
}

TEST(ParseOciSeccompTest, NullListsAreEmptyAsGoWritesThem) {
  const Parsed got = Parse(R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":null})");
  EXPECT_EQ(got.diagnostics, "");
  EXPECT_TRUE(got.profile.entries.empty());
}

struct Case {
  std::string text;
  std::string want;
};

std::string Entry(const std::string& members) {
  return absl::StrCat(R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[)", "\n",
                      R"({"names":["a"],)", members, "}]}");
}

std::string Arg(const std::string& members) {
  return Entry(absl::StrCat(R"("action":"SCMP_ACT_ALLOW","args":[)", "\n{", members, "}]"));
}

TEST(ParseOciSeccompTest, RefusesWithAPlace) {
  const std::string json_fix =
      "  fix: write the profile as JSON: keys and text in double quotes, no comments, no comma "
      "behind the last item\n";
  const Case kCases[] = {
      {"", "1:1 error: f: not JSON: the document is empty [bad-json]\n" + json_fix},
      {"[]", "1:1 error: f: is a list, not an object [wrong-type]\n"},
      {"{}", "1:1 error: f: \"defaultAction\" is missing [missing-key]\n"},
      {"{\"defaultAction\":\n x}", "2:2 error: f: not JSON: invalid value [bad-json]\n" + json_fix},
      {"{} x",
       "1:4 error: f: not JSON: the document root must not be followed by other values "
       "[bad-json]\n" +
           json_fix},
      {std::string("{}\0", 3),
       "1:3 error: f: not JSON: a NUL byte is not JSON [bad-json]\n" + json_fix},
      {"{\"a\xff\":1}",
       "1:4 error: f: not JSON: invalid encoding in string [bad-json]\n" + json_fix},
      {R"({"defaultAction":"SCMP_ACT_ALOW"})",
       "1:18 error: f: defaultAction: unknown action \"SCMP_ACT_ALOW\" [unknown-action]\n"
       "  fix: did you mean \"SCMP_ACT_ALLOW\"?\n"},
      {R"({"defaultAction":"SCMP_ACT_ALLOW","defaultAction":"SCMP_ACT_ERRNO"})",
       "1:35 error: f: member \"defaultAction\" stands here twice [duplicate-key]\n"
       "  fix: keep one of them\n"},
      {R"({"defaultAction":"SCMP_ACT_ALLOW","syscals":[]})",
       "1:35 error: f: unknown member \"syscals\" [unknown-key]\n"
       "  fix: did you mean \"syscalls\"?\n"},
      {R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":["amd64",7]})",
       "1:52 error: f: architectures[0]: unknown architecture \"amd64\" [unknown-architecture]\n"
       "  fix: known are SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, SCMP_ARCH_LOONGARCH64, SCMP_ARCH_M68K, "
       "SCMP_ARCH_MIPS, SCMP_ARCH_MIPS64, SCMP_ARCH_MIPS64N32, SCMP_ARCH_MIPSEL, "
       "SCMP_ARCH_MIPSEL64, SCMP_ARCH_MIPSEL64N32, SCMP_ARCH_PARISC, SCMP_ARCH_PARISC64, "
       "SCMP_ARCH_PPC, SCMP_ARCH_PPC64, SCMP_ARCH_PPC64LE, SCMP_ARCH_RISCV64, SCMP_ARCH_S390, "
       "SCMP_ARCH_S390X, SCMP_ARCH_SH, SCMP_ARCH_SHEB, SCMP_ARCH_X32, SCMP_ARCH_X86, "
       "SCMP_ARCH_X86_64\n"
       "1:60 error: f: architectures[1]: is a number, not a string [wrong-type]\n"},
      {Entry(R"("action":"SCMP_ACT_ALLOW","args":{})"),
       "2:49 error: f: syscalls[0].args: is an object, not a list [wrong-type]\n"},
      {Entry(R"("errnoRet":-1)"),
       "2:1 error: f: syscalls[0]: \"action\" is missing [missing-key]\n"
       "2:27 error: f: syscalls[0].errnoRet: is -1 [bad-number]\n"
       "  fix: write a whole number from 0 to 4294967295\n"},
      {Arg(R"("index":6,"value":1.0,"op":"SCMP_CMP_EQ")"),
       "3:10 error: f: syscalls[0].args[0].index: is 6 [bad-number]\n"
       "  fix: write a whole number from 0 to 5\n"
       "3:20 error: f: syscalls[0].args[0].value: is 1.0 [bad-number]\n"
       "  fix: write a whole number from 0 to 18446744073709551615\n"},
      {Arg(R"("index":0,"value":-1,"op":"EQ","valueTwo":"1")"),
       "3:20 error: f: syscalls[0].args[0].value: is -1 [bad-number]\n"
       "  fix: arguments are unsigned: the same 64 bits are 18446744073709551615\n"
       "3:44 error: f: syscalls[0].args[0].valueTwo: is a string, not a number [wrong-type]\n"
       "3:28 error: f: syscalls[0].args[0].op: unknown operator \"EQ\" [unknown-operator]\n"
       "  fix: known are SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_LE, SCMP_CMP_LT, "
       "SCMP_CMP_NE, SCMP_CMP_MASKED_EQ\n"},
      {Arg(R"("index":0,"value":18446744073709551616,"op":"SCMP_CMP_EQ")"),
       "3:20 error: f: syscalls[0].args[0].value: is 18446744073709551616 [bad-number]\n"
       "  fix: write a whole number from 0 to 18446744073709551615\n"},
      {std::string(kMaxSeccompTextBytes + 1, ' '),
       "0:0 error: f: the profile has 1048577 bytes; 1048576 are possible [too-long]\n"},
      {std::string(17, '[') + std::string(17, ']'),
       "1:17 error: f: not JSON: nested more than 16 deep [bad-json]\n" + json_fix},
  };
  for (const Case& c : kCases) EXPECT_EQ(Parse(c.text).diagnostics, c.want) << c.text.substr(0, 99);
}

TEST(ParseOciSeccompTest, RefusesTooManyEntries) {
  std::string text = R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{})";
  for (size_t i = 0; i < kMaxSeccompEntries; ++i) text += ",{}";
  EXPECT_EQ(Parse(text + "]}").diagnostics,
            "1:46 error: f: syscalls: has 4097 entries; 4096 are possible [too-many]\n"
            "  fix: put names that share an action into one entry\n");
}

TEST(ParseOciSeccompTest, W38_DockersConditionsAreRefused) {
  EXPECT_EQ(
      Parse(R"({"defaultAction":"SCMP_ACT_ERRNO",
"archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],
"syscalls":[{"names":["mount"],"action":"SCMP_ACT_ALLOW","args":null,"comment":"why",
"includes":{"caps":["CAP_SYS_ADMIN"]},"excludes":{}}]})")
          .diagnostics,
      "2:1 error: f: \"archMap\" is Docker's; an OCI runtime ignores it [docker-seccomp]\n"
      "  fix: list the architectures in \"architectures\", or leave them out to have those of the "
      "node\n"
      "3:70 warning: f: syscalls[0]: \"comment\" has no effect [ignored-key]\n"
      "  fix: remove it\n"
      "4:1 error: f: syscalls[0]: \"includes\" is Docker's; an OCI runtime ignores it and the "
      "entry "
      "would hold always [docker-seccomp]\n"
      "  fix: remove the entry, or remove the condition if it may hold always\n"
      "4:39 warning: f: syscalls[0]: \"excludes\" has no effect [ignored-key]\n"
      "  fix: remove it\n");
}

TEST(ParseOciSeccompTest, PodmansNamesOfErrorsAreToldAsNumbers) {
  EXPECT_EQ(
      Parse(R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,
"defaultErrno":"ENOSYS",
"syscalls":[{"names":["mount"],"action":"SCMP_ACT_ERRNO",
"errno":"EPERM"},{"names":["bpf"],"action":"SCMP_ACT_ERRNO",
"errno":"EPREM"}]})")
          .diagnostics,
      "2:1 error: f: \"defaultErrno\" is Podman's; an OCI runtime ignores it [podman-seccomp]\n"
      "  fix: write \"defaultErrnoRet\": 38\n"
      "4:1 error: f: syscalls[0]: \"errno\" is Podman's; an OCI runtime ignores it "
      "[podman-seccomp]\n"
      "  fix: write \"errnoRet\": 1\n"
      "5:1 error: f: syscalls[1]: \"errno\" is Podman's; an OCI runtime ignores it "
      "[podman-seccomp]\n"
      "  fix: write the error's number in \"errnoRet\"\n");
}

TEST(ParseOciSeccompTest, LenientStillRefusesConditions) {
  EXPECT_EQ(
      Parse(R"({"defaultAction":"SCMP_ACT_ERRNO","x":1,
"syscalls":[{"names":[],"action":"SCMP_ACT_ALLOW","includes":{"arches":["amd64"]}}]})",
            true)
          .diagnostics,
      "1:35 warning: f: unknown member \"x\" [unknown-key]\n"
      "  fix: known are defaultAction, defaultErrnoRet, architectures, flags, listenerPath, "
      "listenerMetadata, syscalls\n"
      "2:51 error: f: syscalls[0]: \"includes\" is Docker's; an OCI runtime ignores it and the "
      "entry would hold always [docker-seccomp]\n"
      "  fix: remove the entry, or remove the condition if it may hold always\n");
}

}  // namespace
}  // namespace varmor
