/* What matcher_oracle.bpf.c and its user share: one question per run of a program. */
#ifndef LIB_ENFORCERS_BPF_TESTING_MATCHER_ORACLE_H_
#define LIB_ENFORCERS_BPF_TESTING_MATCHER_ORACLE_H_

#include "lib/compiler/artifact/bpf_map_abi.h"

/* Pages that the map "pages" has room for: 8 MiB. */
#define ORACLE_PAGES 512
/* Entries of the tries. */
#define ORACLE_TRIE_ENTRIES 65536

/* The one value of map "question", which user space writes and reads through mmap(). */
struct oracle_question {
  /* Program match_path: the path is the bytes [begin, end) of `buffer`. */
  struct varmor_path_table table;
  __u32 begin;
  __u32 end;
  __u32 accept;
  /* Program look_up_egress: what the tries say, pod_self_set included when `own`. */
  __u32 own;
  __u32 pod_self_set;
  __u8 address[16];
  __u8 port[2]; /* big-endian */
  __u8 pad[2];
  struct varmor_verdict verdict;
  char buffer[VARMOR_PATH_BUFFER];
  char behind[VARMOR_PATH_STRETCH];
};

#endif /* LIB_ENFORCERS_BPF_TESTING_MATCHER_ORACLE_H_ */
