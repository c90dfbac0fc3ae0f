/* Tries again and again what it should not be able to do.
 *
 * usage: prober FILE STOP    opens FILE for reading until STOP exists
 * Prints how often it could and could not. Exit status: 0 when it never could, else 1. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
  unsigned long opened = 0, denied = 0, other = 0;
  if (argc != 3) return 2;
  do {
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
      opened++;
      close(fd);
    } else if (errno == EPERM) {
      denied++;
    } else {
      other++;
    }
  } while (access(argv[2], F_OK) != 0);
  printf("prober: opened %lu, denied %lu, other %lu\n", opened, denied, other);
  return opened == 0 && other == 0 && denied > 0 ? 0 : 1;
}
