// The compiled BPF programs, as they are in this binary: which build they are, and whether they
// mean the same bytes as this loader.
#ifndef LIB_ENFORCERS_BPF_PROGRAM_OBJECT_H_
#define LIB_ENFORCERS_BPF_PROGRAM_OBJECT_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/enforcers/bpf/bpf_calls.h"
#include "lib/enforcers/bpf/kernel_features.h"

struct bpf_object;

namespace varmor {

struct ObjectCloser {
  void operator()(bpf_object* object) const;
};
using ObjectPtr = std::unique_ptr<bpf_object, ObjectCloser>;

// "v1-0123456789ab": what the names of pinned versions begin with.
std::string VersionOf(absl::string_view object);
// The number after "v"; -1 when `name` is not of that form.
int AbiOfVersion(absl::string_view name);

// Reads an object without loading it. INTERNAL with libbpf's words when it is damaged.
absl::StatusOr<ObjectPtr> OpenProgramObject(absl::string_view object);

// Maps that outlive the programs of one build: those of programs_abi.h. Sorted.
const std::vector<std::string>& SharedMapNames();
// Of those, the ones that hold profiles' maps: "slot_profile" to "slot_hits". Sorted.
const std::vector<std::string>& SlotMapNames();

// What the object declares: shared maps by name, and inner maps by the name of the outer one.
struct ObjectShapes {
  std::map<std::string, BpfMapParameters> maps;
  std::map<std::string, BpfMapParameters> inner;
};
ObjectShapes ShapesOf(bpf_object* object);

// Whether sizes, offsets and map kinds in the object and its BTF are those of programs_abi.h,
// bpf_map_abi.h and BpfMapShapes(). INTERNAL names the first difference: this binary was built from
// files that do not belong together.
absl::Status CheckObject(bpf_object* object);

// The difference between a map and its declaration, sizes of outer maps aside; "" for none.
std::string ShapeDifference(const BpfMapParameters& declared, const BpfMapParameters& found);

// Sets a constant of the programs (.rodata) before they are loaded; one that the object does not
// have is passed over.
void SetConstant(bpf_object* object, absl::string_view name, uint32_t value);

// Fits the object to the kernel: constants, programs whose hook is missing, maps that are not used.
// Returns the programs that will be attached, sorted.
std::vector<std::string> ConfigureObject(bpf_object* object, const KernelFeatures& features,
                                         bool test_programs, bool maps_only);

// What libbpf printed in this thread since OpenProgramObject or ClearLibbpfMessages; the first MiB.
std::string LibbpfMessages();
void ClearLibbpfMessages();

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_PROGRAM_OBJECT_H_
