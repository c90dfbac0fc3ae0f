// Ways out of a subject, and attacks on the enforcer from inside one.
#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "lib/enforcers/bpf/bpf_events.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "tools/reliability/kernel_objects.h"
#include "tools/reliability/policies.h"
#include "tools/reliability/reliability.h"
#include "tools/reliability/scene.h"

namespace varmor {
namespace {

// Made by the suite's run.sh: bundles "outer" (sleeps) and "nested" (opens the file).
constexpr const char* kBundles = "/tmp/relia-bundles";
constexpr const char* kSecret = "/data/relia-secret";
constexpr const char* kPublic = "/data/relia-public";

int Shell(const std::string& command) {
  const int status = system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string ReadWord(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

struct Way {
  std::string name, argument;
  // Another root, where the files lie elsewhere.
  bool in_container = false;
};

void TryWays(Checks& checks, const std::string& container) {
  const std::string groups = FindCgroupMount().value_or("");
  const Way ways[] = {
      {"unshare-mount", "-"},
      {"unshare-all", "-"},
      {"setns", "/proc/1/ns/mnt"},
      {"setns", absl::StrCat("/proc/", container, "/ns/mnt"), true},
      {"setns", "/proc/1/ns/cgroup"},
      {"sub-cgroup", groups + "/relia/below"},
      {"other-cgroup", groups + "/relia-elsewhere"},
      {"clone-into", groups + "/relia/below"},
      {"clone-into", groups + "/relia-elsewhere"},
      {"daemon", "-"},
  };
  CgroupNamed("relia-elsewhere");
  for (const Way& way : ways) {
    const std::string top = way.in_container ? "" : "/tmp/relia";
    const int denied =
        RunConfined(CgroupNamed("relia"), {"intruder", way.name, way.argument, top + kSecret});
    const int allowed =
        RunConfined(CgroupNamed("relia"), {"intruder", way.name, way.argument, top + kPublic});
    checks.Expect(denied == EPERM && allowed == 0,
                  absl::StrCat("identity: still confined after ", way.name, " ", way.argument),
                  absl::StrCat("denied file: ", denied, ", allowed file: ", allowed,
                               " (1 is EPERM), each before and after executing a program"));
  }
}

void TryContainer(BpfEnforcer& enforcer, Checks& checks, const std::string& profile) {
  const std::string exec = "runc --root /run/relia exec relia-outer /bin/intruder open ";
  const int before = Shell(absl::StrCat(exec, kSecret, " >/dev/null 2>&1"));
  if (!checks.Need(enforcer.Enroll(SubjectOf(CgroupNamed("relia-container"), profile)),
                   "identity: confine the container")) {
    return;
  }
  const int denied = Shell(absl::StrCat(exec, kSecret, " >/dev/null 2>&1"));
  const int allowed = Shell(absl::StrCat(exec, kPublic, " >/dev/null 2>&1"));
  checks.Expect(before == 0 && denied == EPERM && allowed == 0,
                "identity: runc exec works in a confined container, and what it starts is confined",
                absl::StrCat("before: ", before, ", denied file: ", denied,
                             ", allowed file: ", allowed, ", CAP_SYS_ADMIN denied by the profile"));
  checks.Need(enforcer.Withdraw(SubjectOf(CgroupNamed("relia-container"), "").cgroup),
              "identity: withdraw");
  const int after = Shell(absl::StrCat(exec, kSecret, " >/dev/null 2>&1"));
  checks.Expect(after == 0, "identity: a withdrawn container is free",
                absl::StrCat("denied file: ", after));
}

// Containers that a confined process starts: by hand, and by runc.
void TryNested(Checks& checks) {
  const std::string by_hand = absl::StrCat("exec unshare -m -p -f -i -u -n chroot ", kBundles,
                                           "/nested/rootfs /bin/intruder open ");
  const std::string cgroup = CgroupNamed("relia");
  const int denied = RunConfined(cgroup, {"/bin/sh", "-c", by_hand + kSecret});
  const int allowed = RunConfined(cgroup, {"/bin/sh", "-c", by_hand + kPublic});
  checks.Expect(denied == EPERM && allowed == 0,
                "identity: a container that a confined process makes by hand is confined",
                absl::StrCat("denied file: ", denied, ", allowed file: ", allowed));
  const std::string runc = absl::StrCat("cd ", kBundles,
                                        "/nested && exec runc --root /run/relia run relia-nested "
                                        "</dev/null");
  const int free = Shell(absl::StrCat(runc, " >/dev/null 2>&1"));
  std::string output;
  const int inside = RunConfinedAndRead(cgroup, {"/bin/sh", "-c", runc + " 2>&1"}, output);
  // runc executes its binary through a mount that it has detached. A profile with rules about files
  // refuses to open what is reached so, and runc ends there.
  checks.Expect(free == 0 && inside != 0,
                "identity: runc in a confined process gives nothing that is denied",
                absl::StrCat("exit status from outside ", free, ", from inside ", inside,
                             output.empty() ? "" : "; runc says: ", output));
}

// One link and one map pin of the version in force.
std::string PinOf(const std::string& part) {
  std::error_code error;
  for (const auto& version : std::filesystem::directory_iterator("/sys/fs/bpf/varmor", error)) {
    return version.path().string() + "/" + part;
  }
  return "";
}

uint32_t LastId(int (*next)(uint32_t, uint32_t*)) {
  uint32_t id = 0;
  while (next(id, &id) == 0) {
  }
  return id;
}

}  // namespace

void CheckIdentity(const ReliabilityOptions&, Checks& checks) {
  MakeFiles();
  std::filesystem::create_directories("/tmp/relia/data");
  std::ofstream(std::string("/tmp/relia") + kSecret) << "secret\n";
  std::ofstream(std::string("/tmp/relia") + kPublic) << "public\n";
  BpfEnforcer enforcer{BpfEnforcerOptions()};
  enforcer.Uninstall().IgnoreError();
  if (!checks.Need(enforcer.Start().status(), "identity: start")) return;
  const BpfArtifact files =
      DenyReading("identity", {"/**/data/relia-secret", "/data/relia-secret"});
  const BpfArtifact no_admin = CompileRules(
      "admin",
      {"files:", "- {qualifiers: [deny], pattern: /data/relia-secret, permissions: [read]}",
       "capabilities: [{qualifiers: [deny], names: [sys_admin]}]"});
  if (!checks.Need(enforcer.Apply(Only(files)), "identity: apply") ||
      !checks.Need(enforcer.Apply(Only(no_admin)), "identity: apply") ||
      !checks.Need(enforcer.Enroll(SubjectOf(CgroupNamed("relia"), files.name())),
                   "identity: confine")) {
    return;
  }
  const int started =
      Shell(absl::StrCat("cd ", kBundles,
                         "/outer && runc --root /run/relia run -d --pid-file "
                         "/tmp/relia/outer.pid relia-outer </dev/null >/tmp/relia/outer.log 2>&1"));
  if (started != 0) Shell("cat /tmp/relia/outer.log");
  checks.Expect(started == 0, "identity: a container runs", absl::StrCat("exit status ", started));
  TryWays(checks, ReadWord("/tmp/relia/outer.pid"));
  TryContainer(enforcer, checks, no_admin.name());
  Shell("runc --root /run/relia delete -f relia-outer >/dev/null 2>&1");

  TryNested(checks);
  checks.Need(enforcer.Uninstall(), "identity: uninstall");
}

void CheckProtection(const ReliabilityOptions&, Checks& checks) {
  MakeFiles();
  const pid_t agent = fork();
  if (agent == 0) {
    while (true) pause();
  }
  BpfEnforcerOptions options;
  options.protected_process = agent;
  BpfEnforcer enforcer(options);
  enforcer.Uninstall().IgnoreError();
  const BpfArtifact artifact = DenyReading("protection", {"/tmp/relia/secret"});
  const std::string cgroup = CgroupNamed("relia");
  if (!checks.Need(enforcer.Start().status(), "protection: start") ||
      !checks.Need(enforcer.Apply(Only(artifact)), "protection: apply") ||
      !checks.Need(enforcer.Enroll(SubjectOf(cgroup, artifact.name())), "protection: confine")) {
    return;
  }
  int events = 0;
  auto reader = BpfEventReader::Open(enforcer, [&](const BpfViolation& seen) {
    events += seen.event_class == VARMOR_EVENT_PROTECTION;
  });
  const KernelObjects before = CountKernelObjects();
  const std::string pid = absl::StrCat(agent);
  const std::vector<std::vector<std::string>> attacks = {
      {"map-by-id", absl::StrCat(LastId(bpf_map_get_next_id))},
      {"program-by-id", absl::StrCat(LastId(bpf_prog_get_next_id))},
      {"link-by-id", absl::StrCat(LastId(bpf_link_get_next_id))},
      {"get", PinOf("maps/subjects")},
      {"get", PinOf("links/file_open")},
      {"open", PinOf("maps/subjects")},
      {"unlink", PinOf("links/file_open")},
      {"unlink", PinOf("maps/subjects")},
      {"rmdir", PinOf("complete")},
      {"rename", PinOf("links/capable")},
      {"kill", pid},
      {"stop", pid},
      {"pidfd", pid},
      {"trace", pid},
      {"write-memory", pid},
  };
  for (const std::vector<std::string>& attack : attacks) {
    const int status = RunConfined(cgroup, {"intruder", attack[0], attack[1]});
    checks.Expect(status == EPERM,
                  absl::StrCat("protection: ", attack[0], " ", attack[1], " is refused"),
                  absl::StrCat("errno ", status));
  }
  checks.Expect(CountKernelObjects() == before && waitpid(agent, nullptr, WNOHANG) == 0,
                "protection: programs, pins and the protected process are there after it",
                absl::StrCat(attacks.size(), " attacks; ", before.Text(), " before, ",
                             CountKernelObjects().Text(), " after"));
  if (reader.ok()) {
    while (reader->Poll(0).value_or(0) > 0) {
    }
  }
  checks.Expect(events > 0, "protection: attacks are reported",
                absl::StrCat(attacks.size(), " attacks, ", events, " events"));
  int outside = 0;
  for (const char* what : {"map-by-id", "program-by-id", "link-by-id"}) {
    const auto id = what[0] == 'm'   ? LastId(bpf_map_get_next_id)
                    : what[0] == 'p' ? LastId(bpf_prog_get_next_id)
                                     : LastId(bpf_link_get_next_id);
    outside += Shell(absl::StrCat("intruder ", what, " ", id)) == 0;
  }
  checks.Expect(outside == 3, "protection: who is not confined may do all that",
                absl::StrCat(outside, " of 3"));
  kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
  checks.Need(enforcer.Uninstall(), "protection: uninstall");
}

}  // namespace varmor
