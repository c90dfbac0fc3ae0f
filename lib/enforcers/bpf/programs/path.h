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

static __always_inline const struct varmor_path_table *path_table(
    const struct varmor_profile *profile, int kind, __u32 index) {
  if (index >= VARMOR_PATH_TABLES_MAX) return 0;
  if (kind == VARMOR_TABLES_FILE) return &profile->file[index];
  if (kind == VARMOR_TABLES_EXEC) return &profile->exec[index];
  return &profile->mount[index];
}

static __always_inline __u32 table_count(const struct varmor_profile *profile, int kind) {
  if (kind == VARMOR_TABLES_FILE) return profile->file_tables;
  if (kind == VARMOR_TABLES_EXEC) return profile->exec_tables;
  return profile->mount_tables;
}

#ifdef VARMOR_PATH_LOOP
/* The accept id of the path in `scratch`. */
static __always_inline __u32 match_table(const struct varmor_self *self,
                                         struct varmor_scratch *scratch, int kind, __u32 index) {
  const struct varmor_path_table *table = path_table(self->profile, kind, index);
  void *pages = slot_map(&slot_pages, self->slot);
  if (!table || !pages) return VARMOR_PATH_UNRESOLVED;
  return varmor_path_match(pages, table, scratch->buffer, *(volatile __u32 *)&scratch->begin,
                           VARMOR_PATH_BUFFER);
}
#else
/* A function that is verified once for all callers: the bounded loop costs the verifier tens of
 * thousands of steps. It can take numbers only, and looks everything up again. */
__noinline __u32 match_table_by_number(__u32 room_index, __u32 slot, __u32 kind_and_index) {
  struct varmor_scratch *room = array_entry(&scratch, room_index);
  void *inner = slot_map(&slot_profile, slot);
  void *pages = slot_map(&slot_pages, slot);
  const struct varmor_profile *profile;
  struct varmor_path_table table = {};
  __u32 index = kind_and_index & 15;
  __u32 kind = kind_and_index >> 4;
  if (!room || !inner || !pages || index >= VARMOR_PATH_TABLES_MAX) return VARMOR_PATH_UNRESOLVED;
  profile = array_entry(inner, 0);
  if (!profile) return VARMOR_PATH_UNRESOLVED;
  if (kind == VARMOR_TABLES_FILE) {
    table = profile->file[index];
  } else if (kind == VARMOR_TABLES_EXEC) {
    table = profile->exec[index];
  } else {
    table = profile->mount[index];
  }
  return varmor_path_match(pages, &table, room->buffer, *(volatile __u32 *)&room->begin,
                           VARMOR_PATH_BUFFER);
}

static __always_inline __u32 match_table(const struct varmor_self *self,
                                         struct varmor_scratch *scratch, int kind, __u32 index) {
  return match_table_by_number(scratch->index, self->slot, (__u32)kind << 4 | index);
}
#endif

/* Joins what the tables say about the path in `scratch`; 0 when one gives no answer. */
static __always_inline int tally_path(const struct varmor_self *self,
                                      struct varmor_scratch *scratch, int kind, __u32 wanted,
                                      struct varmor_tally *tally) {
  __u32 count = table_count(self->profile, kind);
  void *accepts;
  if (count == 0) return 1;
  accepts = slot_map(&slot_accepts, self->slot);
  for (__u32 i = 0; i < VARMOR_PATH_TABLES_MAX; i++) {
    const struct varmor_decision *decision;
    __u32 id;
    if (i >= count) break;
    id = match_table(self, scratch, kind, i);
    if (id == 0) continue;
    if (!accepts) return 0;
    decision = array_entry(accepts, id);
    if (!decision) return 0;
    tally_decision(tally, wanted, decision);
  }
  return 1;
}

/* Where file systems of the kernel's own are usually mounted: rules name their files there, and hold
 * wherever else such a file system shows up. */
static __always_inline __u32 anchor_prefix(unsigned long magic, char *prefix) {
  if (magic == PROC_SUPER_MAGIC) {
    __builtin_memcpy(prefix, "/proc", 5);
    return 5;
  }
  if (magic == SYSFS_MAGIC) {
    __builtin_memcpy(prefix, "/sys", 4);
    return 4;
  }
  if (magic == CGROUP_SUPER_MAGIC || magic == CGROUP2_SUPER_MAGIC) {
    __builtin_memcpy(prefix, "/sys/fs/cgroup", 14);
    return 14;
  }
  if (magic == SECURITYFS_MAGIC) {
    __builtin_memcpy(prefix, "/sys/kernel/security", 20);
    return 20;
  }
  if (magic == DEBUGFS_MAGIC) {
    __builtin_memcpy(prefix, "/sys/kernel/debug", 17);
    return 17;
  }
  if (magic == TRACEFS_MAGIC) {
    __builtin_memcpy(prefix, "/sys/kernel/tracing", 19);
    return 19;
  }
  if (magic == BPF_FS_MAGIC) {
    __builtin_memcpy(prefix, "/sys/fs/bpf", 11);
    return 11;
  }
  return 0;
}

#define VARMOR_ANCHOR_BYTES 20

/* Whether the path in `scratch` is the usual one: PREFIX, then the object's path in its file
 * system. */
static __always_inline int is_anchored(const struct varmor_scratch *scratch, struct vfsmount *vfs,
                                       struct dentry *dentry, const char *prefix, __u32 length) {
  __u32 begin = *(volatile __u32 *)&scratch->begin;
  if (vfs->mnt_root != dentry->d_sb->s_root) return 0;
  if (scratch->mount_begin - begin != length) return 0;
  for (__u32 i = 0; i < VARMOR_ANCHOR_BYTES; i++) {
    __u32 at = begin + i;
    if (i >= length) break;
    asm volatile("%0 &= 4095" : "+r"(at));
    if (scratch->buffer[at] != prefix[i]) return 0;
  }
  return 1;
}

static __always_inline int is_disk(const struct varmor_self *self, __u32 device) {
  struct varmor_device_key key = {device >> 20, device & 0xfffff};
  void *disks = slot_map(&slot_disk_devices, self->slot);
  return disks && bpf_map_lookup_elem(disks, &key) != 0;
}

/* Joins what is said about disks when the file is one. */
static __always_inline void tally_disk(const struct varmor_self *self, struct dentry *dentry,
                                       __u32 wanted, struct varmor_tally *tally) {
  const struct varmor_decision *about = &self->profile->disk_file;
  struct inode *inode;
  if ((about->deny | about->audit | about->allow) == 0) return;
  inode = dentry->d_inode;
  if (!inode || (inode->i_mode & S_IFMT) != S_IFBLK) return;
  if (is_disk(self, inode->i_rdev)) tally_decision(tally, wanted, about);
}

static __always_inline int has_rules(const struct varmor_self *self, int kind, __u32 class_bit) {
  const struct varmor_profile *profile = self->profile;
  if (profile->default_deny & class_bit) return 1;
  if (table_count(profile, kind) != 0) return 1;
  return kind == VARMOR_TABLES_FILE &&
         (profile->disk_file.deny | profile->disk_file.audit | profile->disk_file.allow) != 0;
}

/* Whether the path is one of ours on the BPF file system: /sys/fs/bpf/varmor and what is below. */
static __always_inline int is_protected(const struct varmor_scratch *scratch) {
  const char ours[] = "/sys/fs/bpf/varmor";
  __u32 begin = *(volatile __u32 *)&scratch->begin;
  if (VARMOR_PATH_BUFFER - begin < sizeof(ours) - 1) return 0;
  for (__u32 i = 0; i < sizeof(ours) - 1; i++) {
    __u32 at = begin + i;
    asm volatile("%0 &= 4095" : "+r"(at));
    if (scratch->buffer[at] != ours[i]) return 0;
  }
  return 1;
}

/* The path that the object has in its file system, if its usual place is another one than where
 * the walk went. 1: `scratch` holds it; 0: there is nothing to add; -1: it cannot be told. */
static __always_inline int usual_path(struct varmor_scratch *scratch, struct vfsmount *vfs,
                                      struct dentry *dentry) {
  char prefix[24] = {};
  __u32 length = anchor_prefix(dentry->d_sb->s_magic, prefix);
  if (length == 0 || is_anchored(scratch, vfs, dentry, prefix, length)) return 0;
  return walk_file_system(scratch, dentry, prefix, length) ? 1 : -1;
}

/* Judges one file: 0 or -EPERM. `ask` has everything but the bits of the answer; the caller asks
 * only about confined tasks. */
static __noinline int judge_file(struct varmor_ask *ask, struct vfsmount *vfs,
                                 struct dentry *dentry, int kind) {
  struct varmor_tally tally = empty_tally();
  struct varmor_outcome outcome = {};
  struct varmor_scratch *room;
  __u32 reason = 0;
  int result, usual, ours;
  if (!vfs || !dentry) return 0;
  ours = dentry->d_sb->s_magic == BPF_FS_MAGIC;
  if (!ours && !has_rules(ask->self, kind, ask->default_class)) return 0;
  room = claim_scratch();
  if (!room) return conclude(ask, &tally, VARMOR_REASON_BUSY, &outcome, 0);
  result = walk_path(room, vfs, dentry);
  if (result == VARMOR_WALK_INTERNAL) {
    /* No name in any namespace, so no rule; a profile that denies by default denies executing it. */
    *(volatile __u32 *)&room->begin = VARMOR_PATH_BUFFER;
    if (kind == VARMOR_TABLES_FILE) tally.allow = ask->bits;
    result = conclude(ask, &tally, 0, &outcome, room);
    release_scratch(room);
    return result;
  }
  if (result == VARMOR_WALK_UNRESOLVED) {
    reason = VARMOR_REASON_UNRESOLVED;
  } else {
    if (result == VARMOR_WALK_DETACHED) reason = VARMOR_REASON_DETACHED;
    if (!tally_path(ask->self, room, kind, ask->bits, &tally)) reason = VARMOR_REASON_UNRESOLVED;
  }
  tally_disk(ask->self, dentry, ask->bits, &tally);
  if (reason == 0) {
    struct varmor_tally more = empty_tally();
    usual = usual_path(room, vfs, dentry);
    if (usual < 0) reason = VARMOR_REASON_UNRESOLVED;
    if (usual > 0) {
      if (!tally_path(ask->self, room, kind, ask->bits, &more)) reason = VARMOR_REASON_UNRESOLVED;
      /* What is allowed is told by the real path. */
      tally.deny |= more.deny;
      tally.audit |= more.audit;
      if (more.deny_rule < tally.deny_rule) tally.deny_rule = more.deny_rule;
      if (more.audit_rule < tally.audit_rule) tally.audit_rule = more.audit_rule;
    }
  }
  result = conclude(ask, &tally, reason, &outcome, room);
  if (ours && is_protected(room)) result = -EPERM;
  release_scratch(room);
  return result;
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_PATH_H_ */
