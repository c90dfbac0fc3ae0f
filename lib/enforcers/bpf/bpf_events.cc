#include "lib/enforcers/bpf/bpf_events.h"

#include <time.h>

#include <cerrno>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "bpf/libbpf.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_enforcer_parts.h"
#include "lib/enforcers/bpf/bpf_reads.h"
#include "lib/enforcers/bpf/profile_record.h"

namespace varmor {
namespace {

uint64_t Now(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

struct RingCloser {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};

}  // namespace

struct BpfEventReader::Parts {
  Handler handler;
  std::function<void(const absl::Status&)> bad;
  std::string records;  // directory of the pinned records
  UniqueFd events;
  std::unique_ptr<ring_buffer, RingCloser> ring;

  // By slot. A record that is gone was that of events which are still in the ring.
  struct Known {
    uint32_t id = 0;
    BpfArtifact record;
  };
  std::map<uint32_t, Known> known;
  // Slots that were looked at since the present Poll began.
  std::map<uint32_t, bool> fresh;

  const BpfArtifact* RecordFor(uint32_t slot);
  void Take(absl::string_view bytes);
  static int Sample(void* context, void* bytes, size_t size);
};

const BpfArtifact* BpfEventReader::Parts::RecordFor(uint32_t slot) {
  if (!std::exchange(fresh[slot], true)) {
    const absl::StatusOr<UniqueFd> pin = OpenPin(absl::StrCat(records, "/", slot));
    uint32_t id = 0;
    if (pin.ok() && MapParametersOf(pin->get(), &id).ok() && known[slot].id != id) {
      absl::StatusOr<BpfArtifact> record = ReadRecord(pin->get());
      if (record.ok()) known[slot] = {id, *std::move(record)};
    }
  }
  const auto found = known.find(slot);
  return found == known.end() || found->second.id == 0 ? nullptr : &found->second.record;
}

void BpfEventReader::Parts::Take(absl::string_view bytes) {
  absl::StatusOr<BpfViolation> violation = DecodeBpfEvent(bytes);
  if (!violation.ok()) {
    if (bad) bad(violation.status());
    return;
  }
  violation->wall_ns = Now(CLOCK_REALTIME) - Now(CLOCK_BOOTTIME) + violation->boot_ns;
  if (const BpfArtifact* record = RecordFor(violation->slot); record != nullptr) {
    violation->profile = record->name();
    if (violation->rule >= 0 && violation->rule < record->rules_size()) {
      violation->origin = record->rules(violation->rule);
    }
  }
  handler(*violation);
}

int BpfEventReader::Parts::Sample(void* context, void* bytes, size_t size) {
  static_cast<Parts*>(context)->Take({static_cast<const char*>(bytes), size});
  return 0;
}

absl::StatusOr<BpfEventReader> BpfEventReader::Open(BpfEnforcer& enforcer, Handler handler,
                                                    std::function<void(const absl::Status&)> bad) {
  BpfEnforcer::Parts& from = enforcer.parts();
  if (!from.version.has_value()) {
    return absl::FailedPreconditionError("the BPF enforcer has not been started");
  }
  auto parts = std::make_unique<Parts>();
  parts->handler = std::move(handler);
  parts->bad = std::move(bad);
  parts->records = absl::StrCat(from.version->path, "/profiles");
  parts->events = UniqueFd(dup(from.version->map("events")));
  parts->ring.reset(ring_buffer__new(parts->events.get(), Parts::Sample, parts.get(), nullptr));
  if (parts->ring == nullptr) return ReadFailed("map events", errno);
  return BpfEventReader(std::move(parts));
}

BpfEventReader::BpfEventReader(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
BpfEventReader::BpfEventReader(BpfEventReader&&) noexcept = default;
BpfEventReader& BpfEventReader::operator=(BpfEventReader&&) noexcept = default;
BpfEventReader::~BpfEventReader() = default;

absl::StatusOr<int> BpfEventReader::Poll(int timeout_ms) {
  parts_->fresh.clear();
  const int count = ring_buffer__poll(parts_->ring.get(), timeout_ms);
  if (count >= 0) return count;
  if (count == -EINTR) return 0;
  return ReadFailed("map events", -count);
}

int BpfEventReader::fd() const { return ring_buffer__epoll_fd(parts_->ring.get()); }

}  // namespace varmor
