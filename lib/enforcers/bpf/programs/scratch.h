/* Room for paths. Programs stay on their CPU but may be interrupted there by another task's, so
 * each CPU has several rooms, and a program claims one for as long as it runs. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_SCRATCH_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_SCRATCH_H_

#include "lib/enforcers/bpf/programs/maps.h"

#define VARMOR_ROOMS 8

struct varmor_scratch {
  __u32 busy;
  /* The path is buffer[begin] to buffer[VARMOR_PATH_BUFFER - 1]. Here and not in a register: the
   * verifier would follow every value that it can have. */
  __u32 begin;
  /* Where the part of it within the object's own mount begins. */
  __u32 mount_begin;
  __u32 index;
  /* The event's header goes right before the path. */
  char header_room[sizeof(struct varmor_event)];
  char buffer[VARMOR_PATH_BUFFER];
  /* Never written: the verifier adds the largest path to the last place where one can begin. */
  char after[VARMOR_PATH_BUFFER + sizeof(struct varmor_event)];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, VARMOR_ROOMS);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(struct varmor_scratch));
} scratch SEC(".maps");

/* A room of one's own, or null when all are in use. To be given back. */
static __always_inline struct varmor_scratch *claim_scratch(void) {
  for (__u32 i = 0; i < VARMOR_ROOMS; i++) {
    struct varmor_scratch *room = array_entry(&scratch, i);
    if (!room) return 0;
    if (use_cmpxchg) {
      if (__sync_val_compare_and_swap(&room->busy, 0, 1) != 0) continue;
    } else if (room->busy) {
      continue;
    } else {
      *(volatile __u32 *)&room->busy = 1;
    }
    room->index = i;
    return room;
  }
  return 0;
}

static __always_inline void release_scratch(struct varmor_scratch *room) {
  *(volatile __u32 *)&room->busy = 0;
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_SCRATCH_H_ */
