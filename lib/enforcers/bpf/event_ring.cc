// The pages and the headers of records: kernel/bpf/ringbuf.c; positions only grow, and are taken
// modulo the size, which is a power of two.
#include "lib/enforcers/bpf/event_ring.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_reads.h"

namespace varmor {
namespace {

// Positions are `unsigned long` of the kernel, which is 64 bits wide where the programs run.
using Position = std::atomic<uint64_t>;
static_assert(sizeof(Position) == sizeof(uint64_t) && Position::is_always_lock_free);

Position& PositionAt(void* page) { return *static_cast<Position*>(page); }

uint32_t HeaderAt(const char* record) {
  return reinterpret_cast<const std::atomic<uint32_t>*>(record)->load(std::memory_order_acquire);
}

}  // namespace

absl::StatusOr<EventRing> EventRing::Open(int map) {
  VARMOR_ASSIGN_OR_RETURN(const BpfMapParameters shape, MapParametersOf(map));
  if (shape.type != BPF_MAP_TYPE_RINGBUF) {
    return absl::InvalidArgumentError("the map is no ring buffer");
  }
  EventRing ring;
  ring.page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  ring.size_ = shape.max_entries;
  ring.map_ = UniqueFd(dup(map));
  if (!ring.map_.ok()) return ReadFailed("a ring of events", errno);
  void* consumer =
      mmap(nullptr, ring.page_, PROT_READ | PROT_WRITE, MAP_SHARED, ring.map_.get(), 0);
  if (consumer == MAP_FAILED) return ReadFailed("a ring of events", errno);
  ring.consumer_page_ = consumer;
  void* producer = mmap(nullptr, ring.page_ + 2 * ring.size_, PROT_READ, MAP_SHARED,
                        ring.map_.get(), static_cast<off_t>(ring.page_));
  if (producer == MAP_FAILED) return ReadFailed("a ring of events", errno);
  ring.producer_pages_ = producer;
  ring.records_ = static_cast<const char*>(producer) + ring.page_;
  ring.position_ = PositionAt(consumer).load(std::memory_order_acquire);
  return ring;
}

EventRing::EventRing(EventRing&& other) noexcept { *this = std::move(other); }

EventRing& EventRing::operator=(EventRing&& other) noexcept {
  std::swap(map_, other.map_);
  std::swap(consumer_page_, other.consumer_page_);
  std::swap(producer_pages_, other.producer_pages_);
  std::swap(page_, other.page_);
  std::swap(size_, other.size_);
  std::swap(records_, other.records_);
  std::swap(position_, other.position_);
  std::swap(lost_bytes_, other.lost_bytes_);
  std::swap(record_, other.record_);
  return *this;
}

EventRing::~EventRing() {
  if (consumer_page_ != nullptr) munmap(consumer_page_, page_);
  if (producer_pages_ != nullptr) munmap(producer_pages_, page_ + 2 * size_);
}

// The kernel reuses room only behind the consumer's position. It writes a record's header before it
// moves the producer's position, and on some machines a part of the record may be seen before that
// as well.
bool EventRing::Overtaken() const {
  std::atomic_thread_fence(std::memory_order_acquire);
  if (PositionAt(consumer_page_).load(std::memory_order_acquire) <= position_) return false;
  return position_ + size_ < produced() + BPF_RINGBUF_HDR_SZ + kLargestRecord;
}

void EventRing::SkipToConsumed() {
  const uint64_t consumed = PositionAt(consumer_page_).load(std::memory_order_acquire);
  lost_bytes_ += consumed - position_;
  position_ = consumed;
}

void EventRing::Consume(uint64_t end) {
  position_ = end;
  Position& consumed = PositionAt(consumer_page_);
  uint64_t before = consumed.load(std::memory_order_acquire);
  while (before < end && !consumed.compare_exchange_weak(before, end, std::memory_order_acq_rel)) {
  }
}

uint64_t EventRing::produced() const {
  return PositionAt(producer_pages_).load(std::memory_order_acquire);
}

int EventRing::Read(const std::function<void(absl::string_view)>& handler) {
  int count = 0;
  while (position_ < produced()) {
    const char* start = records_ + (position_ & (size_ - 1));
    const uint32_t header = HeaderAt(start);
    if (Overtaken()) {
      SkipToConsumed();
      continue;
    }
    if ((header & BPF_RINGBUF_BUSY_BIT) != 0) break;  // being written
    const uint32_t length = header & ~BPF_RINGBUF_DISCARD_BIT;
    const bool discarded = (header & BPF_RINGBUF_DISCARD_BIT) != 0;
    if (!discarded) record_.assign(start + BPF_RINGBUF_HDR_SZ, length);
    if (Overtaken()) {
      SkipToConsumed();
      continue;
    }
    if (!discarded) {
      handler(record_);
      ++count;
    }
    Consume(position_ + (uint64_t{length} + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8);
  }
  return count;
}

}  // namespace varmor
