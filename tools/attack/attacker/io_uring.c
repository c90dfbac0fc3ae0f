#define _GNU_SOURCE
#include "tools/attack/attacker/io_uring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/attack/attacker/operation.h"

struct ring {
  int fd;
  struct io_uring_params params;
  char* submissions;
  struct io_uring_sqe* entries;
  char* completions;
};

static void* MapRing(const struct ring* ring, size_t size, uint64_t offset) {
  return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
              (off_t)offset);
}

static int OpenRing(struct ring* ring) {
  memset(ring, 0, sizeof *ring);
  ring->fd = (int)syscall(SYS_io_uring_setup, 1, &ring->params);
  if (ring->fd < 0) return Unprepared("the kernel gives no io_uring");
  const struct io_uring_params* p = &ring->params;
  ring->submissions =
      MapRing(ring, p->sq_off.array + p->sq_entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
  ring->entries = MapRing(ring, p->sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
  ring->completions = MapRing(ring, p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe),
                              IORING_OFF_CQ_RING);
  if (ring->submissions == MAP_FAILED || (void*)ring->entries == MAP_FAILED ||
      ring->completions == MAP_FAILED) {
    return Unprepared("cannot map the io_uring");
  }
  return 0;
}

// The result of the one entry, as an outcome.
static int RunEntry(struct ring* ring) {
  const struct io_uring_params* p = &ring->params;
  uint32_t* tail = (uint32_t*)(ring->submissions + p->sq_off.tail);
  *(uint32_t*)(ring->submissions + p->sq_off.array) = 0;
  __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
  if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) {
    return errno;
  }
  const struct io_uring_cqe* cqes =
      (const struct io_uring_cqe*)(ring->completions + p->cq_off.cqes);
  if (cqes[0].res == -EINVAL)
    return Unprepared("this kernel's io_uring does not know the operation");
  return cqes[0].res < 0 ? -cqes[0].res : 0;
}

int ConnectByRing(int fd, const struct sockaddr* address, socklen_t size) {
  struct ring ring;
  const int error = OpenRing(&ring);
  if (error != 0) return error;
  ring.entries[0].opcode = IORING_OP_CONNECT;
  ring.entries[0].fd = fd;
  ring.entries[0].addr = (uint64_t)(uintptr_t)address;
  ring.entries[0].off = size;
  return RunEntry(&ring);
}

int OpenByRing(const char* path, int flags, int mode) {
  struct ring ring;
  const int error = OpenRing(&ring);
  if (error != 0) return error;
  ring.entries[0].opcode = IORING_OP_OPENAT;
  ring.entries[0].fd = AT_FDCWD;
  ring.entries[0].addr = (uint64_t)(uintptr_t)path;
  ring.entries[0].len = (uint32_t)mode;
  ring.entries[0].open_flags = (uint32_t)flags;
  return RunEntry(&ring);
}
