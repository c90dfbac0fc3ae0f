#include "tools/attack/scenarios.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/catalogue/testing/rule_examples.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/event_text.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

struct Scenario {
  const char* name;
  // What bpfRawRules holds.
  std::string rules;
  std::vector<std::string> denied;
  std::vector<std::string> allowed;
  // The rest as in AttackCase.
  std::vector<std::string> mounts = {};
  std::vector<std::string> lower_files = {};
  std::vector<std::string> more_ways = {};
  std::vector<std::string> addresses = {};
  // What the rules do not allow is denied.
  bool allow_list = false;
};

std::string Deep(const std::string& start, int components) {
  std::string path = start;
  for (int i = 0; i < components; ++i) absl::StrAppend(&path, "/d");
  return path;
}

std::vector<Scenario> FileScenarios() {
  return {
      {"a file, read and write",
       "files: [{pattern: /data/secret, permissions: [read, write]}]",
       {"read /data/secret", "write /data/secret", "append /data/secret"},
       {"read /data/secret.bak", "read /data/secret2", "write /data/secre"}},
      {"a directory's content, written",
       "files: [{pattern: /data/**, permissions: [write]}]",
       {"write /data/x", "append /data/x", "create /data/new", "truncate /data/x", "unlink /data/x",
        "mkdir /data/directory", "rmdir /data/directory", "mknod /data/pipe", "symlink /data/link",
        "chmod /data/x", "chown /data/x"},
       {"read /data/x", "create /data2/new", "truncate /data2/x", "unlink /data2/x",
        "mkdir /data2/directory", "rmdir /data2/directory", "mknod /data2/pipe",
        "symlink /data2/link", "chmod /data2/x", "chown /data2/x"}},
      {"other names for protected files",
       "files: [{pattern: /data/p/**, permissions: [write]}]",
       {"link /data/p/x to /data/q", "rename /data/p/x to /data/out", "rename /data/p to /data/p2",
        "rename /data/a to /data/p/b", "create /data/p/y"},
       {"write /data/pp/x", "link /data/a to /data/b", "rename /data/pp to /data/pp2",
        "create /data/pp/y"}},
      {"files below two mounts, and deep ones",
       "files: [{pattern: /mnt/**, permissions: [read, write]}]",
       {"read /mnt/s", "write /mnt/s", absl::StrCat("read ", Deep("/mnt", 30)),
        absl::StrCat("read ", Deep("/mnt", 59))},
       {absl::StrCat("read ", Deep("/opt", 59))},
       {"/mnt", "/mnt"}},
      {"memory of processes",
       "files: [{pattern: /proc/**/mem, permissions: [read, write]}]",
       {"read /proc/self/mem", "read /proc/1/mem", "write /proc/1/mem"},
       {"read /proc/meminfo", "read /proc/1/maps"}},
      {"a pattern that may overlap",
       "files: [{pattern: /t/aa**aa, permissions: [read]}]",
       {"read /t/aaXaa", "read /t/aaaa", "read /t/aaa", "read /t/aa"},
       {"read /t/a", "read /t/aab"}},
      {"a pattern of the last component",
       "files: [{pattern: a*c, permissions: [read]}]",
       {"read /t/abc", "read /t/ac", "read /var/t/abc", "read /abc"},
       {"read /t/acd", "read /t/ab", "read /t/c"}},
      {"a socket's file",
       "files: [{pattern: /run/d.sock, permissions: [read, write]}]",
       {"connect /run/d.sock"},
       {"connect /run/e.sock"}},
      {"a directory whose files are in an overlay's lower layer",
       "files: [{pattern: /etc/**, permissions: [write]}]",
       {"write /etc/lower", "append /etc/lower", "truncate /etc/lower", "chmod /etc/lower"},
       {"read /etc/lower", "write /opt/lower", "write /opt/upper"},
       {},
       {"/etc/lower", "/opt/lower"}},
      {"moving between cgroups",
       "files: [{pattern: /data/secret, permissions: [read]}]",
       {"read /data/secret"},
       {"read /data/public"},
       {},
       {},
       {"cgroup_child", "cgroup_sibling", "cgroup_root", "first_cgroup_child",
        "first_cgroup_sibling", "first_cgroup_root"}},
  };
}

std::vector<Scenario> ExecScenarios() {
  return {
      {"a program",
       "processes: [{pattern: /bin/tool, permissions: [exec]}]",
       {"exec /bin/tool"},
       {"exec /bin/tool2", "exec /bin/too"}},
      {"a program by its name, which may be a link to another",
       "processes: [{pattern: /**/sh, permissions: [exec]}]",
       {"exec /bin/sh"},
       {"exec /bin/ls"},
       {},
       {},
       {"applet_relative"}},
      // Copies in memory have no name, and no name is on the list.
      {"a list of programs",
       "processes: [{pattern: \"{/attacker,/loader,/attack/*,/opt/too,/opt/box}\", permissions: "
       "[exec]}],\n"
       "        files: [{pattern: \"/**\", permissions: [read, write, append]}],\n"
       "        capabilities: [{names: [all]}]",
       {"exec /bin/tool"},
       {"exec /opt/too"},
       {},
       {},
       {"memfd"},
       {},
       true},
  };
}

// 10,000 addresses, of which no two make a larger network.
std::string ManyAddresses() {
  constexpr int kCount = 10000;
  std::string rules = "network: {egress: {toDestinations: [{cidr: 10.64.0.0/10}, {cidr: fd01::/16}";
  for (int i = 0; i < kCount; ++i) {
    absl::StrAppend(&rules, ", {ip: 10.0.", i / 100, ".", 2 * (i % 100) + 1, "}");
  }
  return rules + "]}}";
}

std::vector<Scenario> NetworkScenarios() {
  return {
      {"an address",
       "network: {egress: {toDestinations: [{ip: 10.1.2.3}]}}",
       {"connect 10.1.2.3:80"},
       {"connect 10.1.2.4:80", "connect [fd00::1]:80"}},
      {"a network",
       "network: {egress: {toDestinations: [{cidr: 172.0.0.0/11}]}}",
       {"connect 172.31.255.254:80"},
       {"connect 172.32.0.1:80"}},
      {"a network of IPv6",
       "network: {egress: {toDestinations: [{cidr: \"2001:db8::/31\"}]}}",
       {"connect [2001:db9:ffff::1]:80"},
       {"connect [2001:dba::1]:80"}},
      {"ports of every address",
       "network: {egress: {toDestinations: [{cidr: 0.0.0.0/0, ports: [{port: 6670, endPort: "
       "6680}]}, "
       "{cidr: \"::/0\", ports: [{port: 6670, endPort: 6680}]}]}}",
       {"connect 10.9.9.9:6670", "connect 10.9.9.9:6680", "connect [fd00::9]:6680"},
       {"connect 10.9.9.9:6669", "connect 10.9.9.9:6681"}},
      {"single ports",
       "network: {egress: {toDestinations: [{ip: 10.9.9.9, ports: [{port: 6670}, {port: 6672}]}]}}",
       {"connect 10.9.9.9:6670", "connect 10.9.9.9:6672"},
       {"connect 10.9.9.9:6671"}},
      {"ports of the pod itself",
       "network: {egress: {toDestinations: [{ip: pod-self, ports: [{port: 80, endPort: 8080}]}]}}",
       {"connect 10.5.5.5:80 own address", "connect 10.5.5.5:8080 own address",
        "connect [fd00::5]:443 own address"},
       {"connect 10.5.5.5:79 own address", "connect [fd00::5]:8081 own address",
        "connect 10.5.5.6:80", "connect [fd00::6]:80", "connect 0.0.0.0:80"},
       {},
       {},
       {},
       {"10.5.5.5", "fd00::5"}},
      {"ten thousand addresses",
       ManyAddresses(),
       {"connect 10.0.0.1:80", "connect 10.0.99.199:443", "connect 10.0.50.101:53",
        "connect 10.127.1.2:80", "connect [fd01::9]:80"},
       {"connect 10.0.0.2:80", "connect 10.0.99.200:443", "connect 10.128.0.1:80",
        "connect [fd02::9]:80"}},
      {"the machine itself",
       "network: {egress: {toDestinations: [{ip: localhost}]}}",
       {"connect 127.0.0.1:80", "connect 127.0.0.2:80", "connect [::1]:80", "connect 0.0.0.0:80",
        "connect [::]:80"},
       {"connect 10.9.9.9:80"}},
      {"a protocol",
       "network: {sockets: [{protocols: [tcp]}]}",
       {"socket inet stream", "socket inet stream tcp", "socket inet6 stream",
        "socket inet stream 262"},
       {"socket inet dgram", "socket unix stream", "socket netlink raw"}},
  };
}

std::vector<Scenario> OtherScenarios() {
  return {
      {"new mounts of procfs",
       "mounts: [{sourcePattern: \"**\", fstype: proc, flags: [new]}]",
       {"mount proc on /mnt type proc", "mount proc on /mnt type proc options nosuid"},
       {"mount tmpfs on /mnt type tmpfs"}},
      {"new mounts of cgroups",
       "mounts: [{sourcePattern: \"**\", fstype: cgroup, flags: [new]}]",
       {"mount cgroup on /mnt type cgroup", "mount cgroup2 on /mnt type cgroup2"},
       {"mount tmpfs on /mnt type tmpfs"}},
      {"every mount",
       "mounts: [{sourcePattern: \"**\", fstype: \"*\", flags: [all]}]",
       {"mount tmpfs on /mnt type tmpfs", "bind /srv on /mnt", "remount /mnt", "move /srv to /mnt",
        "make-rprivate /"},
       {"read /mnt/file"}},
      {"binds of a directory",
       "mounts: [{sourcePattern: /data/**, fstype: none, flags: [bind]}]",
       {"bind /data/x on /mnt", "rbind /data/x on /mnt"},
       {"bind /srv on /mnt", "bind /data2/x on /mnt"}},
      {"remounts",
       "mounts: [{sourcePattern: \"**\", fstype: none, flags: [remount]}]",
       {"remount /mnt", "remount /mnt options ro"},
       {"umount /mnt"}},
      {"unmounting",
       "mounts: [{sourcePattern: /data/**, fstype: none, flags: [umount]}]",
       {"umount /data/m"},
       {"umount /mnt"}},
      {"tracing, the own container included",
       "ptrace: {strictMode: true, permissions: [trace, read]}",
       {"ptrace trace", "ptrace read", "ptrace trace same container", "ptrace read same container"},
       {"read /proc/self/environ"}},
      {"tracing others",
       "ptrace: {permissions: [trace, read]}",
       {"ptrace trace", "ptrace read"},
       {"ptrace trace same container", "ptrace read same container"}},
      {"capabilities",
       "capabilities: [{names: [sys_admin, net_raw]}]",
       {"capability sys_admin", "capability net_raw"},
       {"capability chown", "capability net_bind_service", "connect 10.9.9.9:80"}},
  };
}

absl::Status Parse(const std::vector<std::string>& texts, std::vector<Event>& events) {
  Diagnostics diagnostics;
  for (const std::string& text : texts) {
    if (!ParseEventText(text, "event", events.emplace_back(), diagnostics)) {
      return absl::InternalError(absl::StrCat("cannot read the event ", text));
    }
  }
  return absl::OkStatus();
}

std::string DenyList(const Scenario& scenario, bool observe) {
  return absl::StrCat(
      "    mode: EnhanceProtect\n    enhanceProtect:\n      privileged: true\n"
      "      auditViolations: true\n",
      observe ? "      allowViolations: true\n" : "", "      bpfRawRules: {", scenario.rules,
      "}\n");
}

std::string AllowList(const Scenario& scenario, bool observe) {
  return absl::StrCat("    mode: DefenseInDepth\n    defenseInDepth:\n",
                      observe ? "      allowViolations: true\n" : "",
                      "      bpf:\n        profileType: Custom\n        bpfRawRules: {",
                      scenario.rules, "}\n");
}

absl::StatusOr<AttackCase> CaseOf(const Scenario& scenario, const CaseOptions& options) {
  CaseDraft draft;
  draft.rule = scenario.name;
  draft.reported_as = scenario.allow_list ? "none" : "raw";
  draft.enforcer = "BPF";
  draft.policy = PolicyOfEnforcer("BPF", scenario.allow_list ? AllowList(scenario, options.observe)
                                                             : DenyList(scenario, options.observe));
  VARMOR_RETURN_IF_ERROR(Parse(scenario.denied, draft.denied));
  VARMOR_RETURN_IF_ERROR(Parse(scenario.allowed, draft.allowed));
  VARMOR_ASSIGN_OR_RETURN(AttackCase made, MakeCase(draft, options));
  made.mounts = scenario.mounts;
  made.lower_files = scenario.lower_files;
  made.more_ways = scenario.more_ways;
  made.addresses = scenario.addresses;
  made.moves = std::any_of(made.more_ways.begin(), made.more_ways.end(),
                           [](absl::string_view way) { return absl::StrContains(way, "cgroup_"); });
  return made;
}

}  // namespace

absl::StatusOr<AttackCase> RawRulesCase(const std::string& rules) {
  return CaseOf({"raw rules", rules, {}, {}}, {});
}

absl::StatusOr<std::vector<AttackCase>> ScenarioCases(const CaseOptions& options) {
  std::vector<AttackCase> cases;
  for (const auto& scenarios :
       {FileScenarios(), ExecScenarios(), NetworkScenarios(), OtherScenarios()}) {
    for (const Scenario& scenario : scenarios) {
      VARMOR_ASSIGN_OR_RETURN(AttackCase made, CaseOf(scenario, options));
      cases.push_back(std::move(made));
    }
  }
  return cases;
}

}  // namespace varmor
