// Operations on processes and on the kernel itself:
//
//     ptrace     PERMISSION  PID        PID 0: a process that is made for it
//     signal     NUMBER  PID
//     syscall    NUMBER  ARGUMENTS...   way: i386 (as a 32-bit program makes it)
//     operation  NAME                   as in BpfEffects.Operation
//
// Ways of ptrace trace: seize, traceme, process_vm_writev; of read: root, maps (files of
// /proc), no_perfmon (by a process without CAP_PERFMON and CAP_SYS_ADMIN).
// Ways of CREATE_USER_NAMESPACE: clone, clone3; of ATTACH_SOCKET_FILTER: the option's number.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/attack/attacker/operation.h"

static pid_t Bystander(void) {
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) pause();
}

// Lets a file of /proc/PID be opened, or its link be read.
static int ReadProcess(const struct operation* operation, pid_t pid) {
  char path[64];
  char text[256];
  if (IsVariant(operation, "no_perfmon") &&
      (DropCapability(CAP_PERFMON) != 0 || DropCapability(CAP_SYS_ADMIN) != 0)) {
    return Unprepared("cannot drop capabilities");
  }
  if (IsVariant(operation, "root")) {
    snprintf(path, sizeof path, "/proc/%d/root", pid);
    return ErrnoOf(readlink(path, text, sizeof text));
  }
  snprintf(path, sizeof path, "/proc/%d/%s", pid,
           IsVariant(operation, "maps") ? "maps" : "environ");
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  // The kernel looks at the permission of some of these files when they are read.
  return ErrnoOf(read(fd, text, sizeof text));
}

static int WriteMemory(pid_t pid) {
  static int value;
  struct iovec part = {&value, sizeof value};
  // Another program has nothing at this address: EFAULT is behind the check.
  return PastCheck(process_vm_writev(pid, &part, 1, &part, 1, 0), EFAULT);
}

static int Trace(const struct operation* operation, pid_t pid) {
  if (IsVariant(operation, "process_vm_writev")) return WriteMemory(pid);
  const int seize = IsVariant(operation, "seize");
  if (ptrace(seize ? PTRACE_SEIZE : PTRACE_ATTACH, pid, NULL, NULL) != 0) return errno;
  // It has to be stopped to be let go.
  if (seize) ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
  waitpid(pid, NULL, __WALL);
  ptrace(PTRACE_DETACH, pid, NULL, NULL);
  return 0;
}

int PtraceOperation(const struct operation* operation) {
  const char* permission = operation->words[0];
  pid_t pid = (pid_t)NumberOf(operation->words[1]);
  const int own = pid == 0;
  if (IsVariant(operation, "traceme")) return ErrnoOf(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
  if (own) pid = Bystander();
  if (pid < 0) return Unprepared("cannot fork");
  int error = 0;
  if (strcmp(permission, "trace") == 0) {
    error = Trace(operation, pid);
  } else if (strcmp(permission, "read") == 0) {
    error = ReadProcess(operation, pid);
  } else {
    error = Unprepared("the other process would have to do it");
  }
  if (own) kill(pid, SIGKILL);
  return error;
}

int SignalOperation(const struct operation* operation) {
  pid_t pid = (pid_t)NumberOf(operation->words[1]);
  const int own = pid == 0;
  if (own) pid = Bystander();
  if (pid < 0) return Unprepared("cannot fork");
  const int error = ErrnoOf(kill(pid, (int)NumberOf(operation->words[0])));
  if (own) kill(pid, SIGKILL);
  return error;
}

// Linux's calling convention: a negative errno or a result.
static long CallAs32Bit(const unsigned long* a) {
#if defined(__x86_64__)
  long result;
  // The sixth argument goes into ebp, which the compiler may not give away.
  register unsigned long sixth __asm__("r9") = a[6];
  __asm__ volatile(
      "mov %%rbp, %%r12\n\t"
      "mov %%r9, %%rbp\n\t"
      "int $0x80\n\t"
      "mov %%r12, %%rbp"
      : "=a"(result), "+r"(sixth)
      : "a"(a[0]), "b"(a[1]), "c"(a[2]), "d"(a[3]), "S"(a[4]), "D"(a[5])
      : "memory", "r8", "r10", "r11", "r12");
  return (int)result;
#else
  (void)a;
  return -ENOSYS;
#endif
}

int SyscallOperation(const struct operation* operation) {
  unsigned long a[7];
  for (int i = 0; i < 7; ++i) a[i] = (unsigned long)NumberOf(operation->words[i]);
  if (IsVariant(operation, "i386")) {
    const long result = CallAs32Bit(a);
    return result < 0 ? (int)-result : 0;
  }
  // A successful clone comes back twice: both say the same.
  return ErrnoOf(syscall((long)a[0], a[1], a[2], a[3], a[4], a[5], a[6]));
}

static int CreateUserNamespace(const struct operation* operation) {
  if (IsVariant(operation, "")) return ErrnoOf(unshare(CLONE_NEWUSER));
  long child = 0;
  if (IsVariant(operation, "clone")) {
    child = syscall(SYS_clone, (unsigned long)CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  } else {
    const struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    child = syscall(SYS_clone3, &arguments, sizeof arguments);
  }
  if (child == 0) _exit(0);
  const int error = ErrnoOf(child);
  if (child > 0) waitpid((pid_t)child, NULL, 0);
  return error;
}

// A socket filter of two instructions: r0 = 0; exit.
static int LoadProgram(void) {
  static const struct bpf_insn program[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT},
  };
  union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
                               .insns = (uint64_t)(uintptr_t)program,
                               .insn_cnt = 2,
                               .license = (uint64_t)(uintptr_t) "GPL"};
  return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
}

static int AttachClassicFilter(int fd, int option) {
  struct sock_filter accept = BPF_STMT(BPF_RET | BPF_K, 0xffff);
  const struct sock_fprog program = {1, &accept};
  return ErrnoOf(setsockopt(fd, SOL_SOCKET, option, &program, sizeof program));
}

static int AttachSocketFilter(const struct operation* operation) {
  const int option =
      IsVariant(operation, "") ? SO_ATTACH_FILTER : (int)NumberOf(operation->variant);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  if (option == SO_ATTACH_FILTER || option == SO_ATTACH_REUSEPORT_CBPF) {
    return AttachClassicFilter(fd, option);
  }
  const int program = LoadProgram();
  if (program < 0) return Unprepared("cannot load a BPF program");
  return ErrnoOf(setsockopt(fd, SOL_SOCKET, option, &program, sizeof program));
}

int KernelOperation(const struct operation* operation) {
  const char* name = operation->words[0];
  if (strcmp(name, "CREATE_USER_NAMESPACE") == 0) return CreateUserNamespace(operation);
  if (strcmp(name, "LOAD_BPF_PROGRAM") == 0) return ErrnoOf(LoadProgram());
  if (strcmp(name, "ATTACH_SOCKET_FILTER") == 0) return AttachSocketFilter(operation);
  return Unprepared("the attacker does not know this operation");
}
