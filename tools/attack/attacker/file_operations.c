// Operations on names in the file system:
//
//     file   ACCESS  PATH  [OLD PATH]      ACCESS: a word of FileEvent.Access in lower case
//     exec   PATH                          a program that exits at once, whatever its arguments
//
// Ways: proc_root (through /proc/self/root), chroot (as "/NAME" of a root that is its directory),
// relative ("./NAME"), symlink; file read and write also io_uring; exec also fexecve (by
// descriptor) and script (as an interpreter).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

// A denial has to leave nothing behind.
static int Create(void) {
  const int error = OpenAndClose(O_WRONLY | O_CREAT | O_EXCL, 0644);
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

static int Access(const char* access, const char* old_path) {
  if (strcmp(access, "read") == 0) return OpenAndClose(O_RDONLY, 0);
  if (strcmp(access, "write") == 0) return OpenAndClose(O_WRONLY, 0);
  if (strcmp(access, "append") == 0) return OpenAndClose(O_WRONLY | O_APPEND, 0);
  if (strcmp(access, "create") == 0) return Create();
  if (strcmp(access, "unlink") == 0) return ErrnoOf(unlink(name));
  if (strcmp(access, "link") == 0) return ErrnoOf(link(old_path, name));
  if (strcmp(access, "rename") == 0) return ErrnoOf(rename(old_path, name));
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
  } else if (IsVariant(operation, "symlink")) {
    snprintf(name, sizeof name, kScratch "/link.%d", getpid());
    if (symlink(path, name) != 0) return Unprepared("cannot make a link");
  } else if (IsVariant(operation, "relative")) {
    if (chdir(dirname(directory)) != 0) return Unprepared("cannot enter the directory");
    snprintf(name, sizeof name, "./%s", base);
  } else if (IsVariant(operation, "chroot")) {
    if (chroot(dirname(directory)) != 0) return Unprepared("cannot change the root");
    snprintf(name, sizeof name, "/%s", base);
  }
  return 0;
}

int FileOperation(const struct operation* operation) {
  const int error = ChooseName(operation, operation->words[1]);
  if (IsVariant(operation, "io_uring")) {
    const int reads = strcmp(operation->words[0], "read") == 0;
    return OpenByRing(name, reads ? O_RDONLY : O_WRONLY, 0);
  }
  return error != 0 ? error : Access(operation->words[0], operation->words[2]);
}

// A program without output whose exit status tells whether it ran.
static int Execute(const struct operation* operation, const char* path) {
  char* arguments[] = {name, (char*)"--no-op", NULL};
  char* environment[] = {NULL};
  if (IsVariant(operation, "fexecve")) {
    const int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return errno;
    execveat(fd, "", arguments, environment, AT_EMPTY_PATH);
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
  int* result =
      mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (result == MAP_FAILED) return Unprepared("no memory");
  const pid_t child = fork();
  if (child < 0) return Unprepared("cannot fork");
  if (child == 0) {
    *result = Execute(operation, path);
    _exit(1);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return Unprepared("cannot wait");
  if (*result != 0) return *result;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : Unprepared("the program ran badly");
}
