/* Opens two files in turn and compares what comes with what should.
 *
 * usage: opener SECONDS TURNS DENIED ALLOWED   DENIED must fail with EPERM, ALLOWED must open; "-":
 * none. Ends after SECONDS or, where SECONDS is 0, after TURNS. Prints "TURNS WRONG"; exit status 0
 * when nothing was wrong. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int open_it(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

int main(int argc, char **argv) {
  unsigned long turns = 0, wrong = 0, most;
  time_t end, seconds;
  int has_denied, has_allowed;
  if (argc != 5) return 2;
  seconds = atol(argv[1]);
  most = strtoul(argv[2], NULL, 10);
  end = time(NULL) + seconds;
  has_denied = strcmp(argv[3], "-") != 0;
  has_allowed = strcmp(argv[4], "-") != 0;
  while (seconds ? time(NULL) < end : turns < most) {
    if (has_denied && open_it(argv[3]) != EPERM) wrong++;
    if (has_allowed && open_it(argv[4]) != 0) wrong++;
    turns++;
  }
  printf("%lu %lu\n", turns, wrong);
  return wrong == 0 ? 0 : 1;
}
