#include "lib/enforcers/bpf/bpf_violation_words.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/policy/capability.h"
#include "proto/builtin_rule.pb.h"

namespace varmor {
namespace {

constexpr const char* kMountOperations[] = {
    "remount",    "rbind",    "bind",    "move",   "umount", "pivot-root", "runbindable",
    "unbindable", "rprivate", "private", "rslave", "slave",  "rshared",    "shared"};

bool IsMountOperation(absl::string_view word) {
  return std::find(std::begin(kMountOperations), std::end(kMountOperations), word) !=
         std::end(kMountOperations);
}

uint64_t MountBits(absl::string_view word) {
  const BpfWord* found = FindBpfWord(kMountFlagWords, word);
  return found == nullptr ? 0 : found->bits;
}

// The word for one bit, or its number.
std::string NumberWord(absl::Span<const BpfWord> words, uint32_t number) {
  for (const BpfWord& word : words) {
    if (number < 64 && word.bits == uint64_t{1} << number) return std::string(word.word);
  }
  return absl::StrCat(number);
}

// Bytes of the character at the beginning of `text`; 0 when that is no UTF-8.
size_t CharacterBytes(absl::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto more = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return more(1) ? 2 : 0;
  if (first >= 0xe0 && first < 0xf0) {
    const bool range = !(first == 0xe0 && byte(1) < 0xa0) && !(first == 0xed && byte(1) >= 0xa0);
    return range && more(1) && more(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first < 0xf5) {
    const bool range = !(first == 0xf0 && byte(1) < 0x90) && !(first == 0xf4 && byte(1) >= 0x90);
    return range && more(1) && more(2) && more(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::vector<std::string> AccessWords(uint32_t bits) {
  const std::pair<uint32_t, const char*> kWords[] = {{VARMOR_ACCESS_EXEC, "exec"},
                                                     {VARMOR_ACCESS_WRITE, "write"},
                                                     {VARMOR_ACCESS_READ, "read"},
                                                     {VARMOR_ACCESS_APPEND, "append"}};
  std::vector<std::string> words;
  for (const auto& [bit, word] : kWords) {
    if ((bits & bit) != 0) words.push_back(word);
  }
  // Moving what stands above a protected path: a write to the directory.
  if (words.empty() && (bits & VARMOR_ACCESS_ANCESTOR) != 0) words.push_back("write");
  return words;
}

std::string PtraceWord(uint32_t bits) {
  if ((bits & VARMOR_PTRACE_TRACE) != 0) return "trace";
  if ((bits & VARMOR_PTRACE_READ) != 0) return "read";
  if ((bits & VARMOR_PTRACE_TRACED_BY) != 0) return "traceby";
  return (bits & VARMOR_PTRACE_READ_BY) != 0 ? "readby" : "";
}

std::vector<std::string> MountWords(uint64_t bits) {
  std::vector<std::string> words;
  uint64_t named = 0;
  for (const char* operation : kMountOperations) {
    const uint64_t own = MountBits(operation);
    if (own == 0 || (bits & own) != own || (named & own) != 0) continue;
    // "rbind" says "bind" as well.
    if (operation[0] == 'r' && operation != absl::string_view("remount")) {
      named |= MountBits(operation + 1);
    }
    named |= own;
    words.push_back(operation);
  }
  if (words.empty()) words.push_back("new");
  for (const BpfWord& word : kMountFlagWords) {
    const bool one_bit = word.bits != 0 && (word.bits & (word.bits - 1)) == 0;
    if (!one_bit || word.none_bits != 0 || (bits & word.bits) == 0) continue;
    if ((named & word.bits) != 0 || IsMountOperation(word.word) || word.word == "new") continue;
    named |= word.bits;
    words.emplace_back(word.word);
  }
  return words;
}

std::string CapabilityWord(uint32_t number) {
  if (number < kCapabilityNames.size()) return std::string(kCapabilityNames[number]);
  return absl::StrCat("capability ", number);
}

std::string SocketDomainWord(uint32_t number) { return NumberWord(kSocketDomainWords, number); }
std::string SocketTypeWord(uint32_t number) { return NumberWord(kSocketTypeWords, number); }

std::string SocketProtocolWord(uint32_t number) {
  if (number == 1) return "icmp";
  if (number == 58) return "icmpv6";
  return NumberWord(kSocketProtocolWords, number);
}

std::string OperationWord(uint32_t number) {
  return number == 0 ? "" : BpfEffects::Operation_Name(static_cast<int>(number));
}

std::string AddressText(const BpfViolation& violation) {
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const uint8_t* bytes = violation.extra.data();
  char text[INET6_ADDRSTRLEN] = "";
  if (std::memcmp(bytes, kMapped, sizeof(kMapped)) == 0) {
    inet_ntop(AF_INET, bytes + sizeof(kMapped), text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, bytes, text, sizeof(text));
  }
  return text;
}

std::string FileSystemText(const BpfViolation& violation) {
  const char* bytes = reinterpret_cast<const char*>(violation.extra.data());
  return {bytes, strnlen(bytes, violation.extra.size())};
}

std::string ValidUtf8(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t bytes = CharacterBytes(text);
    out += bytes == 0 ? "\xef\xbf\xbd" : std::string(text.substr(0, bytes));
    text.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return out;
}

}  // namespace varmor
