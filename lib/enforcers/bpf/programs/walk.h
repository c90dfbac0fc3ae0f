/* The path of an object in its mount namespace, whatever the task's root directory is. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_WALK_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_WALK_H_

#include "lib/enforcers/bpf/programs/scratch.h"

/* Components within one mount, and components and mounts above it, at most: deeper paths are
 * unresolved. */
#ifdef VARMOR_PATH_LOOP
#define VARMOR_WALK_STEPS 2048
#else
#define VARMOR_WALK_STEPS 128
#endif

enum varmor_walk_result {
  VARMOR_WALK_RESOLVED = 0,
  VARMOR_WALK_UNRESOLVED,
  /* On a mount that no mount namespace holds. */
  VARMOR_WALK_DETACHED,
  /* On a mount of the kernel's own: pipes, memfd, the layers of an overlay. */
  VARMOR_WALK_INTERNAL,
};

struct varmor_walk {
  struct varmor_scratch *scratch;
  /* In the object's own mount: BTF pointers, which cost no helper call to follow. */
  struct dentry *dentry;
  struct dentry *root;
  /* Above it: addresses. */
  __u64 mount;
  __u64 at;
  __u64 at_root;
  /* 1: arrived at the root of the mount; 2: at the top; 0: neither. */
  __u32 arrived;
  __u32 pad;
};

/* Puts "/NAME" before the path; 0 when it does not fit or cannot be read. */
static __always_inline int put_name(struct varmor_scratch *scratch, const void *name,
                                    __u32 length) {
  __u32 begin = *(volatile __u32 *)&scratch->begin;
  if (length > 255 || begin < length + 1) return 0;
  begin -= length;
  asm volatile("%0 &= 4095" : "+r"(begin));
  asm volatile("%0 &= 255" : "+r"(length));
  if (bpf_probe_read_kernel(&scratch->buffer[begin], length, name) != 0) return 0;
  begin--;
  asm volatile("%0 &= 4095" : "+r"(begin));
  scratch->buffer[begin] = '/';
  *(volatile __u32 *)&scratch->begin = begin;
  return 1;
}

/* One component within the object's mount. */
static long walk_in_mount(__u32 round, void *context) {
  struct varmor_walk *walk = context;
  struct dentry *dentry = walk->dentry;
  struct dentry *parent;
  if (dentry == walk->root) {
    walk->arrived = 1;
    return 1;
  }
  parent = dentry->d_parent;
  /* The root of a file system, and not that of the mount. */
  if (parent == dentry) return 1;
  if (!put_name(walk->scratch, dentry->d_name.name, dentry->d_name.len)) return 1;
  walk->dentry = parent;
  return 0;
}

/* One component, or the step from a mount's root to the place where it is mounted. */
static long walk_above(__u32 round, void *context) {
  struct varmor_walk *walk = context;
  struct dentry *dentry = (struct dentry *)walk->at;
  __u64 parent;
  if (walk->at == walk->at_root) {
    struct mount *mount = (struct mount *)walk->mount;
    parent = (__u64)BPF_CORE_READ(mount, mnt_parent);
    if (parent == walk->mount) {
      walk->arrived = 2;
      return 1;
    }
    if (parent == 0) return 1;
    walk->at = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
    walk->mount = parent;
    mount = (struct mount *)parent;
    walk->at_root = (__u64)BPF_CORE_READ(mount, mnt.mnt_root);
    return 0;
  }
  parent = (__u64)BPF_CORE_READ(dentry, d_parent);
  if (parent == walk->at || parent == 0) return 1;
  if (!put_name(walk->scratch, BPF_CORE_READ(dentry, d_name.name),
                BPF_CORE_READ(dentry, d_name.len)))
    return 1;
  walk->at = parent;
  return 0;
}

#ifdef VARMOR_PATH_LOOP
#define VARMOR_WALK(body, walk) VARMOR_PATH_LOOP(VARMOR_WALK_STEPS, body, walk)
#else
#define VARMOR_WALK(body, walk)                             \
  for (__u32 step_ = 0; step_ < VARMOR_WALK_STEPS; step_++) \
    if (body(step_, walk)) break
#endif

/* Whose mount it is: its namespace is null when it was unmounted lazily, an error pointer for the
 * kernel's own, and one without a number for mounts made by fsmount and open_tree. */
static __always_inline int classify_mount(__u64 address) {
  struct mount *mount = (struct mount *)address;
  struct mnt_namespace *owner = BPF_CORE_READ(mount, mnt_ns);
  if (owner == 0) return VARMOR_WALK_DETACHED;
  if ((__u64)owner >= (__u64)-4095) return VARMOR_WALK_INTERNAL;
#ifdef VARMOR_PATH_LOOP
  /* Nobody is in one without a number. */
  if (use_task_storage) {
    struct nsproxy *own = ((struct task_struct *)bpf_get_current_task_btf())->nsproxy;
    if (own && own->mnt_ns == owner) return VARMOR_WALK_RESOLVED;
  }
#endif
  if (bpf_core_field_exists(((struct mnt_namespace___anon *)0)->is_anon)) {
    struct mnt_namespace___anon *anonymous = (void *)owner;
    return BPF_CORE_READ(anonymous, is_anon) ? VARMOR_WALK_DETACHED : VARMOR_WALK_RESOLVED;
  }
  struct mnt_namespace___seq *numbered = (void *)owner;
  return BPF_CORE_READ(numbered, seq) == 0 ? VARMOR_WALK_DETACHED : VARMOR_WALK_RESOLVED;
}

/* From (mount, dentry) of `walk` to the top. */
static __always_inline int finish_walk(struct varmor_walk *walk) {
  const __u64 first = walk->mount;
  int kind = classify_mount(first);
  if (kind == VARMOR_WALK_INTERNAL) return kind;
  walk->scratch->mount_begin = *(volatile __u32 *)&walk->scratch->begin;
  if (walk->at != walk->at_root) return VARMOR_WALK_UNRESOLVED;
  VARMOR_WALK(walk_above, walk);
  if (walk->arrived != 2) return VARMOR_WALK_UNRESOLVED;
  if (*(volatile __u32 *)&walk->scratch->begin == VARMOR_PATH_BUFFER) {
    walk->scratch->buffer[VARMOR_PATH_BUFFER - 1] = '/';
    *(volatile __u32 *)&walk->scratch->begin = VARMOR_PATH_BUFFER - 1;
  }
  return walk->mount == first ? kind : classify_mount(walk->mount);
}

static __always_inline __u64 mount_of(const struct vfsmount *vfs) {
  return (__u64)vfs - bpf_core_field_offset(((struct mount *)0)->mnt);
}

/* Writes the path of `dentry` in `vfs` into `scratch`; one of varmor_walk_result. */
static __always_inline int walk_path(struct varmor_scratch *scratch, struct vfsmount *vfs,
                                     struct dentry *dentry) {
  struct varmor_walk walk = {};
  walk.scratch = scratch;
  walk.dentry = dentry;
  walk.root = vfs->mnt_root;
  *(volatile __u32 *)&scratch->begin = VARMOR_PATH_BUFFER;
  scratch->mount_begin = VARMOR_PATH_BUFFER;
  VARMOR_WALK(walk_in_mount, &walk);
  walk.mount = mount_of(vfs);
  walk.at_root = (__u64)walk.root;
  /* Not arrived: any address that is not the root's. */
  walk.at = walk.arrived == 1 ? walk.at_root : 0;
  walk.arrived = 0;
  return finish_walk(&walk);
}

/* The same for addresses. */
static __always_inline int walk_addresses(struct varmor_scratch *scratch, __u64 vfs, __u64 dentry) {
  struct varmor_walk walk = {};
  struct vfsmount *mount = (struct vfsmount *)vfs;
  walk.scratch = scratch;
  walk.mount = mount_of(mount);
  walk.at = dentry;
  walk.at_root = (__u64)BPF_CORE_READ(mount, mnt_root);
  *(volatile __u32 *)&scratch->begin = VARMOR_PATH_BUFFER;
  scratch->mount_begin = VARMOR_PATH_BUFFER;
  if (classify_mount(walk.mount) == VARMOR_WALK_INTERNAL) return VARMOR_WALK_INTERNAL;
  VARMOR_WALK(walk_above, &walk);
  if (walk.arrived != 2) return VARMOR_WALK_UNRESOLVED;
  return classify_mount(walk.mount);
}

/* Replaces the path by the one that the object has in its file system. 0 when it does not fit. */
static __always_inline int walk_file_system(struct varmor_scratch *scratch, struct dentry *dentry) {
  struct varmor_walk walk = {};
  walk.scratch = scratch;
  walk.dentry = dentry;
  walk.root = dentry->d_sb->s_root;
  *(volatile __u32 *)&scratch->begin = VARMOR_PATH_BUFFER;
  VARMOR_WALK(walk_in_mount, &walk);
  return walk.arrived == 1;
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_WALK_H_ */
