#include "lib/compiler/emit/emit_seccomp.h"

#include "gtest/gtest.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/seccomp/parse_oci_seccomp.h"

namespace varmor {
namespace {

SeccompProfile Full() {
  SeccompProfile profile;
  profile.default_action = "SCMP_ACT_ERRNO";
  profile.default_errno_ret = 38;
  profile.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"};
  profile.flags = {"SECCOMP_FILTER_FLAG_LOG"};
  profile.listener_path = "/run/\"quoted\"";
  profile.listener_metadata = "m";
  SeccompEntry chmod;
  chmod.names = {"chmod", "fchmod"};
  chmod.action = "SCMP_ACT_ERRNO";
  chmod.errno_ret = 0;
  chmod.args = {{1, 0xffffffffffffffff, 0, "SCMP_CMP_MASKED_EQ"}, {2, 0, 0, "SCMP_CMP_NE"}};
  chmod.origin = {"raw", "spec.policy.enhanceProtect.syscallRawRules[0]"};
  SeccompEntry read;
  read.names = {"read"};
  read.action = "SCMP_ACT_ALLOW";
  SeccompEntry log;
  log.names = {"mount"};
  log.action = "SCMP_ACT_LOG";
  profile.entries = {chmod, read, log};
  return profile;
}

TEST(EmitSeccompTest, PrintsMembersInOrder) {
  EXPECT_EQ(SeccompJson(Full()), R"({
  "defaultAction": "SCMP_ACT_ERRNO",
  "defaultErrnoRet": 38,
  "architectures": [
    "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X86"
  ],
  "flags": [
    "SECCOMP_FILTER_FLAG_LOG"
  ],
  "listenerPath": "/run/\"quoted\"",
  "listenerMetadata": "m",
  "syscalls": [
    {
      "names": [
        "chmod",
        "fchmod"
      ],
      "action": "SCMP_ACT_ERRNO",
      "errnoRet": 0,
      "args": [
        {
          "index": 1,
          "value": 18446744073709551615,
          "valueTwo": 0,
          "op": "SCMP_CMP_MASKED_EQ"
        },
        {
          "index": 2,
          "value": 0,
          "op": "SCMP_CMP_NE"
        }
      ]
    },
    {
      "names": [
        "read"
      ],
      "action": "SCMP_ACT_ALLOW"
    },
    {
      "names": [
        "mount"
      ],
      "action": "SCMP_ACT_LOG"
    }
  ]
}
)");
}

TEST(EmitSeccompTest, LeavesOutWhatIsEmpty) {
  SeccompProfile profile;
  profile.default_action = "SCMP_ACT_ALLOW";
  EXPECT_EQ(SeccompJson(profile), "{\n  \"defaultAction\": \"SCMP_ACT_ALLOW\"\n}\n");
}

TEST(EmitSeccompTest, IsReadBackToTheSameProfile) {
  const std::string json = SeccompJson(Full());
  Diagnostics diagnostics;
  const ParsedSeccomp parsed = ParseOciSeccomp(json, "f", diagnostics);
  EXPECT_EQ(diagnostics.size(), 0u);
  EXPECT_EQ(SeccompJson(parsed.profile), json);
}

TEST(EmitSeccompTest, RulesAreParallelToTheSyscalls) {
  const SeccompArtifact artifact = EmitSeccomp("varmor-shop-web", Full());
  EXPECT_EQ(artifact.name(), "varmor-shop-web");
  EXPECT_EQ(artifact.json(), SeccompJson(Full()));
  ASSERT_EQ(artifact.rules_size(), 3);
  EXPECT_EQ(artifact.rules(0).rule(), "raw");
  EXPECT_EQ(artifact.rules(0).field(), "spec.policy.enhanceProtect.syscallRawRules[0]");
  EXPECT_EQ(artifact.rules(0).text(),
            "chmod,fchmod arg1&0xffffffffffffffff==0x0 arg2!=0x0 -> SCMP_ACT_ERRNO(0)");
  EXPECT_EQ(artifact.rules(0).action(), "deny");
  EXPECT_EQ(artifact.rules(1).action(), "allow");
  EXPECT_EQ(artifact.rules(2).action(), "audit");
}

}  // namespace
}  // namespace varmor
