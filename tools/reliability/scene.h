// Where the checks happen: files, cgroups, confined processes, and the prober that never stops.
#ifndef TOOLS_RELIABILITY_SCENE_H_
#define TOOLS_RELIABILITY_SCENE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "tools/reliability/checks.h"
#include "tools/reliability/guest/prober_page.h"

namespace varmor {

// Makes the files of the policies, anew.
void MakeFiles();
// The path of a cgroup of this name, which exists afterwards.
std::string CgroupNamed(const std::string& name);

// Zeroed memory that is shared with children; it stays.
void* SharedMemory(size_t size);

// Runs a program in a cgroup and a mount namespace of its own, as in a container; it has all
// capabilities and the host's other namespaces.
pid_t StartConfined(const std::string& cgroup, const std::vector<std::string>& arguments);
// Exit status; -1 when a signal ended it.
int WaitForExit(pid_t child);
int RunConfined(const std::string& cgroup, const std::vector<std::string>& arguments);
// What it prints, and its exit status.
int RunConfinedAndRead(const std::string& cgroup, const std::vector<std::string>& arguments,
                       std::string& output);

BpfSubject SubjectOf(const std::string& cgroup, const std::string& profile);

// The prober in cgroup "relia", while it lives.
class Prober {
 public:
  Prober();
  ~Prober();

  // Version A (0) or B (2) is in force from now on; returns after the prober has seen it.
  void Settle(int version);
  // The other version is about to come.
  void Move();
  // Whether versions are changed without telling the prober.
  void SetUnannounced(bool unannounced);
  // It does nothing (SIGSTOP), or goes on.
  void Rest(bool rest);
  // Waits until the prober has done this many rounds more; false when it does not.
  bool AwaitRounds(uint64_t more);

  const prober_page& page() const { return *page_; }
  // Wrong answers so far, of every kind.
  uint64_t Wrong() const;
  // Zero successes, no failure of what is allowed; and what the versions differ in, when asked.
  void Judge(Checks& checks, const std::string& name, bool versions);

 private:
  prober_page* page_ = nullptr;
  pid_t process_ = 0;
};

}  // namespace varmor

#endif  // TOOLS_RELIABILITY_SCENE_H_
