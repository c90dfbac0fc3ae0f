// Decisions by rules of every kind, in tables: the rules, an event, what happens. The oracle test
// asks the AppArmor parser about random ones.
#include "lib/compiler/simulate/decide_app_armor.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

AppArmorArtifact ArtifactOf(const std::string& text) {
  AppArmorArtifact artifact;
  artifact.set_name("p");
  artifact.add_pieces()->set_text(text);
  return artifact;
}

std::string ProfileText(const std::string& rules, const std::string& flags = "") {
  return absl::StrCat("include <tunables/global>\nprofile p ",
                      flags.empty() ? "" : absl::StrCat("flags=(", flags, ") "), "{\n", rules,
                      "\n}\n");
}

Event EventOf(const std::string& text) {
  Event event;
  Diagnostics diagnostics;
  const bool parsed = ParseEventText(text, "event", event, diagnostics);
  for (const Diagnostic& one : diagnostics.list()) ADD_FAILURE() << FormatDiagnostic(one);
  EXPECT_TRUE(parsed) << text;
  return event;
}

// "audit deny EACCES by deny /etc/** w,": the answer, what it leads to, the rules or the reason.
std::string Told(const absl::StatusOr<Verdict>& verdict) {
  if (!verdict.ok()) return verdict.status().ToString();
  std::vector<std::string> rules;
  for (const ResponsibleRule& rule : verdict->rules) rules.push_back(rule.origin.text());
  std::string told = absl::StrCat(VerdictWord(*verdict), verdict->would_deny ? " observed" : "");
  if (!verdict->effect.empty()) absl::StrAppend(&told, " ", verdict->effect);
  if (!rules.empty()) absl::StrAppend(&told, " by ", absl::StrJoin(rules, " "));
  if (!verdict->reason.empty()) absl::StrAppend(&told, ": ", verdict->reason);
  return told;
}

std::string DecideText(const std::string& text, const Event& event,
                       const SimulateOptions& options = {}) {
  const absl::StatusOr<AppArmorSimulator> simulator =
      AppArmorSimulator::Load(ArtifactOf(text), options);
  if (!simulator.ok()) return simulator.status().ToString();
  return Told(simulator->Decide(event));
}

constexpr char kDefault[] =
    "audit deny EACCES: no rule is about it, and the profile denies by default";

struct Case {
  const char* rules;
  const char* event;
  const char* told;
};

class DecideAppArmorTest : public testing::TestWithParam<Case> {};

TEST_P(DecideAppArmorTest, Says) {
  const Case& c = GetParam();
  const std::string text = ProfileText(c.rules);
  EXPECT_EQ(DecideText(text, EventOf(c.event)), c.told) << c.rules << "\n" << c.event;
  EXPECT_EQ(AppArmorParserRefuses({text}), "");
}

constexpr Case kFiles[] = {
    {"/etc/** r,", "read /etc/passwd", "allow by /etc/** r,"},
    {"/etc/** r,", "write /etc/passwd", kDefault},
    {"/etc/** rw, deny /etc/passwd w,", "write /etc/passwd", "deny EACCES by deny /etc/passwd w,"},
    {"/etc/** rw, deny /etc/passwd w,", "append /etc/passwd", "deny EACCES by deny /etc/passwd w,"},
    {"file, audit deny /etc/passwd w,", "write /etc/passwd",
     "audit deny EACCES by audit deny /etc/passwd w,"},
    // One quiet denial keeps all of them quiet.
    {"audit deny /etc/* w, deny /etc/passwd w,", "write /etc/passwd",
     "deny EACCES by audit deny /etc/* w, deny /etc/passwd w,"},
    {"file, audit /etc/* w,", "write /etc/passwd", "audit by audit /etc/* w,"},
    {"file, audit /etc/* w,", "read /etc/passwd", "allow by file,"},
    {"/a a,", "append /a", "allow by /a a,"},
    {"/a a,", "write /a", kDefault},
    {"/a w,", "create /a", "allow by /a w,"},
    {"/a w,", "unlink /a", "allow by /a w,"},
    {"/a w,", "mknod /a", "allow by /a w,"},
    {"/a w,", "symlink /a", "allow by /a w,"},
    {"/a w,", "truncate /a", "allow by /a w,"},
    {"/a w,", "chmod /a", "allow by /a w,"},
    {"/a w,", "chown /a", "allow by /a w,"},
    {"/a k,", "lock /a", "allow by /a k,"},
    {"/a rw,", "lock /a", kDefault},
    {"/a m,", "map /a", "allow by /a m,"},
    {"/a rw,", "map /a", kDefault},
    // The parser adds m to what inherits, and "audit" does not reach it.
    {"audit /a ix,", "map /a", "allow by audit /a ix,"},
    {"audit /a mix,", "map /a", "audit by audit /a mix,"},
    {"/a w,", "connect-unix /a", kDefault},
    {"/a rw,", "connect-unix /a", "allow by /a rw,"},
    // Directories end in a slash.
    {"/a w,", "mkdir /a", kDefault},
    {"/a/ w,", "mkdir /a", "allow by /a/ w,"},
    {"/a/ w,", "rmdir /a/", "allow by /a/ w,"},
    // What is made belongs to the maker.
    {"owner /a w,", "create /a", "allow by owner /a w,"},
    {"owner /a r,", "read /a own file", "allow by owner /a r,"},
    {"owner /a r,", "read /a foreign file", kDefault},
    {"owner /a r,", "read /a",
     "unknown: it depends on whether the process owns the file: allow if so, else audit deny"},
    {"owner /a r, /a r,", "read /a", "allow by /a r,"},
    {"/a r, deny owner /a r,", "read /a own file", "deny EACCES by deny owner /a r,"},
    {"@{HOME}/.ssh/* r,", "read /root/.ssh/id", "allow by @{HOME}/.ssh/* r,"},
    {"@{HOME}/.ssh/* r,", "read /home/me/.ssh/id", "allow by @{HOME}/.ssh/* r,"},
    {"@{PROC}/@{pid}/maps r,", "read /proc/12/maps", "allow by @{PROC}/@{pid}/maps r,"},
    // What the parser adds for who changes profile.
    {"profile c { }", "write /proc/1/attr/current own file",
     "allow by owner /proc/[0-9]*/attr/{apparmor/,}current w, (added by the parser)"},
};

constexpr Case kNames[] = {
    {"/a r, /b w,", "rename /a to /b", kDefault},
    {"/a rw, /b w,", "rename /a to /b", "allow by /a rw, /b w,"},
    {"/a rw,", "rename /a to /b", kDefault},
    {"/** rw, deny /a w,", "rename /a to /b", "deny EACCES by deny /a w,"},
    {"/** rw, deny /b w,", "rename /a to /b", "deny EACCES by deny /b w,"},
    {"/d/ rw, /e/ w,", "rename /d/ to /e", "allow by /d/ rw, /e/ w,"},
    {"/b r,", "link /a to /b", kDefault},
    {"/b l,", "link /a to /b", "allow by /b l,"},
    {"/b rl,", "link /a to /b foreign file", "allow by /b rl,"},
    // The owner's half asks whether the new name would give more.
    {"/b rl,", "link /a to /b own file",
     "audit deny EACCES: a new name may not come with permissions that the old name lacks"},
    {"/a r, /b rl,", "link /a to /b own file", "allow by /b rl,"},
    {"link /b -> /a, /b r,", "link /a to /b own file", "allow by link /b -> /a,"},
    {"link subset /b -> /a, /b r,", "link /a to /b own file",
     "audit deny EACCES: a new name may not come with permissions that the old name lacks"},
    {"link /b -> /c,", "link /a to /b", kDefault},
    {"file, deny /b l,", "link /a to /b", "deny EACCES by deny /b l,"},
    {"file, deny /a w,", "link /a to /b own file", "audit deny EACCES by deny /a w,"},
    {"/b rl, /a ix, /b px, /a r,", "link /a to /b own file",
     "audit deny EACCES: a new name may not come with permissions that the old name lacks"},
};

constexpr Case kExecs[] = {
    {"file,", "exec /bin/sh", "allow runs under the same profile by file,"},
    {"/bin/sh r,", "exec /bin/sh", kDefault},
    {"file, deny /bin/sh x,", "exec /bin/sh", "deny EACCES by deny /bin/sh x,"},
    {"/bin/* ix, /bin/sh ux,", "exec /bin/sh", "allow runs unconfined by /bin/* ix, /bin/sh ux,"},
    {"/bin/* ix, /bin/sh ux,", "exec /bin/ls", "allow runs under the same profile by /bin/* ix,"},
    {"file, /bin/sh cx -> c, profile c { }", "exec /bin/sh",
     "allow runs under p//c by file, /bin/sh cx -> c,"},
    {"/bin/sh cx -> c,", "exec /bin/sh",
     "audit deny EACCES by /bin/sh cx -> c,: the rule allows it, but no child of p fits"},
    {"/bin/sh cix -> c,", "exec /bin/sh", "allow runs under the same profile by /bin/sh cix -> c,"},
    {"/bin/sh cux,", "exec /bin/sh", "allow runs unconfined by /bin/sh cux,"},
    {"/bin/sh cx, profile /bin/sh { }", "exec /bin/sh",
     "allow runs under the child that attaches to it by /bin/sh cx,"},
    {"/bin/sh cx, profile x /bin/{ba,}sh { }", "exec /bin/sh",
     "allow runs under the child that attaches to it by /bin/sh cx,"},
    {"/bin/sh px -> other,", "exec /bin/sh",
     "unknown: it runs under other if the node has it, and fails otherwise"},
    {"/bin/sh px,", "exec /bin/sh",
     "unknown: it runs under the profile that attaches to it if the node has it, and fails "
     "otherwise"},
    {"/bin/sh pix -> other,", "exec /bin/sh",
     "allow runs under other, else the same profile by /bin/sh pix -> other,"},
    {"/bin/sh Pux,", "exec /bin/sh",
     "allow runs under the profile that attaches to it, else unconfined by /bin/sh PUx,"},
    {"/bin/sh px -> unconfined,", "exec /bin/sh",
     "allow runs under unconfined by /bin/sh px -> unconfined,"},
    {"audit /bin/sh ix,", "exec /bin/sh", "audit runs under the same profile by audit /bin/sh ix,"},
    {"/bin/sh cx -> c, profile c { /a r, }", "read /a as c", "allow by /a r,"},
    {"/bin/sh cx -> c, profile c { /a r, }", "exec /bin/sh as c", kDefault},
};

constexpr Case kCapabilities[] = {
    {"capability,", "capability bpf", "allow by capability,"},
    {"capability chown,", "capability chown", "allow by capability chown,"},
    {"capability chown,", "capability bpf",
     "audit deny EPERM: no rule is about it, and the profile denies by default"},
    {"capability, deny capability bpf perfmon,", "capability perfmon",
     "deny EPERM by deny capability bpf perfmon,"},
    {"capability, audit deny capability bpf,", "capability bpf",
     "audit deny EPERM by audit deny capability bpf,"},
    {"capability, audit capability bpf,", "capability bpf", "audit by audit capability bpf,"},
    {"capability, audit capability bpf,", "capability chown", "allow by capability,"},
};

constexpr Case kSockets[] = {
    {"network,", "socket inet stream", "allow by network,"},
    {"network inet,", "socket inet raw", "allow by network inet,"},
    {"network inet,", "socket inet6 raw", kDefault},
    {"network inet stream,", "socket inet dgram", kDefault},
    {"network stream,", "socket vsock stream", "allow by network stream,"},
    {"network tcp,", "socket inet6 stream tcp", "allow by network tcp,"},
    {"network udp,", "socket inet6 stream", kDefault},
    {"network icmp,", "socket inet raw icmp", "allow by network icmp,"},
    {"network icmp,", "socket inet6 raw", kDefault},
    {"network, deny network inet raw,", "socket inet raw", "deny EACCES by deny network inet raw,"},
    {"network packet,", "socket packet raw", "allow by network packet,"},
    {"unix (send),", "socket unix dgram", "allow by unix send,"},
    {"unix (create) type=stream,", "socket unix dgram", kDefault},
    {"network, deny unix,", "socket unix", "allow by network,"},
    {"network inet,", "connect 10.0.0.1:80", "allow by network inet,"},
    {"network inet stream,", "connect 10.0.0.1:80 tcp", "allow by network inet stream,"},
    {"network inet stream,", "connect 10.0.0.1:80",
     "unknown: it depends on the protocol: allow for tcp, audit deny for udp"},
    {"network inet6,", "connect [fd00::1]:80", "allow by network inet6,"},
    {"network inet6,", "connect 10.0.0.1:80", kDefault},
};

constexpr Case kProcesses[] = {
    {"ptrace,", "ptrace trace", "allow by ptrace,"},
    {"ptrace (read),", "ptrace trace of other", kDefault},
    {"ptrace (read) peer=other,", "ptrace read of other", "allow by ptrace read peer=other,"},
    {"ptrace (read) peer=o*,", "ptrace read",
     "unknown: rule \"ptrace read peer=o*,\": the other process's profile is not given"},
    {"ptrace, deny ptrace (trace),", "ptrace trace", "deny EACCES by deny ptrace trace,"},
    {"ptrace, deny ptrace (trace) peer=unconfined,", "ptrace trace of other", "allow by ptrace,"},
    // Both sides of a process with the same profile are asked.
    {"ptrace (trace) peer=p,", "ptrace trace same container", kDefault},
    {"ptrace (trace, tracedby) peer=@{profile_name},", "ptrace trace same container",
     "allow by ptrace (trace, tracedby) peer=@{profile_name},"},
    {"ptrace (trace) peer=p//c, profile c { ptrace (tracedby) peer=p, }", "ptrace trace of p//c",
     "allow by ptrace trace peer=p//c, ptrace tracedby peer=p,"},
    {"ptrace (trace) peer=p//c, profile c { deny ptrace, }", "ptrace trace of p//c",
     "deny EACCES by deny ptrace,"},
    {"", "ptrace traceby of unconfined",
     "allow: the kernel does not ask the profile of a process that an unconfined one traces"},
    {"signal,", "signal kill to unconfined", "allow by signal,"},
    {"signal (send) set=(term, kill),", "signal kill to x",
     "allow by signal send set=(term, kill),"},
    {"signal (send) set=(term, kill),", "signal hup to x", kDefault},
    {"signal (receive) peer=unconfined,", "signal term from unconfined",
     "allow by signal receive peer=unconfined,"},
    {"signal (receive) peer=unconfined,", "signal term to unconfined", kDefault},
    {"signal (send) peer=p,", "signal term to p", kDefault},
    {"signal peer=@{profile_name},", "signal term to p", "allow by signal peer=@{profile_name},"},
    {"signal set=rtmin+3,", "signal rtmin+3 to x", "allow by signal set=rtmin+3,"},
};

constexpr Case kMounts[] = {
    {"mount,", "mount proc on /proc type proc", "allow by mount,"},
    {"mount, deny mount fstype=proc,", "mount proc on /proc type proc",
     "deny EACCES by deny mount fstype=proc,"},
    {"mount fstype=(proc, sysfs) options=(ro, nodev),", "mount p on /a type sysfs options ro,nodev",
     "allow by mount fstype=(proc, sysfs) options=(ro, nodev),"},
    {"mount options=(ro, nodev),", "mount p on /a type sysfs options ro", kDefault},
    {"mount options in (ro, nodev),", "mount p on /a type sysfs options ro",
     "allow by mount options in (ro, nodev),"},
    {"mount options=(rw),", "mount p on /a type sysfs options ro", kDefault},
    {"mount options=(rw),", "mount p on /a type sysfs", "allow by mount options=rw,"},
    // A mount point is a directory.
    {"mount -> /a,", "mount p on /a type sysfs", kDefault},
    {"mount -> /a/,", "mount p on /a type sysfs", "allow by mount -> /a/,"},
    {"mount options=bind /a/ -> /b/,", "bind /a/ on /b", "allow by mount options=bind /a/ -> /b/,"},
    {"mount options=bind /a/ -> /b/,", "bind /a on /b",
     "unknown: it depends on whether \"/b\" is a directory: allow if so, else audit deny; a "
     "directory ends in a slash"},
    {"mount options=bind,", "bind /a on /b options ro", "allow by mount options=bind,"},
    {"mount options=bind,", "rbind /a on /b", kDefault},
    {"mount options=move,", "move /a on /b", "allow by mount options=move,"},
    {"mount options=rprivate,", "make-rprivate /a", "allow by mount options=rprivate,"},
    {"mount options=rprivate,", "make-private /a", kDefault},
    {"remount,", "remount /a", "allow by remount,"},
    {"remount,", "remount /a options ro", kDefault},
    {"remount options=ro /a/,", "remount /a/ options ro", "allow by remount options=ro /a/,"},
    // Every flag of "options in" may be missing, so this is about new mounts without flags, too.
    {"mount, deny mount options in (remount) -> /a/,", "mount t on /a type tmpfs",
     "deny EACCES by deny mount options in (remount) -> /a/,"},
    {"umount,", "umount /a", "allow by umount,"},
    {"umount /a/,", "umount /a/", "allow by umount /a/,"},
    {"umount /b/,", "umount /a", kDefault},
    {"pivot_root,", "pivot_root /a put_old /a/old", "allow by pivot_root,"},
    {"pivot_root oldroot=/a/old/ /a/,", "pivot_root /a put_old /a/old",
     "allow by pivot_root oldroot=/a/old/ /a/,"},
    {"pivot_root oldroot=/b/,", "pivot_root /a put_old /a/old", kDefault},
};

constexpr Case kOthers[] = {
    {"file,", "syscall unshare(0)", "not mediated: AppArmor does not see system calls as such"},
    {"file,", "operation CREATE_USER_NAMESPACE",
     "not mediated: AppArmor 3.0 has no rules about this operation"},
};

#define VARMOR_CASES(name, table) \
  INSTANTIATE_TEST_SUITE_P(name, DecideAppArmorTest, testing::ValuesIn(table))
VARMOR_CASES(Files, kFiles);
VARMOR_CASES(TwoNames, kNames);
VARMOR_CASES(Execs, kExecs);
VARMOR_CASES(Capabilities, kCapabilities);
VARMOR_CASES(Sockets, kSockets);
VARMOR_CASES(Processes, kProcesses);
VARMOR_CASES(Mounts, kMounts);
VARMOR_CASES(Others, kOthers);
#undef VARMOR_CASES

// ---- flags of profiles

struct FlagCase {
  const char* flags;
  const char* rules;
  const char* event;
  const char* told;
};

constexpr FlagCase kFlags[] = {
    {"complain", "", "write /a", "audit observed: no rule allows it; the profile only observes"},
    {"complain", "audit deny /a w,", "write /a", "audit observed by audit deny /a w,"},
    // What is not reported is not let through.
    {"complain", "deny /a w,", "write /a", "deny EACCES by deny /a w,"},
    {"complain", "/a rw, deny /b w,", "rename /a to /b", "deny EACCES by deny /b w,"},
    {"complain", "", "exec /bin/sh",
     "audit observed runs under a profile that learns: no rule allows it; the profile only "
     "observes"},
    {"complain", "deny /bin/sh x,", "exec /bin/sh",
     "allow observed runs under a profile that learns by deny /bin/sh x,"},
    {"complain", "", "capability bpf",
     "audit observed: no rule allows it; the profile only observes"},
    {"complain", "/a r,", "read /a", "allow by /a r,"},
    {"audit", "/a r,", "read /a", "audit by /a r,"},
    {"audit", "deny /a r,", "read /a", "audit deny EACCES by deny /a r,"},
    {"kill", "", "read /a",
     "audit deny killed: no rule is about it, and the profile denies by default"},
    {"kill", "deny /a r,", "read /a", "deny EACCES by deny /a r,"},
    {"unconfined", "deny /a r,", "read /a",
     "allow: the profile has flags=(unconfined), which allows everything"},
};

TEST(DecideAppArmorFlagsTest, DecideWhatADenialIs) {
  for (const FlagCase& c : kFlags) {
    EXPECT_EQ(DecideText(ProfileText(c.rules, c.flags), EventOf(c.event)), c.told)
        << c.flags << " " << c.rules << " " << c.event;
  }
}

TEST(DecideAppArmorFlagsTest, ArtifactsComplainWithoutAFlag) {
  AppArmorArtifact artifact = ArtifactOf(ProfileText(""));
  artifact.set_complain(true);
  const AppArmorSimulator simulator = AppArmorSimulator::Load(artifact, {}).value();
  EXPECT_EQ(Told(simulator.Decide(EventOf("read /a"))),
            "audit observed: no rule allows it; the profile only observes");
}

// ---- includes

TEST(DecideAppArmorIncludesTest, WithoutTheirTextDenialsAreCertain) {
  const std::string base = "include <abstractions/base>\n/a r, deny /b w,";
  EXPECT_EQ(DecideText(ProfileText(base), EventOf("write /b")), "deny EACCES by deny /b w,");
  EXPECT_EQ(DecideText(ProfileText(base), EventOf("read /a")),
            "allow by /a r,: a rule allows it, and abstractions/base, which is not at hand, denies "
            "nothing");
  EXPECT_EQ(DecideText(ProfileText(base), EventOf("read /c")),
            "unknown: it depends on what is included: include <abstractions/base>");
  const std::string more = "include <abstractions/nameservice>\n/a r, deny /b w,";
  EXPECT_EQ(DecideText(ProfileText(more), EventOf("write /b")), "deny EACCES by deny /b w,");
  EXPECT_EQ(DecideText(ProfileText(more), EventOf("read /a")),
            "unknown: it depends on what is included: include <abstractions/nameservice>");
}

TEST(DecideAppArmorIncludesTest, AreReadAlsoAsDirectoriesAndByVariables) {
  const AppArmorIncludes includes = {
      {"tunables/global", "include <tunables/more>\n@{A}=/x /y\n"},
      {"tunables/more", "@{B}=@{A}/b\n"},
      {"abstractions/base",
       "abi <abi/3.0>,\n  @{B} r,\n  include if exists <abstractions/base.d>\n"},
      {"abstractions/base.d/one", "/one r,\n"},
      {"abstractions/base.d/two", "deny /two r,\n"},
      {"abstractions/base.d/.hidden", "/hidden r,\n"},
      {"abstractions/base.d/deeper/three", "/three r,\n"},
  };
  SimulateOptions options;
  options.includes = &includes;
  const std::string text =
      ProfileText("include <abstractions/base>\ninclude if exists <local/p>\n@{A}/c r,");
  auto told = [&](const std::string& event) { return DecideText(text, EventOf(event), options); };
  EXPECT_EQ(told("read /x/b"), "allow by @{B} r, in abstractions/base");
  EXPECT_EQ(told("read /y/c"), "allow by @{A}/c r,");
  EXPECT_EQ(told("read /one"), "allow by /one r, in abstractions/base.d/one");
  EXPECT_EQ(told("read /two"), "deny EACCES by deny /two r, in abstractions/base.d/two");
  EXPECT_EQ(told("read /hidden"), kDefault);
  EXPECT_EQ(told("read /three"), kDefault);
}

TEST(DecideAppArmorIncludesTest, ThatIncludeThemselvesEnd) {
  const AppArmorIncludes includes = {{"abstractions/a", "include <abstractions/a>\n/a r,\n"}};
  SimulateOptions options;
  options.includes = &includes;
  EXPECT_EQ(
      DecideText(ProfileText("include <abstractions/a>\ndeny /b r,"), EventOf("read /b"), options),
      "deny EACCES by deny /b r,");
}

// What this machine has, which is what the parser reads.
AppArmorIncludes MachineIncludes() {
  AppArmorIncludes includes;
  const std::filesystem::path root = "/etc/apparmor.d";
  for (const char* part : {"abstractions", "tunables"}) {
    if (!std::filesystem::exists(root / part)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / part)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      includes[entry.path().lexically_relative(root).string()] =
          std::string{std::istreambuf_iterator<char>(in), {}};
    }
  }
  return includes;
}

TEST(DecideAppArmorIncludesTest, OfThisMachineAreUnderstood) {
  const AppArmorIncludes includes = MachineIncludes();
  ASSERT_EQ(includes.count("abstractions/base"), 1u) << "install the package apparmor";
  ASSERT_EQ(includes.count("tunables/global"), 1u) << "install the package apparmor";
  SimulateOptions options;
  options.includes = &includes;
  const std::string text = ProfileText("include <abstractions/base>\n/a r,");
  auto told = [&](const std::string& event) { return DecideText(text, EventOf(event), options); };
  EXPECT_EQ(told("read /etc/ld.so.cache"),
            "allow by @{etc_ro}/ld.so.cache rm, in abstractions/base");
  EXPECT_EQ(told("read /a"), "allow by /a r,");
  EXPECT_EQ(told("write /a"), kDefault);
  EXPECT_EQ(told("write /root/.Private/x own file"),
            "allow by owner @{HOME}/.Private/** rwlkmix, in abstractions/base");
  EXPECT_EQ(told("signal term from unconfined"),
            "allow by signal receive peer=unconfined, in abstractions/base");
  EXPECT_EQ(told("socket unix stream").substr(0, 8), "allow by");
}

// Every abstraction that a rule may include. Those that bring profiles of their own are not
// understood, and say so.
TEST(DecideAppArmorIncludesTest, AbstractionsOfThisMachineAreReadOrUnknown) {
  const AppArmorIncludes includes = MachineIncludes();
  SimulateOptions options;
  options.includes = &includes;
  int understood = 0;
  int unknown = 0;
  for (const auto& [path, text] : includes) {
    if (path.rfind("abstractions/", 0) != 0) continue;
    const std::string told =
        DecideText(ProfileText(absl::StrCat("include <", path, ">\n/a/b/c r,")),
                   EventOf("read /a/b/c"), options);
    if (told.rfind("unknown: it depends on what is included: a rule of <", 0) == 0) {
      ++unknown;
    } else {
      EXPECT_NE(told.find("/a/b/c r,"), std::string::npos) << path << ": " << told;
      ++understood;
    }
  }
  EXPECT_GT(understood, 80);
  EXPECT_LT(unknown, understood / 10);
}

TEST(DecideAppArmorPreambleTest, AliasesAddPaths) {
  const std::string text =
      "include <tunables/global>\nalias /a/ -> /b/,\n@{X} = /x/ /y/\n@{X} += /z/\n"
      "profile p {\n  /a/x r,\n  link /a/l -> /a/m,\n  link /c -> /a/m,\n  @{X}/f r,\n}\n";
  EXPECT_EQ(AppArmorParserRefuses({text}), "");
  auto told = [&](const std::string& event) { return DecideText(text, EventOf(event)); };
  EXPECT_EQ(told("read /a/x"), "allow by /a/x r,");
  EXPECT_EQ(told("read /b/x"), "allow by /a/x r,");
  EXPECT_EQ(told("link /b/m to /b/l"), "allow by link /a/l -> /a/m,");
  EXPECT_EQ(told("link /b/m to /a/l"), kDefault);
  EXPECT_EQ(told("link /b/m to /c"), "allow by link /c -> /a/m,");
  EXPECT_EQ(told("read /z/f"), "allow by @{X}/f r,");
}

// ---- what has no answer

TEST(DecideAppArmorInvalidTest, WordsThatDoNotExistAreRefused) {
  const AppArmorSimulator simulator =
      AppArmorSimulator::Load(ArtifactOf(ProfileText("file,")), {}).value();
  auto refused = [&](const Event& event) {
    return absl::IsInvalidArgument(simulator.Decide(event).status());
  };
  EXPECT_TRUE(refused(Event()));
  std::vector<Event> events(9);
  events[0].set_capability("flying");
  events[1].mutable_file()->set_path("relative");
  events[1].mutable_file()->set_access(FileEvent::READ);
  events[2].mutable_file()->set_path("/a");
  events[3].mutable_exec()->set_path("sh");
  events[4].mutable_socket()->set_domain("inet");
  events[4].mutable_socket()->set_type("sock");
  events[5].mutable_ptrace()->set_permission("look");
  events[6].mutable_signal()->set_signal("SIGKILL");
  events[7].mutable_mount()->add_flags("all");
  events[8].set_capability("bpf");
  events[8].set_profile("no_such_child");
  for (const Event& event : events) EXPECT_TRUE(refused(event)) << event.ShortDebugString();
  EXPECT_FALSE(AppArmorSimulator::Load(ArtifactOf("profile p {"), {}).ok());
}

TEST(DecideAppArmorHolesTest, MatchDisksUntilTheyAreBound) {
  AppArmorArtifact artifact = ArtifactOf("include <tunables/global>\nprofile p {\n  file,\n");
  AppArmorHole& hole = *artifact.add_pieces()->mutable_hole();
  hole.set_kind(DISK_DEVICES);
  hole.set_prefix("  deny ");
  hole.set_suffix(" rw,");
  artifact.add_pieces()->set_text("}\n");
  RuleOrigin& rule = *artifact.add_rules();
  rule.set_rule("disallow-access-disks");
  rule.set_text("deny /dev/DISK rw,");
  rule.set_action("deny");
  const AppArmorSimulator open = AppArmorSimulator::Load(artifact, {}).value();
  EXPECT_EQ(Told(open.Decide(EventOf("read /dev/sda disk device"))),
            "deny EACCES by deny /dev/DISK rw,");
  EXPECT_EQ(Told(open.Decide(EventOf("read /dev/sda"))), "allow by file,");

  artifact.mutable_pieces(1)->set_text("  deny /dev/sda rw,\n");
  const AppArmorSimulator bound = AppArmorSimulator::Load(artifact, {}).value();
  const absl::StatusOr<Verdict> verdict = bound.Decide(EventOf("write /dev/sda"));
  EXPECT_EQ(Told(verdict), "deny EACCES by deny /dev/DISK rw,");
  EXPECT_EQ(verdict->rules.at(0).index, 0);
  EXPECT_EQ(Told(bound.Decide(EventOf("write /dev/sdb disk device"))), "allow by file,");
}

TEST(DecideAppArmorRulesTest, EveryOriginOfALineIsNamedOnceInTheArtifactsOrder) {
  AppArmorArtifact artifact = ArtifactOf(ProfileText("file, deny /a w, audit /a r,"));
  for (const auto& [name, text, action] :
       {std::tuple("first", "/a w", "deny"), std::tuple("second", "/a r", "audit"),
        std::tuple("third", "/a w", "deny")}) {
    RuleOrigin& rule = *artifact.add_rules();
    rule.set_rule(name);
    rule.set_text(text);
    rule.set_action(action);
  }
  const AppArmorSimulator simulator = AppArmorSimulator::Load(artifact, {}).value();
  std::vector<int> indexes;
  const Verdict verdict = simulator.Decide(EventOf("write /a")).value();
  for (const ResponsibleRule& rule : verdict.rules) {
    indexes.push_back(rule.index);
  }
  EXPECT_EQ(indexes, (std::vector<int>{0, 2}));
  const Verdict audited = simulator.Decide(EventOf("read /a")).value();
  EXPECT_EQ(audited.rules.at(0).index, 1);
}

}  // namespace
}  // namespace varmor
