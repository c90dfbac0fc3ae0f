#include "tools/reliability/loaded_build.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tools/reliability/failing_calls.h"
#include "tools/reliability/scene.h"

namespace varmor {
namespace {

struct Command {
  int n;
  bool all;
  int error;
};

template <size_t kSize>
void Put(char (&to)[kSize], absl::string_view text) {
  const size_t size = std::min(text.size(), kSize - 1);
  std::memcpy(to, text.data(), size);
  to[size] = 0;
}

// The descriptor of the lock that Start has taken.
int LockOf(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) == directory) {
      return std::stoi(entry.path().filename());
    }
  }
  return -1;
}

}  // namespace

// How a copy tells what it came to.
struct LoadedBuild::Page {
  int code;
  char message[4000];
  char failed[32];
  char version[64];
  char made[16384];  // one a line
  size_t superseded;
};

// Stops after loading.
class LoadedBuild::Calls : public FailingCalls {
 public:
  Calls(std::string directory, int commands, int answers)
      : directory_(std::move(directory)), commands_(commands), answers_(answers) {}

  int Load(bpf_object* object) override {
    const int result = BpfCalls::Load(object);
    if (result == 0) Serve();
    return result;
  }

 private:
  // Returns in the copies.
  void Serve() {
    // Copies share the lock with us. It is free while nobody starts.
    const int lock = LockOf(directory_);
    Command command{};
    while (true) {
      if (lock == -1 || flock(lock, LOCK_UN) != 0 || write(answers_, "", 1) != 1) _exit(1);
      if (read(commands_, &command, sizeof(command)) != sizeof(command)) _exit(0);
      if (flock(lock, LOCK_EX) != 0) _exit(1);
      const pid_t copy = fork();
      if (copy == 0) {
        Arm(command.n, command.all, command.error);
        return;
      }
      if (copy == -1 || waitpid(copy, nullptr, 0) != copy) _exit(1);
    }
  }

  const std::string directory_;
  const int commands_;
  const int answers_;
};

LoadedBuild::LoadedBuild(const BpfEnforcerOptions& options) {
  page_ = static_cast<Page*>(SharedMemory(sizeof(Page)));
  int commands[2], answers[2];
  if (pipe2(commands, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0) {
    status_ = absl::InternalError("no pipe");
    return;
  }
  process_ = fork();
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(commands[1]);
    close(answers[0]);
    Calls calls(options.directory, commands[0], answers[1]);
    BpfEnforcer enforcer(options, &calls);
    const absl::StatusOr<BpfStartReport> report = enforcer.Start();
    page_->code = static_cast<int>(report.status().code());
    Put(page_->message, report.status().message());
    Put(page_->failed, calls.failed());
    Put(page_->made, absl::StrJoin(calls.made(), "\n"));
    Put(page_->version, report.ok() ? report->version : "");
    page_->superseded = report.ok() ? report->superseded.size() : 0;
    _exit(0);
  }
  close(commands[0]);
  close(answers[1]);
  commands_ = commands[1];
  answers_ = answers[0];
  char loaded = 0;
  if (read(answers_, &loaded, 1) == 1) return;
  status_ = Read().status;
  if (status_.ok()) status_ = absl::InternalError("the build was not loaded");
}

LoadedBuild::~LoadedBuild() {
  if (commands_ != -1) close(commands_);
  if (answers_ != -1) close(answers_);
  // That the pipe is closed it may never see: processes started since have its end, too.
  if (process_ > 0) kill(process_, SIGKILL);
  WaitForExit(process_);
  munmap(page_, sizeof(Page));
}

LoadedBuild::Result LoadedBuild::Read() const {
  Result result;
  result.status = absl::Status(static_cast<absl::StatusCode>(page_->code), page_->message);
  result.failed = page_->failed;
  result.made = absl::StrSplit(page_->made, '\n', absl::SkipEmpty());
  result.version = page_->version;
  result.superseded = page_->superseded;
  return result;
}

LoadedBuild::Result LoadedBuild::Finish(int n, bool all, int error) {
  std::memset(page_, 0, sizeof(Page));
  page_->code = static_cast<int>(absl::StatusCode::kInternal);
  Put(page_->message, "the copy died");
  const Command command{n, all, error};
  char done = 0;
  if (write(commands_, &command, sizeof(command)) != sizeof(command) ||
      read(answers_, &done, 1) != 1) {
    Result lost;
    lost.status = absl::InternalError("the process that had loaded the programs died");
    return lost;
  }
  return Read();
}

LoadedBuild::Result LoadedBuild::Finish() { return Finish(INT_MAX, false, 0); }

}  // namespace varmor
