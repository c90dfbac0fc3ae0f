/* The bytes that the BPF programs read: one definition for the compiler, the loader and the kernel
 * side. Plain C. docs/bpf_image.md tells how they are used.
 *
 * Every profile has maps of its own; the programs are the same for all. Numbers are little-endian
 * unless a comment says otherwise. Explicit denial wins over explicit permission, which wins over
 * the class's default. "First rule" is the lowest rule number; VARMOR_NO_RULE where there is none.
 */
#ifndef LIB_COMPILER_ARTIFACT_BPF_MAP_ABI_H_
#define LIB_COMPILER_ARTIFACT_BPF_MAP_ABI_H_

#include "lib/compiler/artifact/path_match.h"

/* Changes whenever the meaning of a byte does. */
#define VARMOR_BPF_ABI 1u

#define VARMOR_NO_RULE 0xffffu
#define VARMOR_RULES_MAX 0xffffu

/* varmor_profile.flags */
#define VARMOR_PROFILE_COMPLAIN 1u

/* varmor_profile.default_deny: classes in which what no rule allows is denied. */
#define VARMOR_CLASS_FILE 0x01u
#define VARMOR_CLASS_EXEC 0x02u
#define VARMOR_CLASS_CAPABILITY 0x04u
#define VARMOR_CLASS_SOCKET 0x08u
#define VARMOR_CLASS_EGRESS 0x10u
#define VARMOR_CLASS_PTRACE 0x20u
#define VARMOR_CLASS_MOUNT 0x40u
#define VARMOR_CLASS_ALL 0x7fu

/* Access to files: bits of varmor_decision. The first four are vArmor's numbers. */
#define VARMOR_ACCESS_EXEC 0x01u
#define VARMOR_ACCESS_WRITE 0x02u
#define VARMOR_ACCESS_READ 0x04u
#define VARMOR_ACCESS_APPEND 0x08u
/* Renaming a directory that stands above a protected path. */
#define VARMOR_ACCESS_ANCESTOR 0x10u

/* ptrace permissions: bits of varmor_decision, vArmor's numbers. */
#define VARMOR_PTRACE_TRACE 0x02u
#define VARMOR_PTRACE_READ 0x04u
#define VARMOR_PTRACE_TRACED_BY 0x08u
#define VARMOR_PTRACE_READ_BY 0x10u

/* Operations with a hook of their own: bit n is operation number n (BpfEffects.Operation). */
#define VARMOR_OPERATION_CREATE_USER_NAMESPACE 0x02u
#define VARMOR_OPERATION_LOAD_BPF_PROGRAM 0x04u
#define VARMOR_OPERATION_ATTACH_SOCKET_FILTER 0x08u

/* Bits 0 to 4 of a mask, and room for more. */
#define VARMOR_DECISION_BITS 8

/* What the rules say about several kinds of access at once. */
struct varmor_decision {
  __u32 deny;
  __u32 audit;
  __u32 allow;
  /* Per bit, the first rule that denies, audits, allows it. */
  __u16 deny_rule[VARMOR_DECISION_BITS];
  __u16 audit_rule[VARMOR_DECISION_BITS];
  __u16 allow_rule[VARMOR_DECISION_BITS];
};

/* What the rules say about one thing. */
struct varmor_verdict {
  __u8 deny;
  __u8 audit;
  __u8 allow;
  __u8 pad;
  __u16 deny_rule;
  __u16 audit_rule;
  __u16 allow_rule;
  __u16 pad2;
};

#define VARMOR_CAPABILITIES_MAX 64

/* Map "profile": ARRAY of one. */
struct varmor_profile {
  __u32 abi;
  __u32 flags;
  __u32 default_deny;
  __u32 rule_count;
  /* Tables in use; their accept ids index map "accepts" (file, exec) or "mount_accepts". */
  __u32 file_tables;
  __u32 exec_tables;
  __u32 mount_tables;
  /* Set in map "ports" for the pod's own addresses; 0: no rule about them. */
  __u32 pod_self_set;
  struct varmor_path_table file[VARMOR_PATH_TABLES_MAX];
  struct varmor_path_table exec[VARMOR_PATH_TABLES_MAX];
  struct varmor_path_table mount[VARMOR_PATH_TABLES_MAX];
  /* Bit n is capability number n. */
  __u64 capability_deny;
  __u64 capability_audit;
  __u64 capability_allow;
  __u16 capability_deny_rule[VARMOR_CAPABILITIES_MAX];
  __u16 capability_audit_rule[VARMOR_CAPABILITIES_MAX];
  __u16 capability_allow_rule[VARMOR_CAPABILITIES_MAX];
  /* Tracing between containers, and within one. */
  struct varmor_decision ptrace_other;
  struct varmor_decision ptrace_same;
  struct varmor_decision operations;
  /* Opening a block device that is in map "disk_devices"; mounting one. */
  struct varmor_decision disk_file;
  struct varmor_verdict disk_mount;
  __u32 pad;
};

/* Entries that maps of one profile may have, at most: 64 MiB of path tables, a million of others.
 */
#define VARMOR_PAGES_MAX 4096
#define VARMOR_ADDRESSES_MAX (1 << 20)
#define VARMOR_PORTS_MAX (1 << 20)

/* Map "pages": ARRAY of struct varmor_path_page, shared by all tables of the profile.
 * Map "accepts": ARRAY of struct varmor_decision; index 0 is unused. */

/* Map "mount_accepts": ARRAY; index 0 is unused. A range of map "mount_rules". */
struct varmor_mount_accept {
  __u32 first;
  __u32 count;
};

/* include/linux/fs.h has no bound; vArmor's is 15 bytes and a terminator. */
#define VARMOR_FSTYPE_BYTES 16
/* Mount rules with one source, at most: the programs walk the range. */
#define VARMOR_MOUNT_RANGE_MAX 256

#define VARMOR_ACTION_DENY 1u
#define VARMOR_ACTION_AUDIT 2u
#define VARMOR_ACTION_ALLOW 4u

/* Bits BpfMountBit of ir/bpf_rules.h that varmor_mount_rule_applies() knows. */
#define VARMOR_MOUNT_MOVE (1ull << 13)
#define VARMOR_MOUNT_UMOUNT (1ull << 33)
#define VARMOR_MOUNT_PIVOT_ROOT (1ull << 39)

/* Map "mount_rules": ARRAY. Applies when varmor_mount_rule_applies() and the type is `fstype` ("*":
 * any). */
struct varmor_mount_rule {
  __u64 any;
  __u64 none;
  char fstype[VARMOR_FSTYPE_BYTES];
  __u16 rule;
  __u8 action;
  __u8 pad[5];
};

/* Whether a rule is about a call with the bits `ops` of BpfMountBit. Flags can be absent from mount
 * calls only: umount and pivot_root take none, so they are not "rw". pivot_root moves the root:
 * rules about moving count as well, but those that allow it. */
static inline int varmor_mount_rule_applies(const struct varmor_mount_rule *rule, __u64 ops) {
  if (ops & rule->any) return 1;
  if ((ops & VARMOR_MOUNT_PIVOT_ROOT) && (rule->action & VARMOR_ACTION_ALLOW) == 0)
    return (rule->any & VARMOR_MOUNT_MOVE) != 0;
  if (ops & (VARMOR_MOUNT_UMOUNT | VARMOR_MOUNT_PIVOT_ROOT)) return 0;
  return (~ops & rule->none) != 0;
}

/* Map "addresses": LPM_TRIE. IPv4 is ::ffff:a.b.c.d, 96 bits longer. */
struct varmor_address_key {
  __u32 prefixlen;
  __u8 address[16];
};
/* Its value: a set in map "ports". Closed over prefixes: the longest match says all. */

/* Map "ports": LPM_TRIE to struct varmor_verdict. The set big-endian, then the port big-endian: a
 * set's prefix has 32 bits and what the port adds. Prefixes of one set do not overlap. */
struct varmor_port_key {
  __u32 prefixlen;
  __u8 set[4];
  __u8 port[2];
  __u8 pad[2];
};

/* Protocols that rules can name, as they take effect. */
#define VARMOR_PROTOCOL_OTHER 0
#define VARMOR_PROTOCOL_TCP 1
#define VARMOR_PROTOCOL_UDP 2
#define VARMOR_PROTOCOL_ICMP 3
#define VARMOR_PROTOCOL_ICMPV6 4
#define VARMOR_PROTOCOL_CLASSES 8
#define VARMOR_SOCKET_DOMAINS 64
#define VARMOR_SOCKET_TYPES 16

/* Map "sockets": ARRAY by address family; families past the end count as the last one. Values are
 * indexes of map "socket_verdicts", 0 for none. Absent when no rule is about sockets. */
struct varmor_socket_domain {
  __u16 verdict[VARMOR_SOCKET_TYPES][VARMOR_PROTOCOL_CLASSES];
};
/* Map "socket_verdicts": ARRAY of struct varmor_verdict; index 0 is unused. */

/* Map "disk_devices": HASH to a __u32 1. Filled on the node. */
struct varmor_device_key {
  __u32 major;
  __u32 minor;
};

/* The protocol class of a socket() call. Numbers: include/linux/socket.h, net.h, uapi/linux/in.h.
 */
static inline __u32 varmor_protocol_class(__u32 domain, __u32 type, __u32 protocol) {
  if (domain != 2 /* AF_INET */ && domain != 10 /* AF_INET6 */) return VARMOR_PROTOCOL_OTHER;
  switch (protocol) {
    case 0:
      if (type == 1 /* SOCK_STREAM */) return VARMOR_PROTOCOL_TCP;
      if (type == 2 /* SOCK_DGRAM */) return VARMOR_PROTOCOL_UDP;
      return VARMOR_PROTOCOL_OTHER;
    case 1:
      return VARMOR_PROTOCOL_ICMP;
    case 6:
    case 262: /* IPPROTO_MPTCP */
      return VARMOR_PROTOCOL_TCP;
    case 17:
    case 136: /* IPPROTO_UDPLITE */
      return VARMOR_PROTOCOL_UDP;
    case 58:
      return VARMOR_PROTOCOL_ICMPV6;
    default:
      return VARMOR_PROTOCOL_OTHER;
  }
}

#ifndef __VMLINUX_H__
VARMOR_PATH_ASSERT(sizeof(struct varmor_decision) == 60);
VARMOR_PATH_ASSERT(offsetof(struct varmor_decision, deny_rule) == 12);
VARMOR_PATH_ASSERT(offsetof(struct varmor_decision, audit_rule) == 28);
VARMOR_PATH_ASSERT(offsetof(struct varmor_decision, allow_rule) == 44);
VARMOR_PATH_ASSERT(sizeof(struct varmor_verdict) == 12);
VARMOR_PATH_ASSERT(offsetof(struct varmor_verdict, deny_rule) == 4);
VARMOR_PATH_ASSERT(sizeof(struct varmor_profile) == 1080);
VARMOR_PATH_ASSERT(offsetof(struct varmor_profile, file) == 32);
VARMOR_PATH_ASSERT(offsetof(struct varmor_profile, exec) == 160);
VARMOR_PATH_ASSERT(offsetof(struct varmor_profile, mount) == 288);
VARMOR_PATH_ASSERT(offsetof(struct varmor_profile, capability_deny) == 416);
VARMOR_PATH_ASSERT(offsetof(struct varmor_profile, capability_deny_rule) == 440);
VARMOR_PATH_ASSERT(offsetof(struct varmor_profile, ptrace_other) == 824);
VARMOR_PATH_ASSERT(offsetof(struct varmor_profile, operations) == 944);
VARMOR_PATH_ASSERT(offsetof(struct varmor_profile, disk_file) == 1004);
VARMOR_PATH_ASSERT(offsetof(struct varmor_profile, disk_mount) == 1064);
VARMOR_PATH_ASSERT(sizeof(struct varmor_mount_accept) == 8);
VARMOR_PATH_ASSERT(sizeof(struct varmor_mount_rule) == 40);
VARMOR_PATH_ASSERT(offsetof(struct varmor_mount_rule, fstype) == 16);
VARMOR_PATH_ASSERT(offsetof(struct varmor_mount_rule, rule) == 32);
VARMOR_PATH_ASSERT(sizeof(struct varmor_address_key) == 20);
VARMOR_PATH_ASSERT(sizeof(struct varmor_port_key) == 12);
VARMOR_PATH_ASSERT(offsetof(struct varmor_port_key, port) == 8);
VARMOR_PATH_ASSERT(sizeof(struct varmor_socket_domain) == 256);
VARMOR_PATH_ASSERT(sizeof(struct varmor_device_key) == 8);
#endif

#endif /* LIB_COMPILER_ARTIFACT_BPF_MAP_ABI_H_ */
