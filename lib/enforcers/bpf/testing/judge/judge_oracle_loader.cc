#include "lib/enforcers/bpf/testing/judge/judge_oracle_loader.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "bpf/libbpf.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/parallel.h"

namespace varmor {
namespace {

// Slots are used in turn; the maps of an earlier profile are taken out before one is used again.
constexpr uint32_t kSlots = 4096;

absl::Status Refused(int error, absl::string_view what) {
  const std::string log = LibbpfMessages();
  const std::string text = absl::StrCat(what, ": errno ", error, " (", strerror(error), ")\n", log);
  if (error == EPERM || error == EACCES) {
    // The verifier says EACCES too, but with a log.
    return log.find("BEGIN PROG LOAD LOG") == std::string::npos ? absl::PermissionDeniedError(text)
                                                                : absl::InternalError(text);
  }
  if (error == ENOSYS || error == EOPNOTSUPP) return absl::UnimplementedError(text);
  return absl::InternalError(text);
}

// "" for a file that cannot be read.
std::string ReadAll(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
}

absl::Status RunAll(const std::vector<SlotMaps::Step>& steps) {
  for (const absl::Status& status : RunParallel(steps)) VARMOR_RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<JudgeOracle>> JudgeOracle::Load(const std::string& object_file) {
  ClearLibbpfMessages();
  std::unique_ptr<JudgeOracle> oracle(new JudgeOracle());
  VARMOR_ASSIGN_OR_RETURN(oracle->object_, OpenProgramObject(ReadAll(object_file)));
  bpf_object* const object = oracle->object_.get();
  bpf_program* program;
  bpf_object__for_each_program(program, object) {
    if (bpf_program__type(program) == BPF_PROG_TYPE_LSM) bpf_program__set_autoload(program, false);
  }
  bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "tasks_by_address"), 1);
  if (const int error = bpf_object__load(object); error != 0) {
    return Refused(-error, absl::StrCat("loading ", object_file));
  }
  std::map<std::string, int> outer;
  for (const std::string& name : SlotMapNames()) outer[name] = oracle->MapFd(name.c_str());
  oracle->slots_ = std::make_unique<SlotMaps>(BpfCalls::Real(), std::move(outer));
  void* memory = mmap(nullptr, sizeof(judge_question), PROT_READ | PROT_WRITE, MAP_SHARED,
                      oracle->MapFd("question"), 0);
  if (memory == MAP_FAILED) return Refused(errno, "mapping the question");
  oracle->question_ = static_cast<judge_question*>(memory);
  oracle->events_ = ring_buffer__new(oracle->MapFd("events"), OnEvent, oracle.get(), nullptr);
  if (oracle->events_ == nullptr) return Refused(errno, "mapping the events");
  return oracle;
}

JudgeOracle::~JudgeOracle() {
  if (events_ != nullptr) ring_buffer__free(events_);
  if (question_ != nullptr) munmap(question_, sizeof(judge_question));
}

int JudgeOracle::MapFd(const char* name) const {
  return bpf_object__find_map_fd_by_name(object_.get(), name);
}

int JudgeOracle::OnEvent(void* self, void* data, size_t size) {
  JudgeEvent event;
  if (size >= sizeof(event.header)) {
    std::memcpy(&event.header, data, sizeof(event.header));
    event.text.assign(static_cast<const char*>(data) + sizeof(event.header),
                      size - sizeof(event.header));
  }
  static_cast<JudgeOracle*>(self)->received_.push_back(std::move(event));
  return 0;
}

absl::Status JudgeOracle::SetProfile(const BpfArtifact& artifact) {
  slot_ = slot_ % (kSlots - 1) + 1;
  VARMOR_RETURN_IF_ERROR(RunAll(slots_->Clear(slot_)));
  VARMOR_ASSIGN_OR_RETURN(maps_, BuildProfileMaps(BpfCalls::Real(), artifact));
  VARMOR_RETURN_IF_ERROR(RunAll(slots_->Fill(slot_, maps_)));
  if (bpf_map_update_elem(MapFd("slots"), &kProfile, &slot_, BPF_ANY) != 0) {
    return Refused(errno, "putting a slot in force");
  }
  for (const BpfMap& map : artifact.maps()) {
    if (map.name() == "profile") return absl::OkStatus();
  }
  return absl::InvalidArgumentError("the artifact has no map \"profile\"");
}

judge_question& JudgeOracle::NewQuestion() {
  std::memset(question_, 0, offsetof(judge_question, text));
  question_->other_length = 0;
  question_->subject_id = kSubject;
  question_->subject.profile = kProfile;
  question_->subject.pod = kPod;
  return *question_;
}

absl::Status JudgeOracle::Ask(const char* program, JudgeEvent& event) {
  LIBBPF_OPTS(bpf_test_run_opts, options);
  const int fd = bpf_program__fd(bpf_object__find_program_by_name(object_.get(), program));
  if (bpf_prog_test_run_opts(fd, &options) != 0) return Refused(errno, "BPF_PROG_TEST_RUN");
  if (options.retval != 0) return absl::InternalError(absl::StrCat(program, " has no question"));
  received_.clear();
  if (ring_buffer__consume(events_) < 0) return Refused(errno, "reading events");
  if (received_.size() > 1) {
    return absl::InternalError(absl::StrCat(program, " reported ", received_.size(), " events"));
  }
  event = received_.empty() ? JudgeEvent() : std::move(received_[0]);
  return absl::OkStatus();
}

absl::Status JudgeOracle::SetOwnAddress(const uint8_t (&address)[16], bool own) {
  varmor_pod_address key{};
  key.pod = kPod;
  std::memcpy(key.address, address, sizeof(key.address));
  const uint32_t one = 1;
  const int result = own ? bpf_map_update_elem(MapFd("pod_addresses"), &key, &one, BPF_ANY)
                         : bpf_map_delete_elem(MapFd("pod_addresses"), &key);
  return result == 0 ? absl::OkStatus() : Refused(errno, "changing the pod's addresses");
}

absl::StatusOr<uint64_t> JudgeOracle::Hits(uint32_t rule) const {
  uint64_t hits = 0;
  if (bpf_map_lookup_elem(maps_.at("slot_hits").get(), &rule, &hits) != 0) {
    return Refused(errno, "reading a counter");
  }
  return hits;
}

}  // namespace varmor
