/* What the rules say about a file. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_PATH_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_PATH_H_

#include "lib/enforcers/bpf/programs/report.h"
#include "lib/enforcers/bpf/programs/subject.h"
#include "lib/enforcers/bpf/programs/walk.h"

enum varmor_table_kind {
  VARMOR_TABLES_FILE = 0,
  VARMOR_TABLES_EXEC = 1,
  VARMOR_TABLES_MOUNT = 2,
};

/* All rooms in use: nothing can be judged. */
static __noinline int no_room(const struct varmor_self *self, __u8 event_class, __u16 operation,
                              __u32 bits) {
  struct varmor_job job;
  if (!self || !self->profile) return -EPERM;
  start_job(&job, self, event_class, operation, bits, 0);
  job.reason = VARMOR_REASON_BUSY;
  return conclude(self->profile, &job, 0);
}

static __always_inline const struct varmor_path_table *path_tables(
    const struct varmor_profile *profile, int kind) {
  if (kind == VARMOR_TABLES_FILE) return profile->file;
  if (kind == VARMOR_TABLES_EXEC) return profile->exec;
  return profile->mount;
}

static __always_inline __u32 table_count(const struct varmor_profile *profile, int kind) {
  if (kind == VARMOR_TABLES_FILE) return profile->file_tables;
  if (kind == VARMOR_TABLES_EXEC) return profile->exec_tables;
  return profile->mount_tables;
}

/* The accept id of the path in a room, from the table there, whose pages are those of a slot.
 * Numbers only, as the verifier wants them between functions that it checks one by one. */
__noinline __u32 run_table(__u32 room_index, __u32 slot) {
  struct varmor_scratch *room = array_entry(&scratch, room_index);
  void *pages = slot_map(&slot_pages, slot);
  if (!room || !pages) return VARMOR_PATH_UNRESOLVED;
  return varmor_path_match(pages, &room->table, room->buffer, *(volatile __u32 *)&room->begin,
                           VARMOR_PATH_BUFFER);
}

static __always_inline __u32 match_table(struct varmor_scratch *room, __u32 room_index, __u32 slot,
                                         const struct varmor_path_table *table) {
  room->table = *table;
  return run_table(room_index, slot);
}

/* Joins one record to the tally in a room; 0 when it is not there. */
__noinline int join_record(__u32 room_index, __u32 id, __u32 more) {
  struct varmor_scratch *room = array_entry(&scratch, room_index);
  const struct varmor_decision *decision;
  void *accepts;
  __u32 allow;
  if (!room) return 0;
  accepts = slot_map(&slot_accepts, room->job.slot);
  decision = accepts ? array_entry(accepts, id) : 0;
  if (!decision) return 0;
  allow = room->job.tally.allow;
  tally_decision(&room->job.tally, room->job.bits, decision);
  if (more) room->job.tally.allow = allow;
  return 1;
}

/* Joins what the tables say about the path in a room to the tally there. `more`: as another name of
 * the object, which denies and audits but allows nothing. Checked by the verifier once for each
 * program, and not for every way to get here. */
__noinline int tally_path(__u32 room_index, __u32 kind, __u32 more) {
  struct varmor_scratch *room = array_entry(&scratch, room_index);
  const struct varmor_profile *profile;
  const struct varmor_path_table *tables;
  __u32 count, slot;
  if (!room) return 0;
  slot = room->job.slot;
  profile = profile_in(slot);
  if (!profile) return 0;
  count = table_count(profile, kind);
  tables = path_tables(profile, kind);
  for (__u32 i = 0; i < VARMOR_PATH_TABLES_MAX; i++) {
    __u32 id;
    if (i >= count) break;
    id = match_table(room, room_index, slot, &tables[i]);
    if (id != 0 && !join_record(room_index, id, more)) room->job.reason = VARMOR_REASON_UNRESOLVED;
  }
  return 0;
}

/* The answer to the job in a room: see conclude_room. */
__noinline int answer_room(__u32 room_index) {
  struct varmor_scratch *room = array_entry(&scratch, room_index);
  const struct varmor_profile *profile;
  if (!room) return -EPERM;
  profile = profile_in(room->job.slot);
  if (!profile) return -EPERM;
  return conclude(profile, &room->job, room);
}

static __always_inline int conclude_room(__u32 room_index) {
  return answer_of(answer_room(room_index));
}

#define VARMOR_ANCHOR_BYTES 32

struct varmor_anchor {
  __u32 magic;
  __u32 length;
  char prefix[VARMOR_ANCHOR_BYTES];
};

/* Where file systems of the kernel's own are usually mounted: rules name their files there, and
 * hold wherever else such a file system shows up. The first is none. */
const struct varmor_anchor anchors[] = {
    {0, 0, ""},
    {PROC_SUPER_MAGIC, 5, "/proc"},
    {SYSFS_MAGIC, 4, "/sys"},
    {CGROUP_SUPER_MAGIC, 14, "/sys/fs/cgroup"},
    {CGROUP2_SUPER_MAGIC, 14, "/sys/fs/cgroup"},
    {SECURITYFS_MAGIC, 20, "/sys/kernel/security"},
    {DEBUGFS_MAGIC, 17, "/sys/kernel/debug"},
    {TRACEFS_MAGIC, 19, "/sys/kernel/tracing"},
    {BPF_FS_MAGIC, 11, "/sys/fs/bpf"},
};

/* The last of them, where the enforcer's pins are. */
#define VARMOR_ANCHOR_BPF_FS 8
#define VARMOR_ANCHORS (sizeof(anchors) / sizeof(anchors[0]))

__noinline __u32 anchor_of(__u32 magic) {
  switch (magic) {
    case PROC_SUPER_MAGIC:
      return 1;
    case SYSFS_MAGIC:
      return 2;
    case CGROUP_SUPER_MAGIC:
      return 3;
    case CGROUP2_SUPER_MAGIC:
      return 4;
    case SECURITYFS_MAGIC:
      return 5;
    case DEBUGFS_MAGIC:
      return 6;
    case TRACEFS_MAGIC:
      return 7;
    case BPF_FS_MAGIC:
      return VARMOR_ANCHOR_BPF_FS;
    default:
      return 0;
  }
}

/* Whether the path in a room is the usual one: PREFIX, then the object's path in its file system.
 */
__noinline int is_anchored(__u32 room_index, __u32 number) {
  struct varmor_scratch *room = array_entry(&scratch, room_index);
  const struct varmor_anchor *anchor;
  __u32 begin;
  if (!room || number >= VARMOR_ANCHORS) return 0;
  anchor = &anchors[number];
  begin = *(volatile __u32 *)&room->begin;
  if (room->mount_begin - begin != anchor->length) return 0;
  for (__u32 i = 0; i < VARMOR_ANCHOR_BYTES; i++) {
    __u32 at = begin + i;
    if (i >= anchor->length) break;
    asm volatile("%0 &= 4095" : "+r"(at));
    if (room->buffer[at] != anchor->prefix[i]) return 0;
  }
  return 1;
}

/* Puts the prefix before the path in a room; 0 when it does not fit. */
__noinline int prepend_anchor(__u32 room_index, __u32 number) {
  struct varmor_scratch *room = array_entry(&scratch, room_index);
  const struct varmor_anchor *anchor;
  __u32 begin;
  if (!room || number >= VARMOR_ANCHORS) return 0;
  anchor = &anchors[number];
  begin = *(volatile __u32 *)&room->begin;
  if (begin < anchor->length || begin > VARMOR_PATH_BUFFER) return 0;
  begin -= anchor->length;
  for (__u32 i = 0; i < VARMOR_ANCHOR_BYTES; i++) {
    __u32 at = begin + i;
    if (i >= anchor->length) break;
    asm volatile("%0 &= 4095" : "+r"(at));
    room->buffer[at] = anchor->prefix[i];
  }
  *(volatile __u32 *)&room->begin = begin;
  return 1;
}

static __always_inline int is_disk(const struct varmor_self *self, __u32 device) {
  struct varmor_device_key key = {device >> 20, device & 0xfffff};
  void *disks = slot_map(&slot_disk_devices, self->slot);
  return disks && bpf_map_lookup_elem(disks, &key) != 0;
}

static __always_inline int has_disk_rules(const struct varmor_profile *profile) {
  return (profile->disk_file.deny | profile->disk_file.audit | profile->disk_file.allow) != 0;
}

static __always_inline void tally_device(const struct varmor_self *self, __u32 device,
                                         struct varmor_job *job) {
  if (is_disk(self, device)) tally_decision(&job->tally, job->bits, &self->profile->disk_file);
}

/* Joins what is said about disks when the file is one. */
static __always_inline void tally_disk(const struct varmor_self *self, struct dentry *dentry,
                                       struct varmor_job *job) {
  struct inode *inode;
  if (!has_disk_rules(self->profile)) return;
  inode = dentry->d_inode;
  if (!inode || (inode->i_mode & S_IFMT) != S_IFBLK) return;
  tally_device(self, inode->i_rdev, job);
}

/* Whether what a path is makes a difference. */
static __always_inline int asks_path(const struct varmor_self *self, int kind, __u32 class_bit) {
  return (self->profile->default_deny & class_bit) != 0 || table_count(self->profile, kind) != 0;
}

static __always_inline int has_rules(const struct varmor_self *self, int kind, __u32 class_bit) {
  return asks_path(self, kind, class_bit) ||
         (kind == VARMOR_TABLES_FILE && has_disk_rules(self->profile));
}

/* Where the loader pins, in the BPF file system's usual place. */
const char protected_path[] = "/sys/fs/bpf/varmor";

/* Whether the path in a room is there or below. */
__noinline int is_protected(__u32 room_index) {
  struct varmor_scratch *room = array_entry(&scratch, room_index);
  __u32 begin;
  if (!room) return 1;
  begin = *(volatile __u32 *)&room->begin;
  if (begin > VARMOR_PATH_BUFFER - (sizeof(protected_path) - 1)) return 0;
  for (__u32 i = 0; i < sizeof(protected_path) - 1; i++) {
    __u32 at = begin + i;
    asm volatile("%0 &= 4095" : "+r"(at));
    if (room->buffer[at] != protected_path[i]) return 0;
  }
  return 1;
}

/* The answer to a job about a path; nothing to conclude where nobody speaks up. */
static __always_inline int finish_file(const struct varmor_self *self, struct varmor_scratch *room,
                                       int kind, __u32 default_class) {
  struct varmor_job *job = &room->job;
  /* Rules about disks need no path. */
  if (!asks_path(self, kind, default_class)) job->reason = 0;
  if (job->reason == 0 && (job->tally.deny | job->tally.audit) == 0 &&
      (self->profile->default_deny & default_class) == 0)
    return 0;
  return conclude_room(room->index);
}

/* Names up to this length are compared with a path. */
#define VARMOR_NAME_BYTES 255

/* Whether a string of the kernel's is the path in a room; 0 also where that cannot be told cheaply.
 */
static __always_inline int is_path(struct varmor_scratch *room, const char *name) {
  /* Variables, for the compiler to load whole words. */
  const char *path, *given = room->after;
  __u32 begin, length, last;
  begin = *(volatile __u32 *)&room->begin;
  length = VARMOR_PATH_BUFFER - begin;
  if (begin > VARMOR_PATH_BUFFER || length < 8 || length > VARMOR_NAME_BYTES) return 0;
  asm volatile("%0 &= 4095" : "+r"(begin));
  asm volatile("%0 &= 255" : "+r"(length));
  if (bpf_probe_read_kernel(room->after, length + 1, name) != 0) return 0;
  if (given[length] != 0) return 0;
  path = &room->buffer[begin];
  for (__u32 i = 0; i + 8 <= VARMOR_NAME_BYTES; i += 8) {
    if (i + 8 > length) break;
    if (*(const __u64 *)(path + i) != *(const __u64 *)(given + i)) return 0;
  }
  /* The rest, with bytes before it. */
  last = length - 8;
  asm volatile("%0 &= 255" : "+r"(last));
  return *(const __u64 *)(path + last) == *(const __u64 *)(given + last);
}

/* Judges one file for a confined task: 0 or -EPERM. `given`, where it is not null: the name by
 * which the file was found; `same` is set when it is the path that was judged. */
static __always_inline int judge_file(const struct varmor_self *self, struct vfsmount *vfs,
                                      struct dentry *dentry, int kind, __u8 event_class,
                                      __u16 operation, __u32 bits, __u32 default_class,
                                      const char *given, int *same) {
  struct varmor_scratch *room;
  struct varmor_job *job;
  __u32 anchor;
  int result;
  if (!vfs || !dentry) return 0;
  anchor = anchor_of(dentry->d_sb->s_magic);
  if (anchor != VARMOR_ANCHOR_BPF_FS && !has_rules(self, kind, default_class)) return 0;
  room = claim_scratch();
  if (!room) return no_room(self, event_class, operation, bits);
  job = &room->job;
  start_job(job, self, event_class, operation, bits, default_class);
  result = walk_path(room, vfs, dentry);
  if (result == VARMOR_WALK_INTERNAL) {
    /* No name in any namespace, so no rule; a profile that denies by default denies executing it.
     */
    *(volatile __u32 *)&room->begin = VARMOR_PATH_BUFFER;
    if (kind == VARMOR_TABLES_FILE) job->tally.allow = bits;
  } else {
    if (result == VARMOR_WALK_UNRESOLVED) {
      job->reason = VARMOR_REASON_UNRESOLVED;
    } else {
      if (result == VARMOR_WALK_DETACHED) job->reason = VARMOR_REASON_DETACHED;
      tally_path(room->index, kind, 0);
    }
    tally_disk(self, dentry, job);
    if (anchor != 0 && !(job->reason == 0 && vfs->mnt_root == dentry->d_sb->s_root &&
                         is_anchored(room->index, anchor))) {
      if (walk_file_system(room, dentry) && prepend_anchor(room->index, anchor)) {
        tally_path(room->index, kind, 1);
      } else {
        job->reason = VARMOR_REASON_UNRESOLVED;
      }
    }
  }
  result = finish_file(self, room, kind, default_class);
  if (anchor == VARMOR_ANCHOR_BPF_FS && is_protected(room->index)) result = -EPERM;
#ifdef VARMOR_PATH_LOOP
  if (given && result == 0 && job->reason == 0) *same = is_path(room, given);
#endif
  release_scratch(room);
  return result;
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_PATH_H_ */
