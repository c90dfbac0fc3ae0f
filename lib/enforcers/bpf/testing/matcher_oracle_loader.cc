#include "lib/enforcers/bpf/testing/matcher_oracle_loader.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "bpf/libbpf.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

constexpr const char* kMaps[] = {"pages", "addresses", "ports"};

// libbpf prints from one place; what it says becomes part of the Status.
thread_local std::string last_messages;

int Remember(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  char line[4096];
  const int size = vsnprintf(line, sizeof(line), format, arguments);
  last_messages.append(line, size < 0 ? 0 : strnlen(line, sizeof(line)));
  return size;
}

absl::Status Refused(int error, absl::string_view what) {
  const std::string text =
      absl::StrCat(what, ": errno ", error, " (", strerror(error), ")\n", last_messages);
  if (error == EPERM || error == EACCES) {
    // The verifier says EACCES too, but with a log.
    return last_messages.find("BEGIN PROG LOAD LOG") == std::string::npos
               ? absl::PermissionDeniedError(text)
               : absl::InternalError(text);
  }
  if (error == ENOSYS || error == EOPNOTSUPP) return absl::UnimplementedError(text);
  return absl::InternalError(text);
}

absl::Status DeleteEntries(int fd, const BpfMap& map) {
  for (const BpfMapEntry& entry : map.entries()) {
    if (map.kind() == BpfMap::ARRAY) continue;  // overwritten or not asked for
    if (bpf_map_delete_elem(fd, entry.key().data()) != 0) {
      return Refused(errno, absl::StrCat("emptying map ", map.name()));
    }
  }
  return absl::OkStatus();
}

absl::Status WriteEntries(int fd, const BpfMap& map) {
  const uint32_t room = map.kind() == BpfMap::ARRAY ? ORACLE_PAGES : ORACLE_TRIE_ENTRIES;
  if (map.max_entries() > room) {
    return absl::ResourceExhaustedError(
        absl::StrCat("map ", map.name(), " has ", map.max_entries(), " entries, room for ", room));
  }
  for (const BpfMapEntry& entry : map.entries()) {
    if (bpf_map_update_elem(fd, entry.key().data(), entry.value().data(), BPF_ANY) != 0) {
      return Refused(errno, absl::StrCat("filling map ", map.name()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<MatcherOracle> MatcherOracle::Load(const std::string& object_file) {
  libbpf_set_print(Remember);
  last_messages.clear();
  MatcherOracle oracle;
  oracle.object_ = bpf_object__open_file(object_file.c_str(), nullptr);
  if (oracle.object_ == nullptr) return Refused(errno, absl::StrCat("opening ", object_file));
  if (const int error = bpf_object__load(oracle.object_); error != 0) {
    return Refused(-error, absl::StrCat("loading ", object_file));
  }
  const auto program = [&oracle](const char* name) {
    return bpf_program__fd(bpf_object__find_program_by_name(oracle.object_, name));
  };
  oracle.match_path_ = program("match_path");
  oracle.look_up_egress_ = program("look_up_egress");
  void* memory = mmap(nullptr, sizeof(oracle_question), PROT_READ | PROT_WRITE, MAP_SHARED,
                      oracle.MapFd("question"), 0);
  if (memory == MAP_FAILED) return Refused(errno, "mapping the question");
  oracle.question_ = static_cast<oracle_question*>(memory);
  // A kernel without BPF_PROG_TEST_RUN is found out now.
  VARMOR_RETURN_IF_ERROR(oracle.Run(oracle.match_path_));
  return oracle;
}

MatcherOracle::MatcherOracle(MatcherOracle&& other) noexcept
    : object_(std::exchange(other.object_, nullptr)),
      question_(std::exchange(other.question_, nullptr)),
      match_path_(other.match_path_),
      look_up_egress_(other.look_up_egress_),
      artifact_(std::move(other.artifact_)) {}

MatcherOracle::~MatcherOracle() {
  if (question_ != nullptr) munmap(question_, sizeof(oracle_question));
  if (object_ != nullptr) bpf_object__close(object_);
}

int MatcherOracle::MapFd(const char* name) const {
  return bpf_object__find_map_fd_by_name(object_, name);
}

absl::Status MatcherOracle::SetArtifact(const BpfArtifact& artifact) {
  for (const BpfMap& map : artifact_.maps()) {
    for (const char* name : kMaps) {
      if (map.name() == name) VARMOR_RETURN_IF_ERROR(DeleteEntries(MapFd(name), map));
    }
  }
  artifact_ = artifact;
  question_->pod_self_set = 0;
  for (const BpfMap& map : artifact.maps()) {
    for (const char* name : kMaps) {
      if (map.name() == name) VARMOR_RETURN_IF_ERROR(WriteEntries(MapFd(name), map));
    }
    if (map.name() == "profile" && map.entries_size() == 1) {
      varmor_profile profile;
      std::memcpy(&profile, map.entries(0).value().data(), sizeof(profile));
      question_->pod_self_set = profile.pod_self_set;
    }
  }
  return absl::OkStatus();
}

absl::Status MatcherOracle::Run(int program) const {
  static constexpr char kPacket[64] = {};
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = kPacket;
  options.data_size_in = sizeof(kPacket);
  options.repeat = 1;
  if (bpf_prog_test_run_opts(program, &options) != 0) {
    return Refused(errno, "BPF_PROG_TEST_RUN");
  }
  if (options.retval != 0) return absl::InternalError("the program has no question");
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> MatcherOracle::Match(const varmor_path_table& table,
                                              absl::string_view path, uint32_t begin) {
  if (begin + path.size() > VARMOR_PATH_BUFFER) {
    return absl::InvalidArgumentError("the path does not fit the buffer");
  }
  question_->table = table;
  question_->begin = begin;
  question_->end = begin + static_cast<uint32_t>(path.size());
  std::memcpy(question_->buffer + begin, path.data(), path.size());
  question_->accept = ~0u - 1;
  VARMOR_RETURN_IF_ERROR(Run(match_path_));
  return question_->accept;
}

absl::StatusOr<varmor_verdict> MatcherOracle::Egress(const std::array<uint8_t, 16>& address,
                                                     uint16_t port, bool own) {
  std::memcpy(question_->address, address.data(), address.size());
  question_->port[0] = static_cast<uint8_t>(port >> 8);
  question_->port[1] = static_cast<uint8_t>(port);
  question_->own = own ? 1 : 0;
  VARMOR_RETURN_IF_ERROR(Run(look_up_egress_));
  return question_->verdict;
}

}  // namespace varmor
