/* What the BPF programs and their loader share beside the profiles' own maps (bpf_map_abi.h): whom
 * a profile confines, which maps a profile has in force, events, counters. Plain C.
 *
 * The way from a task to its profile:
 *   task -> subject (a cgroup) -> map "subjects" -> profile number -> map "slots" -> slot
 * and a slot is an index of the maps "slot_*", each of which holds one of the profile's maps. An
 * update fills a free slot, then writes one word of "slots": everybody whom the profile confines
 * sees all of the old maps or all of the new ones.
 */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_PROGRAMS_ABI_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_PROGRAMS_ABI_H_

#include "lib/compiler/artifact/bpf_map_abi.h"

/* Changes whenever the meaning of a byte of this file or the name of a map does. */
#define VARMOR_PROGRAMS_ABI 3u

/* Map "control": ARRAY of one. Written by the loader only. */
struct varmor_control {
  __u32 abi;
  /* Grows whenever a subject is added: tasks that were nobody's look again. */
  __u32 generation;
  /* Inode number of the mount namespace in which container runtimes run. Whoever executes there is
   * not inside a container yet. */
  __u32 host_mount_namespace;
  /* Process that confined tasks may neither signal nor trace: the agent; 0: none. */
  __u32 protected_process;
};

/* Map "subjects": HASH from the cgroup's id (u64, as bpf_get_current_cgroup_id) to this. */
struct varmor_subject {
  /* Index of map "slots". */
  __u32 profile;
  /* First half of a key of map "pod_addresses"; 0: no addresses are known. */
  __u32 pod;
  __u32 flags;
  /* The programs': when the subject has used up its share of a ring that is almost full; report.h.
   * The loader writes 0. */
  __u32 used_until;
  /* The programs': grows with every task that one inside starts. While it stands still, whoever is
   * inside was there before. The loader writes 0. */
  __u32 forks;
};

/* Executing in the host's mount namespace enters the subject as well. */
#define VARMOR_SUBJECT_ANY_NAMESPACE 1u

/* Map "tasks": task storage; on kernels without it map "tasks_by_address", HASH by the address of
 * the task_struct. */
struct varmor_task {
  /* When inside: the subject. Else the cgroup in which the task last executed a program outside of
   * the host's mount namespace; 0: it never did. */
  __u64 cgroup;
  /* Not inside: control's when no subject was found for `cgroup`. */
  __u32 generation;
  __u32 flags;
  /* What sb_mount permitted just now: the first 8 bytes of a type of file system, or the address of
   * the super_block of a remount; 0: nothing. */
  __u64 mounting;
  /* The super_block that sb_kern_mount permitted last, by its address; 0: none. */
  __u64 permitted;
  /* The bits BpfMountBit of a bind or move that sb_mount permitted last, where its source must not
   * lead through a symbolic link, and a mark of the source's text; 0: none. */
  __u64 bind;
  __u64 bind_source;
};

/* The task has executed a program in the subject: everything it and its children do is judged, in
 * whatever namespace or cgroup. */
#define VARMOR_TASK_INSIDE 1u

/* Map "slots": ARRAY by profile number of a slot. Slot 0 is never used: a profile number without
 * a profile, whose subjects may do everything. */

/* Maps "slot_profile", "slot_pages", "slot_accepts", "slot_mount_accepts", "slot_mount_rules",
 * "slot_sockets", "slot_socket_verdicts", "slot_addresses", "slot_ports", "slot_disk_devices":
 * ARRAY_OF_MAPS by slot of the map of the same name in bpf_map_abi.h. Inner arrays but "profile"
 * have BPF_F_INNER_MAP, so that their sizes differ. A map that the image leaves out has no entry.
 * Map "slot_hits": ARRAY_OF_MAPS by slot of an ARRAY of __u64, one for each rule: how often it was
 * responsible. */

/* Map "pod_addresses": HASH of struct varmor_pod_address to a __u32 1. */
struct varmor_pod_address {
  __u32 pod;
  /* IPv4 as ::ffff:a.b.c.d. */
  __u8 address[16];
};

/* Classes of events, and the index of map "drops" (PERCPU_ARRAY of __u64): events that found no
 * room in map "events". */
enum varmor_event_class {
  VARMOR_EVENT_CAPABILITY = 1,
  VARMOR_EVENT_FILE = 2,
  VARMOR_EVENT_EXEC = 3,
  VARMOR_EVENT_SOCKET = 4,
  VARMOR_EVENT_EGRESS = 5,
  VARMOR_EVENT_PTRACE = 6,
  VARMOR_EVENT_MOUNT = 7,
  VARMOR_EVENT_OPERATION = 8,
  /* Against the enforcer itself. */
  VARMOR_EVENT_PROTECTION = 9,
  VARMOR_EVENT_CLASSES = 10,
};

/* varmor_event.action: vArmor's numbers. ALLOWED is what an enforcing profile would have denied. */
#define VARMOR_EVENT_DENIED 1
#define VARMOR_EVENT_AUDIT 2
#define VARMOR_EVENT_ALLOWED 4

/* varmor_event.reason: why, when it is not a rule. */
enum varmor_event_reason {
  VARMOR_REASON_RULE = 0,
  /* No rule allows it, and the class denies by default. */
  VARMOR_REASON_DEFAULT = 1,
  /* The path cannot be told: too long, too deep, a failed read. */
  VARMOR_REASON_UNRESOLVED = 2,
  /* The file is reached through a mount that is in no namespace. */
  VARMOR_REASON_DETACHED = 3,
  /* More programs were interrupted on this CPU than there is room for. */
  VARMOR_REASON_BUSY = 4,
  /* Confined tasks may not touch the enforcer. */
  VARMOR_REASON_PROTECTION = 5,
  /* The source of a bind or move leads through a symbolic link, so it is not what was judged. */
  VARMOR_REASON_LINK = 6,
};

/* varmor_event.operation: what was tried; the LSM hook that saw it. */
enum varmor_event_operation {
  VARMOR_OP_NONE = 0,
  VARMOR_OP_OPEN,
  VARMOR_OP_TRUNCATE,
  VARMOR_OP_UNLINK,
  VARMOR_OP_RMDIR,
  VARMOR_OP_MKDIR,
  VARMOR_OP_MKNOD,
  VARMOR_OP_SYMLINK,
  VARMOR_OP_LINK,
  VARMOR_OP_RENAME,
  VARMOR_OP_CHMOD,
  VARMOR_OP_CHOWN,
  VARMOR_OP_UNIX_CONNECT,
  VARMOR_OP_EXEC,
  /* The name given to execve, where it differs from the file. */
  VARMOR_OP_EXEC_NAME,
  /* Mapping a file with PROT_EXEC. */
  VARMOR_OP_MAP_EXECUTABLE,
  VARMOR_OP_CAPABLE,
  VARMOR_OP_SOCKET,
  VARMOR_OP_CONNECT,
  VARMOR_OP_SENDMSG,
  VARMOR_OP_PTRACE,
  VARMOR_OP_TRACEME,
  VARMOR_OP_MOUNT,
  VARMOR_OP_UMOUNT,
  VARMOR_OP_REMOUNT,
  VARMOR_OP_MOVE_MOUNT,
  VARMOR_OP_PIVOT_ROOT,
  VARMOR_OP_NEW_SUPERBLOCK,
  VARMOR_OP_USER_NAMESPACE,
  VARMOR_OP_BPF,
  VARMOR_OP_SETSOCKOPT,
  VARMOR_OP_KILL,
  VARMOR_OP_PRLIMIT,
  VARMOR_OPS,
};

/* One record of map "events" (RINGBUF): this, then `length` bytes of the object (a path, the source
 * of a mount) without terminator. What a class has no use for is zero. */
struct varmor_event {
  /* VARMOR_PROGRAMS_ABI. */
  __u16 version;
  __u16 length;
  __u8 event_class;
  __u8 action;
  /* Responsible rule, VARMOR_NO_RULE for none. */
  __u16 rule;
  /* Cgroup id of the subject. */
  __u64 subject;
  __u32 profile;
  __u32 slot;
  /* The process, the thread, its user, all in the initial namespaces. */
  __u32 tgid;
  __u32 pid;
  __u32 uid;
  /* File, exec, ptrace: the bits asked for. Capability: its number. Operation: its number. Socket:
   * the address family. Egress: the port. Protection: what the operation names: a bpf() command, a
   * signal, a resource of setrlimit. */
  __u32 wanted;
  /* CLOCK_BOOTTIME. */
  __u64 boot_ns;
  /* Mount: the bits BpfMountBit of the call. Socket: type in the low half, protocol in the high
   * one. Ptrace: the other process. */
  __u64 detail;
  char comm[16];
  /* Events of this class that this CPU dropped so far. */
  __u32 drops;
  __u16 operation;
  __u16 reason;
  /* Egress: the address, IPv4 mapped. Mount: the type of file system. Ptrace: first byte 1 when the
   * other process is of the same subject. */
  __u8 extra[16];
};

#ifndef __VMLINUX_H__
VARMOR_PATH_ASSERT(sizeof(struct varmor_control) == 16);
VARMOR_PATH_ASSERT(sizeof(struct varmor_subject) == 20);
VARMOR_PATH_ASSERT(sizeof(struct varmor_task) == 48);
VARMOR_PATH_ASSERT(sizeof(struct varmor_pod_address) == 20);
VARMOR_PATH_ASSERT(sizeof(struct varmor_event) == 96);
#endif

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_PROGRAMS_ABI_H_ */
