#include "lib/enforcers/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/enforcers/unique_fd.h"

namespace varmor {
namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  UniqueFd from;
  UniqueFd to;
};

absl::Status Failed(absl::string_view what, int error) {
  return absl::UnavailableError(absl::StrCat("cannot ", what, ": ", std::strerror(error)));
}

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Failed("make a pipe", errno);
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// A file without a name that holds `text`, at its beginning: the program may read it at its
// leisure.
absl::StatusOr<UniqueFd> MemoryFile(absl::string_view text) {
  UniqueFd file(memfd_create("input", MFD_CLOEXEC));
  if (file.get() == -1) return Failed("make a file in memory", errno);
  while (!text.empty()) {
    const ssize_t written = write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("fill a file in memory", errno);
    text.remove_prefix(static_cast<size_t>(written));
  }
  lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::vector<std::string> PlainEnvironment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!absl::StartsWith(*variable, "LC_ALL=")) variables.emplace_back(*variable);
  }
  variables.emplace_back("LC_ALL=C");
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

// In a process group of its own, so that its children can be killed with it; with the signals that
// a daemon blocks or ignores as programs expect them. 0 or an errno.
int Spawn(std::vector<std::string> words, int in, int out, int errors, pid_t* pid) {
  std::vector<std::string> variables = PlainEnvironment();
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (const int error = posix_spawn_file_actions_init(&actions); error != 0) return error;
  if (const int error = posix_spawnattr_init(&attributes); error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> arguments = Pointers(words);
  const int error = posix_spawn(pid, arguments[0], &actions, &attributes, arguments.data(),
                                Pointers(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// Milliseconds for poll(2), rounded up.
int MillisecondsUntil(Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 1 << 30));
}

// False at its end.
bool ReadSome(int fd, size_t limit, std::string& text) {
  char buffer[16384];
  const ssize_t count = read(fd, buffer, sizeof buffer);
  if (count < 0) return errno == EINTR || errno == EAGAIN;
  text.append(buffer, std::min(static_cast<size_t>(count), limit - text.size()));
  return count != 0;
}

// Reads both outputs to their ends. False when the time is over before.
bool ReadOutputs(UniqueFd& out, UniqueFd& errors, const ProgramRun& run, Clock::time_point end,
                 ProgramResult& result) {
  pollfd waits[] = {{out.get(), POLLIN, 0}, {errors.get(), POLLIN, 0}};
  while (waits[0].fd != -1 || waits[1].fd != -1) {
    const int ready = poll(waits, 2, MillisecondsUntil(end));
    if (ready == 0) return false;
    if (ready < 0) continue;  // EINTR
    if (waits[0].revents != 0 && !ReadSome(waits[0].fd, run.output_limit, result.output)) {
      waits[0].fd = -1;
    }
    if (waits[1].revents != 0 && !ReadSome(waits[1].fd, run.output_limit, result.errors)) {
      waits[1].fd = -1;
    }
  }
  return true;
}

// Waits for the end. False when the time is over before: a program may close its outputs and go on.
bool WaitUntil(pid_t pid, Clock::time_point end, int& status) {
  for (;;) {
    const pid_t done = waitpid(pid, &status, WNOHANG);
    if (done == pid) return true;
    if (done == -1 && errno != EINTR) return true;  // somebody else waited for it: status stays
    if (Clock::now() >= end) return false;
    poll(nullptr, 0, 1);
  }
}

}  // namespace

absl::StatusOr<ProgramResult> RunProgram(const ProgramRun& run) {
  absl::StatusOr<UniqueFd> input = MemoryFile(run.input);
  if (!input.ok()) return input.status();
  absl::StatusOr<Pipe> out = MakePipe();
  if (!out.ok()) return out.status();
  absl::StatusOr<Pipe> errors = MakePipe();
  if (!errors.ok()) return errors.status();

  const Clock::time_point end = Clock::now() + run.time_limit;
  pid_t pid = 0;
  const int error = Spawn(run.words, input->get(), out->to.get(), errors->to.get(), &pid);
  if (error != 0) return Failed(absl::StrCat("run ", run.words[0]), error);
  out->to = UniqueFd();
  errors->to = UniqueFd();

  ProgramResult result;
  int status = -1;
  result.timed_out =
      !ReadOutputs(out->from, errors->from, run, end, result) || !WaitUntil(pid, end, status);
  if (result.timed_out) {
    kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
    }
  }
  if (status == -1) return Failed(absl::StrCat("wait for ", run.words[0]), ECHILD);
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

}  // namespace varmor
