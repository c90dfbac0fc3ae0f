// One operation per capability, by a process that holds this capability and no other:
//
//     capability  NAME            as in "net_raw"
//
// Ways: of sys_admin userns (in a user namespace of its own), userns_at_once (in one that is made
// by the same call), all (by a process that holds every capability) and all_but_sys_resource;
// without (by a process that holds no capability at all: has to fail, or the operation would prove
// nothing).
//
// Each is harmless to the machine that it runs on: a value is set to what it is already, something
// is asked for that does not exist, or the effect ends with the process.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/acct.h>
#include <sys/epoll.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tools/attack/attacker/operation.h"

enum { kOtherUser = 1, kOtherGroup = 12345 };

// Set by the first half of an operation for the second.
static int prepared_fd = -1;
static pid_t prepared_process = -1;
static int prepared_id = -1;
static char prepared_file[64];

// A file of somebody else's, or of ours when `owner` is 0.
static int MakeFile(uid_t owner, gid_t group, mode_t mode) {
  snprintf(prepared_file, sizeof prepared_file, kScratch "/file.%d", getpid());
  const int fd = open(prepared_file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || fchmod(fd, mode) != 0) return Unprepared("cannot make a file");
  if ((owner != 0 || group != 0) && fchown(fd, owner, group) != 0) {
    return Unprepared("cannot give a file away");
  }
  prepared_fd = fd;
  return 0;
}

static int OwnFile(void) { return MakeFile(0, 0, 0644); }
static int ForeignFile(void) { return MakeFile(kOtherUser, 0, 0644); }
static int ClosedFile(void) { return MakeFile(kOtherUser, 0, 0); }
static int GroupFile(void) { return MakeFile(0, kOtherGroup, 0644); }

// A process of another user. It is ready when it has written its byte.
static int ForeignProcess(void) {
  int ends[2];
  if (pipe(ends) != 0) return Unprepared("no pipe");
  prepared_process = fork();
  if (prepared_process < 0) return Unprepared("cannot fork");
  if (prepared_process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (setresuid(kOtherUser, kOtherUser, kOtherUser) != 0) _exit(1);
    if (write(ends[1], "", 1) != 1) _exit(1);
    for (;;) pause();
  }
  close(ends[1]);
  char byte;
  return read(ends[0], &byte, 1) == 1 ? 0 : Unprepared("no process of another user");
}

static int Chown(void) { return ErrnoOf(chown(prepared_file, kOtherUser, -1)); }
static int DacOverride(void) { return ErrnoOf(open(prepared_file, O_WRONLY)); }
static int Fowner(void) { return ErrnoOf(chmod(prepared_file, 0640)); }
static int Kill(void) { return ErrnoOf(kill(prepared_process, 0)); }
static int Setgid(void) { return ErrnoOf(setgid(kOtherGroup)); }
static int Setuid(void) { return ErrnoOf(setuid(kOtherUser)); }
static int Setpcap(void) { return ErrnoOf(prctl(PR_CAPBSET_DROP, CAP_AUDIT_READ, 0, 0, 0)); }

struct handle {
  struct file_handle head;
  unsigned char bytes[MAX_HANDLE_SZ];
};
static struct handle handle;

static int FileHandle(void) {
  const int error = OwnFile();
  if (error != 0) return error;
  int mount = 0;
  handle.head.handle_bytes = MAX_HANDLE_SZ;
  if (name_to_handle_at(AT_FDCWD, prepared_file, &handle.head, &mount, 0) != 0) {
    return Unprepared("the file system gives no handles");
  }
  return 0;
}

static int DacReadSearch(void) {
  return ErrnoOf(open_by_handle_at(prepared_fd, &handle.head, O_RDONLY));
}

static int Fsetid(void) {
  struct stat status;
  if (chmod(prepared_file, 02755) != 0 || stat(prepared_file, &status) != 0) return errno;
  return (status.st_mode & S_ISGID) != 0 ? 0 : kIgnored;
}

static int LinuxImmutable(void) {
  int flags = 0;
  if (ioctl(prepared_fd, FS_IOC_GETFLAGS, &flags) != 0) {
    return Unprepared("the file system has no such attributes");
  }
  const int with = flags | FS_APPEND_FL;
  if (ioctl(prepared_fd, FS_IOC_SETFLAGS, &with) != 0) return errno;
  return ErrnoOf(ioctl(prepared_fd, FS_IOC_SETFLAGS, &flags));
}

static int NetBindService(void) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) return errno;
  const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
  return ErrnoOf(bind(fd, (const struct sockaddr*)&address, sizeof address));
}

static int NetAdmin(void) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) return errno;
  const int bytes = 65536;
  return ErrnoOf(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes));
}

static int NetRaw(void) { return ErrnoOf(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); }

static int IpcLock(void) {
  const struct rlimit none = {0, 0};
  if (setrlimit(RLIMIT_MEMLOCK, &none) != 0) return Unprepared("cannot lower a limit");
  static char page[4096];
  return ErrnoOf(mlock(page, sizeof page));
}

static int ClosedQueue(void) {
  prepared_id = msgget(IPC_PRIVATE, 0);
  return prepared_id < 0 ? Unprepared("no message queues") : 0;
}

static int IpcOwner(void) {
  const struct {
    long type;
    char text[1];
  } message = {1, {0}};
  const int error = ErrnoOf(msgsnd(prepared_id, &message, 1, IPC_NOWAIT));
  msgctl(prepared_id, IPC_RMID, NULL);
  return error;
}

static int SysModule(void) {
  const int error = ErrnoOf(syscall(SYS_delete_module, "varmor_no_such_module", O_NONBLOCK));
  if (error == ENOSYS) return Unprepared("the kernel has no modules");
  return error == ENOENT ? 0 : error;
}

static int SysRawio(void) {
#if defined(__x86_64__)
  // Port 0x80 is the diagnostic port: nothing is read or written.
  const int error = ErrnoOf(ioperm(0x80, 1, 1));
  return error == ENOSYS ? Unprepared("the kernel has no ioperm") : error;
#else
  return Unprepared("known for x86 only");
#endif
}

static int SysChroot(void) { return ErrnoOf(chroot("/")); }

static int SysPtrace(void) { return ErrnoOf(ptrace(PTRACE_SEIZE, prepared_process, NULL, NULL)); }

static int SysPacct(void) {
  const int error = ErrnoOf(acct(NULL));
  return error == ENOSYS ? Unprepared("the kernel has no process accounting") : error;
}

static int SysAdmin(void) { return ErrnoOf(sethostname("attack", 6)); }

// The kernel asks for the capability before it looks at the (wrong) magic numbers.
static int SysBoot(void) { return PastCheck(syscall(SYS_reboot, 0, 0, 0, NULL), EINVAL); }

static int SysNice(void) { return ErrnoOf(setpriority(PRIO_PROCESS, 0, -5)); }

static int SysResource(void) {
  struct rlimit limit = {0, 0};
  if (setrlimit(RLIMIT_CORE, &limit) != 0) return Unprepared("cannot lower a limit");
  limit.rlim_max = 4096;
  return ErrnoOf(setrlimit(RLIMIT_CORE, &limit));
}

static int SysTime(void) {
  // The time zone of a kernel is what it was before: UTC, or what nobody looks at.
  struct timezone zone = {0, 0};
  syscall(SYS_gettimeofday, NULL, &zone);
  return ErrnoOf(syscall(SYS_settimeofday, NULL, &zone));
}

static int SysTtyConfig(void) {
  setsid();  // so that no terminal is hung up
  return ErrnoOf(vhangup());
}

static int Mknod(void) {
  char path[64];
  snprintf(path, sizeof path, kScratch "/device.%d", getpid());
  return ErrnoOf(mknod(path, S_IFCHR | 0600, makedev(1, 3)));
}

static int ForeignFileForReading(void) {
  const int error = ForeignFile();
  if (error != 0) return error;
  close(prepared_fd);
  prepared_fd = open(prepared_file, O_RDONLY | O_CLOEXEC);
  return prepared_fd < 0 ? Unprepared("cannot open a file") : 0;
}

static int Lease(void) { return ErrnoOf(fcntl(prepared_fd, F_SETLEASE, F_RDLCK)); }

// A message that the kernel writes to its log if it writes any.
static int AuditWrite(void) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
  if (fd < 0) return Unprepared("the kernel has no audit");
  struct {
    struct nlmsghdr head;
    char text[16];
  } message = {{.nlmsg_type = AUDIT_USER, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}, "op=attack"};
  message.head.nlmsg_len = sizeof message;
  const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (sendto(fd, &message, sizeof message, 0, (const struct sockaddr*)&kernel, sizeof kernel) < 0) {
    return errno;
  }
  struct {
    struct nlmsghdr head;
    struct nlmsgerr error;
    char rest[256];
  } answer = {0};
  if (recv(fd, &answer, sizeof answer, 0) < 0) return errno;
  return answer.head.nlmsg_type == NLMSG_ERROR ? -answer.error.error : 0;
}

static int WriteLoginUid(const char* uid) {
  const int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  return ErrnoOf(write(fd, uid, strlen(uid)));
}

// Setting it for the first time needs nothing.
static int LoginUid(void) {
  char now[16] = {0};
  const int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read(fd, now, sizeof now - 1) <= 0) {
    return Unprepared("the kernel has no login user ids");
  }
  if (strcmp(now, "4294967295") != 0) return 0;
  return WriteLoginUid("0") == 0 ? 0 : Unprepared("cannot set a login user id");
}

static int AuditControl(void) { return WriteLoginUid("4242"); }

static int Setfcap(void) {
  const struct vfs_cap_data none = {.magic_etc = VFS_CAP_REVISION_2};
  const int error =
      ErrnoOf(setxattr(prepared_file, "security.capability", &none, XATTR_CAPS_SZ_2, 0));
  return error == EOPNOTSUPP ? Unprepared("the file system has no such attributes") : error;
}

// AppArmor's file for loading profiles, which the container has below kScratch.
static int PolicyFile(void) {
  prepared_fd = open("/securityfs/apparmor/.load", O_WRONLY | O_CLOEXEC);
  return prepared_fd < 0 ? Unprepared("the kernel has no AppArmor") : 0;
}

static int MacAdmin(void) {
  const int error = ErrnoOf(write(prepared_fd, "no profile", 10));
  return error == EACCES || error == EPERM ? error : 0;
}

static int Syslog(void) { return ErrnoOf(klogctl(9 /* SYSLOG_ACTION_SIZE_UNREAD */, NULL, 0)); }

static int WakeAlarm(void) {
  const int error = ErrnoOf(timerfd_create(CLOCK_BOOTTIME_ALARM, TFD_CLOEXEC));
  return error == EINVAL ? Unprepared("the kernel has no alarm timers") : error;
}

// Without the capability the kernel takes the flag away in silence; /proc shows whether it did.
static int BlockSuspend(void) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN | EPOLLWAKEUP};
  if (epoll < 0 || timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) != 0) return errno;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", epoll);
  FILE* file = fopen(path, "re");
  if (file == NULL) return Unprepared("cannot read fdinfo");
  char line[256];
  unsigned events = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "tfd: %*d events: %x", &events) == 1) break;
  }
  fclose(file);
  return (events & EPOLLWAKEUP) != 0 ? 0 : kIgnored;
}

static int AuditRead(void) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
  if (fd < 0) return Unprepared("the kernel has no audit");
  const struct sockaddr_nl log = {.nl_family = AF_NETLINK,
                                  .nl_groups = 1u << (AUDIT_NLGRP_READLOG - 1)};
  return ErrnoOf(bind(fd, (const struct sockaddr*)&log, sizeof log));
}

// A counter of a whole processor.
static int Perfmon(void) {
  struct perf_event_attr attributes = {
      .type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = PERF_COUNT_SW_CPU_CLOCK};
  const int error = ErrnoOf(syscall(SYS_perf_event_open, &attributes, -1, 0, -1, 0));
  return error == ENOSYS ? Unprepared("the kernel has no performance events") : error;
}

// Tables of this kind need the capability even where unprivileged programs are welcome.
static int Bpf(void) {
  union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_LPM_TRIE,
                               .key_size = 8,
                               .value_size = 4,
                               .max_entries = 1,
                               .map_flags = BPF_F_NO_PREALLOC};
  return ErrnoOf(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}

// A process with a number of our choice.
static int CheckpointRestore(void) {
  pid_t wanted = 31000 + getpid() % 1000;
  const struct clone_args arguments = {
      .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&wanted, .set_tid_size = 1};
  const long child = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == 0) _exit(0);
  const int error = PastCheck(child, EEXIST);
  if (child > 0) waitpid((pid_t)child, NULL, 0);
  return error;
}

struct capability {
  const char* name;
  int number;
  // NULL: nothing to do before.
  int (*prepare)(void);
  // NULL: `reason` says why there is no operation.
  int (*use)(void);
  const char* reason;
};

static const struct capability kCapabilities[] = {
    {"chown", CAP_CHOWN, OwnFile, Chown, NULL},
    {"dac_override", CAP_DAC_OVERRIDE, ClosedFile, DacOverride, NULL},
    {"dac_read_search", CAP_DAC_READ_SEARCH, FileHandle, DacReadSearch, NULL},
    {"fowner", CAP_FOWNER, ForeignFile, Fowner, NULL},
    {"fsetid", CAP_FSETID, GroupFile, Fsetid, NULL},
    {"kill", CAP_KILL, ForeignProcess, Kill, NULL},
    {"setgid", CAP_SETGID, NULL, Setgid, NULL},
    {"setuid", CAP_SETUID, NULL, Setuid, NULL},
    {"setpcap", CAP_SETPCAP, NULL, Setpcap, NULL},
    {"linux_immutable", CAP_LINUX_IMMUTABLE, OwnFile, LinuxImmutable, NULL},
    {"net_bind_service", CAP_NET_BIND_SERVICE, NULL, NetBindService, NULL},
    {"net_broadcast", CAP_NET_BROADCAST, NULL, NULL, "the kernel asks nowhere for it"},
    {"net_admin", CAP_NET_ADMIN, NULL, NetAdmin, NULL},
    {"net_raw", CAP_NET_RAW, NULL, NetRaw, NULL},
    {"ipc_lock", CAP_IPC_LOCK, NULL, IpcLock, NULL},
    {"ipc_owner", CAP_IPC_OWNER, ClosedQueue, IpcOwner, NULL},
    {"sys_module", CAP_SYS_MODULE, NULL, SysModule, NULL},
    {"sys_rawio", CAP_SYS_RAWIO, NULL, SysRawio, NULL},
    {"sys_chroot", CAP_SYS_CHROOT, NULL, SysChroot, NULL},
    {"sys_ptrace", CAP_SYS_PTRACE, ForeignProcess, SysPtrace, NULL},
    {"sys_pacct", CAP_SYS_PACCT, NULL, SysPacct, NULL},
    {"sys_admin", CAP_SYS_ADMIN, NULL, SysAdmin, NULL},
    {"sys_boot", CAP_SYS_BOOT, NULL, SysBoot, NULL},
    {"sys_nice", CAP_SYS_NICE, NULL, SysNice, NULL},
    {"sys_resource", CAP_SYS_RESOURCE, NULL, SysResource, NULL},
    {"sys_time", CAP_SYS_TIME, NULL, SysTime, NULL},
    {"sys_tty_config", CAP_SYS_TTY_CONFIG, NULL, SysTtyConfig, NULL},
    {"mknod", CAP_MKNOD, NULL, Mknod, NULL},
    {"lease", CAP_LEASE, ForeignFileForReading, Lease, NULL},
    {"audit_write", CAP_AUDIT_WRITE, NULL, AuditWrite, NULL},
    {"audit_control", CAP_AUDIT_CONTROL, LoginUid, AuditControl, NULL},
    {"setfcap", CAP_SETFCAP, OwnFile, Setfcap, NULL},
    {"mac_override", CAP_MAC_OVERRIDE, NULL, NULL, "only Smack asks for it"},
    {"mac_admin", CAP_MAC_ADMIN, PolicyFile, MacAdmin, NULL},
    {"syslog", CAP_SYSLOG, NULL, Syslog, NULL},
    {"wake_alarm", CAP_WAKE_ALARM, NULL, WakeAlarm, NULL},
    {"block_suspend", CAP_BLOCK_SUSPEND, NULL, BlockSuspend, NULL},
    {"audit_read", CAP_AUDIT_READ, NULL, AuditRead, NULL},
    {"perfmon", CAP_PERFMON, NULL, Perfmon, NULL},
    {"bpf", CAP_BPF, NULL, Bpf, NULL},
    {"checkpoint_restore", CAP_CHECKPOINT_RESTORE, NULL, CheckpointRestore, NULL},
};

static int SetCapabilities(const struct __user_cap_data_struct* data) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  return syscall(SYS_capset, &head, data) == 0 ? 0 : Unprepared("cannot drop capabilities");
}

// The only capability left, in all but the bounding set; -1: none.
static int HoldOnly(int number) {
  struct __user_cap_data_struct data[2];
  memset(data, 0, sizeof data);
  if (number >= 0) {
    data[number / 32].effective = 1u << (number % 32);
    data[number / 32].permitted = 1u << (number % 32);
  }
  return SetCapabilities(data);
}

int DropCapability(int number) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &head, data) != 0) return Unprepared("cannot read capabilities");
  data[number / 32].effective &= ~(1u << (number % 32));
  return SetCapabilities(data);
}

static int Hold(const struct operation* operation, int number) {
  if (IsVariant(operation, "all")) return 0;
  if (IsVariant(operation, "all_but_sys_resource")) return DropCapability(CAP_SYS_RESOURCE);
  return HoldOnly(IsVariant(operation, "without") ? -1 : number);
}

// In a user namespace of its own a process has every capability, for what belongs to that.
static int SysAdminInUserNamespace(void) {
  if (unshare(CLONE_NEWUSER) != 0) return Unprepared("cannot make a user namespace");
  return ErrnoOf(unshare(CLONE_NEWUTS));
}

int CapabilityOperation(const struct operation* operation) {
  if (IsVariant(operation, "userns")) return SysAdminInUserNamespace();
  if (IsVariant(operation, "userns_at_once")) {
    return ErrnoOf(unshare(CLONE_NEWUSER | CLONE_NEWUTS));
  }
  for (size_t i = 0; i < sizeof kCapabilities / sizeof kCapabilities[0]; ++i) {
    const struct capability* capability = &kCapabilities[i];
    if (strcmp(capability->name, operation->words[0]) != 0) continue;
    if (capability->use == NULL) return Unprepared(capability->reason);
    int error = capability->prepare == NULL ? 0 : capability->prepare();
    if (error == 0) error = Hold(operation, capability->number);
    if (error == 0) error = capability->use();
    if (prepared_process > 0) kill(prepared_process, SIGKILL);
    return error;
  }
  return Unprepared("the attacker does not know this capability");
}
