// What runs left whose varmor was killed, and taking it back.
#ifndef TOOLS_VARMOR_RUN_LEFTOVERS_H_
#define TOOLS_VARMOR_RUN_LEFTOVERS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "tools/varmor/run/run_record.h"

namespace varmor {

struct Leftover {
  AbandonedRun run;
  // Confined processes that still run; an error when nobody can tell.
  absl::StatusOr<size_t> processes = 0;
};

std::vector<Leftover> FindLeftovers();
// "2 processes still run, confined", or that nothing does.
std::string LeftoverText(const Leftover& leftover);

struct PruneReport {
  // One line each: what is gone now; what stays since it confines processes that left their cgroup;
  // what could not be taken back.
  std::vector<std::string> removed;
  std::vector<std::string> kept;
  std::vector<std::string> problems;
  // Runs.
  size_t still_running = 0;
};

// Takes back what belongs to runs without processes, and BPF subjects whose cgroup is gone and whom
// nobody is inside any more. Leaves alone what nobody can tell about.
// `bpf` has been started, or is null.
PruneReport Prune(BpfEnforcer* bpf);

}  // namespace varmor

#endif  // TOOLS_VARMOR_RUN_LEFTOVERS_H_
