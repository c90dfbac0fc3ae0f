/* The path of an object in its mount namespace, whatever the task's root directory is. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_WALK_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_WALK_H_

#include "lib/enforcers/bpf/programs/scratch.h"

/* Rounds within one mount, and components and mounts above it, at most: deeper paths are
 * unresolved.
 */
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
  /* Above it: addresses. Of `mount`, where it is mounted and its root. */
  __u64 at;
  __u64 mount;
  __u64 parent;
  __u64 mountpoint;
  __u64 mount_root;
  /* The mount at the top of the caller's own namespace, and its root; 0: not known. */
  __u64 top;
  __u64 top_root;
  /* 1: arrived at the root of the mount; 2: at the top; 0: neither. */
  __u32 arrived;
  __u32 pad;
};

/* A name that is read while the object gets another one is a mixture of both, which no rule knows.
 * So this is asked before and after: where it was odd or has changed, the name is read again. Loads
 * stay in order on x86. */
static __always_inline __u32 name_sequence(const struct dentry *dentry) {
  return *(
      const volatile __u32 *)((const void *)dentry +
                              bpf_core_field_offset(((struct dentry *)0)->d_seq.seqcount.sequence));
}

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

#ifdef VARMOR_PATH_LOOP
/* Components in one round. */
#define VARMOR_WALK_STRIDE 4

/* Puts "/" and the name of a dentry before the path; 0 as put_name. A name that fits with its
 * terminator stands in the dentry itself, and is fetched by words without a call, which would cost
 * as much as all the rest. The last word reaches over the path's beginning, which is put back. */
static __always_inline int put_dentry(struct varmor_scratch *scratch, struct dentry *dentry,
                                      __u64 names) {
  const __u64 length = dentry->d_name.len;
  const __u64 *words = (const void *)dentry + names;
  __u64 begin = *(volatile __u32 *)&scratch->begin, end = begin;
  __u64 *behind, first;
  char *to;
  if (length >= sizeof(dentry->d_iname))
    return put_name(scratch, dentry->d_name.name, (__u32)length);
  if (begin < length + 1) return 0;
  begin -= length + 1;
  asm volatile("%0 &= 4095" : "+r"(begin));
  asm volatile("%0 &= 8191" : "+r"(end));
  to = &scratch->buffer[begin];
  behind = (__u64 *)&scratch->buffer[end];
  first = *behind;
  *to++ = '/';
  *(__u64 *)to = words[0];
  if (length > 8) {
    *(__u64 *)(to + 8) = words[1];
    if (length > 16) {
      *(__u64 *)(to + 16) = words[2];
      if (length > 24) *(__u64 *)(to + 24) = words[3];
    }
  }
  *behind = first;
  *(volatile __u32 *)&scratch->begin = (__u32)begin;
  return 1;
}
#else
#define VARMOR_WALK_STRIDE 1

static __always_inline int put_dentry(struct varmor_scratch *scratch, struct dentry *dentry,
                                      __u64 names) {
  (void)names;
  return put_name(scratch, dentry->d_name.name, dentry->d_name.len);
}
#endif

/* Some components within the object's mount; the same again when a name changed meanwhile. `names`:
 * where in a dentry names that fit stand. */
static __always_inline long walk_some(struct varmor_walk *walk, __u64 names) {
  struct dentry *dentry = walk->dentry;
  const __u32 begin = *(volatile __u32 *)&walk->scratch->begin;
  __u32 changes = 0;
#pragma unroll
  for (int i = 0; i < VARMOR_WALK_STRIDE; i++) {
    struct dentry *parent;
    __u32 sequence;
    if (dentry == walk->root) {
      if (changes) goto again;
      walk->arrived = 1;
      return 1;
    }
    sequence = name_sequence(dentry) & ~1u;
    parent = dentry->d_parent;
    /* The root of a file system, and not that of the mount. */
    if (parent == dentry) return 1;
    if (!put_dentry(walk->scratch, dentry, names)) return 1;
    changes |= name_sequence(dentry) ^ sequence;
    dentry = parent;
  }
  if (changes) goto again;
  walk->dentry = dentry;
  return 0;
again:
  *(volatile __u32 *)&walk->scratch->begin = begin;
  return 0;
}

static long walk_in_mount(__u32 round, void *context) {
  __u64 names;
  if (bpf_core_field_exists(((struct dentry___shortname *)0)->d_shortname))
    names = bpf_core_field_offset(((struct dentry___shortname *)0)->d_shortname);
  else
    names = bpf_core_field_offset(((struct dentry *)0)->d_iname);
  /* In a register: a load with the offset in it is refused where the array has another size. */
  asm volatile("" : "+r"(names));
  return walk_some(context, names);
}

/* Finds the top of the caller's own namespace, where most walks end. It is there for as long as the
 * caller is in the namespace, and is mounted nowhere: nothing has to be asked about it. */
static __always_inline void find_top(struct varmor_walk *walk) {
#ifdef VARMOR_PATH_LOOP
  struct nsproxy *own;
  struct mount *top;
  if (!use_task_storage) return;
  own = ((struct task_struct *)bpf_get_current_task_btf())->nsproxy;
  if (!own) return;
  top = own->mnt_ns->root;
  walk->top = (__u64)top;
  walk->top_root = (__u64)top->mnt.mnt_root;
#endif
}

/* Makes the mount at `address` the one that is walked; 0 when it cannot be read. One read where the
 * members stand next to each other. */
static __always_inline int enter_mount(struct varmor_walk *walk, __u64 address) {
  const struct mount *mount = (const struct mount *)address;
  const __u64 place = bpf_core_field_offset(((struct mount *)0)->mnt_parent);
  walk->mount = address;
#ifdef VARMOR_PATH_LOOP
  if (address == walk->top) {
    walk->parent = address;
    walk->mount_root = walk->top_root;
    return 1;
  }
#endif
  if (bpf_core_field_offset(((struct mount *)0)->mnt_mountpoint) == place + 8 &&
      bpf_core_field_offset(((struct mount *)0)->mnt.mnt_root) == place + 16)
    return bpf_probe_read_kernel(&walk->parent, 24, (const void *)(address + place)) == 0;
  walk->parent = (__u64)BPF_CORE_READ(mount, mnt_parent);
  walk->mountpoint = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
  walk->mount_root = (__u64)BPF_CORE_READ(mount, mnt.mnt_root);
  return walk->mount_root != 0;
}

/* One component, or the step from a mount's root to the place where it is mounted. */
static long walk_above(__u32 round, void *context) {
  struct varmor_walk *walk = context;
  struct dentry *dentry = (struct dentry *)walk->at;
  const __u32 begin = *(volatile __u32 *)&walk->scratch->begin;
  __u32 sequence;
  __u64 parent;
  int put;
  if (walk->at == walk->mount_root) {
    if (walk->parent == walk->mount) {
      walk->arrived = 2;
      return 1;
    }
    if (walk->parent == 0) return 1;
    walk->at = walk->mountpoint;
    return !enter_mount(walk, walk->parent);
  }
  sequence = BPF_CORE_READ(dentry, d_seq.seqcount.sequence) & ~1u;
  parent = (__u64)BPF_CORE_READ(dentry, d_parent);
  if (parent == walk->at || parent == 0) return 1;
  put = put_name(walk->scratch, BPF_CORE_READ(dentry, d_name.name),
                 BPF_CORE_READ(dentry, d_name.len));
  if (BPF_CORE_READ(dentry, d_seq.seqcount.sequence) != sequence) {
    *(volatile __u32 *)&walk->scratch->begin = begin;
    return 0;
  }
  if (!put) return 1;
  walk->at = parent;
  return 0;
}

#define VARMOR_WALK(body, walk) VARMOR_LOOP(VARMOR_WALK_STEPS, body, walk)

/* Whose mount it is: its namespace is null when it was unmounted lazily, an error pointer for the
 * kernel's own, and one without a number for mounts made by fsmount and open_tree. */
static __always_inline int classify_mount(__u64 address) {
  struct mount *mount = (struct mount *)address;
  struct mnt_namespace *owner = BPF_CORE_READ(mount, mnt_ns);
  if (owner == 0) return VARMOR_WALK_DETACHED;
  if ((__u64)owner >= (__u64)-4095) return VARMOR_WALK_INTERNAL;
  if (bpf_core_field_exists(((struct mnt_namespace___anon *)0)->is_anon)) {
    struct mnt_namespace___anon *anonymous = (void *)owner;
    return BPF_CORE_READ(anonymous, is_anon) ? VARMOR_WALK_DETACHED : VARMOR_WALK_RESOLVED;
  }
  struct mnt_namespace___seq *numbered = (void *)owner;
  return BPF_CORE_READ(numbered, seq) == 0 ? VARMOR_WALK_DETACHED : VARMOR_WALK_RESOLVED;
}

/* From `at` in the mount of `walk` to the top, whose namespace tells what the path is worth: all
 * mounts of a tree are in the same, and a mount loses its namespace before its parent. So it is
 * asked after the walk: a mount that is taken away meanwhile does not pass for a top. */
static __always_inline int finish_walk(struct varmor_walk *walk) {
  int kind;
  VARMOR_WALK(walk_above, walk);
  if (walk->arrived == 2 && walk->mount == walk->top) return VARMOR_WALK_RESOLVED;
  kind = classify_mount(walk->mount);
  if (kind == VARMOR_WALK_INTERNAL) {
    *(volatile __u32 *)&walk->scratch->begin = VARMOR_PATH_BUFFER;
    return kind;
  }
  return walk->arrived == 2 ? kind : VARMOR_WALK_UNRESOLVED;
}

/* The path of the top itself. */
static __always_inline void name_top(struct varmor_scratch *scratch) {
  if (*(volatile __u32 *)&scratch->begin != VARMOR_PATH_BUFFER) return;
  scratch->buffer[VARMOR_PATH_BUFFER - 1] = '/';
  *(volatile __u32 *)&scratch->begin = VARMOR_PATH_BUFFER - 1;
}

static __always_inline __u64 mount_of(const struct vfsmount *vfs) {
  return (__u64)vfs - bpf_core_field_offset(((struct mount *)0)->mnt);
}

/* Writes the path of `dentry` in `vfs` into `scratch`; one of varmor_walk_result. */
static __always_inline int walk_path(struct varmor_scratch *scratch, struct vfsmount *vfs,
                                     struct dentry *dentry) {
  struct varmor_walk walk = {};
  int kind;
  walk.scratch = scratch;
  walk.dentry = dentry;
  walk.root = vfs->mnt_root;
  *(volatile __u32 *)&scratch->begin = VARMOR_PATH_BUFFER;
  VARMOR_WALK(walk_in_mount, &walk);
  scratch->mount_begin = *(volatile __u32 *)&scratch->begin;
  find_top(&walk);
  if (walk.arrived == 1 && mount_of(vfs) == walk.top) {
    name_top(scratch);
    return VARMOR_WALK_RESOLVED;
  }
  if (!enter_mount(&walk, mount_of(vfs))) return VARMOR_WALK_UNRESOLVED;
  /* Not arrived: any address that is not the root's, nor anything's. */
  walk.at = walk.arrived == 1 ? walk.mount_root : 0;
  walk.arrived = 0;
  kind = finish_walk(&walk);
  if (kind == VARMOR_WALK_RESOLVED || kind == VARMOR_WALK_DETACHED) name_top(scratch);
  return kind;
}

/* The same for addresses. */
static __always_inline int walk_addresses(struct varmor_scratch *scratch, __u64 vfs, __u64 dentry) {
  struct varmor_walk walk = {};
  walk.scratch = scratch;
  walk.at = dentry;
  *(volatile __u32 *)&scratch->begin = VARMOR_PATH_BUFFER;
  scratch->mount_begin = VARMOR_PATH_BUFFER;
  find_top(&walk);
  if (!enter_mount(&walk, mount_of((const struct vfsmount *)vfs))) return VARMOR_WALK_UNRESOLVED;
  return finish_walk(&walk);
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
