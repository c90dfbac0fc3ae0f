#include "lib/enforcers/bpf/program_object.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "bpf/btf.h"
#include "bpf/libbpf.h"
#include "lib/compiler/artifact/bpf_map_shapes.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/programs/programs_abi.h"

namespace varmor {
namespace {

// libbpf prints from one place; what it says becomes part of the Status.
thread_local std::string messages;

constexpr size_t kMostMessages = 1 << 20;

int Remember(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG || messages.size() > kMostMessages) return 0;
  va_list again;
  va_copy(again, arguments);
  const int size = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (size <= 0) return 0;
  const size_t before = messages.size();
  messages.resize(before + static_cast<size_t>(size) + 1);
  std::vsnprintf(&messages[before], static_cast<size_t>(size) + 1, format, arguments);
  messages.pop_back();
  return size;
}

// A structure that both sides read; the members are those whose place says most.
struct StructShape {
  const char* name;
  size_t size;
  std::vector<std::pair<const char*, size_t>> members;
};

#define VARMOR_MEMBER(type, member) \
  { #member, offsetof(struct type, member) }

std::vector<StructShape> SharedStructs() {
  return {
      {"varmor_profile",
       sizeof(varmor_profile),
       {VARMOR_MEMBER(varmor_profile, default_deny), VARMOR_MEMBER(varmor_profile, pod_self_set),
        VARMOR_MEMBER(varmor_profile, file), VARMOR_MEMBER(varmor_profile, exec),
        VARMOR_MEMBER(varmor_profile, mount), VARMOR_MEMBER(varmor_profile, capability_deny),
        VARMOR_MEMBER(varmor_profile, capability_deny_rule),
        VARMOR_MEMBER(varmor_profile, ptrace_other), VARMOR_MEMBER(varmor_profile, operations),
        VARMOR_MEMBER(varmor_profile, disk_file), VARMOR_MEMBER(varmor_profile, disk_mount)}},
      {"varmor_decision",
       sizeof(varmor_decision),
       {VARMOR_MEMBER(varmor_decision, deny_rule), VARMOR_MEMBER(varmor_decision, audit_rule)}},
      {"varmor_path_table",
       sizeof(varmor_path_table),
       {VARMOR_MEMBER(varmor_path_table, first_page), VARMOR_MEMBER(varmor_path_table, flags)}},
      {"varmor_control",
       sizeof(varmor_control),
       {VARMOR_MEMBER(varmor_control, generation),
        VARMOR_MEMBER(varmor_control, host_mount_namespace),
        VARMOR_MEMBER(varmor_control, protected_process)}},
      {"varmor_subject",
       sizeof(varmor_subject),
       {VARMOR_MEMBER(varmor_subject, pod), VARMOR_MEMBER(varmor_subject, flags),
        VARMOR_MEMBER(varmor_subject, forks)}},
      {"varmor_event",
       sizeof(varmor_event),
       {VARMOR_MEMBER(varmor_event, rule), VARMOR_MEMBER(varmor_event, subject),
        VARMOR_MEMBER(varmor_event, wanted), VARMOR_MEMBER(varmor_event, detail),
        VARMOR_MEMBER(varmor_event, comm), VARMOR_MEMBER(varmor_event, operation),
        VARMOR_MEMBER(varmor_event, extra)}},
      {"varmor_task", sizeof(varmor_task), {VARMOR_MEMBER(varmor_task, flags)}},
      {"varmor_pod_address",
       sizeof(varmor_pod_address),
       {VARMOR_MEMBER(varmor_pod_address, address)}},
      {"varmor_path_page", sizeof(varmor_path_page), {}},
      {"varmor_verdict", sizeof(varmor_verdict), {VARMOR_MEMBER(varmor_verdict, deny_rule)}},
      {"varmor_mount_accept",
       sizeof(varmor_mount_accept),
       {VARMOR_MEMBER(varmor_mount_accept, count)}},
      {"varmor_mount_rule",
       sizeof(varmor_mount_rule),
       {VARMOR_MEMBER(varmor_mount_rule, fstype), VARMOR_MEMBER(varmor_mount_rule, rule)}},
      {"varmor_socket_domain", sizeof(varmor_socket_domain), {}},
      {"varmor_address_key",
       sizeof(varmor_address_key),
       {VARMOR_MEMBER(varmor_address_key, address)}},
      {"varmor_port_key", sizeof(varmor_port_key), {VARMOR_MEMBER(varmor_port_key, port)}},
      {"varmor_device_key", sizeof(varmor_device_key), {VARMOR_MEMBER(varmor_device_key, minor)}},
  };
}

#undef VARMOR_MEMBER

absl::Status Mismatch(absl::string_view what) {
  return absl::InternalError(absl::StrCat("the BPF programs in this binary do not fit it: ", what));
}

absl::Status CheckStruct(const btf* types, const StructShape& shape) {
  const int id = btf__find_by_name_kind(types, shape.name, BTF_KIND_STRUCT);
  if (id <= 0) {
    return Mismatch(absl::StrCat("they have no struct ", shape.name));
  }
  const btf_type* type = btf__type_by_id(types, static_cast<__u32>(id));
  if (type->size != shape.size) {
    return Mismatch(absl::StrCat("struct ", shape.name, " has ", type->size, " bytes there and ",
                                 shape.size, " here"));
  }
  for (const auto& [name, offset] : shape.members) {
    bool found = false;
    for (__u32 i = 0; i < btf_vlen(type); ++i) {
      const btf_member& member = btf_members(type)[i];
      if (absl::string_view(btf__name_by_offset(types, member.name_off)) != name) continue;
      found = btf_member_bit_offset(type, i) == offset * 8;
    }
    if (!found) {
      return Mismatch(
          absl::StrCat("member ", name, " of struct ", shape.name, " is not at offset ", offset));
    }
  }
  return absl::OkStatus();
}

uint32_t KernelType(BpfMap::Kind kind) {
  if (kind == BpfMap::HASH) return BPF_MAP_TYPE_HASH;
  return kind == BpfMap::LPM_TRIE ? BPF_MAP_TYPE_LPM_TRIE : BPF_MAP_TYPE_ARRAY;
}

// What the loader makes for an image's map: arrays but "profile" differ in size.
BpfMapParameters InnerOf(const BpfMapShape& shape) {
  BpfMapParameters map;
  map.name = std::string(shape.name);
  map.type = KernelType(shape.kind);
  map.key_size = shape.key_size;
  map.value_size = shape.value_size;
  map.max_entries = 1;
  map.flags = shape.flags;
  if (shape.kind == BpfMap::ARRAY && shape.name != "profile") map.flags |= BPF_F_INNER_MAP;
  return map;
}

BpfMapParameters DeclaredBy(bpf_map* map) {
  BpfMapParameters out;
  out.name = bpf_map__name(map);
  out.type = bpf_map__type(map);
  out.key_size = bpf_map__key_size(map);
  out.value_size = bpf_map__value_size(map);
  out.max_entries = bpf_map__max_entries(map);
  out.flags = bpf_map__map_flags(map);
  return out;
}

// What programs_abi.h says about maps that are no slot maps.
absl::Status CheckPlainMaps(const ObjectShapes& shapes) {
  const struct {
    const char* name;
    uint32_t type, key_size, value_size;
  } kPlain[] = {
      {"control", BPF_MAP_TYPE_ARRAY, 4, sizeof(varmor_control)},
      {"subjects", BPF_MAP_TYPE_HASH, 8, sizeof(varmor_subject)},
      {"slots", BPF_MAP_TYPE_ARRAY, 4, 4},
      {"pod_addresses", BPF_MAP_TYPE_HASH, sizeof(varmor_pod_address), 4},
      {"drops", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8},
      {"events", BPF_MAP_TYPE_RINGBUF, 0, 0},
      {"tasks", BPF_MAP_TYPE_TASK_STORAGE, 4, sizeof(varmor_task)},
      {"tasks_by_address", BPF_MAP_TYPE_HASH, 8, sizeof(varmor_task)},
  };
  for (const auto& plain : kPlain) {
    const auto found = shapes.maps.find(plain.name);
    if (found == shapes.maps.end()) return Mismatch(absl::StrCat("they have no map ", plain.name));
    const BpfMapParameters& map = found->second;
    if (map.type != plain.type || map.key_size != plain.key_size ||
        map.value_size != plain.value_size) {
      return Mismatch(absl::StrCat("map ", plain.name, " has another kind or size"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

void ObjectCloser::operator()(bpf_object* object) const { bpf_object__close(object); }

std::string LibbpfMessages() { return messages; }
void ClearLibbpfMessages() { messages.clear(); }

std::string VersionOf(absl::string_view object) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(object.data()), object.size(), digest);
  return absl::StrCat(
      "v", VARMOR_PROGRAMS_ABI, "-",
      absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest), 6)));
}

int AbiOfVersion(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, "v")) return -1;
  const size_t dash = name.find('-');
  int abi = 0;
  if (dash == absl::string_view::npos || !absl::SimpleAtoi(name.substr(0, dash), &abi)) return -1;
  const absl::string_view rest = name.substr(dash + 1);
  const bool hexadecimal =
      rest.size() >= 12 && rest.find_first_not_of("0123456789abcdef-") == absl::string_view::npos;
  return hexadecimal ? abi : -1;
}

absl::StatusOr<ObjectPtr> OpenProgramObject(absl::string_view object) {
  libbpf_set_print(Remember);
  messages.clear();
  LIBBPF_OPTS(bpf_object_open_opts, options);
  options.object_name = "varmor";
  ObjectPtr opened(bpf_object__open_mem(object.data(), object.size(), &options));
  if (opened == nullptr) {
    return absl::InternalError(absl::StrCat(
        "the BPF programs in this binary cannot be read: ", std::strerror(errno), "\n", messages));
  }
  return opened;
}

const std::vector<std::string>& SlotMapNames() {
  static const auto* names = [] {
    auto* list = new std::vector<std::string>;
    for (const BpfMapShape& shape : BpfMapShapes()) {
      list->push_back(absl::StrCat("slot_", shape.name));
    }
    list->push_back("slot_hits");
    std::sort(list->begin(), list->end());
    return list;
  }();
  return *names;
}

const std::vector<std::string>& SharedMapNames() {
  static const auto* names = [] {
    auto* list = new std::vector<std::string>(SlotMapNames());
    for (const char* name : {"control", "subjects", "tasks", "tasks_by_address", "slots",
                             "pod_addresses", "drops", "events"}) {
      list->push_back(name);
    }
    std::sort(list->begin(), list->end());
    return list;
  }();
  return *names;
}

ObjectShapes ShapesOf(bpf_object* object) {
  ObjectShapes shapes;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    const auto& shared = SharedMapNames();
    if (!std::binary_search(shared.begin(), shared.end(), name)) continue;
    shapes.maps.emplace(name, DeclaredBy(map));
    if (bpf_map* inner = bpf_map__inner_map(map); inner != nullptr) {
      shapes.inner.emplace(name, DeclaredBy(inner));
    }
  }
  return shapes;
}

std::string ShapeDifference(const BpfMapParameters& declared, const BpfMapParameters& found) {
  if (declared.type != found.type) {
    return absl::StrCat("it is of type ", found.type, " instead of ", declared.type);
  }
  if (declared.key_size != found.key_size || declared.value_size != found.value_size) {
    return absl::StrCat("keys and values have ", found.key_size, " and ", found.value_size,
                        " bytes instead of ", declared.key_size, " and ", declared.value_size);
  }
  // The kernel adds flags of its own to those of 5.18 and later; only these change the meaning.
  constexpr uint32_t kFlags = BPF_F_NO_PREALLOC | BPF_F_INNER_MAP | BPF_F_MMAPABLE;
  if ((declared.flags & kFlags) != (found.flags & kFlags)) {
    return absl::StrCat("it has flags ", found.flags, " instead of ", declared.flags);
  }
  return "";
}

absl::Status CheckObject(bpf_object* object) {
  const btf* types = bpf_object__btf(object);
  if (types == nullptr) return Mismatch("they have no BTF");
  for (const StructShape& shape : SharedStructs()) {
    VARMOR_RETURN_IF_ERROR(CheckStruct(types, shape));
  }
  const ObjectShapes shapes = ShapesOf(object);
  VARMOR_RETURN_IF_ERROR(CheckPlainMaps(shapes));
  for (const BpfMapShape& shape : BpfMapShapes()) {
    const std::string name = absl::StrCat("slot_", shape.name);
    const auto inner = shapes.inner.find(name);
    if (inner == shapes.inner.end()) return Mismatch(absl::StrCat("they have no map ", name));
    const std::string difference = ShapeDifference(InnerOf(shape), inner->second);
    if (!difference.empty()) {
      return Mismatch(absl::StrCat("what map ", name, " holds: ", difference));
    }
  }
  const auto hits = shapes.inner.find("slot_hits");
  if (hits == shapes.inner.end() || hits->second.value_size != sizeof(uint64_t)) {
    return Mismatch("they have no map slot_hits of u64");
  }
  return absl::OkStatus();
}

void SetConstant(bpf_object* object, absl::string_view name, uint32_t value) {
  const btf* types = bpf_object__btf(object);
  const int id = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
  bpf_map* map = nullptr;
  bpf_map* constants = nullptr;
  bpf_object__for_each_map(map, object) {
    if (absl::EndsWith(bpf_map__name(map), ".rodata")) constants = map;
  }
  if (id <= 0 || constants == nullptr) return;
  const btf_type* section = btf__type_by_id(types, static_cast<__u32>(id));
  size_t size = 0;
  char* bytes = static_cast<char*>(const_cast<void*>(bpf_map__initial_value(constants, &size)));
  for (__u32 i = 0; i < btf_vlen(section); ++i) {
    const btf_var_secinfo& variable = btf_var_secinfos(section)[i];
    const btf_type* type = btf__type_by_id(types, variable.type);
    if (absl::string_view(btf__name_by_offset(types, type->name_off)) != name) continue;
    if (variable.size == sizeof(value) && variable.offset + sizeof(value) <= size) {
      std::memcpy(bytes + variable.offset, &value, sizeof(value));
    }
  }
}

std::vector<std::string> ConfigureObject(bpf_object* object, const KernelFeatures& features,
                                         bool test_programs, bool maps_only) {
  const bool storage = features.HasTaskStorage();
  // The programs' constants; programs/maps.h.
  SetConstant(object, "use_task_storage", storage);
  SetConstant(object, "rename_has_flags", features.path_rename_arguments >= 5);
  bpf_map* map = bpf_object__find_map_by_name(object, "tasks");
  if (map != nullptr) bpf_map__set_autocreate(map, storage);
  map = bpf_object__find_map_by_name(object, "tasks_by_address");
  if (map != nullptr && storage) bpf_map__set_max_entries(map, 1);

  std::vector<std::string> attached;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    absl::string_view section = bpf_program__section_name(program);
    const bool lsm = absl::ConsumePrefix(&section, "lsm/");
    const bool wanted = lsm ? features.HasHook(std::string(section)) : test_programs;
    bpf_program__set_autoload(program, wanted && !maps_only);
    if (lsm && wanted && !maps_only) attached.push_back(bpf_program__name(program));
  }
  std::sort(attached.begin(), attached.end());
  return attached;
}

}  // namespace varmor
