/* Ways to reach a file by another path than the one that a rule denies, and to take the pins away.
 *
 * usage: escapes copy | pivot | unpin | rename SECONDS
 *   copy     attaches a copy of the whole tree, made by open_tree, and reads through it
 *   pivot    makes /tmp the root, and reads below the old one
 *   unpin    unmounts the BPF file system, and what it is mounted on; covers it
 *   rename   reads SECRET's brother below a directory that changes its name all the time
 * The file is /tmp/vmtest/secret; for rename /tmp/vmtest/NAME/sub/secret.
 * Exit status: 0 when nothing was possible, 1 when something was, 2 when the way could not be
 * tried. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#endif
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#define RECURSIVE 0x8000
#define FROM_EMPTY_PATH 4

static int reads(const char *path) {
  char buffer[64];
  int fd = open(path, O_RDONLY | O_CLOEXEC), got;
  if (fd == -1) {
    printf("%s: %s\n", path, strerror(errno));
    return 0;
  }
  got = read(fd, buffer, sizeof(buffer)) > 0;
  close(fd);
  printf("%s: %s\n", path, got ? "read" : "empty");
  return got;
}

/* A call failed: it was denied, or could not be tried. */
static int failed(const char *call) {
  const int error = errno;
  printf("%s: %s\n", call, strerror(error));
  return error == EPERM ? 0 : 2;
}

static int copy(void) {
  int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | RECURSIVE);
  if (tree == -1) {
    perror("open_tree");
    return 2;
  }
  mkdir("/tmp/escapes", 0755);
  if (syscall(SYS_move_mount, tree, "", AT_FDCWD, "/tmp/escapes", FROM_EMPTY_PATH) != 0)
    return failed("move_mount");
  return reads("/tmp/escapes/tmp/vmtest/secret");
}

static int pivot(void) {
  mkdir("/tmp/escapes", 0755);
  if (mount("escapes", "/tmp/escapes", "tmpfs", 0, 0) != 0) {
    perror("mount");
    return 2;
  }
  mkdir("/tmp/escapes/old", 0755);
  if (syscall(SYS_pivot_root, "/tmp/escapes", "/tmp/escapes/old") != 0) return failed("pivot_root");
  return reads("/old/tmp/vmtest/secret");
}

static int unpin(void) {
  int possible = 0;
  if (umount2("/sys/fs/bpf", MNT_DETACH) == 0) possible = printf("unmounted bpffs\n") > 0;
  if (umount2("/sys", MNT_DETACH) == 0) possible = printf("unmounted sysfs\n") > 0;
  if (mount("escapes", "/sys/fs/bpf", "tmpfs", 0, 0) == 0) possible = printf("covered\n") > 0;
  return possible;
}

/* Names of different lengths, in the dentry itself both: a mixture is no name. */
static const char kLong[] = "/tmp/vmtest/aaaaaaaaaaaaaaaaaaaaaaaaaaaa", kShort[] = "/tmp/vmtest/b";
static volatile int stop;

static void *rename_on(void *nothing) {
  unsigned long times = 0;
  while (!stop) {
    times += rename(kLong, kShort) == 0;
    times += rename(kShort, kLong) == 0;
  }
  printf("renamed %lu times\n", times);
  return nothing;
}

static int renaming(int seconds) {
  unsigned long opened = 0, denied = 0;
  char path[256];
  time_t end = time(0) + seconds;
  pthread_t renamer;
  int directory;
  snprintf(path, sizeof(path), "%s/sub", kLong);
  directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory == -1 || pthread_create(&renamer, 0, rename_on, 0) != 0) {
    perror(path);
    return 2;
  }
  while (time(0) < end) {
    int fd = openat(directory, "secret", O_RDONLY | O_CLOEXEC);
    if (fd != -1) {
      opened++;
      close(fd);
    } else if (errno == EPERM) {
      denied++;
    }
  }
  stop = 1;
  pthread_join(renamer, 0);
  printf("opened %lu, denied %lu\n", opened, denied);
  return opened != 0 ? 1 : denied == 0 ? 2 : 0;
}

int main(int argc, char **argv) {
  const char *way = argc > 1 ? argv[1] : "";
  setvbuf(stdout, 0, _IOLBF, 0);
  if (strcmp(way, "copy") == 0) return copy();
  if (strcmp(way, "pivot") == 0) return pivot();
  if (strcmp(way, "unpin") == 0) return unpin();
  if (strcmp(way, "rename") == 0 && argc > 2) return renaming(atoi(argv[2]));
  fprintf(stderr, "usage: escapes copy | pivot | unpin | rename SECONDS\n");
  return 2;
}
