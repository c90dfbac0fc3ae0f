#include "lib/enforcers/bpf/bpf_reads.h"

#include <cerrno>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bpf/bpf.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"

namespace varmor {

absl::Status ReadFailed(absl::string_view what, int error) {
  const std::string message = absl::StrCat("cannot read ", what, ": ", SystemReason(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (OutOfResources(error)) return absl::ResourceExhaustedError(message);
  return error == EPERM || error == EACCES ? absl::PermissionDeniedError(message)
                                           : absl::FailedPreconditionError(message);
}

absl::StatusOr<UniqueFd> OpenPin(const std::string& path) {
  UniqueFd fd(bpf_obj_get(path.c_str()));
  if (!fd.ok()) return ReadFailed(absl::StrCat("pin ", Quoted(path)), errno);
  return fd;
}

absl::StatusOr<BpfMapParameters> MapParametersOf(int fd, uint32_t* id) {
  bpf_map_info info{};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return ReadFailed("a map's sizes", errno);
  // Programs and links have a structure of the same call, in which another number stands here.
  const absl::StatusOr<std::string> text = ReadFileWhole(absl::StrCat("/proc/self/fdinfo/", fd));
  if (!text.ok()) return text.status();
  if (text->find("map_type:") == std::string::npos) {
    return absl::InvalidArgumentError("it is no map");
  }
  BpfMapParameters map;
  map.type = info.type;
  map.name = info.name;
  map.key_size = info.key_size;
  map.value_size = info.value_size;
  map.max_entries = info.max_entries;
  map.flags = info.map_flags;
  if (id != nullptr) *id = info.id;
  return map;
}

absl::StatusOr<UniqueFd> MapById(uint32_t id) {
  UniqueFd fd(bpf_map_get_fd_by_id(id));
  if (!fd.ok()) return ReadFailed(absl::StrCat("map number ", id), errno);
  return fd;
}

absl::StatusOr<UniqueFd> ProgramOfLink(int link) {
  bpf_link_info info{};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(link, &info, &size) != 0) return ReadFailed("a link", errno);
  UniqueFd program(bpf_prog_get_fd_by_id(info.prog_id));
  if (!program.ok()) return ReadFailed("a link's program", errno);
  return program;
}

absl::StatusOr<uint64_t> MapMemory(int fd) {
  VARMOR_ASSIGN_OR_RETURN(const std::string text,
                          ReadFileWhole(absl::StrCat("/proc/self/fdinfo/", fd)));
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    uint64_t bytes = 0;
    if (absl::ConsumePrefix(&line, "memlock:") && absl::SimpleAtoi(line, &bytes)) return bytes;
  }
  return uint64_t{0};
}

absl::StatusOr<std::string> ReadValue(int map, const void* key, size_t value_size) {
  std::string value(value_size, '\0');
  if (bpf_map_lookup_elem(map, key, value.data()) != 0) return ReadFailed("an entry", errno);
  return value;
}

absl::StatusOr<std::vector<uint32_t>> ReadWords(int map, uint32_t count) {
  std::vector<uint32_t> keys(count), words(count);
  uint32_t read = count, next = 0;
  const int failed =
      bpf_map_lookup_batch(map, nullptr, &next, keys.data(), words.data(), &read, nullptr);
  // ENOENT: that was the last of them.
  if ((failed == 0 || errno == ENOENT) && read == count) return words;
  for (uint32_t i = 0; i < count; ++i) {
    if (bpf_map_lookup_elem(map, &i, &words[i]) == 0) continue;
    if (errno != ENOENT) return ReadFailed("an array", errno);
    words[i] = 0;
  }
  return words;
}

absl::StatusOr<std::vector<std::string>> ReadKeys(int map, size_t key_size) {
  std::vector<std::string> keys;
  std::string key(key_size, '\0'), next(key_size, '\0');
  const void* before = nullptr;
  while (bpf_map_get_next_key(map, before, next.data()) == 0) {
    keys.push_back(next);
    key = next;
    before = key.data();
  }
  if (errno != ENOENT) return ReadFailed("the keys of a map", errno);
  return keys;
}

}  // namespace varmor
