// What the enforcer refuses, and in which words.
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "tools/reliability/failing_calls.h"
#include "tools/reliability/installed.h"
#include "tools/reliability/policies.h"
#include "tools/reliability/reliability.h"

namespace varmor {
namespace {

// A Status from a child process that does `work` under its own circumstances.
absl::Status InChild(const std::function<absl::Status()>& work) {
  constexpr size_t kSize = 4096;
  char* memory = static_cast<char*>(SharedMemory(kSize));
  const pid_t child = fork();
  if (child == 0) {
    const absl::Status status = work();
    memory[0] = static_cast<char>(status.code());
    const std::string text(status.message());
    std::memcpy(memory + 1, text.data(), std::min(text.size(), kSize - 2));
    _exit(0);
  }
  const int exit_status = WaitForExit(child);
  absl::Status status(static_cast<absl::StatusCode>(memory[0]), memory + 1);
  return exit_status == 0 ? status : absl::InternalError("the child died");
}

absl::Status DropCapabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  return syscall(SYS_capset, &header, none) == 0 ? absl::OkStatus() : absl::InternalError("capset");
}

absl::Status HideBtf() {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("/dev/null", "/sys/kernel/btf/vmlinux", nullptr, MS_BIND, nullptr) != 0) {
    return absl::InternalError("hide BTF");
  }
  return absl::OkStatus();
}

absl::Status HideLsms() {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      umount2("/sys/kernel/security", MNT_DETACH) != 0) {
    return absl::InternalError("hide securityfs");
  }
  return absl::OkStatus();
}

// Probe and Start say the same; Start's answer.
absl::Status ProbeAndStart(BpfEnforcerOptions options = {}) {
  BpfEnforcer enforcer(options);
  const EnforcerSupport support = enforcer.Probe();
  const absl::Status started = enforcer.Start().status();
  if (support.available || support.fix.empty()) {
    return absl::InternalError(absl::StrCat("Probe says available; Start: ", started.ToString()));
  }
  if (!absl::StrContains(started.message(), support.problem) ||
      !absl::StrContains(started.message(), support.fix)) {
    return absl::InternalError(
        absl::StrCat("Probe says ", support.problem, "; Start: ", started.ToString()));
  }
  return started;
}

void CheckCircumstances(Checks& checks) {
  checks.ExpectRefused(InChild([] {
                         const absl::Status dropped = DropCapabilities();
                         return dropped.ok() ? ProbeAndStart() : dropped;
                       }),
                       "this process may not load BPF programs; run it as root with CAP_SYS_ADMIN",
                       "refusals: without capabilities");
  checks.ExpectRefused(InChild([] {
                         const absl::Status hidden = HideBtf();
                         return hidden.ok() ? ProbeAndStart() : hidden;
                       }),
                       "the kernel has no BTF that this process can read; use a kernel with "
                       "CONFIG_DEBUG_INFO_BTF=y",
                       "refusals: without BTF");
  checks.ExpectRefused(InChild([] {
                         const absl::Status hidden = HideLsms();
                         return hidden.ok() ? ProbeAndStart() : hidden;
                       }),
                       "the list of active LSMs cannot be read; mount securityfs",
                       "refusals: without securityfs");
  BpfEnforcerOptions elsewhere;
  elsewhere.directory = "/tmp/relia/no-bpffs";
  checks.ExpectRefused(ProbeAndStart(elsewhere),
                       "\"/tmp/relia/no-bpffs\" is not in a BPF file system; mount one",
                       "refusals: a directory that is in no bpffs");
}

void CheckForeignPins(Checks& checks) {
  const std::string top = "/sys/fs/bpf/varmor";
  const auto adopt = [] { return BpfEnforcer(BuildOptions(false)).Start().status(); };
  std::string version;
  {
    BpfEnforcer enforcer(BuildOptions(false));
    const auto report = enforcer.Start();
    if (!checks.Need(report.status(), "refusals: start")) return;
    version = absl::StrCat(top, "/", report->version);
  }
  mkdir((top + "/guest").c_str(), 0700);
  checks.ExpectRefused(adopt(), absl::StrCat("\"", top, "/guest\" is not ours"),
                       "refusals: a foreign directory");
  rmdir((top + "/guest").c_str());

  const int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "foreign", 4, 4, 1, nullptr);
  const std::string extra = version + "/maps/foreign";
  bpf_obj_pin(map, extra.c_str());
  checks.ExpectRefused(adopt(), absl::StrCat("\"", extra, "\" is not ours"),
                       "refusals: a foreign pin");
  unlink(extra.c_str());

  const std::string drops = version + "/maps/drops", kept = top + "/kept";
  const int ours = bpf_obj_get(drops.c_str());
  unlink(drops.c_str());
  bpf_obj_pin(map, drops.c_str());
  checks.ExpectRefused(adopt(), absl::StrCat("\"", drops, "\" is not ours"),
                       "refusals: a foreign map in the place of one of ours");
  unlink(drops.c_str());
  bpf_obj_pin(ours, drops.c_str());

  const std::string link = version + "/links/path_chmod";
  const int our_link = bpf_obj_get(link.c_str());
  unlink(link.c_str());
  bpf_obj_pin(map, link.c_str());
  checks.ExpectRefused(adopt(), absl::StrCat("\"", link, "\" is not ours"),
                       "refusals: a foreign object in the place of a link");
  unlink(link.c_str());
  bpf_obj_pin(our_link, link.c_str());
  close(map);
  close(ours);
  close(our_link);
  checks.Need(adopt(), "refusals: without the foreign pins it starts");
}

// Every damage of an image that does not only change what nobody reads.
std::vector<std::pair<std::string, BpfArtifact>> Damages(const BpfArtifact& good) {
  std::vector<std::pair<std::string, BpfArtifact>> out;
  const auto add = [&](const std::string& what, const std::function<void(BpfArtifact&)>& change) {
    out.emplace_back(what, good);
    change(out.back().second);
  };
  add("another abi", [](BpfArtifact& a) { a.set_abi(a.abi() + 1); });
  add("no maps", [](BpfArtifact& a) { a.clear_maps(); });
  add("no name", [](BpfArtifact& a) { a.clear_name(); });
  add("another digest", [](BpfArtifact& a) { a.set_digest(std::string(64, '0')); });
  add("another mode", [](BpfArtifact& a) { a.set_complain(!a.complain()); });
  for (int i = 0; i < good.maps_size(); ++i) {
    const std::string name = absl::StrCat("map ", good.maps(i).name());
    const auto change = [&](const std::string& what, const std::function<void(BpfMap&)>& one) {
      add(absl::StrCat(name, ": ", what), [&, i](BpfArtifact& a) { one(*a.mutable_maps(i)); });
    };
    add(name + ": missing", [i](BpfArtifact& a) { a.mutable_maps()->DeleteSubrange(i, 1); });
    add(name + ": twice", [i](BpfArtifact& a) { *a.add_maps() = BpfMap(a.maps(i)); });
    change("another name", [](BpfMap& m) { m.set_name("other"); });
    change("longer values", [](BpfMap& m) { m.set_value_size(m.value_size() + 8); });
    change("longer keys", [](BpfMap& m) { m.set_key_size(m.key_size() + 4); });
    change("no entries allowed", [](BpfMap& m) { m.set_max_entries(0); });
    change("four thousand million entries", [](BpfMap& m) { m.set_max_entries(0xffffffff); });
    change("other flags", [](BpfMap& m) { m.set_flags(m.flags() ^ 1); });
    if (good.maps(i).entries_size() == 0) continue;
    change("a key that is cut", [](BpfMap& m) { m.mutable_entries(0)->mutable_key()->pop_back(); });
    change("a value that is cut",
           [](BpfMap& m) { m.mutable_entries(0)->mutable_value()->pop_back(); });
    change("a key out of range",
           [](BpfMap& m) { m.mutable_entries(0)->set_key(std::string(m.key_size(), '\x7f')); });
    change("another byte", [](BpfMap& m) { (*m.mutable_entries(0)->mutable_value())[0] ^= 1; });
    change("an entry twice", [](BpfMap& m) { *m.add_entries() = BpfMapEntry(m.entries(0)); });
    change("an entry missing", [](BpfMap& m) { m.mutable_entries()->RemoveLast(); });
  }
  return out;
}

void CheckImages(const ReliabilityOptions& options, Checks& checks, Prober& prober) {
  BpfEnforcer enforcer(BuildOptions(false));
  if (!checks.Need(enforcer.Start().status(), "refusals: start")) return;
  const BpfArtifact good = ProberProfile("relia", 'B');
  int refused = 0, tried = 0, wordless = 0;
  std::string accepted;
  for (const auto& [what, artifact] : Damages(good)) {
    const absl::Status status = enforcer.Apply(Only(artifact));
    ++tried;
    refused += absl::IsInvalidArgument(status);
    wordless += !status.ok() && status.message().size() < 20;
    if (!absl::IsInvalidArgument(status)) {
      absl::StrAppend(&accepted, what, " (", status.ToString(), "); ");
    }
  }
  checks.Expect(refused == tried && wordless == 0, "refusals: damaged images",
                absl::StrCat(tried, " damages, ", refused, " refused ", accepted));

  // Cut, and with a byte changed; what still is a good image may come into force.
  const std::string bytes = good.SerializeAsString();
  std::mt19937_64 random(options.seed);
  int unreadable = 0, bad = 0, same = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string damaged = bytes;
    if (i % 2 == 0) {
      damaged.resize(random() % bytes.size());
    } else {
      damaged[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
    }
    BpfArtifact artifact;
    if (!artifact.ParseFromString(damaged)) {
      ++unreadable;
      continue;
    }
    // Under another name only what is not enforced can have changed.
    artifact.set_name("varmor-ns-damaged");
    const absl::Status status = enforcer.Apply(Only(artifact));
    bad += !status.ok();
    same += status.ok();
    if (status.ok()) enforcer.Remove(artifact.name()).IgnoreError();
  }
  checks.Expect(bad > 0 && unreadable + bad + same == 1000, "refusals: 1000 images cut or changed",
                absl::StrCat(unreadable, " cannot be read, ", bad, " refused, ", same,
                             " with the same digest accepted"));
  const auto profiles = enforcer.Profiles();
  checks.Expect(profiles.ok() && profiles->size() == 1 &&
                    profiles->front().digest == ProberProfile("relia", 'A').digest(),
                "refusals: the profile before them is in force",
                absl::StrCat(tried + 1000, " images"));
  prober.Settle(0);
}

// Leaves room for `count` more files than are open.
void LeaveFiles(int count) {
  const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(next);
  const auto most = static_cast<rlim_t>(next + count);
  const rlimit few{most, most};
  setrlimit(RLIMIT_NOFILE, &few);
}

// With room for 0, 1, 2, ... more files, until there is enough: an error says so, and nobody is
// blamed for what could not be looked at.
void CheckOpenFiles(Checks& checks, const std::string& name, int step, bool prepared,
                    const std::function<absl::Status(BpfEnforcer&, int)>& work) {
  constexpr absl::string_view kWords =
      "Too many open files; raise the limit of open files (ulimit -n)";
  int refused = 0, other = 0, count = 0;
  std::string first_other;
  for (; count < 1000; count += step) {
    const absl::Status status = InChild([&] {
      BpfEnforcer enforcer(BuildOptions(false));
      if (prepared) {
        const absl::Status started = enforcer.Start().status();
        if (!started.ok()) return absl::InternalError(started.message());
      }
      LeaveFiles(count);
      return work(enforcer, count);
    });
    if (status.ok()) break;
    refused++;
    if (absl::IsResourceExhausted(status) && absl::StrContains(status.message(), kWords)) continue;
    if (other++ == 0) first_other = absl::StrCat("; with ", count, ": ", status.ToString());
  }
  checks.Expect(refused > 0 && other == 0 && count < 1000,
                absl::StrCat("refusals: ", name, " with too few open files"),
                absl::StrCat(refused, " limits refused, ", other, " in other words", first_other,
                             "; enough with ", count, " more"));
}

void CheckResources(const ReliabilityOptions& options, Checks& checks) {
  const BpfArtifact b = ProberProfile("relia", 'B');
  const int step = options.every_call ? 1 : 4;
  CheckOpenFiles(checks, "taking over what is loaded", step, false,
                 [](BpfEnforcer& e, int) { return e.Start().status(); });
  CheckOpenFiles(checks, "an update", 1, true, [](BpfEnforcer& e, int count) {
    return e.Apply(Only(DenyReading("extra", {absl::StrCat("/tmp/relia/secret", count)})));
  });
  CheckOpenFiles(checks, "the self-test", 1, true,
                 [](BpfEnforcer& e, int) { return e.SelfTest(); });
  CheckOpenFiles(
      checks, "loading another build", options.every_call ? 8 : 32, false,
      [](BpfEnforcer&, int) { return BpfEnforcer(BuildOptions(true)).Start().status(); });
  checks.Need(BpfEnforcer(BuildOptions(false)).Start().status(), "refusals: the first build again");
  FailingCalls calls;
  BpfEnforcer enforcer(BuildOptions(false), &calls);
  if (!checks.Need(enforcer.Start().status(), "refusals: start")) return;
  for (int n = 0; n < 1000; ++n) {
    calls.Arm(n, false, ENOSPC);
    const absl::Status status = enforcer.Apply(Only(b));
    const std::string kind = calls.failed();
    calls.Disarm();
    if (kind.empty()) break;
    if (!absl::StartsWith(kind, "pin ")) continue;
    checks.ExpectRefused(status, "No space left on device",
                         "refusals: no room for a pin (injected: a bpffs has no limit)");
    checks.Expect(absl::IsResourceExhausted(status), "refusals: no room is RESOURCE_EXHAUSTED",
                  std::string(absl::StatusCodeToString(status.code())));
    break;
  }
}

void CheckLimits(Checks& checks) {
  MakeFiles();
  BpfEnforcer(BpfEnforcerOptions()).Uninstall().IgnoreError();
  BpfEnforcerOptions small;
  small.slots = 4;
  small.subjects = 2;
  BpfEnforcer enforcer(small);
  if (!checks.Need(enforcer.Start().status(), "refusals: start small")) return;
  std::vector<absl::Status> applied, enrolled;
  for (int i = 0; i < 4; ++i) {
    applied.push_back(
        enforcer.Apply(Only(DenyReading(absl::StrCat("small", i), {"/tmp/relia/secret"}))));
  }
  checks.Need(applied[0], "refusals: a profile within the limit");
  checks.ExpectRefused(applied[3], "all 3 profile numbers are in use; remove a profile",
                       "refusals: more profiles than slots");
  for (int i = 0; i < 3; ++i) {
    enrolled.push_back(enforcer.Enroll(
        SubjectOf(CgroupNamed(absl::StrCat("relia-small-", i)), "varmor-ns-small0")));
  }
  checks.Need(enrolled[1], "refusals: a cgroup within the limit");
  checks.ExpectRefused(enrolled[2], "all 2 places are taken", "refusals: more cgroups than room");
  const int inside =
      RunConfined(CgroupNamed("relia-small-1"), {"intruder", "open", "/tmp/relia/secret"});
  checks.Expect(inside == EPERM, "refusals: those before stay confined",
                absl::StrCat("errno ", inside));
  BpfSubject root = SubjectOf("/sys/fs/cgroup", "varmor-ns-small0");
  checks.ExpectRefused(enforcer.Enroll(root), "the root cgroup is the whole machine",
                       "refusals: the root cgroup");
  checks.ExpectRefused(enforcer.Enroll(SubjectOf(CgroupNamed("relia-small-0"), "varmor-ns-nobody")),
                       "there is no BPF profile \"varmor-ns-nobody\"",
                       "refusals: an unknown profile");
  checks.ExpectRefused(enforcer.Remove("varmor-ns-small0"), "confines 2 cgroups",
                       "refusals: removing a profile in use");
  checks.Need(enforcer.Uninstall(), "refusals: uninstall small");
}

}  // namespace

void CheckRefusals(const ReliabilityOptions& options, Checks& checks) {
  {
    Installed installed(checks);
    if (!installed.ready()) return;
    CheckCircumstances(checks);
    CheckForeignPins(checks);
    CheckImages(options, checks, installed.prober());
    CheckResources(options, checks);
    installed.prober().Judge(checks, "refusals", true);
    installed.CheckResting("refusals");
  }
  CheckLimits(checks);
}

void CheckInactive(const ReliabilityOptions&, Checks& checks) {
  checks.ExpectRefused(ProbeAndStart(), "BPF is not an active LSM: lsm=",
                       "inactive: Probe and Start say that bpf is missing from lsm=");
  checks.ExpectRefused(ProbeAndStart(), ",bpf on the kernel's command line",
                       "inactive: and what would make it active");
  const KernelObjects now = CountKernelObjects();
  checks.Expect(now.links == 0, "inactive: nothing is loaded", now.Text());
}

}  // namespace varmor
