// Operations on sockets:
//
//     socket   DOMAIN  TYPE  PROTOCOL     numbers
//     connect  ADDRESS PORT               IPv4 or IPv6 in text
//
// Ways of connect: udp (connecting a datagram socket), sendto (without connecting), unspecified
// (sendto with AF_UNSPEC, which means IPv4), fastopen (data in the first packet), io_uring.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/attack/attacker/io_uring.h"
#include "tools/attack/attacker/operation.h"

int SocketOperation(const struct operation* operation) {
  const int fd = socket((int)NumberOf(operation->words[0]), (int)NumberOf(operation->words[1]),
                        (int)NumberOf(operation->words[2]));
  return ErrnoOf(fd);
}

struct peer {
  struct sockaddr_storage address;
  socklen_t size;
};

static int ReadPeer(const struct operation* operation, struct peer* peer) {
  struct sockaddr_in* v4 = (struct sockaddr_in*)&peer->address;
  struct sockaddr_in6* v6 = (struct sockaddr_in6*)&peer->address;
  const uint16_t port = htons((uint16_t)NumberOf(operation->words[1]));
  memset(peer, 0, sizeof *peer);
  if (inet_pton(AF_INET, operation->words[0], &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    peer->size = sizeof *v4;
  } else if (inet_pton(AF_INET6, operation->words[0], &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = port;
    peer->size = sizeof *v6;
  } else {
    return Unprepared("no address");
  }
  return 0;
}

static int Datagram(const struct operation* operation, struct peer* peer, int fd) {
  struct sockaddr* address = (struct sockaddr*)&peer->address;
  if (IsVariant(operation, "udp")) return ErrnoOf(connect(fd, address, peer->size));
  if (IsVariant(operation, "unspecified")) address->sa_family = AF_UNSPEC;
  return ErrnoOf(sendto(fd, "x", 1, MSG_DONTWAIT, address, peer->size));
}

int ConnectOperation(const struct operation* operation) {
  struct peer peer;
  const int error = ReadPeer(operation, &peer);
  if (error != 0) return error;
  const int datagram = IsVariant(operation, "udp") || IsVariant(operation, "sendto") ||
                       IsVariant(operation, "unspecified");
  const int type = datagram ? SOCK_DGRAM : SOCK_STREAM;
  const int fd = socket(peer.address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno == EAFNOSUPPORT ? Unprepared("the kernel has no IPv6") : errno;
  if (datagram) return Datagram(operation, &peer, fd);
  const struct sockaddr* address = (const struct sockaddr*)&peer.address;
  if (IsVariant(operation, "fastopen")) {
    return ErrnoOf(sendto(fd, "x", 1, MSG_FASTOPEN | MSG_DONTWAIT, address, peer.size));
  }
  if (IsVariant(operation, "io_uring")) return ConnectByRing(fd, address, peer.size);
  return ErrnoOf(connect(fd, address, peer.size));
}
