#include "lib/enforcers/bpf/testing/confined_child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace varmor {

pid_t StartInCgroup(const std::string& cgroup, const std::vector<std::string>& arguments) {
  const std::string procs = cgroup + "/cgroup.procs";
  std::vector<char*> raw;
  for (const std::string& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  const int fd = open(procs.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd == -1 || write(fd, "0", 1) != 1) _exit(120);
  if (unshare(CLONE_NEWNS) != 0) _exit(121);
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(122);
  alarm(300);  // so that one that hangs is a test that fails
  execvp(raw[0], raw.data());
  _exit(126);
}

int WaitForExit(pid_t child) {
  int status = 0;
  if (child <= 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int RunInCgroup(const std::string& cgroup, const std::vector<std::string>& arguments) {
  return WaitForExit(StartInCgroup(cgroup, arguments));
}

}  // namespace varmor
