// 2,000 containers start and stop under an agent with this kernel's three enforcers, and nothing of
// them may be left: neither in the agent nor in the kernel. Their processes and cgroups are real
// and run under the profiles; the container runtime is a fake. Needs root, AppArmor, BPF LSM,
// seccomp.
//
//   agent_churn DIRECTORY [CONTAINERS]
//
// Prints what it counts. Exit status 1 when something is left.
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/enforcers/apparmor/change_on_exec.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "lib/enforcers/files.h"
#include "runtime/agent/agent.h"
#include "runtime/agent/node_kernel.h"
#include "runtime/agent/policy_directory.h"
#include "runtime/agent/violation_auditor.h"
#include "runtime/container/testing/fake_container_runtime.h"

namespace varmor {
namespace {

constexpr int kAtOnce = 50;
constexpr char kPolicy[] = R"(
apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: churn, namespace: vm}
spec:
  target: {kind: Pod, selector: {}}
  policy:
    enforcer: AppArmorBPFSeccomp
    mode: EnhanceProtect
    enhanceProtect: {hardeningRules: [disallow-write-core-pattern, disallow-umount]}
)";
constexpr char kProfile[] = "varmor-vm-churn";

[[noreturn]] void Die(const std::string& what) {
  std::printf("FAIL %s\n", what.c_str());
  std::exit(1);
}
void Require(const absl::Status& status, const char* what) {
  if (!status.ok()) Die(absl::StrCat(what, ": ", status.message()));
}

size_t Entries(const std::string& directory) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory),
                                           std::filesystem::directory_iterator()));
}

// What must not grow.
struct Levels {
  size_t descriptors = Entries("/proc/self/fd");
  size_t threads = Entries("/proc/self/task");
  size_t heap = mallinfo2().uordblks;
};

class Churn {
 public:
  explicit Churn(const std::string& directory)
      : directory_(directory),
        mount_(FindCgroupMount().value()),
        kernel_(KernelOptions()),
        violation_log_(LogOptions()),
        auditor_({}, violation_log_),
        log_({}, [](const std::string& /*line*/) {}),
        agent_({}, runtime_, kernel_, auditor_, log_) {}

  void Start();
  void StartAndStop(int from, int containers);
  // Ends with 1 when something of the containers is left.
  void CheckNothingIsLeft(int containers);

 private:
  struct Running {
    ContainerId id;
    std::string cgroup;
    pid_t pid = 0;
    int gate = -1;
  };

  NodeKernelOptions KernelOptions() const {
    NodeKernelOptions options;
    options.app_armor_options.state_directory = directory_ + "/apparmor";
    options.seccomp_options.state_directory = directory_ + "/seccomp";
    options.seccomp_options.directory = directory_ + "/profiles";
    options.bpf_options.events_bytes = 2 << 20;
    return options;
  }
  static ViolationLogOptions LogOptions() {
    ViolationLogOptions options;
    options.path.clear();
    return options;
  }
  Running Create(int number);
  void Tell(ContainerEvent::Kind kind, const Running& one);
  void Stop(Running& one);

  const std::string directory_;
  const std::string mount_;
  EnforcersKernel kernel_;
  FakeContainerRuntime runtime_;
  ViolationLog violation_log_;
  ViolationAuditor auditor_;
  Logger log_;
  Agent agent_;
};

void Churn::Start() {
  for (const char* name : {"/policies", "/profiles"}) {
    Require(EnsureDirectory(directory_ + name), "a directory");
  }
  std::ofstream(directory_ + "/policies/churn.yaml") << kPolicy;
  PolicyDirectory policies({directory_ + "/policies"});
  Require(policies.Scan().status(), "the policy");
  Require(agent_.Start(), "the agent");
  agent_.SetPolicies(policies.policies(), policies.problems(), true);
  Require(agent_.Resync(), "the list");
  for (const PolicyStatus& policy : agent_.Policies()) {
    if (policy.state != "enforced") Die(absl::StrCat(policy.profile, ": ", policy.message));
    if (policy.enforcers.size() != 3) Die("not all enforcers are used");
  }
  Require(MakeCgroup(mount_ + "/churn"), "a cgroup");
}

void Churn::Tell(ContainerEvent::Kind kind, const Running& one) {
  ContainerEvent event;
  event.kind = kind;
  event.id = one.id;
  event.pid = kind == ContainerEvent::Kind::kDeleted ? 0 : one.pid;
  event.time = absl::Now();
  agent_.OnEvent(event);
}

// The process waits, as a runtime's does, until its gate is closed; then it becomes a program under
// the AppArmor profile.
Churn::Running Churn::Create(int number) {
  Running out;
  out.id = {"vm", absl::StrCat("c", number)};
  out.cgroup = absl::StrCat(mount_, "/churn/c", number);
  Require(MakeCgroup(out.cgroup), "a cgroup");
  int gate[2];
  if (pipe2(gate, O_CLOEXEC) != 0) Die("pipe2");
  out.pid = fork();
  if (out.pid < 0) Die("fork");
  if (out.pid == 0) {
    close(gate[1]);
    prctl(PR_SET_NAME, "runc:[2:INIT]");
    char byte = 0;
    if (read(gate[0], &byte, 1) != 0) _exit(3);
    if (unshare(CLONE_NEWNS) != 0 || !ChangeOnExec(kProfile).ok()) _exit(4);
    execlp("sleep", "sleep", "1000", nullptr);
    _exit(5);
  }
  close(gate[0]);
  out.gate = gate[1];
  Require(MoveIntoCgroup(out.cgroup, out.pid), "a process");
  Container container;
  container.id = out.id;
  container.name = out.id.id;
  container.cgroup_name = out.id.id;
  container.app_armor_profile = kProfile;
  container.pid = out.pid;
  runtime_.PutSilently(std::move(container));
  Tell(ContainerEvent::Kind::kCreated, out);
  return out;
}

void Churn::Stop(Running& one) {
  kill(one.pid, SIGKILL);
  int status = 0;
  waitpid(one.pid, &status, 0);
  if (!WIFSIGNALED(status)) Die(absl::StrCat(one.id.id, " ended by itself: ", status));
  Tell(ContainerEvent::Kind::kExited, one);
  runtime_.DeleteSilently(one.id);
  Tell(ContainerEvent::Kind::kDeleted, one);
  Require(RemoveCgroup(one.cgroup), "a cgroup");
}

void Churn::StartAndStop(int from, int containers) {
  for (int done = 0; done < containers; done += kAtOnce) {
    std::vector<Running> running;
    for (int i = 0; i < kAtOnce && done + i < containers; ++i) {
      running.push_back(Create(from + done + i));
    }
    for (Running& one : running) {
      close(one.gate);
      Tell(ContainerEvent::Kind::kStarted, one);
    }
    size_t confined = 0;
    for (const ContainerStatus& one : agent_.Status().containers) {
      confined += one.enforcers.count("BPF") > 0 && one.enforcers.at("BPF") == "ok";
    }
    const absl::StatusOr<std::vector<LoadedSubject>> subjects = kernel_.Subjects();
    Require(subjects.status(), "the subjects");
    if (confined != running.size() || subjects->size() != running.size()) {
      Die(absl::StrCat(running.size(), " containers run, ", confined,
                       " are confined, the kernel has ", subjects->size()));
    }
    for (Running& one : running) Stop(one);
    if ((from + done) % 500 == 0) std::printf("%d\n", from + done);
  }
  agent_.Check();
  // What ended a while ago is forgotten.
  auditor_.Summarise(absl::Now() + absl::Minutes(2));
}

void Churn::CheckNothingIsLeft(int containers) {
  const AgentStatus status = agent_.Status();
  const absl::StatusOr<std::vector<BpfProfileState>> profiles = kernel_.bpf()->Profiles();
  Require(profiles.status(), "the BPF profiles");
  const absl::StatusOr<std::vector<LoadedSubject>> subjects = kernel_.Subjects();
  Require(subjects.status(), "the subjects");
  std::printf(
      "%d containers seen, %d confined before their program, %d later; left: %zu containers, "
      "%zu of the auditor's, %zu subjects; %zu BPF profiles\n",
      static_cast<int>(status.containers_seen), static_cast<int>(status.enrolled_in_time),
      static_cast<int>(status.enrolled_late), status.containers.size(), auditor_.containers(),
      subjects->size(), profiles->size());
  if (status.containers_seen != static_cast<uint64_t>(containers)) Die("containers were missed");
  if (!status.containers.empty() || auditor_.containers() != 0 || !subjects->empty() ||
      profiles->size() != 1) {
    Die("something is left");
  }
}

int Main(int argc, char** argv) {
  if (argc < 2) return 2;
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const int containers = argc > 2 ? std::atoi(argv[2]) : 2000;
  const int first = std::min(containers, 200);
  Churn churn(argv[1]);
  churn.Start();
  // What is allocated once is allocated now.
  churn.StartAndStop(0, first);
  const Levels before;
  churn.StartAndStop(first, containers - first);
  const Levels after;
  churn.CheckNothingIsLeft(containers);
  std::printf(
      "after %d and after %d containers: descriptors %zu and %zu, threads %zu and %zu, heap "
      "%zu and %zu bytes\n",
      first, containers, before.descriptors, after.descriptors, before.threads, after.threads,
      before.heap, after.heap);
  if (after.descriptors > before.descriptors) Die("descriptors are left open");
  if (after.threads > before.threads) Die("threads are left");
  if (after.heap > before.heap + (64 << 10)) Die("memory is left");
  std::puts("ok");
  return 0;
}

}  // namespace
}  // namespace varmor

int main(int argc, char** argv) { return varmor::Main(argc, argv); }
