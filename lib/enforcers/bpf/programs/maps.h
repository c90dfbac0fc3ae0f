/* The maps: see programs_abi.h. Sizes that depend on the machine are set by the loader. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_MAPS_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_MAPS_H_

#include "lib/enforcers/bpf/programs/kernel_types.h"
#include "lib/enforcers/bpf/programs/programs_abi.h"

/* Set by the loader before loading; what a kernel lacks is dead code there. */
/* Task storage and BTF pointers of the current task (5.11). */
const volatile __u32 use_task_storage = 1;
/* path_rename has the argument `flags` and is called once for an exchange (5.19). */
const volatile __u32 rename_has_flags = 1;

#define VARMOR_SLOTS 4096

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(struct varmor_control));
} control SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 65536);
  __uint(key_size, sizeof(__u64));
  __uint(value_size, sizeof(struct varmor_subject));
} subjects SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct varmor_task);
} tasks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1 << 20);
  __uint(key_size, sizeof(__u64));
  __uint(value_size, sizeof(struct varmor_task));
} tasks_by_address SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, VARMOR_SLOTS);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u32));
} slots SEC(".maps");

/* Inner maps are declared by sizes: on 6.1 one that was declared by types accepts only maps with
 * the same BTF. */
#define VARMOR_SLOT_MAP(name, inner_type, inner_flags, inner_key, inner_value) \
  struct {                                                                     \
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                  \
    __uint(max_entries, VARMOR_SLOTS);                                         \
    __uint(key_size, sizeof(__u32));                                           \
    __uint(value_size, sizeof(__u32));                                         \
    __array(                                                                   \
        values, struct {                                                       \
          __uint(type, inner_type);                                            \
          __uint(map_flags, inner_flags);                                      \
          __uint(max_entries, 1);                                              \
          __uint(key_size, inner_key);                                         \
          __uint(value_size, inner_value);                                     \
        });                                                                    \
  } name SEC(".maps")

VARMOR_SLOT_MAP(slot_profile, BPF_MAP_TYPE_ARRAY, 0, sizeof(__u32), sizeof(struct varmor_profile));
VARMOR_SLOT_MAP(slot_pages, BPF_MAP_TYPE_ARRAY, BPF_F_INNER_MAP, sizeof(__u32),
                sizeof(struct varmor_path_page));
VARMOR_SLOT_MAP(slot_accepts, BPF_MAP_TYPE_ARRAY, BPF_F_INNER_MAP, sizeof(__u32),
                sizeof(struct varmor_decision));
VARMOR_SLOT_MAP(slot_mount_accepts, BPF_MAP_TYPE_ARRAY, BPF_F_INNER_MAP, sizeof(__u32),
                sizeof(struct varmor_mount_accept));
VARMOR_SLOT_MAP(slot_mount_rules, BPF_MAP_TYPE_ARRAY, BPF_F_INNER_MAP, sizeof(__u32),
                sizeof(struct varmor_mount_rule));
VARMOR_SLOT_MAP(slot_sockets, BPF_MAP_TYPE_ARRAY, BPF_F_INNER_MAP, sizeof(__u32),
                sizeof(struct varmor_socket_domain));
VARMOR_SLOT_MAP(slot_socket_verdicts, BPF_MAP_TYPE_ARRAY, BPF_F_INNER_MAP, sizeof(__u32),
                sizeof(struct varmor_verdict));
VARMOR_SLOT_MAP(slot_addresses, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC,
                sizeof(struct varmor_address_key), sizeof(__u32));
VARMOR_SLOT_MAP(slot_ports, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC,
                sizeof(struct varmor_port_key), sizeof(struct varmor_verdict));
VARMOR_SLOT_MAP(slot_disk_devices, BPF_MAP_TYPE_HASH, 0, sizeof(struct varmor_device_key),
                sizeof(__u32));
VARMOR_SLOT_MAP(slot_hits, BPF_MAP_TYPE_ARRAY, BPF_F_INNER_MAP, sizeof(__u32), sizeof(__u64));

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 65536);
  __uint(key_size, sizeof(struct varmor_pod_address));
  __uint(value_size, sizeof(__u32));
} pod_addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4 << 20);
} events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, VARMOR_EVENT_CLASSES);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u64));
} drops SEC(".maps");

/* Calls body(round, context) with rounds from 0 on until it returns something other than 0,
 * `rounds` times at most. */
#ifdef VARMOR_PATH_LOOP
#define VARMOR_LOOP(rounds, body, context) VARMOR_PATH_LOOP(rounds, body, context)
#else
#define VARMOR_LOOP(rounds, body, context)            \
  for (__u32 round_ = 0; round_ < (rounds); round_++) \
    if (body(round_, context)) break
#endif

static __always_inline void *slot_map(void *outer, __u32 slot) {
  return bpf_map_lookup_elem(outer, &slot);
}

static __always_inline void *array_entry(void *map, __u32 index) {
  return bpf_map_lookup_elem(map, &index);
}

/* The map "profile" of a slot; null for an empty one. */
static __always_inline const struct varmor_profile *profile_in(__u32 slot) {
  void *inner = slot_map(&slot_profile, slot);
  return inner ? array_entry(inner, 0) : 0;
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_MAPS_H_ */
