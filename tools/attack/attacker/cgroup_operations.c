// Reading a file after moving to another cgroup, by way of the cgroups mounted at /sys/fs/cgroup.
//
// Ways of file read: cgroup_child (a cgroup made below the own one), cgroup_sibling (one made
// beside it), cgroup_root; each also with first_ in front: the first process of the container
// moves, and later back. Who has moved reads, and so do a child of its and a program that a child
// executes: all have to come to the same.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/attack/attacker/operation.h"

#define kCgroups "/sys/fs/cgroup"

static int ReadOwnCgroup(char path[PATH_MAX]) {
  char line[1024] = "";
  // Only there in version 2.
  if (access(kCgroups "/cgroup.controllers", F_OK) != 0) {
    return Unprepared("no cgroups of version 2 are mounted");
  }
  FILE* file = fopen("/proc/self/cgroup", "re");
  if (file == NULL) return Unprepared("cannot read its cgroup");
  // "0::/path"; version 1 may stand before it.
  while (fgets(line, sizeof line, file) != NULL && strncmp(line, "0::", 3) != 0) line[0] = '\0';
  fclose(file);
  if (line[0] == '\0') return Unprepared("its cgroup is not told");
  line[strcspn(line, "\n")] = '\0';
  snprintf(path, PATH_MAX, kCgroups "%s", line + 3);
  return 0;
}

static int MoveTo(const char* cgroup) {
  char file[PATH_MAX + 16];
  snprintf(file, sizeof file, "%s/cgroup.procs", cgroup);
  const int fd = open(file, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = ErrnoOf(write(fd, "0", 1));
  close(fd);
  return error;
}

static int ReadFile(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

// The exit status of a child that reads, or executes the attacker to read.
static int ReadInChild(const char* path, int executes) {
  const pid_t child = fork();
  if (child < 0) return Unprepared("cannot fork");
  if (child == 0) {
    if (executes) execl("/attacker", "/attacker", "--read", path, NULL);
    _exit(ReadFile(path));
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return Unprepared("no answer");
  return WEXITSTATUS(status);
}

static int ReadInAllWays(const char* path) {
  const int by_itself = ReadFile(path);
  const int by_child = ReadInChild(path, 0);
  const int by_program = ReadInChild(path, 1);
  if (by_itself != by_child || by_child != by_program) return kMixed;
  return by_itself;
}

static void ChoosePlace(const char* way, const char* own, char place[PATH_MAX]) {
  char copy[PATH_MAX];
  snprintf(copy, sizeof copy, "%s", own);
  if (strcmp(way, "cgroup_root") == 0) {
    snprintf(place, PATH_MAX, "%s", kCgroups);
  } else if (strcmp(way, "cgroup_child") == 0) {
    snprintf(place, PATH_MAX, "%.3000s/attack-below", own);
  } else {
    snprintf(place, PATH_MAX, "%.3000s/attack-beside", dirname(copy));
  }
}

int IsInFirstProcess(const struct operation* operation) {
  return strncmp(operation->variant, "first_", 6) == 0;
}

int MovesToAnotherCgroup(const struct operation* operation) {
  return IsInFirstProcess(operation) || strncmp(operation->variant, "cgroup_", 7) == 0;
}

int ReadAfterMoving(const struct operation* operation) {
  const char* way = operation->variant + (IsInFirstProcess(operation) ? 6 : 0);
  char own[PATH_MAX];
  char place[PATH_MAX];
  if (strcmp(operation->words[0], "read") != 0) return Unprepared("only reading is tried there");
  const int lost = ReadOwnCgroup(own);
  if (lost != 0) return lost;
  ChoosePlace(way, own, place);
  const int makes = strcmp(way, "cgroup_root") != 0;
  if (makes && mkdir(place, 0755) != 0 && errno != EEXIST)
    return Unprepared("cannot make a cgroup");
  const int kept = MoveTo(place);
  const int result =
      kept != 0 ? Unprepared("cannot move to that cgroup") : ReadInAllWays(operation->words[1]);
  if (MoveTo(own) != 0) return Unprepared("cannot move back");
  if (makes && rmdir(place) != 0) return Unprepared("cannot remove the cgroup");
  return result;
}
