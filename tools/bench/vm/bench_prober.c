/* Does what hook_bench measures. Reads lines "COMMAND TIMES ARGUMENT" from its input:
 *   open N FILE     opens FILE for reading and closes it
 *   exec N FILE     executes FILE and waits for it
 *   connect N ADDR  connects a datagram socket to port 80 of an IPv4 address
 *   capable N -     asks for CAP_SYS_ADMIN: sethostname with a length that is never accepted
 *   fork N -        starts processes that sleep until their parent ends
 * and answers each with "DENIED\n", the number of times that EPERM came.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int failed_with_eperm(int result) { return result == -1 && errno == EPERM; }

static int open_file(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1) return errno == EPERM;
  close(fd);
  return 0;
}

static int execute(const char *path) {
  char *arguments[] = {(char *)path, NULL};
  char *environment[] = {NULL};
  pid_t child;
  int error = posix_spawn(&child, path, NULL, NULL, arguments, environment);
  if (error != 0) return error == EPERM;
  waitpid(child, NULL, 0);
  return 0;
}

static int connect_to(int fd, const char *address) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};
  inet_pton(AF_INET, address, &to.sin_addr);
  return failed_with_eperm(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

/* glibc's sethostname warns of such a length. */
static int ask_for_capability(void) { return (int)syscall(SYS_sethostname, "x", -1L); }

static int start_sleeper(void) {
  if (fork() == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  return 0;
}

int main(void) {
  char command[16], argument[4096];
  long times;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  while (scanf("%15s %ld %4095s", command, &times, argument) == 3) {
    long denied = 0;
    for (long i = 0; i < times; i++) {
      if (strcmp(command, "open") == 0) denied += open_file(argument);
      if (strcmp(command, "exec") == 0) denied += execute(argument);
      if (strcmp(command, "connect") == 0) denied += connect_to(fd, argument);
      if (strcmp(command, "capable") == 0) denied += failed_with_eperm(ask_for_capability());
      if (strcmp(command, "fork") == 0) denied += start_sleeper();
    }
    printf("%ld\n", denied);
    fflush(stdout);
  }
  return 0;
}
