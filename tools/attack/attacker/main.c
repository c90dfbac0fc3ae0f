// Runs inside a container: performs one operation per line of its input, each in a process of its
// own, and prints what became of it:
//
//     ready                      once, before the first line is read
//     ok                         it worked, or got past every permission
//     errno 1                    it failed
//     ignored                    the kernel said yes and did nothing
//     mixed                      of several processes some could, others not
//     signal 31                  its process was killed
//     timeout                    it did not come back
//     unprepared no such device  it could not be tried, and why
//
// Lines are words between tabs; the verb decides what they mean (file_operations.c and its
// neighbours). Static, so that the container needs no other file. As any other first process of a
// container it reaps what others leave behind.
//
//     attacker --no-op     exits with 0: copies of this file are programs to be executed
//     attacker --read FILE exits with 0, or the error of opening it
//     attacker --wait      waits to be killed: a process to be traced
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/attack/attacker/operation.h"

enum { kTimeoutSeconds = 10, kReasonBytes = 256 };

// Shared with the process of the current operation.
struct outcome {
  volatile int value;
  char reason[kReasonBytes];
};
static struct outcome* outcome;

int Unprepared(const char* reason) {
  snprintf(outcome->reason, kReasonBytes, "%s", reason);
  return kUnprepared;
}

int ErrnoOf(long result) { return result == -1 ? errno : 0; }

int PastCheck(long result, int past) {
  const int error = ErrnoOf(result);
  return error == past ? 0 : error;
}

unsigned long long NumberOf(const char* text) { return strtoull(text, NULL, 0); }

int IsVariant(const struct operation* operation, const char* name) {
  return strcmp(operation->variant, name) == 0;
}

struct verb {
  const char* name;
  int (*perform)(const struct operation*);
};

static const struct verb kVerbs[] = {
    {"file", FileOperation},        {"exec", ExecOperation},
    {"socket", SocketOperation},    {"connect", ConnectOperation},
    {"ptrace", PtraceOperation},    {"signal", SignalOperation},
    {"mount", MountOperation},      {"syscall", SyscallOperation},
    {"operation", KernelOperation}, {"capability", CapabilityOperation},
};

static int Perform(const struct operation* operation) {
  for (size_t i = 0; i < sizeof kVerbs / sizeof kVerbs[0]; ++i) {
    if (strcmp(kVerbs[i].name, operation->verb) == 0) return kVerbs[i].perform(operation);
  }
  return Unprepared("the attacker does not know this verb");
}

static void Parse(char* line, struct operation* operation) {
  operation->verb = strsep(&line, "\t");
  for (int i = 0; i < kMaxWords; ++i) {
    operation->words[i] = line == NULL ? "" : strsep(&line, "\t");
  }
  char* slash = strchr(operation->verb, '/');
  operation->variant = slash == NULL ? "" : slash + 1;
  if (slash != NULL) *slash = '\0';
}

static void PrintOutcome(pid_t child, int status) {
  if (child < 0) {
    printf("unprepared cannot fork\n");
  } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
    printf("timeout\n");
  } else if (WIFSIGNALED(status)) {
    printf("signal %d\n", WTERMSIG(status));
  } else if (outcome->value == kUnprepared) {
    printf("unprepared %s\n", outcome->reason);
  } else if (outcome->value == kIgnored) {
    printf("ignored\n");
  } else if (outcome->value == kMixed) {
    printf("mixed\n");
  } else if (outcome->value != 0) {
    printf("errno %d\n", outcome->value);
  } else {
    printf("ok\n");
  }
  fflush(stdout);
}

static void RunLine(char* line) {
  struct operation operation;
  Parse(line, &operation);
  // What a process that just disappears is taken for.
  outcome->value = kUnprepared;
  snprintf(outcome->reason, kReasonBytes, "its process ended without a word");
  fflush(stdout);
  if (IsInFirstProcess(&operation)) {
    outcome->value = Perform(&operation);
    return PrintOutcome(getpid(), 0);
  }
  const pid_t child = fork();
  if (child == 0) {
    alarm(kTimeoutSeconds);
    outcome->value = Perform(&operation);
    _exit(0);
  }
  int status = 0;
  if (child > 0 && waitpid(child, &status, 0) != child) status = 0;
  PrintOutcome(child, status);
  while (waitpid(-1, NULL, WNOHANG) > 0) continue;
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "--no-op") == 0) return 0;
  if (argc > 2 && strcmp(argv[1], "--read") == 0) {
    return open(argv[2], O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
  }
  if (argc > 1 && strcmp(argv[1], "--wait") == 0) {
    for (;;) pause();
  }
  outcome = mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (outcome == MAP_FAILED) return 1;
  signal(SIGPIPE, SIG_IGN);
  // Before Linux 5.11 BPF programs and tables count as locked memory, for all of a user's
  // processes. Who may not raise the limit is told by the operations.
  const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &unlimited);
  printf("ready\n");
  fflush(stdout);
  char* line = NULL;
  size_t size = 0;
  for (;;) {
    const ssize_t length = getline(&line, &size, stdin);
    if (length <= 0) return 0;
    if (line[length - 1] == '\n') line[length - 1] = '\0';
    RunLine(line);
  }
}
