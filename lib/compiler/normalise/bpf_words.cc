#include "lib/compiler/normalise/bpf_words.h"

#include "absl/strings/match.h"
#include "lib/compiler/ir/bpf_rules.h"

namespace varmor {
namespace {

constexpr uint64_t Bit(int n) { return uint64_t{1} << n; }
constexpr uint64_t kAll = ~uint64_t{0};

constexpr uint64_t kEveryAccess = kAccessRead | kAccessWrite | kAccessAppend | kAccessExec;
constexpr uint64_t kEveryPtrace = kPtraceTrace | kPtraceRead | kPtraceTracedBy | kPtraceReadBy;

constexpr BpfWord kFilePermissions[] = {
    {"all", kEveryAccess},
    {"*", kEveryAccess},
    {"read", kAccessRead},
    {"r", kAccessRead},
    {"write", kAccessWrite | kAccessAppend},
    {"w", kAccessWrite | kAccessAppend},
    {"append", kAccessAppend},
    {"a", kAccessAppend},
    {"exec", kAccessExec},
    {"x", kAccessExec},
    {"e", kAccessExec},
};

constexpr BpfWord kPtracePermissions[] = {
    {"all", kEveryPtrace},     {"*", kEveryPtrace},          {"trace", kPtraceTrace},
    {"read", kPtraceRead},     {"traceby", kPtraceTracedBy}, {"tracedby", kPtraceTracedBy},
    {"readby", kPtraceReadBy},
};

constexpr BpfWord kMountFlags[] = {
    {"all", kAll, kAll},
    {"*", kAll, kAll},
    {"ro", kMountReadOnly},
    {"r", kMountReadOnly},
    {"read-only", kMountReadOnly},
    {"rw", 0, kMountReadOnly},
    {"w", 0, kMountReadOnly},
    {"nosuid", kMountNoSuid},
    {"suid", 0, kMountNoSuid},
    {"nodev", kMountNoDev},
    {"dev", 0, kMountNoDev},
    {"noexec", kMountNoExec},
    {"exec", 0, kMountNoExec},
    {"sync", kMountSync},
    {"async", 0, kMountSync},
    {"mand", kMountMand},
    {"nomand", 0, kMountMand},
    {"dirsync", kMountDirSync},
    {"nosymfollow", kMountNoSymFollow},
    {"symfollow", 0, kMountNoSymFollow},
    {"noatime", kMountNoAtime},
    {"atime", 0, kMountNoAtime},
    {"nodiratime", kMountNoDirAtime},
    {"diratime", 0, kMountNoDirAtime},
    {"relatime", kMountRelAtime},
    {"norelatime", 0, kMountRelAtime},
    {"strictatime", kMountStrictAtime},
    {"nostrictatime", 0, kMountStrictAtime},
    {"iversion", kMountIVersion},
    {"noiversion", 0, kMountIVersion},
    {"silent", kMountSilent},
    {"loud", 0, kMountSilent},
    {"new", kMountNew},
    {"remount", kMountRemount},
    {"bind", kMountBind},
    {"B", kMountBind},
    {"rbind", kMountRecBind},
    {"R", kMountRecBind},
    {"move", kMountMove},
    {"M", kMountMove},
    {"umount", kMountUmount},
    {"pivot-root", kMountPivotRoot},
    {"unbindable", kMountUnbindable},
    {"make-unbindable", kMountUnbindable},
    {"runbindable", kMountRecUnbindable},
    {"make-runbindable", kMountRecUnbindable},
    {"private", kMountPrivate},
    {"make-private", kMountPrivate},
    {"rprivate", kMountRecPrivate},
    {"make-rprivate", kMountRecPrivate},
    {"slave", kMountSlave},
    {"make-slave", kMountSlave},
    {"rslave", kMountRecSlave},
    {"make-rslave", kMountRecSlave},
    {"shared", kMountShared},
    {"make-shared", kMountShared},
    {"rshared", kMountRecShared},
    {"make-rshared", kMountRecShared},
};

// include/linux/socket.h
constexpr BpfWord kSocketDomains[] = {
    {"all", kAll},           {"*", kAll},          {"unix", Bit(1)},      {"inet", Bit(2)},
    {"ax25", Bit(3)},        {"ipx", Bit(4)},      {"appletalk", Bit(5)}, {"netrom", Bit(6)},
    {"bridge", Bit(7)},      {"atmpvc", Bit(8)},   {"x25", Bit(9)},       {"inet6", Bit(10)},
    {"rose", Bit(11)},       {"netbeui", Bit(13)}, {"security", Bit(14)}, {"key", Bit(15)},
    {"netlink", Bit(16)},    {"packet", Bit(17)},  {"ash", Bit(18)},      {"econet", Bit(19)},
    {"atmsvc", Bit(20)},     {"rds", Bit(21)},     {"sna", Bit(22)},      {"irda", Bit(23)},
    {"pppox", Bit(24)},      {"wanpipe", Bit(25)}, {"llc", Bit(26)},      {"ib", Bit(27)},
    {"mpls", Bit(28)},       {"can", Bit(29)},     {"tipc", Bit(30)},     {"bluetooth", Bit(31)},
    {"iucv", Bit(32)},       {"rxrpc", Bit(33)},   {"isdn", Bit(34)},     {"phonet", Bit(35)},
    {"ieee802154", Bit(36)}, {"caif", Bit(37)},    {"alg", Bit(38)},      {"nfc", Bit(39)},
    {"vsock", Bit(40)},      {"kcm", Bit(41)},     {"qipcrtr", Bit(42)},  {"smc", Bit(43)},
    {"xdp", Bit(44)},        {"mctp", Bit(45)},
};

// include/linux/net.h
constexpr BpfWord kSocketTypes[] = {
    {"all", kAll},         {"*", kAll},      {"stream", Bit(1)},
    {"dgram", Bit(2)},     {"raw", Bit(3)},  {"rdm", Bit(4)},
    {"seqpacket", Bit(5)}, {"dccp", Bit(6)}, {"packet", Bit(10)},
};

// include/uapi/linux/in.h, in6.h. ICMP stands for both versions.
constexpr BpfWord kSocketProtocols[] = {
    {"all", kAll}, {"*", kAll}, {"icmp", Bit(1) | Bit(58)}, {"tcp", Bit(6)}, {"udp", Bit(17)},
};

}  // namespace

const absl::Span<const BpfWord> kFilePermissionWords = kFilePermissions;
const absl::Span<const BpfWord> kPtracePermissionWords = kPtracePermissions;
const absl::Span<const BpfWord> kMountFlagWords = kMountFlags;
const absl::Span<const BpfWord> kSocketDomainWords = kSocketDomains;
const absl::Span<const BpfWord> kSocketTypeWords = kSocketTypes;
const absl::Span<const BpfWord> kSocketProtocolWords = kSocketProtocols;

const BpfWord* FindBpfWord(absl::Span<const BpfWord> words, absl::string_view word) {
  for (const BpfWord& entry : words) {
    if (entry.word == word) return &entry;
  }
  for (const BpfWord& entry : words) {
    if (absl::EqualsIgnoreCase(entry.word, word)) return &entry;
  }
  return nullptr;
}

std::vector<std::string> BpfWordNames(absl::Span<const BpfWord> words) {
  std::vector<std::string> names;
  names.reserve(words.size());
  for (const BpfWord& entry : words) names.emplace_back(entry.word);
  return names;
}

}  // namespace varmor
