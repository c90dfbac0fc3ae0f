// What runs left whose varmor was killed, and taking it back.
#ifndef TOOLS_VARMOR_RUN_LEFTOVERS_H_
#define TOOLS_VARMOR_RUN_LEFTOVERS_H_

#include <string>
#include <vector>

#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "tools/varmor/run/run_record.h"

namespace varmor {

struct Leftover {
  AbandonedRun run;
  // Confined processes that still run.
  size_t processes = 0;
};

std::vector<Leftover> FindLeftovers();

struct PruneReport {
  // One line each: what is gone now; what could not be taken back.
  std::vector<std::string> removed;
  std::vector<std::string> problems;
  size_t still_running = 0;
};

// Takes back what belongs to runs without processes, and BPF subjects whose cgroup is gone.
// `bpf` has been started, or is null.
PruneReport Prune(BpfEnforcer* bpf);

}  // namespace varmor

#endif  // TOOLS_VARMOR_RUN_LEFTOVERS_H_
