#include "lib/compiler/apparmor/testing/policy_binary.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("binary policy: ", what));
}

// Numbers of a table are in network order, those around it in that of the machine: x86's.
uint32_t BigEndian(absl::string_view bytes) {
  uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

uint64_t LittleEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  return value;
}

// security/apparmor/include/match.h
constexpr uint32_t kTableSetMagic = 0x1B5E783D;
constexpr uint32_t kDiffEncode = 0x80000000;
constexpr uint32_t kBaseMask = 0x00ffffff;
enum TableId { kAccept = 1, kBase, kCheck, kDefault, kClasses, kMeta, kAccept2, kNext };
constexpr size_t kTableHeader = 12;

size_t Align8(size_t n) { return (n + 7) & ~size_t{7}; }

struct Table {
  uint32_t id = 0;
  std::vector<uint32_t> values;
};

// Takes one table off the front of `bytes`.
absl::StatusOr<Table> TakeTable(absl::string_view& bytes) {
  if (bytes.size() < kTableHeader) return Malformed("table without a header");
  Table table;
  table.id = BigEndian(bytes.substr(0, 2));
  const uint32_t width = BigEndian(bytes.substr(2, 2));
  const size_t rows = BigEndian(bytes.substr(8, 4));
  if (width != 1 && width != 2 && width != 4) return Malformed("table of unknown width");
  if (rows > bytes.size() / width || bytes.size() - kTableHeader < rows * width) {
    return Malformed("table reaches behind the end");
  }
  for (size_t i = 0; i < rows; ++i) {
    table.values.push_back(BigEndian(bytes.substr(kTableHeader + i * width, width)));
  }
  bytes.remove_prefix(std::min(bytes.size(), Align8(kTableHeader + rows * width)));
  return table;
}

// security/apparmor/policy_unpack.c: the kinds of a value.
enum Tag : uint8_t {
  kU8 = 0,
  kU16,
  kU32,
  kU64,
  kName,
  kString,
  kBlob,
  kStruct,
  kStructEnd,
  kList,
  kListEnd,
  kArray,
  kArrayEnd,
};

// Reads values with or without a name in front. What is optional is asked for by name; a value that
// is not there leaves the place where it was.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : rest_(bytes) {}

  bool AtEnd() const { return rest_.empty(); }

  // Whether a value of this kind and name comes next; takes its tag.
  bool Enter(Tag tag, absl::string_view name) {
    const absl::string_view before = rest_;
    if (TakeName(name) && TakeTag(tag)) return true;
    rest_ = before;
    return false;
  }
  bool TakeTag(Tag tag) {
    if (rest_.empty() || static_cast<uint8_t>(rest_[0]) != tag) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool U32(absl::string_view name, uint32_t& value) {
    uint64_t wide = 0;
    if (!Number(kU32, name, 4, wide)) return false;
    value = static_cast<uint32_t>(wide);
    return true;
  }
  bool U64(absl::string_view name, uint64_t& value) { return Number(kU64, name, 8, value); }
  bool Array(absl::string_view name, size_t& size) {
    const absl::string_view before = rest_;
    uint64_t wide = 0;
    if (Enter(kArray, name) && Take(2, wide)) {
      size = wide;
      return true;
    }
    rest_ = before;
    return false;
  }
  // Without the NUL that ends it; may hold others.
  bool String(absl::string_view name, std::string& value) {
    const absl::string_view before = rest_;
    uint64_t size = 0;
    if (Enter(kString, name) && Take(2, size) && size > 0 && size <= rest_.size()) {
      value = std::string(rest_.substr(0, size - 1));
      rest_.remove_prefix(size);
      return true;
    }
    rest_ = before;
    return false;
  }
  bool Blob(absl::string_view name, absl::string_view& value) {
    const absl::string_view before = rest_;
    uint64_t size = 0;
    if (Enter(kBlob, name) && Take(4, size) && size <= rest_.size()) {
      value = rest_.substr(0, size);
      rest_.remove_prefix(size);
      return true;
    }
    rest_ = before;
    return false;
  }
  // For messages.
  size_t left() const { return rest_.size(); }

 private:
  bool Take(size_t bytes, uint64_t& value) {
    if (rest_.size() < bytes) return false;
    value = LittleEndian(rest_.substr(0, bytes));
    rest_.remove_prefix(bytes);
    return true;
  }
  bool Number(Tag tag, absl::string_view name, size_t bytes, uint64_t& value) {
    const absl::string_view before = rest_;
    if (Enter(tag, name) && Take(bytes, value)) return true;
    rest_ = before;
    return false;
  }
  // A name in front of a value is skipped when no name is asked for.
  bool TakeName(absl::string_view name) {
    const absl::string_view before = rest_;
    if (!TakeTag(kName)) return name.empty();
    uint64_t size = 0;
    if (!Take(2, size) || size == 0 || size > rest_.size()) {
      rest_ = before;
      return false;
    }
    const absl::string_view found = rest_.substr(0, size - 1);
    rest_.remove_prefix(size);
    return name.empty() || found == name;
  }

  absl::string_view rest_;
};

absl::StatusOr<bool> ReadDfa(Reader& reader, std::vector<BinaryDfa>& out) {
  absl::string_view blob;
  if (!reader.Blob("aadfa", blob)) return false;
  VARMOR_ASSIGN_OR_RETURN(BinaryDfa dfa, BinaryDfa::Parse(blob));
  out.push_back(std::move(dfa));
  return true;
}

absl::Status ReadHead(Reader& reader, BinaryProfile& profile) {
  std::string ignored;
  if (!reader.Enter(kStruct, "profile") || !reader.String("", profile.name)) {
    return Malformed("no profile where one must begin");
  }
  reader.String("rename", ignored);
  reader.String("attach", ignored);
  VARMOR_ASSIGN_OR_RETURN(const bool attaches, ReadDfa(reader, profile.xmatch));
  uint32_t length = 0;
  if (attaches && !reader.U32("", length)) return Malformed("attachment without a length");
  reader.String("disconnected", ignored);
  uint32_t hat = 0;
  if (!reader.Enter(kStruct, "flags") || !reader.U32("", hat) || !reader.U32("", profile.mode) ||
      !reader.U32("", profile.audit) || !reader.TakeTag(kStructEnd)) {
    return Malformed("no flags");
  }
  profile.is_hat = (hat & 1) != 0;
  reader.U32("path_flags", profile.path_flags);
  return absl::OkStatus();
}

absl::Status ReadCapabilities(Reader& reader, BinaryProfile& profile) {
  uint32_t low[4] = {};
  uint32_t high[4] = {};
  for (uint32_t& word : low) {
    if (!reader.U32("", word)) return Malformed("no capabilities");
  }
  if (reader.Enter(kStruct, "caps64")) {
    for (uint32_t& word : high) {
      if (!reader.U32("", word)) return Malformed("capabilities end early");
    }
    if (!reader.TakeTag(kStructEnd)) return Malformed("capabilities do not end");
  }
  auto join = [&](int i) { return uint64_t{high[i]} << 32 | low[i]; };
  profile.caps_allow = join(0);
  profile.caps_audit = join(1);
  profile.caps_quiet = join(2);
  return absl::OkStatus();
}

absl::Status ReadRlimits(Reader& reader, BinaryProfile& profile) {
  if (!reader.Enter(kStruct, "rlimits")) return absl::OkStatus();
  size_t size = 0;
  if (!reader.U32("", profile.rlimits.mask) || !reader.Array("", size)) {
    return Malformed("limits without a mask");
  }
  for (size_t i = 0; i < size; ++i) {
    uint64_t value = 0;
    if (!reader.U64("", value)) return Malformed("limits end early");
    profile.rlimits.values.push_back(value);
  }
  if (reader.TakeTag(kArrayEnd) && reader.TakeTag(kStructEnd)) return absl::OkStatus();
  return Malformed("limits do not end");
}

absl::Status ReadAutomata(Reader& reader, BinaryProfile& profile) {
  if (reader.Enter(kStruct, "policydb")) {
    VARMOR_RETURN_IF_ERROR(ReadDfa(reader, profile.policy).status());
    reader.U32("start", profile.policy_start);
    if (!reader.TakeTag(kStructEnd)) return Malformed("rules do not end");
  }
  VARMOR_RETURN_IF_ERROR(ReadDfa(reader, profile.file).status());
  reader.U32("dfa_start", profile.file_start);
  if (!reader.Enter(kStruct, "xtable")) return absl::OkStatus();
  size_t size = 0;
  if (!reader.Array("", size)) return Malformed("transitions without a number");
  for (size_t i = 0; i < size; ++i) {
    profile.transitions.emplace_back();
    if (!reader.String("", profile.transitions.back())) return Malformed("transitions end early");
  }
  if (reader.TakeTag(kArrayEnd) && reader.TakeTag(kStructEnd)) return absl::OkStatus();
  return Malformed("transitions do not end");
}

}  // namespace

absl::StatusOr<BinaryDfa> BinaryDfa::Parse(absl::string_view blob) {
  for (int i = 0; i < 7 && !blob.empty() && blob[0] == '\0'; ++i) blob.remove_prefix(1);
  if (blob.size() < 16 || BigEndian(blob.substr(0, 4)) != kTableSetMagic) {
    return Malformed("no automaton where one must begin");
  }
  const size_t header = BigEndian(blob.substr(4, 4));
  if (header > blob.size()) return Malformed("the automaton's head reaches behind the end");
  blob.remove_prefix(header);
  BinaryDfa dfa;
  while (!blob.empty()) {
    VARMOR_ASSIGN_OR_RETURN(Table table, TakeTable(blob));
    std::vector<uint32_t>* const places[] = {nullptr,     &dfa.accept_,  &dfa.base_,
                                             &dfa.check_, &dfa.default_, &dfa.classes_,
                                             nullptr,     &dfa.accept2_, &dfa.next_};
    if (table.id > kNext || places[table.id] == nullptr) return Malformed("unknown table");
    *places[table.id] = std::move(table.values);
  }
  VARMOR_RETURN_IF_ERROR(dfa.Check());
  return dfa;
}

absl::Status BinaryDfa::Check() const {
  const size_t states = base_.size();
  if (states < 2 || accept_.size() != states || default_.size() != states) {
    return Malformed("tables of states differ in size");
  }
  if (!accept2_.empty() && accept2_.size() != states) return Malformed("accept words are missing");
  if (next_.size() != check_.size()) return Malformed("tables of transitions differ in size");
  if (!classes_.empty() && classes_.size() != 256) return Malformed("bytes without a class");
  const auto is_state = [states](uint32_t state) { return state < states; };
  if (!std::all_of(default_.begin(), default_.end(), is_state) ||
      !std::all_of(next_.begin(), next_.end(), is_state)) {
    return Malformed("a transition to no state");
  }
  for (const uint32_t base : base_) {
    if ((base & kBaseMask) + 255 >= next_.size() && classes_.empty()) {
      return Malformed("a row reaches behind the end");
    }
  }
  return absl::OkStatus();
}

BinaryDfa::State BinaryDfa::Next(State state, uint8_t byte) const {
  const uint32_t column = classes_.empty() ? byte : classes_[byte];
  // A differentially encoded state says only how it differs from another one: its default. Chains
  // of those end; the bound is for damaged tables.
  for (size_t steps = 0; steps <= base_.size(); ++steps) {
    const uint32_t base = base_[state];
    const size_t at = (base & kBaseMask) + column;
    if (at < check_.size() && check_[at] == state) return next_[at];
    state = default_[state];
    if ((base & kDiffEncode) == 0) return state;
  }
  return kDead;
}

BinaryDfa::State BinaryDfa::Walk(State state, absl::string_view bytes) const {
  for (const char c : bytes) {
    if (state == kDead) return kDead;
    state = Next(state, static_cast<uint8_t>(c));
  }
  return state;
}

absl::StatusOr<std::vector<BinaryProfile>> ParseBinaryPolicy(absl::string_view bytes) {
  std::vector<BinaryProfile> profiles;
  Reader reader(bytes);
  while (!reader.AtEnd()) {
    uint32_t version = 0;
    std::string name_space;
    reader.U32("version", version);
    reader.String("namespace", name_space);
    profiles.emplace_back();
    BinaryProfile& profile = profiles.back();
    VARMOR_RETURN_IF_ERROR(ReadHead(reader, profile));
    VARMOR_RETURN_IF_ERROR(ReadCapabilities(reader, profile));
    VARMOR_RETURN_IF_ERROR(ReadRlimits(reader, profile));
    VARMOR_RETURN_IF_ERROR(ReadAutomata(reader, profile));
    if (!reader.TakeTag(kStructEnd)) {
      return Malformed(absl::StrCat("something unknown in ", profile.name, ", ", reader.left(),
                                    " bytes before the end"));
    }
  }
  return profiles;
}

}  // namespace varmor
