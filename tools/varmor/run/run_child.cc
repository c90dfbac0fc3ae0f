#include "tools/varmor/run/run_child.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {
namespace {

// What goes back from the child: a word, then text until the end.
enum class Report : char { kReady = 'r', kShared = 's', kUnconfined = 'u', kNotExecuted = 'x' };

constexpr int kPassedOn[] = {SIGHUP,  SIGINT,  SIGQUIT,  SIGTERM, SIGUSR1,
                             SIGUSR2, SIGALRM, SIGWINCH, SIGCONT, SIGTSTP};

sigset_t HandledSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kPassedOn) sigaddset(&set, signal);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) sigaddset(&set, signal);
  sigaddset(&set, SIGCHLD);
  return set;
}

void Send(int fd, Report report, int error, const std::string& text) {
  const std::string message =
      absl::StrCat(std::string(1, static_cast<char>(report)), error, "\n", text);
  // The parent takes a missing report for what it is.
  if (write(fd, message.data(), message.size()) == -1) return;
}

// Mounts made outside do not come in, and those made inside do not go out.
std::string OwnMountNamespace() {
  if (unshare(CLONE_NEWNS) != 0) {
    return absl::StrCat("cannot make a mount namespace: ", std::strerror(errno));
  }
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return "";
  return absl::StrCat("cannot make mounts private: ", std::strerror(errno));
}

[[noreturn]] void BecomeCommand(const std::vector<std::string>& words, int go, int reports,
                                const std::function<void()>& restore_signals,
                                const std::function<absl::Status()>& confine) {
  const std::string problem = OwnMountNamespace();
  Send(reports, problem.empty() ? Report::kReady : Report::kShared, 0, problem);
  char word = 0;
  // The end of the file: the parent is gone or has changed its mind.
  if (read(go, &word, 1) != 1) _exit(125);
  std::vector<char*> arguments;
  for (const std::string& one : words) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  restore_signals();
  if (const absl::Status status = confine(); !status.ok()) {
    Send(reports, Report::kUnconfined, 0, std::string(status.message()));
    _exit(125);
  }
  execvp(arguments[0], arguments.data());
  const int error = errno;
  Send(reports, Report::kNotExecuted, error, "");
  _exit(error == ENOENT ? 127 : 126);
}

// Until the end of the file, or when `one` is set one message.
std::string ReadReport(int fd, bool one) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t count = read(fd, buffer, sizeof(buffer));
    if (count == -1 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer, static_cast<size_t>(count));
    if (one) return text;
  }
}

}  // namespace

absl::StatusOr<RunChild> RunChild::Start(const std::vector<std::string>& words,
                                         std::function<absl::Status()> confine) {
  int go[2];
  int reports[2];
  if (pipe2(go, O_CLOEXEC) != 0) {
    return absl::InternalError(absl::StrCat("pipe: ", std::strerror(errno)));
  }
  if (pipe2(reports, O_CLOEXEC) != 0) {
    const int error = errno;
    close(go[0]);
    close(go[1]);
    return absl::InternalError(absl::StrCat("pipe: ", std::strerror(error)));
  }
  RunChild child;
  const sigset_t handled = HandledSignals();
  sigprocmask(SIG_BLOCK, &handled, &child.mask_before_);
  // Were it ignored, nobody would learn how the command ended.
  struct sigaction usual = {};
  usual.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &usual, &child.child_before_);
  child.go_ = go[1];
  child.reports_ = reports[0];
  child.signals_ = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
  child.pid_ = child.signals_ == -1 ? -1 : fork();
  const int error = errno;
  if (child.pid_ == 0) {
    close(go[1]);
    close(reports[0]);
    const auto restore = [&child] {
      sigaction(SIGCHLD, &child.child_before_, nullptr);
      sigprocmask(SIG_SETMASK, &child.mask_before_, nullptr);
    };
    BecomeCommand(words, go[0], reports[1], restore, confine);
  }
  close(go[0]);
  close(reports[1]);
  if (child.pid_ == -1) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot start a process: ", std::strerror(error)));
  }
  const std::string first = ReadReport(child.reports_, /*one=*/true);
  if (first.empty()) return absl::InternalError("the command's process ended before its time");
  if (static_cast<Report>(first[0]) == Report::kShared) {
    child.namespace_problem_ = first.substr(first.find('\n') + 1);
  }
  return child;
}

RunChild::RunChild(RunChild&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      go_(std::exchange(other.go_, -1)),
      reports_(std::exchange(other.reports_, -1)),
      signals_(std::exchange(other.signals_, -1)),
      mask_before_(other.mask_before_),
      child_before_(other.child_before_),
      namespace_problem_(std::move(other.namespace_problem_)) {}

RunChild::~RunChild() {
  if (go_ != -1) close(go_);  // before it is released, the child ends then
  if (reports_ != -1) close(reports_);
  if (signals_ != -1) close(signals_);
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
}

bool RunChild::Release(RunFailure& failure) {
  const bool told = write(go_, "g", 1) == 1;
  close(std::exchange(go_, -1));
  const std::string report = ReadReport(reports_, /*one=*/false);
  close(std::exchange(reports_, -1));
  // A filter that forbids writing hides the report; the exit status stays.
  if (told && report.empty()) return true;
  const size_t end = report.find('\n');
  failure.executing = !report.empty() && static_cast<Report>(report[0]) == Report::kNotExecuted;
  failure.problem = end == std::string::npos ? "" : report.substr(end + 1);
  if (failure.executing) {
    failure.error = atoi(report.c_str() + 1);
    failure.problem = std::strerror(failure.error);
  }
  waitpid(std::exchange(pid_, -1), nullptr, 0);
  return false;
}

bool RunChild::TakeSignal() {
  signalfd_siginfo info;
  if (read(signals_, &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) return false;
  const int number = static_cast<int>(info.ssi_signo);
  if (number == SIGCHLD) return true;
  const bool from_terminal = info.ssi_code > 0;
  if (from_terminal && number != SIGCONT && number != SIGHUP) return true;
  if (number == SIGTSTP) stop_passed_on_ = true;
  kill(pid_, number);
  return true;
}

int RunChild::Wait(const std::vector<RunWatch>& watches) {
  std::vector<pollfd> polled = {{signals_, POLLIN, 0}};
  for (const RunWatch& watch : watches) polled.push_back({watch.fd, POLLIN, 0});
  for (;;) {
    int status = 0;
    while (waitpid(pid_, &status, WNOHANG | WUNTRACED) == pid_) {
      if (!WIFSTOPPED(status)) {
        pid_ = -1;
        return status;
      }
      const int signal = WSTOPSIG(status);
      const bool job_control = signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
      // Who stops the command alone, by SIGSTOP, is to continue it alone.
      if (job_control || std::exchange(stop_passed_on_, false)) {
        kill(getpid(), SIGSTOP);
        kill(pid_, SIGCONT);
      }
    }
    if (poll(polled.data(), polled.size(), -1) == -1) continue;
    for (size_t i = 0; i < watches.size(); ++i) {
      if ((polled[i + 1].revents & POLLIN) != 0) watches[i].read();
      if ((polled[i + 1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
        polled[i + 1].fd = (polled[i + 1].revents & POLLIN) != 0 ? polled[i + 1].fd : -1;
      }
    }
    while (TakeSignal()) {
    }
  }
}

int ExitStatusOf(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace varmor
