/* Ways out of a container, each followed by an attempt to open a file that is denied; and attacks
 * on the enforcer itself.
 *
 * usage: intruder open FILE          exit status: errno of open(FILE), 0 when it opens
 *        intruder WAY ARG FILE       the same after WAY: unshare-mount, unshare-all, setns (ARG: a
 * namespace file), sub-cgroup, other-cgroup (ARG: a cgroup's directory), clone-into (same), daemon
 *        intruder ATTACK ARG         exit status: errno of the attack: map-by-id, program-by-id,
 * link-by-id (ARG: the id), get, open, unlink, rmdir, rename, umount, cover (ARG: a path), kill,
 * stop, probe, pidfd, trace, write-memory (ARG: a process) 200: a step before failed, so nothing is
 * proven. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define BROKEN 200

static int broken(const char *step) {
  perror(step);
  return BROKEN;
}

static int open_it(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

/* Moves itself into a cgroup. */
static int enter(const char *directory) {
  char path[512];
  int fd;
  snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
  fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, "0", 1) != 1) return -1;
  close(fd);
  return 0;
}

static int wait_for(pid_t child) {
  int status;
  if (child < 0 || waitpid(child, &status, 0) != child) return broken("wait");
  return WIFEXITED(status) ? WEXITSTATUS(status) : broken("child");
}

/* This program, whatever is mounted where. */
static int self;

/* The child opens the file itself, and a program that it executes does. */
static int open_and_execute(const char *file) {
  const int answer = open_it(file);
  const pid_t child = fork();
  int after;
  if (child == 0) {
    char *arguments[] = {"intruder", "open", (char *)file, NULL};
    syscall(SYS_execveat, self, "", arguments, environ, AT_EMPTY_PATH);
    perror("execveat");
    _exit(BROKEN);
  }
  after = wait_for(child);
  return answer == after ? answer : broken("one answer before executing a program, another after");
}

static int clone_into(const char *directory, const char *file) {
  struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
  long child;
  int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return broken("cgroup");
  args.cgroup = (uint64_t)fd;
  child = syscall(SYS_clone3, &args, sizeof(args));
  if (child < 0) return broken("clone3");
  if (child == 0) _exit(open_and_execute(file));
  return wait_for((pid_t)child);
}

static int as_daemon(const char *file) {
  int ends[2], answer = BROKEN;
  if (pipe(ends) != 0) return broken("pipe");
  if (fork() == 0) {
    setsid();
    if (fork() == 0) {
      setsid();
      while (getppid() != 1) usleep(1000);
      answer = open_and_execute(file);
      if (write(ends[1], &answer, sizeof(answer)) != sizeof(answer)) _exit(1);
    }
    _exit(0);
  }
  wait(NULL);
  close(ends[1]);
  if (read(ends[0], &answer, sizeof(answer)) != sizeof(answer)) return broken("daemon");
  return answer;
}

static int way_out(const char *way, const char *arg, const char *file) {
  if (strcmp(way, "unshare-mount") == 0) {
    if (unshare(CLONE_NEWNS) != 0) return broken(way);
  } else if (strcmp(way, "unshare-all") == 0) {
    if (unshare(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET) != 0)
      return broken(way);
  } else if (strcmp(way, "setns") == 0) {
    int fd = open(arg, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, 0) != 0) return broken(way);
  } else if (strcmp(way, "sub-cgroup") == 0) {
    if ((mkdir(arg, 0755) != 0 && errno != EEXIST) || enter(arg) != 0) return broken(way);
  } else if (strcmp(way, "other-cgroup") == 0) {
    if (enter(arg) != 0) return broken(way);
  } else if (strcmp(way, "clone-into") == 0) {
    return clone_into(arg, file);
  } else if (strcmp(way, "daemon") == 0) {
    return as_daemon(file);
  } else {
    return broken("unknown way");
  }
  return open_and_execute(file);
}

static int bpf(int command, union bpf_attr *attributes) {
  return syscall(SYS_bpf, command, attributes, sizeof(*attributes)) < 0 ? errno : 0;
}

static int attack(const char *what, const char *arg) {
  union bpf_attr attributes;
  const pid_t process = atoi(arg);
  char byte = 0;
  struct iovec here = {&byte, 1}, there = {(void *)0x1000, 1};
  memset(&attributes, 0, sizeof(attributes));
  attributes.map_id = (uint32_t)atoi(arg);
  if (strcmp(what, "map-by-id") == 0) return bpf(BPF_MAP_GET_FD_BY_ID, &attributes);
  if (strcmp(what, "program-by-id") == 0) return bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
  if (strcmp(what, "link-by-id") == 0) return bpf(BPF_LINK_GET_FD_BY_ID, &attributes);
  if (strcmp(what, "get") == 0) {
    memset(&attributes, 0, sizeof(attributes));
    attributes.pathname = (uint64_t)(uintptr_t)arg;
    return bpf(BPF_OBJ_GET, &attributes);
  }
  if (strcmp(what, "open") == 0) return open_it(arg);
  if (strcmp(what, "unlink") == 0) return unlink(arg) ? errno : 0;
  if (strcmp(what, "rmdir") == 0) return rmdir(arg) ? errno : 0;
  if (strcmp(what, "rename") == 0) {
    char to[512];
    snprintf(to, sizeof(to), "%s_gone", arg);
    return rename(arg, to) ? errno : 0;
  }
  if (strcmp(what, "umount") == 0) return umount2(arg, MNT_DETACH) ? errno : 0;
  if (strcmp(what, "cover") == 0) return mount("none", arg, "tmpfs", 0, NULL) ? errno : 0;
  if (strcmp(what, "kill") == 0) return kill(process, SIGTERM) ? errno : 0;
  if (strcmp(what, "stop") == 0) return kill(process, SIGSTOP) ? errno : 0;
  if (strcmp(what, "probe") == 0) return kill(process, 0) ? errno : 0;
  if (strcmp(what, "pidfd") == 0) {
    int fd = (int)syscall(SYS_pidfd_open, process, 0);
    if (fd < 0) return broken(what);
    return syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) ? errno : 0;
  }
  if (strcmp(what, "trace") == 0) return ptrace(PTRACE_ATTACH, process, NULL, NULL) ? errno : 0;
  if (strcmp(what, "write-memory") == 0)
    return process_vm_writev(process, &here, 1, &there, 1, 0) < 0 ? errno : 0;
  return broken("unknown attack");
}

int main(int argc, char **argv) {
  self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (argc == 3 && strcmp(argv[1], "open") == 0) return open_it(argv[2]);
  if (argc == 3) return attack(argv[1], argv[2]);
  if (argc == 4) return way_out(argv[1], argv[2], argv[3]);
  return BROKEN;
}
