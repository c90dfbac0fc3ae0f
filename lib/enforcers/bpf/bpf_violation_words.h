// vArmor's words for the numbers in a BPF event. Private to bpf_violation.
#ifndef LIB_ENFORCERS_BPF_BPF_VIOLATION_WORDS_H_
#define LIB_ENFORCERS_BPF_BPF_VIOLATION_WORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lib/enforcers/bpf/bpf_violation.h"

namespace varmor {

// "read", "write", ...: the bits of VARMOR_ACCESS_*.
std::vector<std::string> AccessWords(uint32_t bits);
// "trace": the lowest of VARMOR_PTRACE_*; "" for none.
std::string PtraceWord(uint32_t bits);
// Words of BpfMountRule.flags, the operation first; "new" when there is none.
std::vector<std::string> MountWords(uint64_t bits);
// "net_raw"; "capability 77" for one without a name.
std::string CapabilityWord(uint32_t number);
// "inet", "stream", "tcp"; the number for what has no word.
std::string SocketDomainWord(uint32_t number);
std::string SocketTypeWord(uint32_t number);
std::string SocketProtocolWord(uint32_t number);
// "CREATE_USER_NAMESPACE", of BpfEffects.Operation; "" for an unknown one.
std::string OperationWord(uint32_t number);
// Of `extra`: an address, IPv4 when it is mapped; a type of file system.
std::string AddressText(const BpfViolation& violation);
std::string FileSystemText(const BpfViolation& violation);
// `text` with what is no UTF-8 replaced.
std::string ValidUtf8(absl::string_view text);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_BPF_VIOLATION_WORDS_H_
