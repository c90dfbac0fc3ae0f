#include "tools/attack/machine.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/artifacts_of.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "tools/attack/cases.h"
#include "tools/attack/scenarios.h"

namespace varmor {
namespace {

// The attacker in a cgroup, with the machine's mounts, or a copy of them in a namespace of its own.
class Process {
 public:
  Process(const std::string& cgroup, const std::string& attacker, bool own_namespace = false) {
    int in[2];
    int out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      if (!MoveIntoCgroup(cgroup, getpid()).ok()) _exit(126);
      if (own_namespace && unshare(CLONE_NEWNS) != 0) _exit(126);
      execl(attacker.c_str(), attacker.c_str(), nullptr);
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    output_ = out[0];
    ReadLine();
  }
  ~Process() {
    close(input_);
    close(output_);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }

  // The attacker's answer; "" when it has ended.
  std::string Perform(const std::string& line) {
    const std::string text = line + "\n";
    if (write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) return "";
    return ReadLine();
  }

 private:
  std::string ReadLine() {
    std::string line;
    char byte = 0;
    while (read(output_, &byte, 1) == 1 && byte != '\n') line += byte;
    return line;
  }

  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
};

std::string Outcome(long result) {
  return result == -1 ? absl::StrCat("errno ", errno) : std::string("ok");
}

std::string Trace(pid_t pid) {
  const std::string outcome = Outcome(ptrace(PTRACE_SEIZE, pid, nullptr, nullptr));
  ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr);
  waitpid(pid, nullptr, __WALL);
  ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  return outcome;
}

std::string ReadEnvironment(pid_t pid) {
  char text[64];
  const int fd = open(absl::StrCat("/proc/", pid, "/environ").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Outcome(fd);
  const std::string outcome = Outcome(read(fd, text, sizeof text));
  close(fd);
  return outcome;
}

class Rows {
 public:
  void Add(const std::string& event, bool denied, const std::string& with,
           const std::string& expected) {
    const bool as_expected = with == expected;
    rows_.push_back({kMachineCase, "BPF", event, "", denied, "", with,
                     as_expected ? MatrixRow::Result::kPassed : MatrixRow::Result::kFailed,
                     as_expected ? "" : absl::StrCat("expected: ", expected)});
  }
  std::vector<MatrixRow> Take() { return std::move(rows_); }

 private:
  std::vector<MatrixRow> rows_;
};

// Whoever is confined here shares the mounts of process 1.
absl::Status AttackWithProfile(BpfEnforcer& enforcer, const std::string& profile,
                               const std::string& cgroup, const std::string& secret,
                               const std::string& attacker, Rows& rows) {
  const std::string reading = "file\tread\t" + secret;
  BpfSubject subject;
  subject.profile = profile;
  VARMOR_ASSIGN_OR_RETURN(subject.cgroup, CgroupIdOfPath(cgroup));
  VARMOR_RETURN_IF_ERROR(enforcer.Enroll(subject));
  rows.Add("read a denied file in the machine's mount namespace", false,
           Process(cgroup, attacker).Perform(reading), "ok");
  subject.any_namespace = true;
  VARMOR_RETURN_IF_ERROR(enforcer.Enroll(subject));
  Process confined(cgroup, attacker);
  rows.Add("the same by a subject that is confined in any namespace", true,
           confined.Perform(reading), "errno 1");
  rows.Add("trace a confined process from outside", false, Trace(confined.pid()), "ok");
  rows.Add("read a confined process's environment from outside", false,
           ReadEnvironment(confined.pid()), "ok");
  return enforcer.Withdraw(subject.cgroup);
}

// A container's first process that went on to a cgroup below its own, and is confined only then.
absl::Status AttackAfterMoving(BpfEnforcer& enforcer, const std::string& profile,
                               const std::string& cgroup, const std::string& secret,
                               const std::string& attacker, Rows& rows) {
  const std::string reading = "file\tread\t" + secret;
  const std::string below = cgroup + "/below";
  VARMOR_RETURN_IF_ERROR(MakeCgroup(below));
  BpfSubject subject;
  subject.profile = profile;
  VARMOR_ASSIGN_OR_RETURN(subject.cgroup, CgroupIdOfPath(cgroup));
  {
    Process moved(cgroup, attacker, true);
    VARMOR_RETURN_IF_ERROR(MoveIntoCgroup(below, moved.pid()));
    rows.Add("read a denied file in a cgroup below the own one, not confined yet", false,
             moved.Perform(reading), "ok");
    VARMOR_RETURN_IF_ERROR(enforcer.Enroll(subject));
    rows.Add("the same by the same process, since it is confined", true, moved.Perform(reading),
             "errno 1");
  }
  for (int i = 0; i < 100 && !RemoveCgroup(below).ok(); ++i) usleep(20 * 1000);
  return enforcer.Withdraw(subject.cgroup);
}

}  // namespace

absl::StatusOr<std::vector<MatrixRow>> AttackTheMachine(const std::string& scratch,
                                                        const std::string& attacker) {
  const std::string secret = scratch + "/secret";
  std::ofstream(secret) << "secret\n";
  VARMOR_ASSIGN_OR_RETURN(const AttackCase attack_case,
                          RawRulesCase(absl::StrCat("files: [{pattern: ", secret,
                                                    ", permissions: [read]}], ptrace: {strictMode: "
                                                    "true, permissions: [all]}")));
  VARMOR_ASSIGN_OR_RETURN(const std::string mount, FindCgroupMount());
  const std::string cgroup = mount + "/attack-machine";
  VARMOR_RETURN_IF_ERROR(MakeCgroup(cgroup));
  BpfEnforcer enforcer{BpfEnforcerOptions()};
  VARMOR_RETURN_IF_ERROR(enforcer.Start().status());
  VARMOR_RETURN_IF_ERROR(enforcer.Apply(ArtifactsOf(*attack_case.compiled)));
  const std::string& profile = attack_case.compiled->profile_name;
  Rows rows;
  VARMOR_ASSIGN_OR_RETURN(const std::vector<uint64_t> own, OwnCgroupIds(mount));
  const std::pair<const char*, uint64_t> refused[] = {
      {"confine the root cgroup", own.back()}, {"confine the enforcer's own cgroup", own.front()}};
  for (const auto& [event, number] : refused) {
    BpfSubject subject;
    subject.cgroup = number;
    subject.profile = profile;
    rows.Add(event, true, absl::StatusCodeToString(enforcer.Enroll(subject).code()),
             "INVALID_ARGUMENT");
  }
  absl::Status attacked = AttackWithProfile(enforcer, profile, cgroup, secret, attacker, rows);
  if (attacked.ok()) {
    attacked = AttackAfterMoving(enforcer, profile, cgroup, secret, attacker, rows);
  }
  for (int i = 0; i < 100 && !RemoveCgroup(cgroup).ok(); ++i) usleep(20 * 1000);
  VARMOR_RETURN_IF_ERROR(attacked);
  VARMOR_RETURN_IF_ERROR(enforcer.Remove(profile));
  return rows.Take();
}

}  // namespace varmor
