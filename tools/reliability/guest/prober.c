/* Tries again and again what a policy denies and what it allows, and counts answers that are wrong
 * (prober_page.h). Runs confined, until the page says stop.
 *
 * usage: prober */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/reliability/guest/prober_page.h"

static struct prober_page *page;

/* Each returns 0, or errno. */

static int open_it(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC, 0644);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

static int execute(const char *path) {
  int status;
  pid_t child = vfork();
  if (child < 0) return errno;
  if (child == 0) {
    char *argv[] = {"quit", "quit", NULL};
    execv(path, argv);
    _exit(errno);
  }
  if (waitpid(child, &status, 0) != child) return errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int connect_to(int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  int result = 0, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) result = errno;
  close(fd);
  return result;
}

static int make_socket(int domain) {
  int fd = socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

static int denied(int kind) {
  switch (kind) {
    case PROBER_READ:
      return open_it(PROBER_DIRECTORY "/secret", O_RDONLY);
    case PROBER_WRITE:
      return open_it(PROBER_DIRECTORY "/kept/new", O_WRONLY | O_CREAT);
    case PROBER_EXEC:
      return execute(PROBER_DIRECTORY "/denied-program");
    case PROBER_CONNECT:
      return connect_to(9);
    case PROBER_SOCKET:
      return make_socket(AF_INET6);
    case PROBER_CAPABILITY:
      return chroot("/") == 0 ? 0 : errno;
    case PROBER_MOUNT:
      return mount("none", PROBER_DIRECTORY "/mounted", "tmpfs", 0, NULL) == 0 ? 0 : errno;
  }
  return -1;
}

static int allowed(int kind) {
  switch (kind) {
    case PROBER_READ:
      return open_it(PROBER_DIRECTORY "/secret2", O_RDONLY);
    case PROBER_WRITE:
      return open_it(PROBER_DIRECTORY "/kept2/new", O_WRONLY | O_CREAT);
    case PROBER_EXEC:
      return execute(PROBER_DIRECTORY "/allowed-program");
    case PROBER_CONNECT:
      return connect_to(12);
    case PROBER_SOCKET:
      return make_socket(AF_UNIX);
    case PROBER_CAPABILITY:
      return chown(PROBER_DIRECTORY "/secret2", 1, 1) == 0 ? 0 : errno;
    case PROBER_MOUNT:
      return umount2(PROBER_DIRECTORY "/nothing", UMOUNT_NOFOLLOW) == 0 || errno == EINVAL ? 0
                                                                                           : errno;
  }
  return -1;
}

/* What only version A (0) or B (1) denies, in one class or the other. */
static int differing(int version, int by_port) {
  if (by_port) return connect_to(version == 0 ? 10 : 11);
  return open_it(version == 0 ? PROBER_DIRECTORY "/only-a" : PROBER_DIRECTORY "/only-b", O_RDONLY);
}

static void wrong(struct prober_count *count, const char *what, int kind, int answer) {
  if (count->wrong++ == 0 && page->first_wrong[0] == 0) {
    snprintf(page->first_wrong, sizeof(page->first_wrong), "%s %d, phase %u, round %llu: %s", what,
             kind, page->phase, (unsigned long long)page->rounds,
             answer == 0 ? "allowed" : strerror(answer));
  }
}

static void probe_differences(int by_port) {
  uint32_t phase = page->phase;
  int old_version = phase % 4 >= 2, moving = phase % 2;
  int first = differing(old_version, by_port), second = differing(!old_version, !by_port);
  __sync_synchronize();
  if (page->phase != phase) return;
  if (moving) {
    page->mixture.tries++;
    if (first == 0 && second != EPERM) wrong(&page->mixture, "mixture", by_port, second);
    if (first != 0 && first != EPERM) wrong(&page->mixture, "mixture", by_port, first);
    if (second != 0 && second != EPERM) wrong(&page->mixture, "mixture", by_port, second);
  } else {
    page->settled.tries++;
    if (first != EPERM) wrong(&page->settled, "settled, denied", by_port, first);
    if (second != 0) wrong(&page->settled, "settled, allowed", by_port, second);
  }
}

int main(void) {
  int fd = open(PROBER_PAGE, O_RDWR | O_CLOEXEC);
  if (fd < 0) return 2;
  page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return 2;
  while (!page->stop) {
    int kind;
    for (kind = 0; kind < PROBER_CLASSES; kind++) {
      int answer;
      /* Programs cost a hundred times what the rest does. */
      if (kind == PROBER_EXEC && page->rounds % 16 != 0) continue;
      answer = denied(kind);
      page->denied[kind].tries++;
      if (answer != EPERM) wrong(&page->denied[kind], "denied class", kind, answer);
      answer = allowed(kind);
      page->allowed[kind].tries++;
      if (answer != 0) wrong(&page->allowed[kind], "allowed class", kind, answer);
    }
    if (!page->unannounced) probe_differences(page->rounds & 1);
    page->rounds++;
  }
  return 0;
}
