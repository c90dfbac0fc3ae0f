// Runs inside the container: makes the syscalls that the command line lists and prints what became
// of each. Static, so that the container needs no other file.
//
// An argument is "NUMBER,ARG0,ARG1,..."; with "i386:" in front the call goes through int 0x80. Each
// call runs in a child of its own, which a filter may kill. A line of output: "errno 1", "ok",
// "signal 31", "timeout".
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kMaxArgs = 7, kTimeoutSeconds = 3 };

// Linux's calling convention: a negative errno or a result.
static long make_i386_syscall(const unsigned long* a) {
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

static long make_syscall(int i386, const unsigned long* a) {
  if (i386) return make_i386_syscall(a);
  const long result = syscall((long)a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
  return result == -1 ? -errno : result;
}

static void try_call(char* text, volatile long* result) {
  const int i386 = strncmp(text, "i386:", 5) == 0;
  unsigned long args[kMaxArgs] = {0};
  int count = 0;
  for (char* part = strtok(text + (i386 ? 5 : 0), ","); part != NULL && count < kMaxArgs;
       part = strtok(NULL, ",")) {
    args[count++] = strtoul(part, NULL, 0);
  }
  *result = 0;
  const pid_t child = fork();
  if (child == 0) {
    alarm(kTimeoutSeconds);
    const long value = make_syscall(i386, args);
    // A successful clone comes back twice.
    *result = value < 0 ? -value : 0;
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    printf("cannot fork\n");
  } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
    printf("timeout\n");
  } else if (WIFSIGNALED(status)) {
    printf("signal %d\n", WTERMSIG(status));
  } else if (*result != 0) {
    printf("errno %ld\n", *result);
  } else {
    printf("ok\n");
  }
  fflush(stdout);
}

int main(int argc, char** argv) {
  volatile long* result =
      mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if ((void*)result == MAP_FAILED) return 1;
  for (int i = 1; i < argc; ++i) try_call(argv[i], result);
  return 0;
}
