#include "lib/compiler/seccomp/multiplexed_calls.h"

#include <seccomp.h>

#include <cstdlib>
#include <map>
#include <set>

#include "lib/compiler/seccomp/syscall_tables.h"

namespace varmor {
namespace {

// libseccomp's own numbers for these calls, where an architecture multiplexes them: -100 less the
// number of socketcall, -200 less that of ipc.
bool IsMultiplexedNumber(int number) { return number <= -100 && number > -300; }

using OwnNames = std::map<uint32_t, std::set<std::string>>;

// Multiplexed calls that have a number as well, by token.
OwnNames CollectOwnNames() {
  // First numbers: ordinary; MIPS o32.
  constexpr int kRanges[] = {0, 4000};
  constexpr int kRangeSize = 1024;
  OwnNames names;
  for (const std::string& word : SeccompArchitectureWords()) {
    const uint32_t token = FindSeccompArchitecture(word)->token;
    if (token == 0) continue;
    for (const int first : kRanges) {
      for (int number = first; number < first + kRangeSize; ++number) {
        char* name = seccomp_syscall_resolve_num_arch(token, number);
        if (name == nullptr) continue;
        if (IsMultiplexedNumber(seccomp_syscall_resolve_name_arch(token, name))) {
          names[token].insert(name);
        }
        std::free(name);
      }
    }
  }
  return names;
}

}  // namespace

const std::vector<MultiplexedCall>& MultiplexedCalls() {
  static const std::vector<MultiplexedCall>& calls = *new std::vector<MultiplexedCall>{
      {"semop", "ipc", 1},
      {"semget", "ipc", 2},
      {"semctl", "ipc", 3},
      {"semtimedop", "ipc", 4},
      {"msgsnd", "ipc", 11},
      {"msgrcv", "ipc", 12},
      {"msgget", "ipc", 13},
      {"msgctl", "ipc", 14},
      {"shmat", "ipc", 21},
      {"shmdt", "ipc", 22},
      {"shmget", "ipc", 23},
      {"shmctl", "ipc", 24},
      {"socket", "socketcall", 1},
      {"bind", "socketcall", 2},
      {"connect", "socketcall", 3},
      {"listen", "socketcall", 4},
      {"accept", "socketcall", 5},
      {"getsockname", "socketcall", 6},
      {"getpeername", "socketcall", 7},
      {"socketpair", "socketcall", 8},
      {"send", "socketcall", 9},
      {"recv", "socketcall", 10},
      {"sendto", "socketcall", 11},
      {"recvfrom", "socketcall", 12},
      {"shutdown", "socketcall", 13},
      {"setsockopt", "socketcall", 14},
      {"getsockopt", "socketcall", 15},
      {"sendmsg", "socketcall", 16},
      {"recvmsg", "socketcall", 17},
      {"accept4", "socketcall", 18},
      {"recvmmsg", "socketcall", 19},
      {"sendmmsg", "socketcall", 20},
  };
  return calls;
}

const MultiplexedCall* FindMultiplexedCall(absl::string_view architecture,
                                           const std::string& name) {
  const SeccompArchitecture* known = FindSeccompArchitecture(architecture);
  if (known == nullptr || known->token == 0) return nullptr;
  for (const MultiplexedCall& call : MultiplexedCalls()) {
    if (name != call.name) continue;
    if (!IsMultiplexedNumber(seccomp_syscall_resolve_name_arch(known->token, call.name))) {
      return nullptr;
    }
    const bool carried = seccomp_syscall_resolve_name_arch(known->token, call.carrier) >= 0;
    return carried ? &call : nullptr;
  }
  return nullptr;
}

bool HasOwnNumber(absl::string_view architecture, const std::string& name) {
  const SeccompArchitecture* known = FindSeccompArchitecture(architecture);
  if (known == nullptr || known->token == 0 || name.find('\0') != std::string::npos) return false;
  if (seccomp_syscall_resolve_name_arch(known->token, name.c_str()) >= 0) return true;
  static const OwnNames& names = *new OwnNames(CollectOwnNames());
  const auto found = names.find(known->token);
  return found != names.end() && found->second.count(name) > 0;
}

}  // namespace varmor
