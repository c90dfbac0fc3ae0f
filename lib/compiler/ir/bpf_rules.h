// The BPF enforcer's rules after resolving: words are numbers, patterns are parsed, built-in and
// raw rules are alike. Input of lower_bpf.
#ifndef LIB_COMPILER_IR_BPF_RULES_H_
#define LIB_COMPILER_IR_BPF_RULES_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/compiler/automaton/path_pattern.h"
#include "lib/compiler/ir/origin.h"
#include "proto/artifact.pb.h"

namespace varmor {

// Bits of BpfFile::access. The numbers are vArmor's, as events and tools know them.
enum BpfAccess : uint32_t {
  kAccessExec = 0x1,
  kAccessWrite = 0x2,
  kAccessRead = 0x4,
  kAccessAppend = 0x8,
};

// Bits of BpfPtrace::permissions, vArmor's numbers.
enum BpfPtracePermission : uint32_t {
  kPtraceTrace = 0x2,
  kPtraceRead = 0x4,
  kPtraceTracedBy = 0x8,
  kPtraceReadBy = 0x10,
};

// Bits of BpfMount::any and ::none. Bits 0 to 31 are the kernel's MS_* flags (include/uapi/linux/
// mount.h) where the kernel honours them; the rest are ours, so that no flag a program can set
// means one of them.
enum BpfMountBit : uint64_t {
  kMountReadOnly = uint64_t{1} << 0,
  kMountNoSuid = uint64_t{1} << 1,
  kMountNoDev = uint64_t{1} << 2,
  kMountNoExec = uint64_t{1} << 3,
  kMountSync = uint64_t{1} << 4,
  kMountRemount = uint64_t{1} << 5,
  kMountMand = uint64_t{1} << 6,
  kMountDirSync = uint64_t{1} << 7,
  kMountNoSymFollow = uint64_t{1} << 8,
  kMountNoAtime = uint64_t{1} << 10,
  kMountNoDirAtime = uint64_t{1} << 11,
  kMountBind = uint64_t{1} << 12,
  kMountMove = uint64_t{1} << 13,
  kMountSilent = uint64_t{1} << 15,
  kMountUnbindable = uint64_t{1} << 17,
  kMountPrivate = uint64_t{1} << 18,
  kMountSlave = uint64_t{1} << 19,
  kMountShared = uint64_t{1} << 20,
  kMountRelAtime = uint64_t{1} << 21,
  kMountIVersion = uint64_t{1} << 23,
  kMountStrictAtime = uint64_t{1} << 24,
  // Derived by the enforcer from the call.
  kMountNew = uint64_t{1} << 32,  // a new superblock or a new use of one: no other operation
  kMountUmount = uint64_t{1} << 33,
  kMountRecBind = uint64_t{1} << 34,  // bind and rec
  kMountRecUnbindable = uint64_t{1} << 35,
  kMountRecPrivate = uint64_t{1} << 36,
  kMountRecSlave = uint64_t{1} << 37,
  kMountRecShared = uint64_t{1} << 38,
  kMountPivotRoot = uint64_t{1} << 39,
};

// A file or exec rule: kAccessExec goes to the exec tables, the rest to the file tables.
struct BpfFile {
  Action action;
  uint32_t access = 0;
  PathPattern pattern;
  Origin origin;
};

// Bit n of a mask is the kernel's number n (AF_INET 2, SOCK_STREAM 1, IPPROTO_TCP 6). A mask of 0
// matches anything; a rule matches when every other mask holds the socket's value. The protocol is
// the effective one: TCP for inet stream sockets created with protocol 0.
struct BpfSocket {
  Action action;
  uint64_t domains = 0;
  uint64_t types = 0;
  uint64_t protocols = 0;
  Origin origin;
};

// IPv4 addresses are mapped: ::ffff:a.b.c.d with 96 more bits. Host bits are zero.
struct BpfPrefix {
  std::array<uint8_t, 16> address{};
  // 0 to 128.
  int bits = 0;

  bool operator==(const BpfPrefix& other) const {
    return address == other.address && bits == other.bits;
  }
  bool operator<(const BpfPrefix& other) const {
    return address != other.address ? address < other.address : bits < other.bits;
  }
};

// 1 to 65535, first <= last.
struct PortRange {
  uint16_t first = 0;
  uint16_t last = 0;
};

// Connecting or sending to any of `prefixes`, or to the pod's own addresses, on any of `ports`.
struct BpfEgress {
  Action action;
  // Sorted, unique. Both families' zero-length prefix ("::/0" covers mapped IPv4 too) stand for
  // any.
  std::vector<BpfPrefix> prefixes;
  bool pod_self = false;
  // Sorted, disjoint; empty: all ports.
  std::vector<PortRange> ports;
  Origin origin;
};

struct BpfPtrace {
  Action action;
  uint32_t permissions = 0;
  // Also between processes of the same container.
  bool strict = false;
  Origin origin;
};

// Matches a call when (ops & any) or, for mount calls, (~ops & none) is not zero, and fstype and
// source match. Umount and pivot_root have no flags that could be absent.
// For bind, move, remount, propagation changes and umount the fstype is "none"; for umount and move
// the source is the mount's path.
struct BpfMount {
  Action action;
  PathPattern source;
  // "*" or a name of at most 15 bytes.
  std::string fstype;
  uint64_t any = 0;
  uint64_t none = 0;
  Origin origin;
};

struct BpfCapability {
  Action action;
  // Bit n is capability number n.
  uint64_t mask = 0;
  Origin origin;
};

// Operations with a hook of their own; the numbers are those of BpfEffects::Operation.
struct BpfOperation {
  Action action;
  uint32_t operation = 0;
  Origin origin;
};

// Block devices that are disks of the node, wherever their device file is (bind fills the map).
struct BpfDiskDevice {
  Action action;
  // File access; 0 when the rule is about mounting.
  uint32_t access = 0;
  bool mount = false;
  Origin origin;
};

struct BpfRules {
  // What no rule mentions is denied (DefenseInDepth), class by class.
  bool default_deny = false;
  // Everything is evaluated and reported, nothing is blocked.
  bool complain = false;
  std::vector<BpfFile> files;
  std::vector<BpfSocket> sockets;
  std::vector<BpfEgress> egress;
  std::vector<BpfPtrace> ptrace;
  std::vector<BpfMount> mounts;
  std::vector<BpfCapability> capabilities;
  std::vector<BpfOperation> operations;
  std::vector<BpfDiskDevice> disk_devices;
  // Service and pod rules that a watcher has to follow, and those whose addresses are still
  // unknown.
  std::vector<EgressWatch> egress_watches;
  bool cluster_addresses_missing = false;
};

}  // namespace varmor

#endif  // LIB_COMPILER_IR_BPF_RULES_H_
