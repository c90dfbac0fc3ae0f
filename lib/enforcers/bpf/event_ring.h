// One reader of a BPF ring buffer, of any number: each gets every record.
//
// The kernel keeps one position up to which records have been consumed, and libbpf's reader moves
// it as if nobody else did. Here every reader has a position of its own and only ever moves the
// kernel's forward. What the fastest reader has consumed stays where it is until the kernel needs
// the room, so the others have the ring's size to catch up; whoever does not is told.
#ifndef LIB_ENFORCERS_BPF_EVENT_RING_H_
#define LIB_ENFORCERS_BPF_EVENT_RING_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/enforcers/unique_fd.h"

namespace varmor {

class EventRing {
 public:
  // Begins with the oldest record that no reader has consumed. Keeps a descriptor of its own for
  // `map`, a BPF_MAP_TYPE_RINGBUF whose records have at most kLargestRecord bytes.
  static absl::StatusOr<EventRing> Open(int map);
  static constexpr size_t kLargestRecord = 16 << 10;

  EventRing(EventRing&& other) noexcept;
  EventRing& operator=(EventRing&& other) noexcept;
  ~EventRing();

  // Hands over the records that are there, in the order of the ring; what `handler` gets is valid
  // during the call. A record counts as consumed when its call has returned. Returns how many.
  int Read(const std::function<void(absl::string_view)>& handler);

  // Whether this reader has come to where the kernel was at `produced()` before.
  bool HasReached(uint64_t produced) const { return position_ >= produced; }
  // Where the next record will begin.
  uint64_t produced() const;

  // Bytes, with their headers, of records that the kernel overwrote before this reader came to
  // them, since Open.
  uint64_t lost_bytes() const { return lost_bytes_; }

  // Becomes readable when a record comes, unless another reader has consumed it by then.
  int fd() const { return map_.get(); }

 private:
  EventRing() = default;
  // Whether the record at `position_` may have been overwritten by now.
  bool Overtaken() const;
  void SkipToConsumed();
  void Consume(uint64_t end);

  UniqueFd map_;
  // The kernel's pages: the consumer's position, which is shared with all readers; the producer's;
  // and the records, twice one after the other.
  void* consumer_page_ = nullptr;
  void* producer_pages_ = nullptr;
  size_t page_ = 0;
  size_t size_ = 0;
  const char* records_ = nullptr;

  uint64_t position_ = 0;
  uint64_t lost_bytes_ = 0;
  std::string record_;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_EVENT_RING_H_
