/* What the confined child of the self-test executes: tries what its profile denies and what it
 * allows, in its working directory. The exit status has a bit for each answer that is not as it
 * should be; canary.h. Without a C library, so that it can be copied into an empty file system. */
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/in.h>

#include "lib/enforcers/bpf/canary/canary.h"

static long call(long number, long a, long b, long c, long d) {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
#else
#error "system calls of this machine are not known here"
#endif
}

static long try_open(const char *path) {
  return call(__NR_openat, AT_FDCWD, (long)path, O_RDONLY, 0);
}

/* Nobody needs to listen: a refused connection is one that was permitted. */
static long try_connect(unsigned port) {
  struct sockaddr_in to = {.sin_family = 2 /* AF_INET */};
  long fd = call(__NR_socket, 2, 1 /* SOCK_STREAM */, 0, 0);
  to.sin_port = (unsigned short)(port >> 8 | (port & 0xff) << 8);
  to.sin_addr.s_addr = 0x0100007f; /* 127.0.0.1, in memory order */
  return call(__NR_connect, fd, (long)&to, sizeof(to), 0);
}

static int probe(void) {
  int wrong = 0;
  char status[2] = {0, 0};
  char *const arguments[] = {"denied-program", status, 0};
  if (try_open("denied-file") != -EPERM) wrong |= CANARY_OPEN;
  if (try_open("allowed-file") < 0) wrong |= CANARY_OVERDONE;
  if (try_connect(9) != -EPERM) wrong |= CANARY_CONNECT;
  if (try_connect(10) == -EPERM) wrong |= CANARY_OVERDONE;
  if (call(__NR_chroot, (long)".", 0, 0, 0) != -EPERM) wrong |= CANARY_CAPABILITY;
  /* Should it run, it tells the rest. */
  status[0] = (char)(wrong | CANARY_EXEC | 0x40);
  if (call(__NR_execve, (long)"denied-program", (long)arguments, 0, 0) != -EPERM) {
    wrong |= CANARY_EXEC;
  }
  return wrong;
}

/* What the kernel leaves on the stack: the number of arguments, then the arguments. */
__attribute__((used)) void run(long *stack) {
  int status = stack[0] == 2 ? ((const char *)stack[2])[0] & 0x3f : probe();
  call(__NR_exit_group, status, 0, 0, 0);
  __builtin_trap();
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call run\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n  mov x0, sp\n  bl run\n");
#endif
