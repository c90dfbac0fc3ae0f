#include "tools/bench/vm/probing_child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

constexpr char kProber[] = "bench_prober";

// In the child; only calls that are safe after fork.
void EnterContainer(const std::string& procs) {
  const int fd = open(procs.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd == -1 || write(fd, "0", 1) != 1) _exit(120);
  if (unshare(CLONE_NEWNS) != 0) _exit(121);
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(122);
}

}  // namespace

void Fail(const std::string& what) {
  std::cerr << "hook_bench: " << what << ": " << std::strerror(errno) << "\n";
  std::exit(1);
}

ProbingChild::ProbingChild(const std::string& cgroup) {
  const std::string procs = absl::StrCat(cgroup, "/cgroup.procs");
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) Fail("pipe");
  pid_ = fork();
  if (pid_ == -1) Fail("fork");
  if (pid_ == 0) {
    if (!cgroup.empty()) EnterContainer(procs);
    dup2(to[0], 0);
    dup2(from[1], 1);
    execlp(kProber, kProber, nullptr);
    _exit(126);
  }
  close(to[0]);
  close(from[1]);
  to_ = to[1];
  from_ = from[0];
}

ProbingChild::~ProbingChild() {
  close(to_);
  close(from_);
  waitpid(pid_, nullptr, 0);
}

long ProbingChild::Do(const std::string& command, int times, const std::string& argument) {
  const std::string line = absl::StrCat(command, " ", times, " ", argument, "\n");
  if (write(to_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) Fail("prober");
  std::string answer;
  char byte = 0;
  while (read(from_, &byte, 1) == 1 && byte != '\n') answer += byte;
  if (byte != '\n') Fail("the prober ended");
  return std::atol(answer.c_str());
}

}  // namespace varmor
