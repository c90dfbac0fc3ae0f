/* Hooks about files. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_FILE_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_FILE_H_

#include "lib/enforcers/bpf/programs/path.h"

static __always_inline int is_directory(struct dentry *dentry) {
  struct inode *inode = dentry->d_inode;
  return inode && (inode->i_mode & S_IFMT) == S_IFDIR;
}

/* Pins keep programs and profiles in force, and whoever may open a map's reads what is in it. A
 * confined task gets none by bpf() either. Directories may be listed. */
static __always_inline int is_pin(struct vfsmount *vfs, struct dentry *dentry, __u16 operation) {
  if (vfs->mnt_sb->s_magic != BPF_FS_MAGIC) return 0;
  return operation != VARMOR_OP_OPEN || !is_directory(dentry);
}

static __always_inline int check_file_of(const struct varmor_self *self, struct vfsmount *vfs,
                                         struct dentry *dentry, __u32 access, __u16 operation) {
  if (is_pin(vfs, dentry, operation)) return refuse(self, access, operation);
  return judge_file(self, vfs, dentry, VARMOR_TABLES_FILE, VARMOR_EVENT_FILE, operation, access,
                    VARMOR_CLASS_FILE, 0, 0);
}

static __always_inline int check_file(struct vfsmount *vfs, struct dentry *dentry, __u32 access,
                                      __u16 operation) {
  struct varmor_self self;
  return confined(&self) ? check_file_of(&self, vfs, dentry, access, operation) : 0;
}

/* Renaming or unmounting a directory that stands above what rules are about: no default. */
static __always_inline int check_ancestor_of(const struct varmor_self *self, struct vfsmount *vfs,
                                             struct dentry *dentry, __u16 operation) {
  return judge_file(self, vfs, dentry, VARMOR_TABLES_FILE, VARMOR_EVENT_FILE, operation,
                    VARMOR_ACCESS_ANCESTOR, 0, 0, 0);
}

static __always_inline int check_ancestor(struct vfsmount *vfs, struct dentry *dentry,
                                          __u16 operation) {
  struct varmor_self self;
  return confined(&self) ? check_ancestor_of(&self, vfs, dentry, operation) : 0;
}

/* Neither reading nor writing, but ioctl, which disks can be read and written with; the kernel asks
 * for the permissions of both. */
#define KERNEL_O_ACCMODE 3u

SEC("lsm/file_open")
int BPF_PROG(file_open, struct file *file) {
  struct varmor_self self;
  __u32 access = 0;
  if (!confined(&self)) return 0;
  /* execve asks bprm_check_security. */
  if (file->f_flags & FMODE_EXEC_FLAG) return 0;
  /* The layer's file behind one of an overlay, which was judged. */
  if (file->f_mode & FMODE_NOACCOUNT) return 0;
  if (file->f_mode & FMODE_READ) access |= VARMOR_ACCESS_READ;
  if (file->f_mode & FMODE_WRITE) {
    access |= file->f_flags & KERNEL_O_APPEND ? VARMOR_ACCESS_APPEND : VARMOR_ACCESS_WRITE;
  }
  if ((file->f_flags & KERNEL_O_ACCMODE) == KERNEL_O_ACCMODE) {
    access = VARMOR_ACCESS_READ | VARMOR_ACCESS_WRITE;
  }
  if (access == 0) return 0;
  return check_file_of(&self, file->f_path.mnt, file->f_path.dentry, access, VARMOR_OP_OPEN);
}

SEC("lsm/path_truncate")
int BPF_PROG(path_truncate, const struct path *path) {
  return check_file(path->mnt, path->dentry, VARMOR_ACCESS_WRITE, VARMOR_OP_TRUNCATE);
}

SEC("lsm/file_truncate")
int BPF_PROG(file_truncate, struct file *file) {
  return check_file(file->f_path.mnt, file->f_path.dentry, VARMOR_ACCESS_WRITE, VARMOR_OP_TRUNCATE);
}

SEC("lsm/path_unlink")
int BPF_PROG(path_unlink, const struct path *dir, struct dentry *dentry) {
  return check_file(dir->mnt, dentry, VARMOR_ACCESS_WRITE, VARMOR_OP_UNLINK);
}

SEC("lsm/path_rmdir")
int BPF_PROG(path_rmdir, const struct path *dir, struct dentry *dentry) {
  return check_file(dir->mnt, dentry, VARMOR_ACCESS_WRITE, VARMOR_OP_RMDIR);
}

SEC("lsm/path_mkdir")
int BPF_PROG(path_mkdir, const struct path *dir, struct dentry *dentry) {
  return check_file(dir->mnt, dentry, VARMOR_ACCESS_WRITE, VARMOR_OP_MKDIR);
}

SEC("lsm/path_mknod")
int BPF_PROG(path_mknod, const struct path *dir, struct dentry *dentry) {
  return check_file(dir->mnt, dentry, VARMOR_ACCESS_WRITE, VARMOR_OP_MKNOD);
}

SEC("lsm/path_symlink")
int BPF_PROG(path_symlink, const struct path *dir, struct dentry *dentry) {
  return check_file(dir->mnt, dentry, VARMOR_ACCESS_WRITE, VARMOR_OP_SYMLINK);
}

SEC("lsm/path_chmod")
int BPF_PROG(path_chmod, const struct path *path) {
  return check_file(path->mnt, path->dentry, VARMOR_ACCESS_WRITE, VARMOR_OP_CHMOD);
}

SEC("lsm/path_chown")
int BPF_PROG(path_chown, const struct path *path) {
  return check_file(path->mnt, path->dentry, VARMOR_ACCESS_WRITE, VARMOR_OP_CHOWN);
}

/* The name that the file has already is read and written through the new one. */
#define VARMOR_OLD_NAME (VARMOR_ACCESS_READ | VARMOR_ACCESS_WRITE)

SEC("lsm/path_link")
int BPF_PROG(path_link, struct dentry *old_dentry, const struct path *new_dir,
             struct dentry *new_dentry) {
  int denied = check_file(new_dir->mnt, old_dentry, VARMOR_OLD_NAME, VARMOR_OP_LINK);
  if (denied) return denied;
  return check_file(new_dir->mnt, new_dentry, VARMOR_ACCESS_WRITE, VARMOR_OP_LINK);
}

static __always_inline int check_renaming(const struct path *old_dir, struct dentry *old_dentry,
                                          const struct path *new_dir, struct dentry *new_dentry) {
  int denied = check_file(old_dir->mnt, old_dentry, VARMOR_OLD_NAME, VARMOR_OP_RENAME);
  if (denied) return denied;
  if (is_directory(old_dentry)) {
    denied = check_ancestor(old_dir->mnt, old_dentry, VARMOR_OP_RENAME);
    if (denied) return denied;
  }
  return check_file(new_dir->mnt, new_dentry, VARMOR_ACCESS_WRITE, VARMOR_OP_RENAME);
}

SEC("lsm/path_rename")
int BPF_PROG(path_rename, const struct path *old_dir, struct dentry *old_dentry,
             const struct path *new_dir, struct dentry *new_dentry) {
  int denied = check_renaming(old_dir, old_dentry, new_dir, new_dentry);
  if (denied || !rename_has_flags) return denied;
  if (((unsigned int)ctx[4] & RENAME_EXCHANGE) == 0) return 0;
  return check_renaming(new_dir, new_dentry, old_dir, old_dentry);
}

static __always_inline int check_unix_socket(struct sock *other) {
  const __u32 bits = VARMOR_ACCESS_READ | VARMOR_ACCESS_WRITE;
  struct varmor_self self;
  struct unix_sock *peer = (struct unix_sock *)other;
  struct varmor_scratch *room;
  __u64 mount, dentry;
  int result;
  if (!other || !confined(&self)) return 0;
  if (!has_rules(&self, VARMOR_TABLES_FILE, VARMOR_CLASS_FILE)) return 0;
  mount = (__u64)BPF_CORE_READ(peer, path.mnt);
  dentry = (__u64)BPF_CORE_READ(peer, path.dentry);
  /* Unnamed or abstract. */
  if (mount == 0 || dentry == 0) return 0;
  room = claim_scratch();
  if (!room) return no_room(&self, VARMOR_EVENT_FILE, VARMOR_OP_UNIX_CONNECT, bits);
  start_job(&room->job, &self, VARMOR_EVENT_FILE, VARMOR_OP_UNIX_CONNECT, bits, VARMOR_CLASS_FILE);
  result = walk_addresses(room, mount, dentry);
  if (result == VARMOR_WALK_UNRESOLVED) room->job.reason = VARMOR_REASON_UNRESOLVED;
  if (result == VARMOR_WALK_DETACHED) room->job.reason = VARMOR_REASON_DETACHED;
  if (room->job.reason == 0) tally_path(room->index, VARMOR_TABLES_FILE, 0);
  result = conclude_room(room->index);
  release_scratch(room);
  return result;
}

SEC("lsm/unix_stream_connect")
int BPF_PROG(unix_stream_connect, struct sock *sock, struct sock *other) {
  return check_unix_socket(other);
}

SEC("lsm/unix_may_send")
int BPF_PROG(unix_may_send, struct socket *sock, struct socket *other) {
  return check_unix_socket(other->sk);
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_FILE_H_ */
