// System calls made by the kernel's io_uring in place of the process.
#ifndef TOOLS_ATTACK_ATTACKER_IO_URING_H_
#define TOOLS_ATTACK_ATTACKER_IO_URING_H_

#include <sys/socket.h>

// Outcomes as everywhere; unprepared where the kernel has no io_uring or forbids it.
int ConnectByRing(int fd, const struct sockaddr* address, socklen_t size);
int OpenByRing(const char* path, int flags, int mode);

#endif  // TOOLS_ATTACK_ATTACKER_IO_URING_H_
