/* Ways to reach a file by another path than the one that a rule denies, or by a child that nobody
 * knows, to take the pins away, and to end a process that is protected.
 *
 * usage: escapes copy | pivot | links | unpin | rename SECONDS | forks SECONDS
 *        escapes sigio PID | prlimit PID
 *        escapes harmless
 *   copy     attaches a copy of the whole tree, made by open_tree, and reads through it
 *   pivot    makes /tmp the root, and reads below the old one
 *   links    binds and moves what symbolic links lead to, and reads there
 *   unpin    unmounts the BPF file system, what it is mounted on and what that is; covers it
 *   rename   reads SECRET's brother below a directory that changes its name all the time
 *   harmless does what is like links, and what the kernel looks up in links after a bind
 *   forks    has children read it, of four processes that start them as fast as they can; one that
 *            cannot be started counts as well
 *   sigio    has SIGUSR2 sent to PID as the owner of a pipe, and never knows whether it comes
 *   prlimit  sets a limit of PID, for core files of 4,096 bytes
 * The file is /tmp/vmtest/secret; for rename /tmp/vmtest/NAME/sub/secret.
 * Exit status: 0 when nothing was possible, 1 when something was, 2 when the way could not be
 * tried; of harmless 0 when everything was possible. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
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

static void link_to(const char *target, const char *name) {
  unlink(name);
  if (symlink(target, name) != 0) perror(name);
}

/* The call of 32 bits: its strings have to lie low. 0 or an error. */
static int binds_by_32_bits(const char *source, const char *target) {
  long result = -ENOSYS;
#ifdef __x86_64__
  char *low = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (low == MAP_FAILED) return errno;
  strcpy(low, source);
  strcpy(low + 4096, target);
  /* arch/x86/entry/syscalls/syscall_32.tbl */
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(21L), "b"(low), "c"(low + 4096), "d"(0L), "S"((long)MS_BIND), "D"(0L)
               : "memory", "r8", "r9", "r10", "r11");
#endif
  return (int)-result;
}

/* Sources that lead to /tmp/vmtest or to what is mounted below it. */
static int links(void) {
  const char *const sources[] = {"/tmp/escapes/link",
                                 "/tmp/escapes/link/",
                                 "link",
                                 "./link/.",
                                 "/tmp/escapes/to-link",
                                 "/tmp/escapes/parent/vmtest",
                                 "/tmp/escapes/back",
                                 "/proc/self/root/tmp/vmtest",
                                 "/proc/self/cwd/../vmtest",
                                 "/proc/thread-self/fd/100"};
  int possible = 0, directory = open("/tmp/vmtest", O_PATH | O_DIRECTORY | O_CLOEXEC);
  mkdir("/tmp/escapes", 0755);
  mkdir("/tmp/escapes/here", 0755);
  mkdir("/tmp/vmtest/mounted", 0755);
  link_to("/tmp/vmtest", "/tmp/escapes/link");
  link_to("link", "/tmp/escapes/to-link");
  link_to("/tmp", "/tmp/escapes/parent");
  link_to("../vmtest", "/tmp/escapes/back");
  link_to("/tmp/vmtest/mounted", "/tmp/escapes/to-mounted");
  if (dup2(directory, 100) != 100 || chdir("/tmp/escapes") != 0) return 2;
  for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
    if (mount(sources[i], "/tmp/escapes/here", 0, MS_BIND | (i % 2 ? MS_REC : 0), 0) == 0) {
      printf("bound %s\n", sources[i]);
      possible |= reads("/tmp/escapes/here/secret");
      umount2("/tmp/escapes/here", MNT_DETACH);
    } else if (failed(sources[i]) != 0) {
      return 2;
    }
  }
  errno = binds_by_32_bits("/tmp/escapes/link", "/tmp/escapes/here");
  if (errno == 0) {
    possible |= reads("/tmp/escapes/here/secret");
    umount2("/tmp/escapes/here", MNT_DETACH);
  } else if (failed("the call of 32 bits") != 0) {
    return 2;
  }
  if (mount("escapes", "/tmp/vmtest/mounted", "tmpfs", 0, 0) != 0) {
    perror("mount");
    return 2;
  }
  if (mount("/tmp/escapes/to-mounted", "/tmp/escapes/here", 0, MS_MOVE, 0) == 0)
    possible |= printf("moved\n") > 0;
  else if (failed("move") != 0)
    return 2;
  return possible;
}

static int binds(const char *source, const char *target) {
  if (mount(source, target, 0, MS_BIND, 0) == 0) return 1;
  printf("bind %s on %s: %s\n", source, target, strerror(errno));
  return 0;
}

static int executes(const char *path) {
  int status = -1;
  const pid_t child = fork();
  if (child == 0) {
    if (!binds("/tmp/escapes/real", "/tmp/escapes/real")) _exit(125);
    execl(path, path, (char *)0);
    _exit(126);
  }
  waitpid(child, &status, 0);
  printf("%s: status %d\n", path, status);
  return status == 0;
}

static int connects(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) return 1;
  printf("connect to %s: %s\n", path, strerror(errno));
  return 0;
}

static int listens(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  unlink(path);
  strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  return bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 4) == 0;
}

static int writes_script(void) {
  const char text[] = "#!/tmp/escapes/usual/true\n";
  int fd = open("/tmp/escapes/script", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  int done = write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1;
  close(fd);
  return done;
}

static int harmless(void) {
  const char target[] = "/tmp/escapes/usual/here";
  int all = 1;
  mkdir("/tmp/escapes", 0755);
  mkdir("/tmp/escapes/real", 0755);
  mkdir("/tmp/escapes/real/here", 0755);
  mkdir("/tmp/escapes/other", 0755);
  mkdir("/tmp/escapes/changes", 0755);
  link_to("real", "/tmp/escapes/usual");
  link_to("/bin/true", "/tmp/escapes/real/true");
  if (!writes_script() || !listens("/tmp/escapes/real/socket")) {
    perror("/tmp/escapes");
    return 2;
  }
  /* The target through a link, twice the same, and from below the working directory. */
  all &= binds("/tmp/escapes/other", target) && binds("/tmp/escapes/other", target);
  all &= chdir("/tmp/escapes") == 0 && binds("other", target) && binds("./real/../other", target);
  all &= executes("/tmp/escapes/script") && connects("/tmp/escapes/usual/socket");
  all &= access("/tmp/escapes/usual/here", F_OK) == 0;
  /* A source that is a link the next time, looked up by the program itself, by its name. */
  all &= binds("/tmp/escapes/changes", target);
  all &= rename("/tmp/escapes/changes", "/tmp/escapes/changed") == 0;
  link_to("changed", "/tmp/escapes/changes");
  all &= access("/tmp/escapes/changes", F_OK) == 0 && chdir("/tmp/escapes/changes") == 0;
  /* One that is refused leaves nothing behind either. */
  if (mount("/tmp/escapes/changes", target, 0, MS_BIND, 0) == 0) return 2;
  all &= access("/tmp/escapes/changes", F_OK) == 0 && executes("/tmp/escapes/script");
  all &= binds("/tmp/escapes/changed", target);
  return !all;
}

/* Unmounts what carries a BPF file system two levels below: 1 when that works, -1 when it could not
 * be tried. */
static int unmounts_above(void) {
  mkdir("/tmp/escapes", 0755);
  mkdir("/tmp/escapes/top", 0755);
  if (mount("escapes", "/tmp/escapes/top", "tmpfs", 0, 0) != 0) return -1;
  mkdir("/tmp/escapes/top/empty", 0755);
  mkdir("/tmp/escapes/top/sub", 0755);
  if (mount("escapes", "/tmp/escapes/top/sub", "tmpfs", 0, 0) != 0) return -1;
  mkdir("/tmp/escapes/top/sub/bpf", 0755);
  if (mount("bpf", "/tmp/escapes/top/sub/bpf", "bpf", 0, 0) != 0) return -1;
  if (mount("escapes", "/tmp/escapes/top/empty", "tmpfs", 0, 0) != 0) return -1;
  return umount2("/tmp/escapes/top", MNT_DETACH) == 0;
}

static int unpin(void) {
  int possible = unmounts_above();
  if (possible == -1) return 2;
  if (possible) printf("unmounted two levels above\n");
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

/* Written by all of them. */
struct counts {
  unsigned long children, unstarted, opened;
};

static void start_children(time_t end, struct counts *counts) {
  while (time(0) < end) {
    pid_t child = fork();
    if (child == 0) {
      if (open("/tmp/vmtest/secret", O_RDONLY | O_CLOEXEC) != -1)
        __sync_fetch_and_add(&counts->opened, 1);
      _exit(0);
    }
    __sync_fetch_and_add(child == -1 ? &counts->unstarted : &counts->children, 1);
    if (child != -1) waitpid(child, 0, 0);
  }
}

static int forks(int seconds) {
  struct counts *counts =
      mmap(0, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const time_t end = time(0) + seconds;
  if (counts == MAP_FAILED) return 2;
  for (int i = 0; i < 3; i++) {
    if (fork() == 0) {
      start_children(end, counts);
      _exit(0);
    }
  }
  start_children(end, counts);
  while (wait(0) != -1) {
  }
  printf("%lu children, %lu could not be started, %lu opened it\n", counts->children,
         counts->unstarted, counts->opened);
  if (counts->children == 0) return 2;
  return counts->opened != 0 || counts->unstarted != 0;
}

static int sigio(pid_t process) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETSIG, SIGUSR2) != 0 ||
      fcntl(ends[0], F_SETOWN, process) != 0 || fcntl(ends[0], F_SETFL, O_ASYNC) != 0)
    return failed("pipe");
  return write(ends[1], "x", 1) == 1 ? 1 : failed("write");
}

static int limit(pid_t process) {
  const struct rlimit limit = {4096, RLIM_INFINITY};
  return prlimit(process, RLIMIT_CORE, &limit, 0) == 0 ? 1 : failed("prlimit");
}

int main(int argc, char **argv) {
  const char *way = argc > 1 ? argv[1] : "";
  setvbuf(stdout, 0, _IOLBF, 0);
  if (strcmp(way, "copy") == 0) return copy();
  if (strcmp(way, "pivot") == 0) return pivot();
  if (strcmp(way, "links") == 0) return links();
  if (strcmp(way, "harmless") == 0) return harmless();
  if (strcmp(way, "unpin") == 0) return unpin();
  if (strcmp(way, "rename") == 0 && argc > 2) return renaming(atoi(argv[2]));
  if (strcmp(way, "forks") == 0 && argc > 2) return forks(atoi(argv[2]));
  if (strcmp(way, "sigio") == 0 && argc > 2) return sigio(atoi(argv[2]));
  if (strcmp(way, "prlimit") == 0 && argc > 2) return limit(atoi(argv[2]));
  fprintf(stderr,
          "usage: escapes copy | pivot | links | harmless | unpin | rename SECONDS | "
          "forks SECONDS | sigio PID | prlimit PID\n");
  return 2;
}
