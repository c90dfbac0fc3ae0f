// Operations on names in the file system:
//
//     file   ACCESS  PATH  [OLD PATH]      ACCESS: a word of FileEvent.Access in lower case
//     exec   PATH                          a program that exits at once, whatever its arguments
//
// Ways: proc_root (through /proc/self/root), proc_cwd (through /proc/self/cwd), chroot (as "/NAME"
// of a root that is its directory), relative ("./NAME"), dotted ("//D/../D//NAME"), symlink; of
// files also io_uring, open_tree (in a copy of the directory's mount, attached nowhere), procfs (of
// /proc: in a mount of its own), unshare (in a mount namespace of its own) and daemon (by a
// grandchild in a session of its own); of create reading (O_RDONLY) and tmpfile (linked when it is
// there); of rename exchange and exchange_back (the names the other way around); of exec fexecve
// (by descriptor), dirfd (by the directory's), deleted (by descriptor, when the name is gone),
// memfd (a copy in memory), script (as an interpreter), loader (by the dynamic loader), applet (of
// a link to it; it was made with the program), applet_relative.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/attack/attacker/io_uring.h"
#include "tools/attack/attacker/operation.h"

// Names are looked up from here on, in place of the event's.
static char name[PATH_MAX];

static int OpenAndClose(int flags, mode_t mode) {
  const int fd = open(name, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

// A file without a name that gets one.
static int LinkTemporaryFile(void) {
  char directory[PATH_MAX];
  char file[64];
  snprintf(directory, sizeof directory, "%s", name);
  const int fd = open(dirname(directory), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0) return errno == EOPNOTSUPP ? Unprepared("no O_TMPFILE here") : errno;
  snprintf(file, sizeof file, "/proc/self/fd/%d", fd);
  return ErrnoOf(linkat(AT_FDCWD, file, AT_FDCWD, name, AT_SYMLINK_FOLLOW));
}

// A denial has to leave nothing behind.
static int Create(const struct operation* operation) {
  const int access_mode = IsVariant(operation, "reading") ? O_RDONLY : O_WRONLY;
  const int error = IsVariant(operation, "tmpfile")
                        ? LinkTemporaryFile()
                        : OpenAndClose(access_mode | O_CREAT | O_EXCL, 0644);
  if (error != 0 && access(name, F_OK) == 0) return Unprepared("refused, but the file is there");
  return error;
}

static int Lock(void) {
  const int fd = open(name, O_RDWR | O_CLOEXEC);
  if (fd < 0) return errno;
  return ErrnoOf(flock(fd, LOCK_EX | LOCK_NB));
}

static int MapExecutable(void) {
  const int fd = open(name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno : 0;
}

static int ConnectUnix(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(name) >= sizeof address.sun_path) return Unprepared("the socket's name is too long");
  strcpy(address.sun_path, name);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  return ErrnoOf(connect(fd, (struct sockaddr*)&address, sizeof address));
}

static int Rename(const struct operation* operation, const char* old_path) {
  if (IsVariant(operation, "exchange_back")) {
    return ErrnoOf(renameat2(AT_FDCWD, name, AT_FDCWD, old_path, RENAME_EXCHANGE));
  }
  const unsigned flags = IsVariant(operation, "exchange") ? RENAME_EXCHANGE : 0;
  return ErrnoOf(renameat2(AT_FDCWD, old_path, AT_FDCWD, name, flags));
}

static int Access(const struct operation* operation) {
  const char* access = operation->words[0];
  const char* old_path = operation->words[2];
  if (strcmp(access, "read") == 0) return OpenAndClose(O_RDONLY, 0);
  if (strcmp(access, "write") == 0) return OpenAndClose(O_WRONLY, 0);
  if (strcmp(access, "append") == 0) return OpenAndClose(O_WRONLY | O_APPEND, 0);
  if (strcmp(access, "create") == 0) return Create(operation);
  if (strcmp(access, "unlink") == 0) return ErrnoOf(unlink(name));
  if (strcmp(access, "link") == 0) return ErrnoOf(link(old_path, name));
  if (strcmp(access, "rename") == 0) return Rename(operation, old_path);
  if (strcmp(access, "chmod") == 0) return ErrnoOf(chmod(name, 0600));
  if (strcmp(access, "chown") == 0) return ErrnoOf(chown(name, 0, 0));
  if (strcmp(access, "mkdir") == 0) return ErrnoOf(mkdir(name, 0755));
  if (strcmp(access, "rmdir") == 0) return ErrnoOf(rmdir(name));
  if (strcmp(access, "mknod") == 0) return ErrnoOf(mknod(name, S_IFIFO | 0600, 0));
  if (strcmp(access, "symlink") == 0) return ErrnoOf(symlink("/", name));
  if (strcmp(access, "truncate") == 0) return ErrnoOf(truncate(name, 0));
  if (strcmp(access, "lock") == 0) return Lock();
  if (strcmp(access, "map_executable") == 0) return MapExecutable();
  if (strcmp(access, "connect") == 0) return ConnectUnix();
  return Unprepared("the attacker does not know this kind of access");
}

// Makes `name` another name of `path`. Not 0 when that failed.
static int ChooseName(const struct operation* operation, const char* path) {
  char directory[PATH_MAX];
  char last[PATH_MAX];
  snprintf(directory, sizeof directory, "%s", path);
  snprintf(last, sizeof last, "%s", path);
  const char* base = basename(last);
  snprintf(name, sizeof name, "%s", path);
  if (IsVariant(operation, "proc_root")) {
    snprintf(name, sizeof name, "/proc/self/root%s", path);
  } else if (IsVariant(operation, "proc_cwd")) {
    if (chdir(dirname(directory)) != 0) return Unprepared("cannot enter the directory");
    snprintf(name, sizeof name, "/proc/self/cwd/%s", base);
  } else if (IsVariant(operation, "symlink")) {
    snprintf(name, sizeof name, kScratch "/link.%d", getpid());
    if (symlink(path, name) != 0) return Unprepared("cannot make a link");
  } else if (IsVariant(operation, "dotted")) {
    char copy[PATH_MAX];
    dirname(directory);
    snprintf(copy, sizeof copy, "%s", directory);
    const int length =
        snprintf(name, sizeof name, "/%s/../%s//%s", directory, basename(copy), base);
    if (length >= (int)sizeof name) return Unprepared("the name is too long");
  } else if (IsVariant(operation, "procfs")) {
    if (unshare(CLONE_NEWNS) != 0 || mount("proc", kScratch, "proc", 0, NULL) != 0) {
      return Unprepared("cannot mount procfs");
    }
    snprintf(name, sizeof name, kScratch "%s", path + strlen("/proc"));
  } else if (IsVariant(operation, "relative") || IsVariant(operation, "applet_relative")) {
    if (chdir(dirname(directory)) != 0) return Unprepared("cannot enter the directory");
    snprintf(name, sizeof name, "./%s", base);
  } else if (IsVariant(operation, "chroot")) {
    if (chroot(dirname(directory)) != 0) return Unprepared("cannot change the root");
    snprintf(name, sizeof name, "/%s", base);
  }
  return 0;
}

// A copy of the mount of the file's directory: nobody sees where it is.
static int OpenInCopiedTree(const char* path, int flags) {
  char directory[PATH_MAX];
  char last[PATH_MAX];
  snprintf(directory, sizeof directory, "%s", path);
  snprintf(last, sizeof last, "%s", path);
  // OPEN_TREE_CLONE, include/uapi/linux/mount.h.
  const int tree = (int)syscall(SYS_open_tree, AT_FDCWD, dirname(directory), 1);
  if (tree < 0) return Unprepared("cannot copy the mount");
  return ErrnoOf(openat(tree, basename(last), flags | O_CLOEXEC));
}

// The grandchild's answer, whose parent is gone.
static int AccessAsDaemon(const struct operation* operation) {
  int ends[2];
  int error = 0;
  if (pipe(ends) != 0) return Unprepared("no pipe");
  const pid_t child = fork();
  if (child < 0) return Unprepared("cannot fork");
  if (child == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    error = Access(operation);
    _exit(write(ends[1], &error, sizeof error) == sizeof error ? 0 : 1);
  }
  close(ends[1]);
  waitpid(child, NULL, 0);
  return read(ends[0], &error, sizeof error) == sizeof error ? error : Unprepared("no answer");
}

int FileOperation(const struct operation* operation) {
  if (MovesToAnotherCgroup(operation)) return ReadAfterMoving(operation);
  const int flags = strcmp(operation->words[0], "read") == 0 ? O_RDONLY : O_WRONLY;
  const int error = ChooseName(operation, operation->words[1]);
  if (error != 0) return error;
  if (IsVariant(operation, "io_uring")) return OpenByRing(name, flags, 0);
  if (IsVariant(operation, "open_tree")) return OpenInCopiedTree(name, flags);
  if (IsVariant(operation, "daemon")) return AccessAsDaemon(operation);
  if (IsVariant(operation, "unshare") && unshare(CLONE_NEWNS) != 0) {
    return Unprepared("cannot make a mount namespace");
  }
  return Access(operation);
}

static void ExecuteDescriptor(int fd, char** arguments, char** environment) {
  if (fd >= 0) execveat(fd, "", arguments, environment, AT_EMPTY_PATH);
}

static int CopyInMemory(const char* path) {
  struct stat status;
  const int from = open(path, O_RDONLY | O_CLOEXEC);
  const int to = memfd_create("copy", MFD_CLOEXEC);
  if (from < 0 || to < 0 || fstat(from, &status) != 0) return -1;
  off_t done = 0;
  while (done < status.st_size) {
    if (sendfile(to, from, &done, (size_t)(status.st_size - done)) <= 0) return -1;
  }
  return to;
}

// A program without output whose exit status tells whether it ran.
static int Execute(const struct operation* operation, const char* path) {
  char* arguments[] = {name, (char*)"--no-op", NULL};
  char* by_loader[] = {(char*)kLoader, (char*)path, (char*)"--no-op", NULL};
  char* environment[] = {NULL};
  if (IsVariant(operation, "fexecve")) {
    ExecuteDescriptor(open(path, O_PATH | O_CLOEXEC), arguments, environment);
  } else if (IsVariant(operation, "deleted")) {
    const int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 || unlink(path) != 0) return errno;
    ExecuteDescriptor(fd, arguments, environment);
  } else if (IsVariant(operation, "memfd")) {
    ExecuteDescriptor(CopyInMemory(path), arguments, environment);
  } else if (IsVariant(operation, "dirfd")) {
    char directory[PATH_MAX];
    char last[PATH_MAX];
    snprintf(directory, sizeof directory, "%s", path);
    snprintf(last, sizeof last, "%s", path);
    const int fd = open(dirname(directory), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) execveat(fd, basename(last), arguments, environment, 0);
  } else if (IsVariant(operation, "loader")) {
    execve(kLoader, by_loader, environment);
  } else {
    execve(name, arguments, environment);
  }
  return errno;
}

// The script's own argument is its name; the option in front makes the program exit at once.
static int WriteScript(const char* interpreter) {
  snprintf(name, sizeof name, kScratch "/script.%d", getpid());
  const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  if (fd < 0) return Unprepared("cannot write a script");
  dprintf(fd, "#!%s --no-op\n", interpreter);
  close(fd);
  return 0;
}

int ExecOperation(const struct operation* operation) {
  const char* path = operation->words[0];
  const int error =
      IsVariant(operation, "script") ? WriteScript(path) : ChooseName(operation, path);
  if (error != 0) return error;
  if (IsVariant(operation, "loader") && access(kLoader, F_OK) != 0) {
    return Unprepared("the machine has no dynamic loader");
  }
  int* result =
      mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (result == MAP_FAILED) return Unprepared("no memory");
  const pid_t child = fork();
  if (child < 0) return Unprepared("cannot fork");
  if (child == 0) {
    close(STDERR_FILENO);
    *result = Execute(operation, path);
    _exit(1);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return Unprepared("cannot wait");
  if (*result != 0) return *result;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  // The loader could not map the program, and does not say why.
  const int why = IsVariant(operation, "loader") ? MapExecutable() : 0;
  return why != 0 ? why : Unprepared("the program ran badly");
}
