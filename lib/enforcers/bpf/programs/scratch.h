/* Room for paths. Programs stay on their CPU but may be interrupted there by another task's, so
 * each CPU has several rooms, and a program claims one for as long as it runs. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_SCRATCH_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_SCRATCH_H_

#include "lib/enforcers/bpf/programs/maps.h"

#define VARMOR_ROOMS 8

/* What several records say together about the bits asked for. */
struct varmor_tally {
  __u32 deny;
  __u32 audit;
  __u32 allow;
  __u16 deny_rule;
  __u16 audit_rule;
};

/* A question to the rules, and what they said so far. */
struct varmor_job {
  __u64 subject;
  __u32 number;
  __u32 slot;
  __u8 event_class;
  __u8 quiet;
  __u16 operation;
  /* Bits of the tally that are asked for. */
  __u32 bits;
  /* varmor_event.wanted. */
  __u32 wanted;
  /* VARMOR_CLASS_* whose default counts; 0: only rules deny. */
  __u32 default_class;
  __u64 detail;
  struct varmor_tally tally;
  /* One of varmor_event_reason when something other than the rules denies. */
  __u32 reason;
  __u32 pad;
  __u8 extra[16];
};

struct varmor_scratch {
  /* Programs that are in here or try to get in. */
  __u32 users;
  /* The path is buffer[begin] to buffer[VARMOR_PATH_BUFFER - 1]. Here and not in a register: the
   * verifier would follow every value that it can have. */
  __u32 begin;
  /* Where the part of it within the object's own mount begins. */
  __u32 mount_begin;
  __u32 index;
  /* The event's header goes right before the path. */
  /* While a source is taken apart: one past the last byte of the component under way, in `after`,
   * and how many components ".." takes away. */
  __u32 source_end;
  __u32 source_skip;
  /* The one that the path runs through. */
  struct varmor_path_table table;
  struct varmor_job job;
  char header_room[sizeof(struct varmor_event)];
  char buffer[VARMOR_PATH_BUFFER];
  /* For the verifier, which adds the largest path to the last place where one can begin; put_dentry
   * writes some bytes here and puts them back. And room for a name or a source. */
  char after[VARMOR_PATH_BUFFER + sizeof(struct varmor_event)];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, VARMOR_ROOMS);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(struct varmor_scratch));
} scratch SEC(".maps");

/* Takes a room for oneself; 0 when it is in use. Whoever finds himself alone after he came in has
 * the room. Compare-and-exchange would need Linux 5.12; this does without. */
static __always_inline int enter_room(struct varmor_scratch *room) {
  volatile __u32 *users = &room->users;
  __sync_fetch_and_add(users, 1);
  if (*users == 1) return 1;
  __sync_fetch_and_add(users, -1);
  return 0;
}

/* The index of a room behind the first that is now in use, VARMOR_ROOMS when all are. A function of
 * its own, as are others that take and return numbers: the verifier checks them once, and goes on
 * with one number that it does not know instead of with each that it could be. */
__noinline __u32 claim_room(void) {
  for (__u32 index = 1; index < VARMOR_ROOMS; index++) {
    struct varmor_scratch *room = array_entry(&scratch, index);
    if (room && enter_room(room)) return index;
  }
  return VARMOR_ROOMS;
}

/* A room of one's own, or null when all are in use. To be given back. */
static __always_inline struct varmor_scratch *claim_scratch(void) {
  __u32 index = 0;
  struct varmor_scratch *room = array_entry(&scratch, 0);
  if (!room || !enter_room(room)) {
    index = claim_room();
    room = array_entry(&scratch, index);
  }
  if (room) room->index = index;
  return room;
}

static __always_inline void release_scratch(struct varmor_scratch *room) {
  __sync_fetch_and_add(&room->users, -1);
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_SCRATCH_H_ */
