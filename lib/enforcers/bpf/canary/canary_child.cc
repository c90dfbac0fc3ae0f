#include "lib/enforcers/bpf/canary/canary_child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "lib/enforcers/bpf/canary/canary.h"
#include "lib/enforcers/bpf/canary/embedded_canary.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

// What failed in the child before the probe, in the order of its steps.
constexpr const char* kSteps[] = {
    "enter its cgroup",
    "make a mount namespace",
    "keep its mounts to itself",
    "mount a file system",
    "fill it",
    "execute the probe",
};

// After fork of a process that may have threads: system calls only.
bool WriteProgram(const char* path, absl::string_view bytes) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  if (fd == -1) return false;
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return close(fd) == 0;
}

bool EnterCgroup(const char* procs) {
  const int fd = open(procs, O_WRONLY | O_CLOEXEC);
  return fd != -1 && write(fd, "0", 1) == 1;
}

// A directory that every system has.
constexpr const char* kPlace = "/proc";

[[noreturn]] void Child(const char* procs, int report) {
  const auto fail = [report](unsigned char step) {
    const unsigned char message[2] = {step, static_cast<unsigned char>(errno)};
    const ssize_t written = write(report, message, sizeof(message));
    _exit(written == sizeof(message) ? CANARY_SETUP : CANARY_SETUP + 1);
  };
  if (!EnterCgroup(procs)) fail(0);
  if (unshare(CLONE_NEWNS) != 0) fail(1);
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail(2);
  if (mount("varmor-canary", kPlace, "tmpfs", 0, "size=1m,mode=700") != 0) fail(3);
  if (chdir(kPlace) != 0 || mkdir("varmor-canary", 0700) != 0 || chdir("varmor-canary") != 0 ||
      !WriteProgram("denied-file", "denied\n") || !WriteProgram("allowed-file", "allowed\n") ||
      !WriteProgram("denied-program", CanaryProbe()) || !WriteProgram("probe", CanaryProbe())) {
    fail(4);
  }
  char name[] = "probe";
  char* const arguments[] = {name, nullptr};
  char* const environment[] = {nullptr};
  execve("probe", arguments, environment);
  fail(5);
  _exit(CANARY_SETUP);
}

// A child as of fork, without what libraries hang on to that. `signal`: what the parent gets when
// it ends.
pid_t Fork(int signal) { return static_cast<pid_t>(syscall(SYS_clone, signal, 0, 0, 0, 0)); }

// Exit statuses of the guardian beyond those of the canary.
constexpr int kNoCanary = 0xf0;
constexpr int kSignalled = 0xf1;

// Between the caller and the canary. Whatever the caller does with SIGCHLD, it learns how a child
// ended that sends another signal and does not execute a program.
[[noreturn]] void Guardian(const char* procs, int report) {
  signal(SIGCHLD, SIG_DFL);
  const pid_t self = static_cast<pid_t>(syscall(SYS_getpid));
  const pid_t canary = Fork(SIGCHLD);
  if (canary == 0) {
    // Who kills the guardian kills the canary.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != self) _exit(CANARY_SETUP);
    Child(procs, report);
  }
  if (canary == -1) _exit(kNoCanary);
  int status = 0;
  while (waitpid(canary, &status, 0) == -1 && errno == EINTR) {
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled);
}

// The status of the guardian; -1 when it had to be killed.
int WaitFor(pid_t child, int timeout_ms) {
  constexpr int kStepMs = 5;
  int status = 0;
  for (int waited = 0;; waited += kStepMs) {
    if (waitpid(child, &status, WNOHANG | __WALL) == child) return status;
    if (waited >= timeout_ms) break;
    usleep(kStepMs * 1000);
  }
  kill(child, SIGKILL);
  waitpid(child, &status, __WALL);
  return -1;
}

}  // namespace

absl::StatusOr<int> RunCanary(const std::string& cgroup, int timeout_ms) {
  const std::string procs = absl::StrCat(cgroup, "/cgroup.procs");
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("cannot make a pipe: ", SystemReason(errno)));
  }
  const pid_t child = Fork(0);
  const int error = errno;
  if (child == 0) Guardian(procs.c_str(), report[1]);
  close(report[1]);
  const int status = child == -1 ? -1 : WaitFor(child, timeout_ms);
  unsigned char message[2] = {};
  const ssize_t got = status == -1 ? 0 : read(report[0], message, sizeof(message));
  close(report[0]);
  if (child == -1) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot start the canary process: ", SystemReason(error)));
  }
  if (status == -1) {
    return absl::DeadlineExceededError(
        absl::StrCat("the canary process did not end within ", timeout_ms, " ms"));
  }
  if (got == sizeof(message)) {
    return absl::FailedPreconditionError(absl::StrCat("the canary process cannot ",
                                                      kSteps[message[0] % std::size(kSteps)], ": ",
                                                      SystemReason(message[1])));
  }
  const int exit = WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled;
  if ((exit & ~CANARY_ALL) != 0) {
    return absl::FailedPreconditionError(
        exit == kNoCanary    ? std::string("cannot start the canary process")
        : exit == kSignalled ? std::string("the canary process was ended by a signal")
                             : absl::StrCat("the canary process exited with status ", exit));
  }
  return exit;
}

}  // namespace varmor
