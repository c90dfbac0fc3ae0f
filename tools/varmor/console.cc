#include "tools/varmor/console.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tools/varmor/exit_code.h"

namespace varmor {
namespace {

constexpr size_t kBufferBytes = 64 << 10;

// 0, or the errno of the write that failed.
int WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

}  // namespace

Console::Console()
    : out_is_terminal_(isatty(STDOUT_FILENO) == 1), err_is_terminal_(isatty(STDERR_FILENO) == 1) {
  SetColor("auto");
}

Console::~Console() { Flush(); }

void Console::SetColor(absl::string_view mode) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool wanted = (no_color == nullptr || *no_color == '\0') &&
                      (term == nullptr || std::strcmp(term, "dumb") != 0);
  color_out_ = mode == "always" || (mode == "auto" && out_is_terminal_ && wanted);
  color_err_ = mode == "always" || (mode == "auto" && err_is_terminal_ && wanted);
}

bool Console::Colored(Stream stream) const {
  return stream == Stream::kOut ? color_out_ : color_err_;
}

bool Console::IsTerminal(Stream stream) const {
  return stream == Stream::kOut ? out_is_terminal_ : err_is_terminal_;
}

void Console::Out(absl::string_view text) {
  absl::StrAppend(&buffer_, text);
  if (buffer_.size() >= kBufferBytes) Flush();
}

void Console::Err(absl::string_view text) {
  Flush();
  WriteAll(STDERR_FILENO, text);
}

void Console::Error(absl::string_view text) { Labelled("error", "\033[1;31m", text); }

void Console::Warning(absl::string_view text) { Labelled("warning", "\033[1;35m", text); }

void Console::Note(absl::string_view text) { Labelled("note", "\033[1;36m", text); }

void Console::Labelled(absl::string_view label, absl::string_view color, absl::string_view text) {
  if (color_err_) {
    Err(absl::StrCat("varmor: ", color, label, ":\033[0m ", text, "\n"));
  } else {
    Err(absl::StrCat("varmor: ", label, ": ", text, "\n"));
  }
}

void Console::Flush() {
  if (write_errno_ == 0) write_errno_ = WriteAll(STDOUT_FILENO, buffer_);
  buffer_.clear();
}

int Console::Finish(int code) {
  Flush();
  if (write_errno_ == 0 || write_errno_ == EPIPE) return code;
  Error(absl::StrCat("cannot write to standard output: ", std::strerror(write_errno_)));
  return kExitFault;
}

void PrepareStandardStreams() {
  // Not SIG_IGN, which a program that this one becomes would inherit.
  struct sigaction broken_pipe = {};
  if (sigaction(SIGPIPE, nullptr, &broken_pipe) == 0 && broken_pipe.sa_handler == SIG_DFL) {
    broken_pipe.sa_handler = [](int) {};
    broken_pipe.sa_flags = SA_RESTART;
    sigaction(SIGPIPE, &broken_pipe, nullptr);
  }
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is `fd` itself. Open in the direction nobody uses: reading standard
    // input and writing the others then fails with EBADF, as on a closed descriptor.
    const int direction = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (open("/dev/null", direction | O_CLOEXEC) == -1) return;
  }
}

}  // namespace varmor
