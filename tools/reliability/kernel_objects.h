// How many BPF objects there are in the whole kernel: what a check leaves behind is seen here.
#ifndef TOOLS_RELIABILITY_KERNEL_OBJECTS_H_
#define TOOLS_RELIABILITY_KERNEL_OBJECTS_H_

#include <cstddef>
#include <string>

namespace varmor {

struct KernelObjects {
  size_t maps = 0;
  size_t programs = 0;
  size_t links = 0;
  // Files below /sys/fs/bpf, directories too.
  size_t pins = 0;

  bool operator==(const KernelObjects& other) const {
    return maps == other.maps && programs == other.programs && links == other.links &&
           pins == other.pins;
  }
  std::string Text() const;
};

KernelObjects CountKernelObjects();

// The kernel frees late: waits up to ten seconds until the count is `expected`; the last count.
KernelObjects AwaitKernelObjects(const KernelObjects& expected);

}  // namespace varmor

#endif  // TOOLS_RELIABILITY_KERNEL_OBJECTS_H_
