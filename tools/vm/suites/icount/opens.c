// opens FILE N: opens and closes FILE N times.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  for (int i = atoi(argv[2]); i > 0; i--) {
    int fd = open(argv[1], O_RDONLY);
    if (fd < 0 || close(fd) != 0) return 1;
  }
  return 0;
}
