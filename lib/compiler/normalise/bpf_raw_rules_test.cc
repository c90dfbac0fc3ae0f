#include "lib/compiler/normalise/bpf_raw_rules.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/normalise/bpf_rules_for_test.h"

namespace varmor {
namespace {

struct Case {
  const char* name;
  const char* rules;
  const char* outcome;
};

void ExpectOutcomes(const std::vector<Case>& cases,
                    const BpfRawRulesContext& context = RawContext()) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Outcome(c.rules, context), c.outcome);
  }
}

TEST(BpfRawRulesTest, RulesOfEveryKindAreRead) {
  ExpectOutcomes({
      {"File", R"(files { pattern: "/etc/**" permissions: "write" permissions: "r" })",
       "deny file /etc/** read,write,append @ bpf.files[0]\n"},
      {"Process", R"(processes { pattern: "**/ping" permissions: "exec" })",
       "deny exec **/ping @ bpf.processes[0]\n"},
      {"FilesMayExec", R"(files { pattern: "/a" permissions: "all" })",
       "deny file,exec /a all @ bpf.files[0]\n"},
      {"Socket", R"(network { sockets { domains: "inet" domains: "INET6" types: "raw" } })",
       "deny socket domains=inet,inet6 types=raw @ bpf.network.sockets[0]\n"},
      {"SocketProtocol", R"(network { sockets { protocols: "icmp" } })",
       "deny socket protocols=icmp @ bpf.network.sockets[0]\n"},
      {"SocketAll", R"(network { sockets { domains: "*" } })",
       "deny socket domains=all @ bpf.network.sockets[0]\n"},
      {"Ptrace", R"(ptrace { strict_mode: true permissions: "trace" permissions: "tracedby" })",
       "deny ptrace trace,traceby strict @ bpf.ptrace\n"},
      {"Mount", R"(mounts { source_pattern: "**" fstype: "proc" flags: "rw" flags: "bind" })",
       "deny mount ** fstype=proc flags=bind,rw @ bpf.mounts[0]\n"},
      {"MountAll", R"(mounts { source_pattern: "/**" fstype: "*" flags: "all" })",
       "deny mount /** fstype=* flags=all @ bpf.mounts[0]\n"},
      {"BothVersionsOfCgroups", R"(mounts { source_pattern: "**" fstype: "cgroup" flags: "new" })",
       "deny mount ** fstype=cgroup flags=new @ bpf.mounts[0]\n"
       "deny mount ** fstype=cgroup2 flags=new @ bpf.mounts[0]\n"},
      {"LongestFstype", R"(mounts { source_pattern: "**" fstype: "fifteen.letters" flags: "new" })",
       "deny mount ** fstype=fifteen.letters flags=new @ bpf.mounts[0]\n"},
      {"Capability", R"(capabilities { names: "CAP_NET_RAW" names: "sys_admin" })",
       "deny capability net_raw,sys_admin @ bpf.capabilities[0]\n"},
      {"AllCapabilities", R"(capabilities { names: "all" })",
       "deny capability all @ bpf.capabilities[0]\n"},
  });
}

TEST(BpfRawRulesTest, ThatARuleCoversAnotherTypeIsNoted) {
  Diagnostics diagnostics;
  ReadRawRules(R"(mounts { source_pattern: "**" fstype: "cgroup" flags: "new" }
                  mounts { source_pattern: "**" fstype: "cgroup2" flags: "new" })",
               RawContext(), diagnostics);
  std::vector<std::string> noted;
  for (const Diagnostic& diagnostic : diagnostics.list()) {
    if (diagnostic.code == "fstype-family") noted.push_back(diagnostic.field);
  }
  EXPECT_EQ(noted, std::vector<std::string>{"bpf.mounts[0].fstype"});
}

TEST(BpfRawRulesTest, QualifiersDecideWhatARuleDoes) {
  ExpectOutcomes({
      {"Absent", R"(files { pattern: "/a" permissions: "r" })",
       "deny file /a read @ bpf.files[0]\n"},
      {"Deny", R"(files { qualifiers { words: "deny" } pattern: "/a" permissions: "r" })",
       "deny file /a read @ bpf.files[0]\n"},
      {"Audit", R"(files { qualifiers { words: "audit" } pattern: "/a" permissions: "r" })",
       "audit file /a read @ bpf.files[0]\n"},
      {"Both",
       R"(files { qualifiers { words: "audit" words: "deny" } pattern: "/a" permissions: "r" })",
       "audit deny file /a read @ bpf.files[0]\n"},
      {"Twice",
       R"(files { qualifiers { words: "deny" words: "deny" } pattern: "/a" permissions: "r" })",
       "deny file /a read @ bpf.files[0]\n"},
  });
}

TEST(BpfRawRulesTest, W07_QualifiersWithoutEffectAreErrors) {
  ExpectOutcomes({
      {"Empty", R"(files { qualifiers { } pattern: "/a" permissions: "r" })",
       "error: bpf.files[0].qualifiers: without a qualifier the rule has no effect "
       "[rule-without-effect]\n"
       "  fix: add \"deny\", \"audit\" or both\n"},
      {"Case", R"(files { qualifiers { words: "Deny" } pattern: "/a" permissions: "r" })",
       "error: bpf.files[0].qualifiers[0]: unknown qualifier \"Deny\" [unknown-qualifier]\n"
       "  fix: did you mean \"deny\"?\n"},
      {"Mistyped", R"(files { qualifiers { words: "audti" words: "deny" } pattern: "/a"
                      permissions: "r" })",
       "deny file /a read @ bpf.files[0]\n"
       "error: bpf.files[0].qualifiers[0]: unknown qualifier \"audti\" [unknown-qualifier]\n"
       "  fix: did you mean \"audit\"?\n"},
      {"Foreign", R"(files { qualifiers { words: "complain" } pattern: "/a" permissions: "r" })",
       "error: bpf.files[0].qualifiers[0]: unknown qualifier \"complain\" "
       "[unknown-qualifier]\n"
       "  fix: use deny, audit\n"},
      {"AllowInABlockList",
       R"(files { qualifiers { words: "allow" } pattern: "/a" permissions: "r" })",
       "error: bpf.files[0].qualifiers[0]: unknown qualifier \"allow\" [unknown-qualifier]\n"
       "  fix: use deny, audit\n"},
      {"Destination",
       R"(network { egress { to_destinations { qualifiers { } ip: "192.0.2.1" } } })",
       "error: bpf.network.egress.toDestinations[0].qualifiers: without a qualifier the "
       "rule has no effect [rule-without-effect]\n"
       "  fix: add \"deny\", \"audit\" or both\n"},
      {"Socket", R"(network { sockets { qualifiers { words: "block" } domains: "inet" } })",
       "error: bpf.network.sockets[0].qualifiers[0]: unknown qualifier \"block\" "
       "[unknown-qualifier]\n"
       "  fix: use deny, audit\n"},
      {"Ptrace", R"(ptrace { qualifiers { } permissions: "trace" })",
       "error: bpf.ptrace.qualifiers: without a qualifier the rule has no effect "
       "[rule-without-effect]\n"
       "  fix: add \"deny\", \"audit\" or both\n"},
      {"Mount", R"(mounts { qualifiers { } source_pattern: "**" fstype: "*" flags: "new" })",
       "error: bpf.mounts[0].qualifiers: without a qualifier the rule has no effect "
       "[rule-without-effect]\n"
       "  fix: add \"deny\", \"audit\" or both\n"},
      {"Capability", R"(capabilities { qualifiers { } names: "kill" })",
       "error: bpf.capabilities[0].qualifiers: without a qualifier the rule has no effect "
       "[rule-without-effect]\n"
       "  fix: add \"deny\", \"audit\" or both\n"},
  });
}

TEST(BpfRawRulesTest, AllowIsAQualifierWhereTheProfileDeniesByDefault) {
  BpfRawRulesContext context = RawContext();
  context.knows_allow = true;
  context.default_action = Action{false, false, true};
  ExpectOutcomes(
      {
          {"Absent", R"(files { pattern: "/a" permissions: "r" })",
           "allow file /a read @ bpf.files[0]\n"},
          {"Allow", R"(files { qualifiers { words: "allow" } pattern: "/a" permissions: "r" })",
           "allow file /a read @ bpf.files[0]\n"},
          {"AllowedCgroupIsThatVersion",
           R"(mounts { qualifiers { words: "allow" } source_pattern: "**" fstype: "cgroup"
                       flags: "new" })",
           "allow mount ** fstype=cgroup flags=new @ bpf.mounts[0]\n"},
          {"AuditAllow",
           R"(files { qualifiers { words: "allow" words: "audit" } pattern: "/a"
              permissions: "r" })",
           "audit allow file /a read @ bpf.files[0]\n"},
          {"Deny", R"(files { qualifiers { words: "deny" } pattern: "/a" permissions: "r" })",
           "deny file /a read @ bpf.files[0]\n"},
          {"Contradiction",
           R"(files { qualifiers { words: "allow" words: "deny" } pattern: "/a"
              permissions: "r" })",
           "error: bpf.files[0].qualifiers: a rule cannot both deny and allow "
           "[contradictory-qualifiers]\n"
           "  fix: keep \"deny\" or \"allow\"\n"},
          {"Empty", R"(files { qualifiers { } pattern: "/a" permissions: "r" })",
           "error: bpf.files[0].qualifiers: without a qualifier the rule has no effect "
           "[rule-without-effect]\n"
           "  fix: add \"allow\", \"deny\" or \"audit\"\n"},
      },
      context);
}

TEST(BpfRawRulesTest, APolicyThatAsksForNothingMakesNoRulesWithoutQualifiers) {
  BpfRawRulesContext context = RawContext();
  context.default_action = Action{};
  EXPECT_EQ(Outcome(R"(files { pattern: "/a" permissions: "r" }
                       network { egresses { ip: "192.0.2.1" } })",
                    context),
            "");
}

TEST(BpfRawRulesTest, W08_UnknownWordsAreErrors) {
  ExpectOutcomes({
      {"Letters", R"(files { pattern: "/a" permissions: "rw" })",
       "error: bpf.files[0].permissions[0]: unknown permission \"rw\" [unknown-word]\n"
       "  fix: write one word each: [\"r\", \"w\"]\n"},
      {"Mistyped", R"(files { pattern: "/a" permissions: "wirte" })",
       "error: bpf.files[0].permissions[0]: unknown permission \"wirte\" [unknown-word]\n"
       "  fix: did you mean \"write\"?\n"},
      {"OneOfTwo", R"(files { pattern: "/a" permissions: "read" permissions: "delete" })",
       "deny file /a read @ bpf.files[0]\n"
       "error: bpf.files[0].permissions[1]: unknown permission \"delete\" [unknown-word]\n"
       "  fix: use one of all, *, read, r, write, w, append, a, exec, x, e\n"},
      {"NoPermission", R"(files { pattern: "/a" })",
       "error: bpf.files[0].permissions: without a permission the rule has no effect "
       "[rule-without-effect]\n"
       "  fix: add read, write, append or exec\n"},
      {"Ptrace", R"(ptrace { permissions: "tracing" })",
       "error: bpf.ptrace.permissions[0]: unknown ptrace permission \"tracing\" "
       "[unknown-word]\n"
       "  fix: use one of all, *, trace, read, traceby, tracedby, readby\n"},
      {"NoPtracePermission", R"(ptrace { })",
       "error: bpf.ptrace.permissions: without a permission the rule has no effect "
       "[rule-without-effect]\n"
       "  fix: add trace, read, traceby or readby\n"},
      {"MountFlag", R"(mounts { source_pattern: "**" fstype: "*" flags: "rec" })",
       "error: bpf.mounts[0].flags[0]: unknown mount flag \"rec\" [unknown-word]\n"
       "  fix: use one of all, *, ro, r, read-only, rw, w, nosuid, suid, nodev, dev, "
       "noexec, exec, sync, async, mand, nomand, dirsync, nosymfollow, symfollow, noatime, "
       "atime, nodiratime, diratime, relatime, norelatime, strictatime, nostrictatime, "
       "iversion, noiversion, silent, loud, new, remount, bind, B, rbind, R, move, M, "
       "umount, pivot-root, unbindable, make-unbindable, runbindable, make-runbindable, "
       "private, make-private, rprivate, make-rprivate, slave, make-slave, rslave, "
       "make-rslave, shared, make-shared, rshared, make-rshared\n"},
      {"MountFlagOneOfTwo",
       R"(mounts { source_pattern: "**" fstype: "*" flags: "ro" flags: "nodve" })",
       "deny mount ** fstype=* flags=ro @ bpf.mounts[0]\n"
       "error: bpf.mounts[0].flags[1]: unknown mount flag \"nodve\" [unknown-word]\n"
       "  fix: did you mean \"nodev\"?\n"},
      {"NoMountFlag", R"(mounts { source_pattern: "**" fstype: "*" })",
       "error: bpf.mounts[0].flags: without a flag the rule has no effect "
       "[rule-without-effect]\n"
       "  fix: add flags, or \"all\"\n"},
      {"Capability", R"(capabilities { names: "net_rwa" names: "kill" })",
       "deny capability kill @ bpf.capabilities[0]\n"
       "error: bpf.capabilities[0].names[0]: unknown capability \"net_rwa\" [unknown-word]\n"
       "  fix: did you mean \"net_raw\"?\n"},
      {"CapabilityFarOff", R"(capabilities { names: "superuser" })",
       "error: bpf.capabilities[0].names[0]: unknown capability \"superuser\" "
       "[unknown-word]\n"
       "  fix: see capabilities(7)\n"},
  });
}

TEST(BpfRawRulesTest, E10_ToE13_PatternsAreReadOrRefused) {
  ExpectOutcomes({
      // What vArmor refuses and this language can say.
      {"StarAndDoubleStar", R"(files { pattern: "/a*/**" permissions: "r" })",
       "deny file /a*/** read @ bpf.files[0]\n"},
      {"ThreeStars", R"(files { pattern: "/a/*/b/*/c/*" permissions: "r" })",
       "deny file /a/*/b/*/c/* read @ bpf.files[0]\n"},
      {"Empty", R"(files { pattern: "" permissions: "r" })",
       "error: bpf.files[0].pattern: pattern is empty [bad-pattern]\n"
       "  fix: write \"**\" to match every path\n"},
      {"Relative", R"(files { pattern: "etc/shadow" permissions: "r" })",
       "error: bpf.files[0].pattern: pattern \"etc/shadow\" is relative and matches no path "
       "[bad-pattern]\n"
       "  fix: start it with \"/\"\n"},
      {"StarsInARow", R"(files { pattern: "/a***" permissions: "r" })",
       "error: bpf.files[0].pattern: pattern \"/a***\" has 3 stars in a row at column 3 "
       "[bad-pattern]\n"
       "  fix: write \"**\", and \"\\*\" for a literal star\n"},
      {"OpenClass", R"(files { pattern: "/a[bc" permissions: "r" })",
       "error: bpf.files[0].pattern: pattern \"/a[bc\" has a \"[\" that is never closed at "
       "column 3 [bad-pattern]\n"
       "  fix: close it with \"]\", or write \"\\[\" for the character itself\n"},
      {"SemicolonInThePattern", R"(files { pattern: "/a; b[" permissions: "r" })",
       "error: bpf.files[0].pattern: pattern \"/a; b[\" has a \"[\" that is never closed at "
       "column 6 [bad-pattern]\n"
       "  fix: close it with \"]\", or write \"\\[\" for the character itself\n"},
      {"Question", R"(files { pattern: "/a?" permissions: "r" })",
       "deny file /a? read @ bpf.files[0]\n"
       "warning: bpf.files[0].pattern: pattern \"/a?\" holds ?, [ ] or { }, which are "
       "wildcards here and were ordinary characters in vArmor [pattern-wildcards]\n"
       "  fix: put a backslash before each that is meant literally\n"},
      {"EscapedQuestion", R"(files { pattern: "/a\\?" permissions: "r" })",
       "deny file /a\\? read @ bpf.files[0]\n"},
      {"NameAsMountSource", R"(mounts { source_pattern: "tmpfs" fstype: "tmpfs" flags: "new" })",
       "deny mount tmpfs fstype=tmpfs flags=new @ bpf.mounts[0]\n"
       "warning: bpf.mounts[0].sourcePattern: source \"tmpfs\" is no path: who mounts can give "
       "any other name [mount-source-name]\n"
       "  fix: write \"**\", and the file system's type as fstype\n"},
      {"Mount", R"(mounts { source_pattern: "" fstype: "*" flags: "new" })",
       "error: bpf.mounts[0].sourcePattern: pattern is empty [bad-pattern]\n"
       "  fix: write \"**\" to match every path\n"},
  });
}

TEST(BpfRawRulesTest, E14_FileSystemTypesHaveABound) {
  ExpectOutcomes({
      {"Long", R"(mounts { source_pattern: "**" fstype: "sixteen..letters" flags: "new" })",
       "error: bpf.mounts[0].fstype: file system type \"sixteen..letters\" has 16 bytes; 1 "
       "to 15 are possible [bad-fstype]\n"
       "  fix: write a file system type, \"none\" or \"*\"\n"},
      {"Empty", R"(mounts { source_pattern: "**" flags: "new" })",
       "error: bpf.mounts[0].fstype: file system type \"\" has 0 bytes; 1 to 15 are "
       "possible [bad-fstype]\n"
       "  fix: write a file system type, \"none\" or \"*\"\n"},
      {"Pattern", R"(mounts { source_pattern: "**" fstype: "fuse*" flags: "new" })",
       "error: bpf.mounts[0].fstype: file system type \"fuse*\" holds a character that no "
       "type has [bad-fstype]\n"
       "  fix: write one type, or \"*\" for any\n"},
      {"Nul", R"(mounts { source_pattern: "**" fstype: "a\000b" flags: "new" })",
       "error: bpf.mounts[0].fstype: file system type \"a\\x00b\" holds a character that no "
       "type has [bad-fstype]\n"
       "  fix: write one type, or \"*\" for any\n"},
  });
}

TEST(BpfRawRulesTest, E15_ToE17_SocketRulesAreWholeOrRefused) {
  ExpectOutcomes({
      {"Domain", R"(network { sockets { domains: "inet4" } })",
       "error: bpf.network.sockets[0].domains[0]: unknown socket domain \"inet4\" "
       "[unknown-word]\n"
       "  fix: did you mean \"inet\"?\n"},
      {"Type", R"(network { sockets { types: "seqpackets" } })",
       "error: bpf.network.sockets[0].types[0]: unknown socket type \"seqpackets\" "
       "[unknown-word]\n"
       "  fix: did you mean \"seqpacket\"?\n"},
      {"Protocol", R"(network { sockets { protocols: "sctp" } })",
       "error: bpf.network.sockets[0].protocols[0]: unknown socket protocol \"sctp\" "
       "[unknown-word]\n"
       "  fix: use one of all, *, icmp, tcp, udp\n"},
      {"OneOfTwo", R"(network { sockets { domains: "inet" domains: "ipv6" } })",
       "deny socket domains=inet @ bpf.network.sockets[0]\n"
       "error: bpf.network.sockets[0].domains[1]: unknown socket domain \"ipv6\" "
       "[unknown-word]\n"
       "  fix: use one of all, *, unix, inet, ax25, ipx, appletalk, netrom, bridge, atmpvc, "
       "x25, inet6, rose, netbeui, security, key, netlink, packet, ash, econet, atmsvc, "
       "rds, sna, irda, pppox, wanpipe, llc, ib, mpls, can, tipc, bluetooth, iucv, rxrpc, "
       "isdn, phonet, ieee802154, caif, alg, nfc, vsock, kcm, qipcrtr, smc, xdp, mctp\n"},
      {"TypesAndProtocols", R"(network { sockets { types: "raw" protocols: "tcp" } })",
       "error: bpf.network.sockets[0]: types and protocols cannot be used together "
       "[socket-rule-ambiguous]\n"
       "  fix: keep one of them, or write two rules\n"},
      {"Nothing", R"(network { sockets { } })",
       "error: bpf.network.sockets[0]: none of domains, types and protocols is given "
       "[socket-rule-empty]\n"
       "  fix: add at least one of them\n"},
  });
}

TEST(BpfRawRulesTest, LenientReadingWarnsAndGoesOn) {
  Diagnostics diagnostics(/*lenient=*/true);
  const BpfRules rules = ReadRawRules(
      R"(files { pattern: "/a" permissions: "read" permissions: "delete" }
         files { pattern: "/b" permissions: "rw" }
         files { qualifiers { } pattern: "/c" permissions: "read" }
         network { sockets { domains: "inet4" } })",
      RawContext(), diagnostics);
  EXPECT_EQ(RulesText(rules), "deny file /a read @ bpf.files[0]\n");
  EXPECT_EQ(DiagnosticsText(diagnostics),
            "warning: bpf.files[0].permissions[1]: unknown permission \"delete\" [unknown-word]\n"
            "  fix: use one of all, *, read, r, write, w, append, a, exec, x, e\n"
            "warning: bpf.files[1].permissions[0]: unknown permission \"rw\" [unknown-word]\n"
            "  fix: write one word each: [\"r\", \"w\"]\n"
            "warning: bpf.files[2].qualifiers: without a qualifier the rule has no effect "
            "[rule-without-effect]\n"
            "  fix: add \"deny\", \"audit\" or both\n"
            "error: bpf.network.sockets[0].domains[0]: unknown socket domain \"inet4\" "
            "[unknown-word]\n"
            "  fix: did you mean \"inet\"?\n");
}

TEST(BpfRawRulesTest, EveryMistakeIsReported) {
  EXPECT_EQ(Outcome(R"(files { pattern: "" permissions: "rw" }
                       processes { qualifiers { words: "dney" } pattern: "sh" permissions: "exex" }
                       mounts { source_pattern: "x/y" fstype: "" flags: "rec" })"),
            "error: bpf.files[0].pattern: pattern is empty [bad-pattern]\n"
            "  fix: write \"**\" to match every path\n"
            "error: bpf.files[0].permissions[0]: unknown permission \"rw\" [unknown-word]\n"
            "  fix: write one word each: [\"r\", \"w\"]\n"
            "error: bpf.processes[0].qualifiers[0]: unknown qualifier \"dney\" "
            "[unknown-qualifier]\n"
            "  fix: did you mean \"deny\"?\n"
            "error: bpf.processes[0].pattern: pattern \"sh\" is relative and matches no path "
            "[bad-pattern]\n"
            "  fix: start it with \"/\", or write \"**/sh\"\n"
            "error: bpf.processes[0].permissions[0]: unknown permission \"exex\" [unknown-word]\n"
            "  fix: did you mean \"exec\"?\n"
            "error: bpf.mounts[0].sourcePattern: pattern \"x/y\" is relative and matches no path "
            "[bad-pattern]\n"
            "  fix: start it with \"/\"\n"
            "error: bpf.mounts[0].fstype: file system type \"\" has 0 bytes; 1 to 15 are "
            "possible [bad-fstype]\n"
            "  fix: write a file system type, \"none\" or \"*\"\n"
            "error: bpf.mounts[0].flags[0]: unknown mount flag \"rec\" [unknown-word]\n"
            "  fix: use one of all, *, ro, r, read-only, rw, w, nosuid, suid, nodev, dev, "
            "noexec, exec, sync, async, mand, nomand, dirsync, nosymfollow, symfollow, noatime, "
            "atime, nodiratime, diratime, relatime, norelatime, strictatime, nostrictatime, "
            "iversion, noiversion, silent, loud, new, remount, bind, B, rbind, R, move, M, "
            "umount, pivot-root, unbindable, make-unbindable, runbindable, make-runbindable, "
            "private, make-private, rprivate, make-rprivate, slave, make-slave, rslave, "
            "make-rslave, shared, make-shared, rshared, make-rshared\n");
}

// The reader of a policy cannot mend a rule of the catalogue: mistakes are put where it is named.
TEST(BpfRawRulesTest, MistakesOfBuiltinRulesAreAtTheReference) {
  BpfRawRulesContext context = RawContext();
  context.rule = "disable-x";
  context.field = "spec.policy.enhanceProtect.hardeningRules[0]";
  context.builtin = true;
  EXPECT_EQ(Outcome(R"(files { pattern: "/a?" permissions: "r" }
                       files { pattern: "b" permissions: "w" })",
                    context),
            "deny file /a? read @ spec.policy.enhanceProtect.hardeningRules[0]\n"
            "error: spec.policy.enhanceProtect.hardeningRules[0]: pattern \"b\" is relative and "
            "matches no path [bad-pattern]\n"
            "  fix: start it with \"/\", or write \"**/b\"\n");
}

TEST(BpfRawRulesTest, OrderIsThatOfTheKindsAndThenOfTheLists) {
  Diagnostics diagnostics;
  const BpfRules rules = ReadRawRules(
      R"(processes { pattern: "/2" permissions: "x" }
         files { pattern: "/1" permissions: "r" }
         network { egress { to_destinations { ip: "192.0.2.3" } }
                   egresses { ip_block: "192.0.2.0/24" port: 53 } })",
      RawContext(), diagnostics);
  EXPECT_EQ(RulesText(rules),
            "deny file /1 read @ bpf.files[0]\n"
            "deny exec /2 @ bpf.processes[0]\n"
            "deny egress 192.0.2.3 @ bpf.network.egress.toDestinations[0]\n"
            "deny egress 192.0.2.0/24 ports=53 @ bpf.network.egresses[0]\n");
  EXPECT_EQ(rules.files[0].origin.rule, "raw");
}

}  // namespace
}  // namespace varmor
