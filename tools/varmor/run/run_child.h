// The command of `varmor run`: a child that waits until everything is ready, confines itself and
// becomes the command; and the parent's part, passing on signals and the exit status.
#ifndef TOOLS_VARMOR_RUN_RUN_CHILD_H_
#define TOOLS_VARMOR_RUN_RUN_CHILD_H_

#include <signal.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace varmor {

// For poll(2) while the command runs; `read` is called when `fd` is readable.
struct RunWatch {
  int fd = -1;
  std::function<void()> read;
};

// Why the command was not executed.
struct RunFailure {
  // False: it could not be confined.
  bool executing = false;
  // Of execvp; 0 when it was not that.
  int error = 0;
  std::string problem;
};

class RunChild {
 public:
  // Starts the child and waits until it has a mount namespace of its own, or could not have one.
  // `confine` is called in it last before exec. The calling process has one thread; from now on it
  // blocks the signals that Wait passes on.
  static absl::StatusOr<RunChild> Start(const std::vector<std::string>& words,
                                        std::function<absl::Status()> confine);

  RunChild(RunChild&& other) noexcept;
  RunChild& operator=(RunChild&&) = delete;
  // Ends a child that was not released.
  ~RunChild();

  pid_t pid() const { return pid_; }
  // "", or why the child shares the caller's mount namespace.
  const std::string& namespace_problem() const { return namespace_problem_; }

  // Lets the child go on and waits until the command is executed. False: it is not, `failure` says
  // why, and the child has ended.
  bool Release(RunFailure& failure);

  // Until the command ends. Signals sent to this process go on to the command, but for those from
  // the terminal, which the terminal sends to both. While the command is stopped by the terminal,
  // so is this process. Returns what waitpid(2) said.
  int Wait(const std::vector<RunWatch>& watches);

 private:
  RunChild() = default;
  bool TakeSignal();

  pid_t pid_ = -1;
  int go_ = -1;
  int reports_ = -1;
  int signals_ = -1;
  // What the command gets back.
  sigset_t mask_before_;
  struct sigaction child_before_ = {};
  std::string namespace_problem_;
  bool stop_passed_on_ = false;
};

// The exit status that a shell would have for it: 128 + N after signal N.
int ExitStatusOf(int wait_status);

}  // namespace varmor

#endif  // TOOLS_VARMOR_RUN_RUN_CHILD_H_
