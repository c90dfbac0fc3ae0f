#include "lib/enforcers/bpf/bpf_events.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_enforcer_parts.h"
#include "lib/enforcers/bpf/bpf_reads.h"
#include "lib/enforcers/bpf/event_ring.h"
#include "lib/enforcers/bpf/pins.h"
#include "lib/enforcers/bpf/profile_record.h"

namespace varmor {
namespace {

uint64_t Now(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

// How late an event may be seen that another reader has consumed first.
constexpr int kLateMs = 200;

absl::Status AddTo(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return absl::OkStatus();
  return ReadFailed("a ring of events", errno);
}

}  // namespace

struct BpfEventReader::Parts {
  Handler handler;
  std::function<void(const absl::Status&)> bad;
  std::string directory;
  std::string version;  // the path of the one with the records
  uint32_t control_id = 0;
  std::optional<EventRing> ring;
  // When to look: the ring's own word and a timer's.
  UniqueFd timer;
  UniqueFd epoll;
  uint64_t lost_told = 0;

  // By slot. A record that is gone was that of events which are still in the ring.
  struct Known {
    uint32_t id = 0;
    BpfArtifact record;
  };
  std::map<uint32_t, Known> known;
  // Slots that were looked at since the present Poll began.
  std::map<uint32_t, bool> fresh;

  // Reads the record that is there now, unless it is known. NOT_FOUND when there is none.
  absl::Status LookAt(uint32_t slot);
  // Other builds that take over use the same maps and have the records elsewhere.
  absl::Status FindVersion();
  const BpfArtifact* RecordFor(uint32_t slot);
  void Take(absl::string_view bytes);
  int TakeAll();
  absl::Status Arm();
};

absl::Status BpfEventReader::Parts::FindVersion() {
  if (IsComplete(version)) return absl::OkStatus();
  VARMOR_ASSIGN_OR_RETURN(const std::string name, FindVersionWithControl(directory, control_id));
  version = absl::StrCat(directory, "/", name);
  return absl::OkStatus();
}

absl::Status BpfEventReader::Parts::LookAt(uint32_t slot) {
  VARMOR_RETURN_IF_ERROR(FindVersion());
  VARMOR_ASSIGN_OR_RETURN(const UniqueFd pin, OpenPin(absl::StrCat(version, "/profiles/", slot)));
  uint32_t id = 0;
  VARMOR_RETURN_IF_ERROR(MapParametersOf(pin.get(), &id).status());
  if (known[slot].id == id) return absl::OkStatus();
  VARMOR_ASSIGN_OR_RETURN(BpfArtifact record, ReadRecord(pin.get()));
  known[slot] = {id, std::move(record)};
  return absl::OkStatus();
}

const BpfArtifact* BpfEventReader::Parts::RecordFor(uint32_t slot) {
  if (!std::exchange(fresh[slot], true)) {
    const absl::Status read = LookAt(slot);
    if (!read.ok() && !absl::IsNotFound(read) && bad) bad(read);
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

int BpfEventReader::Parts::TakeAll() {
  uint64_t times = 0;
  if (read(timer.get(), &times, sizeof(times)) < 0 && errno != EAGAIN) times = 0;
  fresh.clear();
  const int count = ring->Read([this](absl::string_view bytes) { Take(bytes); });
  if (ring->lost_bytes() > lost_told && bad) {
    bad(absl::DataLossError(absl::StrCat(ring->lost_bytes() - lost_told,
                                         " bytes of BPF events were overwritten before they were "
                                         "read; read more often, or start with "
                                         "a larger ring")));
  }
  lost_told = ring->lost_bytes();
  return count;
}

absl::Status BpfEventReader::Parts::Arm() {
  epoll = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  timer = UniqueFd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  const timespec late{kLateMs / 1000, kLateMs % 1000 * 1000000};
  const itimerspec every{late, late};
  if (!epoll.ok() || !timer.ok() || timerfd_settime(timer.get(), 0, &every, nullptr) != 0) {
    return ReadFailed("a ring of events", errno);
  }
  VARMOR_RETURN_IF_ERROR(AddTo(epoll.get(), ring->fd()));
  return AddTo(epoll.get(), timer.get());
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
  parts->directory = from.options.directory;
  parts->version = from.version->path;
  parts->control_id = from.version->control_id;
  VARMOR_ASSIGN_OR_RETURN(EventRing ring, EventRing::Open(from.version->map("events")));
  parts->ring.emplace(std::move(ring));
  VARMOR_RETURN_IF_ERROR(parts->Arm());
  return BpfEventReader(std::move(parts));
}

BpfEventReader::BpfEventReader(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
BpfEventReader::BpfEventReader(BpfEventReader&&) noexcept = default;
BpfEventReader& BpfEventReader::operator=(BpfEventReader&&) noexcept = default;
BpfEventReader::~BpfEventReader() = default;

absl::StatusOr<int> BpfEventReader::Poll(int timeout_ms) {
  const uint64_t begin = Now(CLOCK_MONOTONIC);
  for (;;) {
    if (const int count = parts_->TakeAll(); count > 0) return count;
    const auto passed = static_cast<int64_t>((Now(CLOCK_MONOTONIC) - begin) / 1000000);
    if (timeout_ms >= 0 && passed >= timeout_ms) return 0;
    epoll_event events[2];
    const int left = timeout_ms < 0 ? -1 : static_cast<int>(timeout_ms - passed);
    if (epoll_wait(parts_->epoll.get(), events, 2, left) < 0) {
      if (errno == EINTR) return 0;
      return ReadFailed("map events", errno);
    }
  }
}

absl::Status BpfEventReader::Drain(int timeout_ms) {
  const uint64_t produced = parts_->ring->produced();
  const uint64_t end = Now(CLOCK_MONOTONIC) + static_cast<uint64_t>(timeout_ms) * 1000000;
  for (parts_->TakeAll(); !parts_->ring->HasReached(produced); parts_->TakeAll()) {
    if (Now(CLOCK_MONOTONIC) > end) {
      return absl::DeadlineExceededError("an event is still being written");
    }
    usleep(100);
  }
  return absl::OkStatus();
}

int BpfEventReader::fd() const { return parts_->epoll.get(); }

uint64_t BpfEventReader::lost_bytes() const { return parts_->ring->lost_bytes(); }

}  // namespace varmor
