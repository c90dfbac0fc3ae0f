// Drops and program facts of a BpfEnforcer.
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "bpf/libbpf.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_enforcer_parts.h"
#include "lib/enforcers/bpf/bpf_reads.h"
#include "lib/enforcers/bpf/bpf_violation.h"
#include "lib/enforcers/bpf/programs/programs_abi.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

absl::StatusOr<BpfProgramFacts> FactsOf(int program) {
  bpf_prog_info info{};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(program, &info, &size) != 0) {
    return ReadFailed("what the kernel knows about a program", errno);
  }
  BpfProgramFacts facts;
  facts.id = info.id;
  facts.verified_instructions = info.verified_insns;
  facts.translated_bytes = info.xlated_prog_len;
  facts.machine_bytes = info.jited_prog_len;
  facts.runs = info.run_cnt;
  facts.run_ns = info.run_time_ns;
  return facts;
}

}  // namespace

absl::StatusOr<std::vector<BpfDrops>> BpfEnforcer::Drops() {
  VARMOR_ASSIGN_OR_RETURN(const PinLock lock, parts_->Begin());
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return ReadFailed("the number of CPUs", -cpus);
  std::vector<BpfDrops> out;
  std::vector<uint64_t> counts(static_cast<size_t>(cpus));
  for (uint32_t number = 1; number < VARMOR_EVENT_CLASSES; ++number) {
    if (bpf_map_lookup_elem(parts_->version->map("drops"), &number, counts.data()) != 0) {
      return ReadFailed("map drops", errno);
    }
    BpfDrops drops;
    drops.event_class = BpfEventClassName(static_cast<int>(number));
    for (const uint64_t count : counts) drops.events += count;
    out.push_back(std::move(drops));
  }
  return out;
}

absl::StatusOr<std::vector<BpfProgramFacts>> BpfEnforcer::ProgramFacts() {
  VARMOR_ASSIGN_OR_RETURN(const PinLock lock, parts_->Begin());
  std::vector<BpfProgramFacts> out;
  for (const char* part : {"links", "test_programs"}) {
    const std::string directory = absl::StrCat(parts_->version->path, "/", part);
    VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(directory));
    for (const std::string& name : names) {
      VARMOR_ASSIGN_OR_RETURN(UniqueFd program, OpenPin(absl::StrCat(directory, "/", name)));
      const bool attached = part[0] == 'l';
      if (attached) {
        VARMOR_ASSIGN_OR_RETURN(program, ProgramOfLink(program.get()));
      }
      VARMOR_ASSIGN_OR_RETURN(BpfProgramFacts facts, FactsOf(program.get()));
      facts.name = name;
      facts.attached = attached;
      out.push_back(std::move(facts));
    }
  }
  return out;
}

}  // namespace varmor
