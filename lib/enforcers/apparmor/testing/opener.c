// opener FILE...: opens a file when it may and tells how that went: exit status 0, or the errno.
//
//     opener open FILE                  at once
//     opener connect FILE               to the stream socket that it is
//     opener when STARTED GO FILE       makes STARTED, waits until GO is there
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int open_file(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  return fd == -1 ? errno : 0;
}

static int connect_to(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) return errno;
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return connect(fd, (struct sockaddr*)&address, sizeof address) == 0 ? 0 : errno;
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "open") == 0) return open_file(argv[2]);
  if (argc == 3 && strcmp(argv[1], "connect") == 0) return connect_to(argv[2]);
  if (argc == 5 && strcmp(argv[1], "when") == 0) {
    if (open(argv[2], O_WRONLY | O_CREAT | O_CLOEXEC, 0600) == -1) return errno;
    while (access(argv[3], F_OK) != 0) usleep(20000);
    return open_file(argv[4]);
  }
  return 255;
}
