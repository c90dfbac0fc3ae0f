// A process that does on command what is measured; see bench_prober.c.
#ifndef TOOLS_BENCH_VM_PROBING_CHILD_H_
#define TOOLS_BENCH_VM_PROBING_CHILD_H_

#include <sys/types.h>

#include <string>

namespace varmor {

class ProbingChild {
 public:
  // Starts it as in a container: in the cgroup, which has to exist, and in a mount namespace of its
  // own. "": as a process of the host. Ends this program when that fails.
  explicit ProbingChild(const std::string& cgroup);
  ProbingChild(const ProbingChild&) = delete;
  ProbingChild& operator=(const ProbingChild&) = delete;
  // Ends the process and waits for it.
  ~ProbingChild();

  // Returns how many times it was denied.
  long Do(const std::string& command, int times, const std::string& argument);

 private:
  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
};

// Ends the program with a message and the reason in errno.
[[noreturn]] void Fail(const std::string& what);

}  // namespace varmor

#endif  // TOOLS_BENCH_VM_PROBING_CHILD_H_
