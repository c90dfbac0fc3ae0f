// The meaning of BPF rules by the plainest means there are: loops over all rules, for tests only.
#ifndef LIB_COMPILER_SIMULATE_BPF_REFERENCE_H_
#define LIB_COMPILER_SIMULATE_BPF_REFERENCE_H_

#include <array>
#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "lib/compiler/ir/bpf_rules.h"

namespace varmor {

struct ReferenceVerdict {
  bool would_deny = false;
  bool audit = false;
  // Fields of the rules that may be named as responsible; empty: no rule, the class default
  // decides.
  std::set<std::string> responsible;
};

class BpfReference {
 public:
  explicit BpfReference(const BpfRules& rules) : rules_(rules) {}

  ReferenceVerdict File(absl::string_view path, uint32_t access) const;
  // Renaming the directory `path`, as far as what lies below counts.
  ReferenceVerdict Ancestor(absl::string_view path) const;
  ReferenceVerdict Exec(absl::string_view path) const;
  ReferenceVerdict Capability(int number) const;
  ReferenceVerdict Socket(uint32_t domain, uint32_t type, uint32_t protocol) const;
  ReferenceVerdict Egress(const std::array<uint8_t, 16>& address, uint16_t port, bool own) const;
  ReferenceVerdict Ptrace(uint32_t permission, bool same_container) const;
  ReferenceVerdict Mount(absl::string_view source, absl::string_view fstype, uint64_t ops) const;
  ReferenceVerdict Operation(uint32_t number) const;

 private:
  const BpfRules& rules_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_BPF_REFERENCE_H_
