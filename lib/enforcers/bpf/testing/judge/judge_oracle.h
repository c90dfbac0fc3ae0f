/* What judge_oracle.bpf.c and its user share: one question per run of a program. */
#ifndef LIB_ENFORCERS_BPF_TESTING_JUDGE_JUDGE_ORACLE_H_
#define LIB_ENFORCERS_BPF_TESTING_JUDGE_JUDGE_ORACLE_H_

#include "lib/enforcers/bpf/programs/programs_abi.h"

/* The one value of map "question", which user space writes and reads through mmap(). A program
 * reads what its hook would have found in the kernel's structures. */
struct judge_question {
  /* Who acts. */
  __u64 subject_id;
  struct varmor_subject subject;
  /* Of the event. */
  __u32 event_class;
  __u32 operation;
  /* judge_path: the bits asked for, and the class whose default counts. judge_capability: the
   * number. judge_tracing: the permission. judge_operation: the bit. */
  __u32 bits;
  __u32 default_class;
  /* judge_path: one of varmor_table_kind. */
  __u32 tables;
  /* judge_path, judge_mount: the kernel's dev_t of a block device; 0: none. */
  __u32 device;
  /* judge_capability: CAP_OPT_NOAUDIT. judge_tracing: 1 within one subject. */
  __u32 options;
  /* judge_socket: the arguments of socket(). judge_egress: the family of the socket. */
  __u32 family;
  __u32 type;
  __u32 protocol;
  /* judge_mount: bits of BpfMountBit. read_mount_flags: the flags of mount(), then those bits. */
  __u64 flags;
  char fstype[32];
  /* judge_egress: a struct sockaddr as it was passed. */
  __u32 address_length;
  __u8 address[28];

  /* What the hook would return. */
  __s32 answer;

  /* A path, the source of a mount, a name; longer than VARMOR_PATH_BYTES_MAX: what cannot be told.
   * join_source and join_name leave their result here. */
  __u32 length;
  char text[VARMOR_PATH_BUFFER];
  /* judge_path: another path of the same object, when that is longer than 0. */
  __u32 other_length;
  char other[VARMOR_PATH_BUFFER];
};

#endif /* LIB_ENFORCERS_BPF_TESTING_JUDGE_JUDGE_ORACLE_H_ */
