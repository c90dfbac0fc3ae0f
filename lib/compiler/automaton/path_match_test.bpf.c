/* The smallest BPF program around path_match.h: that it compiles for the kernel is what
 * path_match_compile_test.sh checks. Loaded, it answers for the path and the table in `request`. */
#include "lib/compiler/artifact/path_match.h"

#include <linux/bpf.h>

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int(*name)[value]

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
#ifdef WITH_BPF_LOOP
static long (*bpf_loop)(__u32 rounds, void *body, void *context,
                        __u64 flags) = (void *)BPF_FUNC_loop;
#endif

struct request {
  struct varmor_path_table table;
  __u32 begin, end, answer, unused;
  char buffer[VARMOR_PATH_BUFFER];
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, 4);
  __uint(value_size, sizeof(struct request));
} requests SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 128);
  __uint(key_size, 4);
  __uint(value_size, sizeof(struct varmor_path_page));
} pages SEC(".maps");

static __attribute__((always_inline)) const struct varmor_path_page *find_page(void *map,
                                                                               __u32 number) {
  return bpf_map_lookup_elem(map, &number);
}

#define VARMOR_PATH_PAGES void *
#define VARMOR_PATH_FIND_PAGE(map, number) find_page(map, number)
#ifdef WITH_BPF_LOOP
#define VARMOR_PATH_LOOP(rounds, body, context) bpf_loop(rounds, body, context, 0)
#endif
#include "lib/compiler/artifact/path_match.h"

SEC("tc")
int answer(struct __sk_buff *skb) {
  __u32 zero = 0;
  struct request *request = bpf_map_lookup_elem(&requests, &zero);
  (void)skb;
  if (!request) return 1;
  request->answer =
      varmor_path_match(&pages, &request->table, request->buffer, request->begin, request->end);
  return 0;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
