/* Hooks about mounts. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_MOUNT_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_MOUNT_H_

#include "lib/enforcers/bpf/programs/hooks_file.h"
#include "lib/enforcers/bpf/programs/mount.h"

/* What mount(2) does with these flags, in the order in which the kernel asks. */
static __always_inline __u64 mount_operation(__u64 flags) {
  __u64 recursive = flags & MS_REC;
  if (flags & VARMOR_MOUNT_REMOUNT) {
    return VARMOR_MOUNT_REMOUNT | (flags & VARMOR_MOUNT_BIND);
  }
  if (flags & VARMOR_MOUNT_BIND) {
    return VARMOR_MOUNT_BIND | (recursive ? VARMOR_MOUNT_REC_BIND : 0);
  }
  if (flags & VARMOR_MOUNT_SHARED)
    return VARMOR_MOUNT_SHARED | (recursive ? VARMOR_MOUNT_REC_SHARED : 0);
  if (flags & VARMOR_MOUNT_PRIVATE)
    return VARMOR_MOUNT_PRIVATE | (recursive ? VARMOR_MOUNT_REC_PRIVATE : 0);
  if (flags & VARMOR_MOUNT_SLAVE)
    return VARMOR_MOUNT_SLAVE | (recursive ? VARMOR_MOUNT_REC_SLAVE : 0);
  if (flags & VARMOR_MOUNT_UNBINDABLE)
    return VARMOR_MOUNT_UNBINDABLE | (recursive ? VARMOR_MOUNT_REC_UNBINDABLE : 0);
  if (flags & VARMOR_MOUNT_MOVE) return VARMOR_MOUNT_MOVE;
  return VARMOR_MOUNT_NEW;
}

/* Puts the path of `source` into the room, as the caller sees the tree: from its working directory
 * or its root up to the root of the namespace. One of varmor_walk_result. */
static __always_inline int walk_source(struct varmor_scratch *room, __u32 length) {
  struct fs_struct *fs = BPF_CORE_READ(current_task(), fs);
  struct varmor_walk walk = {};
  struct vfsmount *vfs;
  if (!put_source(room->index, length)) return VARMOR_WALK_UNRESOLVED;
  if (room->after[0] == '/') {
    vfs = BPF_CORE_READ(fs, root.mnt);
    walk.at = (__u64)BPF_CORE_READ(fs, root.dentry);
  } else {
    vfs = BPF_CORE_READ(fs, pwd.mnt);
    walk.at = (__u64)BPF_CORE_READ(fs, pwd.dentry);
  }
  walk.scratch = room;
  if (!enter_mount(&walk, mount_of(vfs))) return VARMOR_WALK_UNRESOLVED;
  VARMOR_WALK(walk_above, &walk);
  if (walk.arrived != 2) return VARMOR_WALK_UNRESOLVED;
  name_top(room);
  return VARMOR_WALK_RESOLVED;
}

SEC("lsm/sb_mount")
int BPF_PROG(sb_mount, const char *source, const struct path *target, const char *type,
             unsigned long flags) {
  struct varmor_self self;
  struct varmor_scratch *room;
  __u64 operation, marked = 0, bind = 0;
  long length;
  int result;
  if (!confined(&self)) return 0;
  /* Over the pins, no agent would find them. */
  if (target->mnt->mnt_sb->s_magic == BPF_FS_MAGIC) return refuse(&self, 0, VARMOR_OP_MOUNT);
  if (!has_mount_rules(&self)) return 0;
  if ((flags & MS_MGC_MSK) == MS_MGC_VAL) flags &= ~MS_MGC_MSK;
  operation = mount_operation(flags);
  room = start_mount(&self, VARMOR_OP_MOUNT, operation | (flags & VARMOR_MOUNT_OPTIONS),
                     operation == VARMOR_MOUNT_NEW ? type : 0);
  if (!room) return no_room(&self, VARMOR_EVENT_MOUNT, VARMOR_OP_MOUNT, 1);
  length = source ? bpf_probe_read_kernel_str(room->after, VARMOR_PATH_BUFFER, source) : 1;
  if (length < 1) length = 1;
  if (operation == VARMOR_MOUNT_NEW) {
    copy_source(room->index, (__u32)length - 1);
    marked = *(__u64 *)room->job.extra;
  } else if (operation & (VARMOR_MOUNT_BIND | VARMOR_MOUNT_MOVE) &&
             !(operation & VARMOR_MOUNT_REMOUNT)) {
    if (walk_source(room, (__u32)length - 1) != VARMOR_WALK_RESOLVED)
      room->job.reason = VARMOR_REASON_UNRESOLVED;
    else if (depends_on_source(room->index))
      bind = room->job.detail;
  } else {
    if (walk_path(room, target->mnt, target->dentry) != VARMOR_WALK_RESOLVED)
      room->job.reason = VARMOR_REASON_UNRESOLVED;
    /* The kernel goes on to sb_remount; not with MS_BIND. */
    if (operation == VARMOR_MOUNT_REMOUNT) marked = (__u64)target->dentry->d_sb;
  }
  if (room->job.reason == 0) tally_mount(room->index);
  result = conclude_room(room->index);
  if (result == 0 && operation == VARMOR_MOUNT_MOVE && room->job.reason == 0) {
    /* Away from where rules are about what is below it. */
    start_job(&room->job, &self, VARMOR_EVENT_FILE, VARMOR_OP_MOVE_MOUNT, VARMOR_ACCESS_ANCESTOR,
              0);
    tally_path(room->index, VARMOR_TABLES_FILE, 0);
    result = conclude_room(room->index);
  }
  release_scratch(room);
  mark_mounting(result ? 0 : marked);
  if (result == 0 && bind != 0 && !mark_bind(bind, source))
    return no_room(&self, VARMOR_EVENT_MOUNT, VARMOR_OP_MOUNT, 1);
  return result;
}

/* Whether the task is in mount(2); also where that cannot be told: before 5.15, and not on x86. */
static __always_inline int may_be_mounting(void) {
  struct pt_regs *caller;
  __u32 number;
  if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs) ||
      !bpf_core_field_exists(((struct pt_regs *)0)->orig_ax))
    return 1;
  caller = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
  number = (__u32)BPF_CORE_READ(caller, orig_ax);
  if (BPF_CORE_READ(current_task(), thread_info.status) & TS_COMPAT)
    return number == NR_MOUNT_OF_32_BITS;
  return (number & ~X32_SYSCALL_BIT) == NR_MOUNT;
}

/* The name that the kernel looks up, if it may be the source of mount(2): a copy that the kernel
 * made, which 7.0 and later do not tell. Null if it cannot be. */
static __always_inline const char *name_of_source(void) {
  struct filename *name = BPF_CORE_READ(current_task(), nameidata, name);
  if (!name) return 0;
  if (bpf_core_field_exists(((struct filename___by_caller *)0)->uptr) &&
      BPF_CORE_READ((struct filename___by_caller *)name, uptr))
    return 0;
  return may_be_mounting() ? BPF_CORE_READ(name, name) : 0;
}

/* mount(2) follows the links of a source after sb_mount has judged it as it is written, and asks no
 * other hook about a bind. */
SEC("lsm/inode_follow_link")
int BPF_PROG(inode_follow_link, struct dentry *link) {
  struct varmor_task *record = task_record(current_task());
  struct varmor_self self;
  struct varmor_scratch *room;
  const char *name;
  long length;
  if (record && record->bind == 0) return 0;
  if (!confined(&self) || !has_mount_rules(&self)) return 0;
  name = name_of_source();
  if (!name) return 0;
  if (!record) record = task_record(current_task());
  if (!record) return no_room(&self, VARMOR_EVENT_MOUNT, VARMOR_OP_MOUNT, 1);
  if (record->bind == 0 || record->bind_source != mark_of_name(name)) return 0;
  room = start_mount(&self, VARMOR_OP_MOUNT, record->bind, 0);
  if (!room) return no_room(&self, VARMOR_EVENT_MOUNT, VARMOR_OP_MOUNT, 1);
  record->bind = 0;
  length = bpf_probe_read_kernel_str(room->after, VARMOR_PATH_BUFFER, name);
  if (length > 1) copy_source(room->index, (__u32)length - 1);
  room->job.reason = VARMOR_REASON_LINK;
  return finish_mount(room);
}

/* Steps of a walk through the mounts below one. */
#ifdef VARMOR_PATH_LOOP
#define VARMOR_MOUNT_STEPS 65536
#else
#define VARMOR_MOUNT_STEPS 128
#endif

/* A walk through a mount and all that is mounted below it, each before those on it. */
struct varmor_descent {
  __u64 top;
  __u64 at;
  /* All on `at` have been seen. */
  __u32 seen;
  /* All have, and none is a BPF file system. */
  __u32 none;
};

static long descend(__u32 round, void *context) {
  struct varmor_descent *descent = context;
  struct mount *mount = (struct mount *)descent->at, *parent;
  const __u64 place = bpf_core_field_offset(((struct mount *)0)->mnt_child);
  struct list_head *head = __builtin_preserve_access_index(&mount->mnt_mounts), *link;
  if (!descent->seen) {
    if (BPF_CORE_READ(mount, mnt.mnt_sb, s_magic) == BPF_FS_MAGIC) return 1;
    link = BPF_CORE_READ(head, next);
    if (!link) return 1;
    if (link != head) {
      descent->at = (__u64)link - place;
      return 0;
    }
  }
  if (descent->at == descent->top) {
    descent->none = 1;
    return 1;
  }
  parent = BPF_CORE_READ(mount, mnt_parent);
  link = BPF_CORE_READ(mount, mnt_child.next);
  if (!link) return 1;
  descent->seen = link == __builtin_preserve_access_index(&parent->mnt_mounts);
  descent->at = descent->seen ? (__u64)parent : (__u64)link - place;
  return 0;
}

/* Whether it is a BPF file system or one is mounted below it, or more than can be looked through.
 */
static __noinline int carries_bpf_fs(__u64 mount) {
  struct varmor_descent descent = {.top = mount, .at = mount};
  VARMOR_LOOP(VARMOR_MOUNT_STEPS, descend, &descent);
  return !descent.none;
}

/* The pins go with the last mount of their file system, and with them all that is in force. */
SEC("lsm/sb_umount")
int BPF_PROG(sb_umount, struct vfsmount *vfs) {
  struct varmor_self self;
  struct varmor_scratch *room;
  int result;
  if (!confined(&self)) return 0;
  if (carries_bpf_fs(mount_of(vfs))) return refuse(&self, 0, VARMOR_OP_UMOUNT);
  result = check_ancestor_of(&self, vfs, vfs->mnt_root, VARMOR_OP_UMOUNT);
  if (result) return result;
  if (!has_mount_rules(&self)) return 0;
  room = start_mount(&self, VARMOR_OP_UMOUNT, VARMOR_MOUNT_UMOUNT, 0);
  if (!room) return no_room(&self, VARMOR_EVENT_MOUNT, VARMOR_OP_UMOUNT, 1);
  if (walk_path(room, vfs, vfs->mnt_root) == VARMOR_WALK_UNRESOLVED)
    room->job.reason = VARMOR_REASON_UNRESOLVED;
  else
    tally_mount(room->index);
  return finish_mount(room);
}

SEC("lsm/sb_pivotroot")
int BPF_PROG(sb_pivotroot, const struct path *old_path, const struct path *new_path) {
  struct varmor_self self;
  struct varmor_scratch *room;
  if (!confined(&self) || !has_mount_rules(&self)) return 0;
  room = start_mount(&self, VARMOR_OP_PIVOT_ROOT, VARMOR_MOUNT_PIVOT_ROOT, 0);
  if (!room) return no_room(&self, VARMOR_EVENT_MOUNT, VARMOR_OP_PIVOT_ROOT, 1);
  if (walk_path(room, new_path->mnt, new_path->dentry) != VARMOR_WALK_RESOLVED)
    room->job.reason = VARMOR_REASON_UNRESOLVED;
  else
    tally_mount(room->index);
  return finish_mount(room);
}

/* For file systems with a usual place, that place; for others the word "none", which rules about
 * any source match. */
static __always_inline void usual_source(struct varmor_scratch *room, struct super_block *sb) {
  __u32 anchor = anchor_of((__u32)sb->s_magic);
  *(volatile __u32 *)&room->begin = VARMOR_PATH_BUFFER;
  if (anchor != 0 && prepend_anchor(room->index, anchor)) return;
  __builtin_memcpy(room->after, "none", 4);
  copy_source(room->index, 4);
}

/* Mounts by fsopen and fsmount, which sb_mount does not see, and the devices of all. */
SEC("lsm/sb_kern_mount")
int BPF_PROG(sb_kern_mount, struct super_block *sb) {
  struct varmor_self self;
  struct varmor_scratch *room;
  struct varmor_task *record;
  __u64 permitted;
  int result;
  if (!confined(&self)) return 0;
  permitted = take_mounting();
  room = start_mount(&self, VARMOR_OP_NEW_SUPERBLOCK, VARMOR_MOUNT_NEW | (sb->s_flags & SB_RDONLY),
                     sb->s_type->name);
  if (!room) return no_room(&self, VARMOR_EVENT_MOUNT, VARMOR_OP_NEW_SUPERBLOCK, 1);
  __builtin_memcpy(room->after, "none", 4);
  copy_source(room->index, 4);
  if (permitted == *(__u64 *)room->job.extra) {
    /* sb_mount or the parameter "source" was judged. */
    room->job.default_class = 0;
  } else {
    tally_mount(room->index);
  }
  /* File systems over several disks have a number of their own. */
  if (sb->s_bdev &&
      (is_disk(&self, sb->s_dev) || is_disk(&self, BPF_CORE_READ(sb, s_bdev, bd_dev))))
    tally_verdict(&room->job.tally, &self.profile->disk_mount);
  result = finish_mount(room);
  record = task_record(current_task());
  if (record && result == 0) record->permitted = (__u64)sb;
  return result;
}

SEC("lsm/sb_remount")
int BPF_PROG(sb_remount, struct super_block *sb) {
  struct varmor_self self;
  struct varmor_scratch *room;
  if (!confined(&self) || !has_mount_rules(&self)) return 0;
  if (take_mounting() == (__u64)sb) return 0;
  room = start_mount(&self, VARMOR_OP_REMOUNT, VARMOR_MOUNT_REMOUNT, 0);
  if (!room) return no_room(&self, VARMOR_EVENT_MOUNT, VARMOR_OP_REMOUNT, 1);
  usual_source(room, sb);
  tally_mount(room->index);
  return finish_mount(room);
}

/* The parameter "source" of fsconfig. */
SEC("lsm/fs_context_parse_param")
int BPF_PROG(fs_context_parse_param, struct fs_context *context, struct fs_parameter *parameter) {
  struct varmor_self self;
  struct varmor_scratch *room;
  char key[8] = {};
  long length;
  int result;
  __u64 type;
  if (BPF_CORE_READ_BITFIELD_PROBED(context, oldapi)) return 0;
  if (!confined(&self) || !has_mount_rules(&self)) return 0;
  bpf_probe_read_kernel_str(key, sizeof(key), parameter->key);
  if (*(__u64 *)key != 0x656372756f73ull /* "source" */) return 0;
  room = start_mount(&self, VARMOR_OP_MOUNT, VARMOR_MOUNT_NEW, context->fs_type->name);
  if (!room) return no_room(&self, VARMOR_EVENT_MOUNT, VARMOR_OP_MOUNT, 1);
  type = *(__u64 *)room->job.extra;
  length = bpf_probe_read_kernel_str(room->after, VARMOR_PATH_BUFFER, parameter->string);
  if (length < 1) length = 1;
  copy_source(room->index, (__u32)length - 1);
  tally_mount(room->index);
  result = finish_mount(room);
  mark_mounting(result ? 0 : type);
  return result;
}

/* Whether sb_kern_mount has permitted the task this file system just before. */
static __always_inline int was_permitted(struct super_block *sb) {
  struct varmor_task *record = task_record(current_task());
  return record && record->permitted == (__u64)sb;
}

/* Attaching a mount elsewhere. One that is in no namespace was made by fsmount, whose file system
 * sb_kern_mount has judged, or copied by open_tree, which no hook sees. What the task was not just
 * permitted, a part of a file system, and one with a usual place: a bind. */
SEC("lsm/move_mount")
int BPF_PROG(move_mount, const struct path *from, const struct path *to) {
  struct varmor_self self;
  struct varmor_scratch *room;
  struct super_block *sb = from->dentry->d_sb;
  int result;
  if (!confined(&self)) return 0;
  /* Over the pins, no agent would find them. */
  if (to->mnt->mnt_sb->s_magic == BPF_FS_MAGIC) return refuse(&self, 0, VARMOR_OP_MOVE_MOUNT);
  if (has_mount_rules(&self)) {
    room = start_mount(&self, VARMOR_OP_MOVE_MOUNT, VARMOR_MOUNT_MOVE, 0);
    if (!room) return no_room(&self, VARMOR_EVENT_MOUNT, VARMOR_OP_MOVE_MOUNT, 1);
    result = walk_path(room, from->mnt, from->dentry);
    if (result == VARMOR_WALK_DETACHED) {
      const __u32 anchor = anchor_of((__u32)sb->s_magic);
      if (anchor == 0 && from->mnt->mnt_root == sb->s_root && was_permitted(sb)) {
        release_scratch(room);
        return 0;
      }
      room->job.detail = VARMOR_MOUNT_BIND;
      /* The path in its file system: in a container's own that is the path there. */
      if (walk_file_system(room, from->dentry) &&
          (anchor == 0 || prepend_anchor(room->index, anchor)))
        name_top(room);
      else
        room->job.reason = VARMOR_REASON_UNRESOLVED;
    } else if (result != VARMOR_WALK_RESOLVED) {
      room->job.reason = VARMOR_REASON_UNRESOLVED;
    }
    if (room->job.reason == 0) tally_mount(room->index);
    result = finish_mount(room);
    if (result) return result;
  }
  /* A detached mount hides nothing that was there. */
  if (classify_mount(mount_of(from->mnt)) != VARMOR_WALK_RESOLVED) return 0;
  return check_ancestor_of(&self, from->mnt, from->dentry, VARMOR_OP_MOVE_MOUNT);
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_MOUNT_H_ */
