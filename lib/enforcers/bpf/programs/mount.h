/* What the rules say about mounts. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_MOUNT_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_MOUNT_H_

#include "lib/enforcers/bpf/programs/path.h"

/* BpfMountBit of lib/compiler/ir/bpf_rules.h. */
#define VARMOR_MOUNT_REMOUNT (1ull << 5)
#define VARMOR_MOUNT_BIND (1ull << 12)
#define VARMOR_MOUNT_UNBINDABLE (1ull << 17)
#define VARMOR_MOUNT_PRIVATE (1ull << 18)
#define VARMOR_MOUNT_SLAVE (1ull << 19)
#define VARMOR_MOUNT_SHARED (1ull << 20)
#define VARMOR_MOUNT_NEW (1ull << 32)
#define VARMOR_MOUNT_REC_BIND (1ull << 34)
#define VARMOR_MOUNT_REC_UNBINDABLE (1ull << 35)
#define VARMOR_MOUNT_REC_PRIVATE (1ull << 36)
#define VARMOR_MOUNT_REC_SLAVE (1ull << 37)
#define VARMOR_MOUNT_REC_SHARED (1ull << 38)

/* include/uapi/linux/mount.h: flags that change what a mount does, as far as the kernel honours
 * them: ro nosuid nodev noexec sync mand dirsync nosymfollow noatime nodiratime silent relatime
 * iversion strictatime. */
#define VARMOR_MOUNT_OPTIONS 0x1a08ddfull
#define MS_REC 0x4000ull
#define MS_MGC_VAL 0xc0ed0000ull
#define MS_MGC_MSK 0xffff0000ull

/* Sources have to be shorter than this; and rules of a profile that are looked through for one that
 * denies. */
#ifdef VARMOR_PATH_LOOP
#define VARMOR_SOURCE_BYTES VARMOR_PATH_BUFFER
#define VARMOR_RULES_SEEN 65536
#else
#define VARMOR_SOURCE_BYTES 256
#define VARMOR_RULES_SEEN 64
#endif

/* A walk over the rules that one source has. */
struct varmor_mount_walk {
  void *rules;
  struct varmor_scratch *room;
  __u32 first;
  __u32 count;
};

/* Whether a rule is about the job's type and bits. */
static __always_inline int is_about(const struct varmor_mount_rule *rule,
                                    const struct varmor_job *job) {
  const __u64 *wanted = (const __u64 *)rule->fstype, *type = (const __u64 *)job->extra;
  if ((rule->fstype[0] != '*' || rule->fstype[1] != 0) &&
      (wanted[0] != type[0] || wanted[1] != type[1]))
    return 0;
  return varmor_mount_rule_applies(rule, job->detail);
}

static long join_mount_rule(__u32 round, void *context) {
  struct varmor_mount_walk *walk = context;
  struct varmor_job *job = &walk->room->job;
  const struct varmor_mount_rule *rule;
  if (round >= walk->count) return 1;
  rule = array_entry(walk->rules, walk->first + round);
  if (!rule) {
    job->reason = VARMOR_REASON_UNRESOLVED;
    return 1;
  }
  if (!is_about(rule, job)) return 0;
  if (rule->action & VARMOR_ACTION_DENY) {
    job->tally.deny = 1;
    if (rule->rule < job->tally.deny_rule) job->tally.deny_rule = rule->rule;
  }
  if (rule->action & VARMOR_ACTION_AUDIT) {
    job->tally.audit = 1;
    if (rule->rule < job->tally.audit_rule) job->tally.audit_rule = rule->rule;
  }
  if (rule->action & VARMOR_ACTION_ALLOW) job->tally.allow = 1;
  return 0;
}

/* Joins the rules of one accept id; 0 when they are not there. */
__noinline int join_mount_rules(__u32 room_index, __u32 id) {
  struct varmor_mount_walk walk = {};
  const struct varmor_mount_accept *range;
  void *accepts;
  walk.room = array_entry(&scratch, room_index);
  if (!walk.room) return 0;
  accepts = slot_map(&slot_mount_accepts, walk.room->job.slot);
  walk.rules = slot_map(&slot_mount_rules, walk.room->job.slot);
  if (!accepts || !walk.rules) return 0;
  range = array_entry(accepts, id);
  if (!range) return 0;
  walk.first = range->first;
  walk.count = range->count;
  VARMOR_LOOP(VARMOR_MOUNT_RANGE_MAX, join_mount_rule, &walk);
  return 1;
}

/* Judges a mount whose source stands in a room as a path; job.detail are the bits of the call and
 * job.extra the type of file system. */
__noinline int tally_mount(__u32 room_index) {
  struct varmor_scratch *room = array_entry(&scratch, room_index);
  const struct varmor_profile *profile;
  __u32 count, slot;
  if (!room) return 0;
  slot = room->job.slot;
  profile = profile_in(slot);
  if (!profile) return 0;
  count = profile->mount_tables;
  for (__u32 i = 0; i < VARMOR_PATH_TABLES_MAX; i++) {
    __u32 id;
    if (i >= count) break;
    id = match_table(room, room_index, slot, &profile->mount[i]);
    if (id != 0 && !join_mount_rules(room_index, id)) room->job.reason = VARMOR_REASON_UNRESOLVED;
  }
  return 0;
}

/* A walk over all rules of a profile. */
struct varmor_denial {
  void *rules;
  const struct varmor_job *job;
  /* VARMOR_ACTION_*: what is looked for. */
  __u32 actions;
  /* There is no such rule. */
  __u32 none;
};

static long find_denial(__u32 round, void *context) {
  struct varmor_denial *denial = context;
  const struct varmor_mount_rule *rule = array_entry(denial->rules, round);
  if (!rule) {
    denial->none = 1;
    return 1;
  }
  return (rule->action & denial->actions) != 0 && is_about(rule, denial->job);
}

/* Whether the mount in a room could be denied if its source were another, or reported where the
 * profile only reports; also where there are more rules than can be looked through. */
__noinline int depends_on_source(__u32 room_index) {
  struct varmor_scratch *room = array_entry(&scratch, room_index);
  struct varmor_denial denial = {};
  const struct varmor_profile *profile;
  if (!room) return 1;
  profile = profile_in(room->job.slot);
  if (!profile || (profile->default_deny & VARMOR_CLASS_MOUNT) != 0) return 1;
  denial.rules = slot_map(&slot_mount_rules, room->job.slot);
  if (!denial.rules) return 0;
  denial.job = &room->job;
  denial.actions = VARMOR_ACTION_DENY;
  if (profile->flags & VARMOR_PROFILE_COMPLAIN) denial.actions |= VARMOR_ACTION_AUDIT;
  VARMOR_LOOP(VARMOR_RULES_SEEN, find_denial, &denial);
  return !denial.none;
}

/* A source as the caller wrote it, from its end to its beginning: components go before the path in
 * the room, "." and empty ones are left out, ".." takes the next one away. */
struct varmor_source {
  struct varmor_scratch *room;
  __u32 length;
  __u32 failed;
};

static long split_source(__u32 round, void *context) {
  struct varmor_source *source = context;
  struct varmor_scratch *room = source->room;
  __u32 at = source->length - 1 - round, length, start = 0, skip;
  __u32 end = *(volatile __u32 *)&room->source_end;
  int at_start = round == source->length;
  if (round > source->length) return 1;
  if (!at_start) {
    asm volatile("%0 &= 4095" : "+r"(at));
    if (room->after[at] != '/') return 0;
    start = at + 1;
    *(volatile __u32 *)&room->source_end = at;
  }
  length = end - start;
  if (length == 0 || length > VARMOR_PATH_BYTES_MAX) return at_start;
  asm volatile("%0 &= 4095" : "+r"(start));
  if (length == 1 && room->after[start] == '.') return at_start;
  skip = *(volatile __u32 *)&room->source_skip;
  if (length == 2 && room->after[start] == '.' && room->after[start + 1] == '.') {
    *(volatile __u32 *)&room->source_skip = skip + 1;
    return at_start;
  }
  if (skip != 0) {
    *(volatile __u32 *)&room->source_skip = skip - 1;
    return at_start;
  }
  if (!put_name(room, &room->after[start], length)) {
    source->failed = 1;
    return 1;
  }
  return at_start;
}

/* The string of `length` bytes in room->after as components before the end of the room's path; 0
 * when it cannot be told what they name. */
__noinline int put_source(__u32 room_index, __u32 length) {
  struct varmor_source source = {};
  source.room = array_entry(&scratch, room_index);
  if (!source.room || length == 0 || length >= VARMOR_SOURCE_BYTES) return 0;
  *(volatile __u32 *)&source.room->begin = VARMOR_PATH_BUFFER;
  *(volatile __u32 *)&source.room->source_end = source.length = length;
  *(volatile __u32 *)&source.room->source_skip = 0;
  VARMOR_LOOP(VARMOR_SOURCE_BYTES, split_source, &source);
  /* Above the root there is nothing; above the working directory it is not known what. */
  return !source.failed &&
         (*(volatile __u32 *)&source.room->source_skip == 0 || source.room->after[0] == '/');
}

/* A source of a mount that has no path: as it is. */
__noinline int copy_source(__u32 room_index, __u32 length) {
  struct varmor_scratch *room = array_entry(&scratch, room_index);
  __u32 begin;
  if (!room || length >= VARMOR_PATH_BUFFER) return 0;
  begin = VARMOR_PATH_BUFFER - length;
  if (length != 0) {
    asm volatile("%0 &= 4095" : "+r"(begin));
    asm volatile("%0 &= 4095" : "+r"(length));
    bpf_probe_read_kernel(&room->buffer[begin], length, room->after);
  }
  *(volatile __u32 *)&room->begin = begin;
  return 1;
}

static __always_inline int has_mount_rules(const struct varmor_self *self) {
  return self->profile->mount_tables != 0 ||
         (self->profile->default_deny & VARMOR_CLASS_MOUNT) != 0;
}

/* A room with a job about a mount; null when all are in use. */
static __always_inline struct varmor_scratch *start_mount(const struct varmor_self *self,
                                                          __u16 operation, __u64 ops,
                                                          const char *type) {
  struct varmor_scratch *room = claim_scratch();
  if (!room) return 0;
  /* Of a source that cannot be told nothing is reported, least of all an earlier one. */
  *(volatile __u32 *)&room->begin = VARMOR_PATH_BUFFER;
  start_job(&room->job, self, VARMOR_EVENT_MOUNT, operation, 1, VARMOR_CLASS_MOUNT);
  room->job.wanted = 0;
  room->job.detail = ops;
  if (type) {
    bpf_probe_read_kernel_str(room->job.extra, sizeof(room->job.extra), type);
#pragma unroll
    /* "fuse.sshfs" is of the type "fuse"; the rest behind the terminator is zero. */
    for (int i = 1; i < 15; i++) {
      if (room->job.extra[i] == '.' || room->job.extra[i - 1] == 0) room->job.extra[i] = 0;
    }
    room->job.extra[15] = 0;
  } else {
    __builtin_memcpy(room->job.extra, "none", 5);
  }
  return room;
}

static __always_inline int finish_mount(struct varmor_scratch *room) {
  int result = conclude_room(room->index);
  release_scratch(room);
  return result;
}

/* Marks that the task was permitted a mount of this type just now, for the hooks that follow. */
static __always_inline void mark_mounting(__u64 type) {
  struct varmor_task *record = task_record(current_task());
  if (!record) return;
  record->mounting = type;
  record->bind = 0;
}

/* What tells a name of the kernel's memory from others, as far as its first 63 bytes do. */
static __noinline __u64 mark_of_name(const char *name) {
  __u64 words[8] = {}, mark = 0;
  bpf_probe_read_kernel_str(words, sizeof(words), name);
#pragma unroll
  for (int i = 0; i < 8; i++) mark = (mark ^ words[i]) * 0x9e3779b97f4a7c15ull;
  return mark;
}

/* Marks that the task was permitted a bind or move from this source just now, which must not lead
 * through a symbolic link. 0: there is no place for the mark. */
static __always_inline int mark_bind(__u64 operation, const char *source) {
  struct varmor_task *record = task_record(current_task());
  if (!record) return 0;
  record->bind = operation;
  record->bind_source = mark_of_name(source);
  return 1;
}

static __always_inline __u64 take_mounting(void) {
  struct varmor_task *record = task_record(current_task());
  __u64 type;
  if (!record) return 0;
  type = record->mounting;
  record->mounting = 0;
  return type;
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_MOUNT_H_ */
