/* The kernel's types as far as the programs read them. Offsets come from the running kernel's BTF
 * when the object is loaded (CO-RE), so the order here means nothing. Names and meanings:
 * Linux 5.10 to 7.2. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_KERNEL_TYPES_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_KERNEL_TYPES_H_

/* Each needs the ones before it. */
/* clang-format off */
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
/* clang-format on */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
  __u32 len;
  const unsigned char *name;
};

struct file_system_type {
  const char *name;
};

struct block_device {
  __u32 bd_dev;
};

struct super_block {
  /* dev_t of the kernel: major << 20 | minor. */
  __u32 s_dev;
  struct file_system_type *s_type;
  unsigned long s_magic;
  struct dentry *s_root;
  struct block_device *s_bdev;
  unsigned long s_flags;
};

struct inode {
  __u16 i_mode;
  __u32 i_rdev;
};

struct seqcount {
  unsigned int sequence;
};

struct seqcount_spinlock {
  struct seqcount seqcount;
};

struct dentry {
  /* Odd while it gets another name or parent. */
  struct seqcount_spinlock d_seq;
  struct dentry *d_parent;
  struct qstr d_name;
  struct inode *d_inode;
  struct super_block *d_sb;
  /* Names that fit stand here; longer ones elsewhere. */
  unsigned char d_iname[32];
};

/* The same since 6.15. */
union shortname_store {
  unsigned char string[32];
};

struct dentry___shortname {
  union shortname_store d_shortname;
};

struct vfsmount {
  struct dentry *mnt_root;
  struct super_block *mnt_sb;
};

struct list_head {
  struct list_head *next;
};

struct mount {
  struct list_head mnt_mounts;
  struct list_head mnt_child;
  struct mount *mnt_parent;
  struct dentry *mnt_mountpoint;
  struct vfsmount mnt;
  struct mnt_namespace *mnt_ns;
};

struct ns_common {
  __u32 inum;
};

struct mnt_namespace {
  struct ns_common ns;
  struct mount *root;
};

struct mnt_namespace___seq {
  __u64 seq;
};

struct mnt_namespace___anon {
  _Bool is_anon;
};

struct path {
  struct vfsmount *mnt;
  struct dentry *dentry;
};

struct file {
  struct path f_path;
  __u32 f_mode;
  __u32 f_flags;
};

struct vm_area_struct {
  struct file *vm_file;
  unsigned long vm_flags;
};

struct linux_binprm {
  struct file *file;
  const char *filename;
};

struct kernfs_node {
  __u64 id;
};

struct cgroup_subsys_state {
  struct cgroup_subsys_state *parent;
};

struct cgroup {
  /* The first member: a parent's css is the parent. */
  struct cgroup_subsys_state self;
  struct kernfs_node *kn;
};

struct css_set {
  struct cgroup *dfl_cgrp;
};

struct nsproxy {
  struct mnt_namespace *mnt_ns;
};

struct fs_struct {
  struct path root;
  struct path pwd;
};

struct cred {
  int uid_do_not_use;
};

/* A name that is looked up. */
struct filename {
  const char *name;
};

/* Before 7.0: where the caller's own stands; null when the kernel made the name. */
struct filename___by_caller {
  const char *uptr;
};

/* The look-up that a task is in. */
struct nameidata {
  struct filename *name;
};

/* Of x86. */
struct pt_regs {
  unsigned long orig_ax;
};

struct thread_info {
  __u32 status;
};

struct task_struct {
  struct thread_info thread_info;
  unsigned int flags;
  int pid;
  int tgid;
  const struct cred *cred;
  const struct cred *real_cred;
  struct nsproxy *nsproxy;
  struct css_set *cgroups;
  struct fs_struct *fs;
  struct nameidata *nameidata;
};

struct sock_common {
  unsigned short skc_family;
};

struct sock {
  struct sock_common __sk_common;
};

struct unix_sock {
  struct path path;
};

struct socket {
  short type;
  struct sock *sk;
};

struct msghdr {
  void *msg_name;
  int msg_namelen;
};

struct fs_context {
  struct file_system_type *fs_type;
  _Bool oldapi : 1;
};

struct fs_parameter {
  const char *key;
  char *string;
};

#pragma clang attribute pop

struct sockaddr;
struct user_namespace;
union bpf_attr;

/* include/linux/fs.h */
#define FMODE_READ 0x1u
#define FMODE_WRITE 0x2u
#define FMODE_NOACCOUNT \
  0x20000000u                 /* opened by the kernel for itself, as the layers of an overlay */
#define FMODE_EXEC_FLAG 0x20u /* __FMODE_EXEC, in f_flags while execve opens the file */
#define KERNEL_O_APPEND 0x400u
#define SB_RDONLY 0x1u

/* include/uapi/linux/stat.h */
#define S_IFMT 0170000
#define S_IFDIR 0040000
#define S_IFBLK 0060000

/* include/linux/mm.h, asm-generic/mman-common.h */
#define VM_EXEC 0x4u
#define PROT_EXEC 0x4u

/* include/linux/sched.h */
#define PF_IO_WORKER 0x10u

/* arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl; __X32_SYSCALL_BIT */
#define NR_MOUNT 165u
#define NR_MOUNT_OF_32_BITS 21u
#define X32_SYSCALL_BIT 0x40000000u
/* arch/x86/include/asm/thread_info.h: a system call of 32 bits is under way. */
#define TS_COMPAT 0x2u

/* include/linux/ptrace.h */
#define PTRACE_MODE_READ 0x01u

/* include/linux/security.h */
#define CAP_OPT_NOAUDIT 0x2u

/* include/linux/socket.h */
#define AF_UNSPEC 0
#define AF_INET 2
#define AF_INET6 10

/* include/uapi/linux/fs.h */
#define RENAME_EXCHANGE 0x2u

/* include/uapi/linux/magic.h */
#define PROC_SUPER_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define CGROUP_SUPER_MAGIC 0x27e0eb
#define CGROUP2_SUPER_MAGIC 0x63677270
#define SECURITYFS_MAGIC 0x73636673
#define DEBUGFS_MAGIC 0x64626720
#define TRACEFS_MAGIC 0x74726163
#define BPF_FS_MAGIC 0xcafe4a11

#define EPERM 1

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_KERNEL_TYPES_H_ */
