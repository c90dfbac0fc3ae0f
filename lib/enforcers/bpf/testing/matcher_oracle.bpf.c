/* The look-ups of the BPF enforcer, in programs of a type that loads on kernels without LSM hooks:
 * they answer the question in map "question" when run by BPF_PROG_TEST_RUN. Compiled twice, with
 * and without ORACLE_BPF_LOOP. */
#include "lib/enforcers/bpf/testing/matcher_oracle.h"

#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(struct oracle_question));
} question SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, ORACLE_PAGES);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(struct varmor_path_page));
} pages SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, ORACLE_TRIE_ENTRIES);
  __uint(key_size, sizeof(struct varmor_address_key));
  __uint(value_size, sizeof(__u32));
} addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, ORACLE_TRIE_ENTRIES);
  __uint(key_size, sizeof(struct varmor_port_key));
  __uint(value_size, sizeof(struct varmor_verdict));
} ports SEC(".maps");

static __always_inline const struct varmor_path_page *find_page(void *map, __u32 number) {
  return bpf_map_lookup_elem(map, &number);
}

#define VARMOR_PATH_PAGES void *
#define VARMOR_PATH_FIND_PAGE(map, number) find_page(map, number)
#ifdef ORACLE_BPF_LOOP
#define VARMOR_PATH_LOOP(rounds, body, context) bpf_loop(rounds, body, context, 0)
#endif
#include "lib/compiler/artifact/path_match.h"

static __always_inline struct oracle_question *the_question(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&question, &zero);
}

SEC("tc")
int match_path(struct __sk_buff *skb) {
  struct oracle_question *q = the_question();
  (void)skb;
  if (!q) return 1;
  q->accept = varmor_path_match(&pages, &q->table, q->buffer, q->begin, q->end);
  return 0;
}

/* Joins what set `set` says about the question's port. */
static __always_inline void join_ports(struct oracle_question *q, __u32 set) {
  struct varmor_port_key key = {.prefixlen = 48};
  const struct varmor_verdict *found;
  key.set[0] = set >> 24;
  key.set[1] = set >> 16;
  key.set[2] = set >> 8;
  key.set[3] = set;
  key.port[0] = q->port[0];
  key.port[1] = q->port[1];
  found = bpf_map_lookup_elem(&ports, &key);
  if (!found) return;
  q->verdict.deny |= found->deny;
  q->verdict.audit |= found->audit;
  q->verdict.allow |= found->allow;
  if (found->deny_rule < q->verdict.deny_rule) q->verdict.deny_rule = found->deny_rule;
  if (found->audit_rule < q->verdict.audit_rule) q->verdict.audit_rule = found->audit_rule;
  if (found->allow_rule < q->verdict.allow_rule) q->verdict.allow_rule = found->allow_rule;
}

SEC("tc")
int look_up_egress(struct __sk_buff *skb) {
  struct oracle_question *q = the_question();
  struct varmor_address_key key = {.prefixlen = 128};
  const __u32 *set;
  (void)skb;
  if (!q) return 1;
  __builtin_memcpy(key.address, q->address, sizeof(key.address));
  __builtin_memset(&q->verdict, 0, sizeof(q->verdict));
  q->verdict.deny_rule = q->verdict.audit_rule = q->verdict.allow_rule = VARMOR_NO_RULE;
  set = bpf_map_lookup_elem(&addresses, &key);
  if (set) join_ports(q, *set);
  if (q->own && q->pod_self_set) join_ports(q, q->pod_self_set);
  return 0;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
