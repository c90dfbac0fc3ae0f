#include "tools/reliability/kernel_objects.h"

#include <unistd.h>

#include <cstdint>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"

namespace varmor {
namespace {

size_t Count(int (*next)(uint32_t, uint32_t*)) {
  size_t count = 0;
  for (uint32_t id = 0; next(id, &id) == 0;) ++count;
  return count;
}

}  // namespace

std::string KernelObjects::Text() const {
  return absl::StrCat(maps, " maps, ", programs, " programs, ", links, " links, ", pins, " pins");
}

KernelObjects CountKernelObjects() {
  KernelObjects out;
  out.maps = Count(bpf_map_get_next_id);
  out.programs = Count(bpf_prog_get_next_id);
  out.links = Count(bpf_link_get_next_id);
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it("/sys/fs/bpf", error), end;
       !error && it != end; it.increment(error)) {
    ++out.pins;
  }
  return out;
}

KernelObjects AwaitKernelObjects(const KernelObjects& expected) {
  KernelObjects found = CountKernelObjects();
  for (int i = 0; i < 100 && !(found == expected); ++i) {
    usleep(100000);
    found = CountKernelObjects();
  }
  return found;
}

}  // namespace varmor
