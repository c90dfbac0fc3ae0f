#include "lib/compiler/diff/diff_bpf_walk.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

constexpr uint32_t kUnset = ~uint32_t{0};

absl::Status OutOfWork() { return absl::ResourceExhaustedError("too many states"); }

// The shape of a string, as far as it matters for being a path.
enum Shape : uint32_t {
  kNothing,
  kRoot,       // "/"
  kSlash,      // ends in "/"
  kDot,        // the last component is "."
  kDotDot,     // or ".."
  kComponent,  // or another name
  kNoPath,
};

Shape NextShape(Shape shape, uint8_t byte) {
  if (byte == '/') {
    if (shape == kNothing) return kRoot;
    return shape == kComponent ? kSlash : kNoPath;
  }
  switch (shape) {
    case kRoot:
    case kSlash:
      return byte == '.' ? kDot : kComponent;
    case kDot:
      return byte == '.' ? kDotDot : kComponent;
    case kDotDot:
    case kComponent:
      return kComponent;
    default:
      return kNoPath;
  }
}

// Letters and digits first, then what can be printed, then the rest. Without NUL.
std::vector<uint8_t> BytesByPreference() {
  std::vector<uint8_t> bytes;
  for (int b = 1; b < 256; ++b) bytes.push_back(static_cast<uint8_t>(b));
  const auto rank = [](uint8_t b) {
    if (b >= 'a' && b <= 'z') return 0;
    if ((b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z')) return 1;
    if (b > ' ' && b < 127) return 2;
    return b == ' ' ? 3 : 4;
  };
  std::stable_sort(bytes.begin(), bytes.end(),
                   [&rank](uint8_t a, uint8_t b) { return rank(a) < rank(b); });
  return bytes;
}

// Reads words as varmor_path_match() does.
class PageReader {
 public:
  PageReader(const BpfImage& image) : pages_(image.pages) {}

  bool Has(uint32_t state) const { return state >> VARMOR_PATH_PAGE_SHIFT < pages_.size(); }
  uint32_t Word(uint32_t state, uint32_t column) const {
    const uint32_t offset = (state + column * 4) & VARMOR_PATH_OFFSET_MASK;
    return pages_[state >> VARMOR_PATH_PAGE_SHIFT].words[offset / 4];
  }
  uint8_t ClassOf(uint32_t first_page, int byte) const {
    return reinterpret_cast<const uint8_t*>(pages_[first_page].words)[byte];
  }

 private:
  const std::vector<PathPage>& pages_;
};

}  // namespace

absl::StatusOr<PathAutomaton> PathAutomaton::Read(const BpfImage& image,
                                                  const varmor_path_table& table, size_t records,
                                                  BpfDiffWork& work) {
  const absl::Status damaged = absl::InvalidArgumentError("BPF artifact: a path table is damaged");
  const PageReader reader(image);
  PathAutomaton out;
  out.reverse_ = (table.flags & VARMOR_PATH_REVERSE) != 0;
  if (table.start == 0) {  // no table
    out.column_count_ = 1;
    out.next_ = out.accepts_ = {0};
    return out;
  }
  if (table.first_page >= image.pages.size()) return damaged;
  std::vector<uint8_t> columns;  // by dense number
  std::map<uint8_t, uint8_t> dense;
  for (int byte = 1; byte < 256; ++byte) {
    const uint8_t column = reader.ClassOf(table.first_page, byte);
    const auto [it, is_new] = dense.emplace(column, static_cast<uint8_t>(columns.size()));
    if (is_new) columns.push_back(column);
    out.columns_[byte] = it->second;
  }
  out.column_count_ = static_cast<uint32_t>(columns.size());

  std::vector<uint32_t> places = {0, table.start};
  std::unordered_map<uint32_t, uint32_t> numbers = {{0, 0}, {table.start, 1}};
  out.start_ = 1;
  out.next_.assign(out.column_count_, 0);
  out.accepts_.assign(1, 0);
  for (size_t i = 1; i < places.size(); ++i) {
    const uint32_t place = places[i];
    if (!work.Spend(columns.size())) return OutOfWork();
    if (!reader.Has(place)) return damaged;
    out.accepts_.push_back(reader.Word(place, 0));
    if (out.accepts_.back() >= records && out.accepts_.back() != 0) return damaged;
    for (const uint8_t column : columns) {
      const uint32_t next = reader.Word(place, column);
      const auto [it, is_new] = numbers.emplace(next, static_cast<uint32_t>(places.size()));
      if (is_new) places.push_back(next);
      out.next_.push_back(it->second);
    }
  }
  return out;
}

uint32_t PathAutomaton::Intern(Function function) {
  const auto number = static_cast<uint32_t>(functions_.size());
  const auto [it, is_new] = numbers_.emplace(function, number);
  if (is_new) {
    functions_.push_back(std::move(function));
    function_next_.resize(function_next_.size() + column_count_, kUnset);
  }
  return it->second;
}

uint32_t PathAutomaton::Start() {
  if (!reverse_) return start_;
  Intern(Function(accepts_.size(), 0));
  return Intern(Function(accepts_.begin(), accepts_.end()));
}

uint32_t PathAutomaton::Accept(uint32_t state) const {
  return reverse_ ? functions_[state][start_] : accepts_[state];
}

uint32_t PathAutomaton::Next(uint32_t state, uint8_t column, BpfDiffWork& work) {
  const size_t edge = size_t{state} * column_count_ + column;
  if (!reverse_) return next_[edge];
  if (function_next_[edge] != kUnset) return function_next_[edge];
  if (!work.Spend(accepts_.size())) return 0;
  Function function(accepts_.size(), 0);
  for (size_t q = 1; q < function.size(); ++q) {
    function[q] = functions_[state][next_[q * column_count_ + column]];
  }
  const uint32_t next = Intern(std::move(function));
  return function_next_[edge] = next;
}

absl::Status PathWalk::Add(const BpfImage& image, const varmor_path_table* tables, uint32_t count,
                           size_t records, BpfDiffWork& work) {
  for (uint32_t i = 0; i < count; ++i) {
    VARMOR_ASSIGN_OR_RETURN(PathAutomaton automaton,
                            PathAutomaton::Read(image, tables[i], records, work));
    automata_.push_back(std::move(automaton));
  }
  return absl::OkStatus();
}

std::vector<PathWalk::ByteClass> PathWalk::ByteClasses() const {
  std::vector<ByteClass> classes;
  std::set<std::vector<uint8_t>> seen;
  for (const uint8_t byte : BytesByPreference()) {
    std::vector<uint8_t> columns;
    for (const PathAutomaton& automaton : automata_) columns.push_back(automaton.column(byte));
    std::vector<uint8_t> signature = columns;
    signature.push_back(byte == '/' ? 1 : byte == '.' ? 2 : 0);
    if (seen.insert(std::move(signature)).second) classes.push_back({byte, std::move(columns)});
  }
  return classes;
}

absl::StatusOr<std::vector<PathWitness>> PathWalk::Run(bool all_strings, BpfDiffWork& work) {
  // A state of all automata together, and the shape of the string, last.
  using State = std::u32string;
  struct Step {
    uint32_t from;
    uint8_t byte;
  };
  const std::vector<ByteClass> classes = ByteClasses();
  std::vector<const State*> states;
  std::vector<Step> steps;
  std::unordered_map<State, uint32_t> numbers;
  const auto reach = [&](const State& state, Step step) {
    const auto [it, is_new] = numbers.emplace(state, static_cast<uint32_t>(states.size()));
    if (!is_new) return;
    states.push_back(&it->first);
    steps.push_back(step);
  };
  State first;
  for (PathAutomaton& automaton : automata_) first.push_back(automaton.Start());
  first.push_back(kNothing);
  reach(first, {0, 0});

  std::vector<PathWitness> witnesses;
  std::set<std::pair<bool, std::vector<uint32_t>>> seen;
  State next(first.size(), 0);
  for (uint32_t number = 0; number < states.size(); ++number) {
    const State& state = *states[number];
    const auto shape = static_cast<Shape>(state.back());
    const bool is_path = shape == kRoot || shape == kComponent;
    if (!work.Spend(8 + classes.size() * state.size())) return OutOfWork();
    if (is_path || all_strings) {
      std::vector<uint32_t> accepts;
      for (size_t i = 0; i < automata_.size(); ++i)
        accepts.push_back(automata_[i].Accept(state[i]));
      if (seen.emplace(is_path, accepts).second) {
        PathWitness& witness = witnesses.emplace_back();
        witness.is_path = is_path;
        witness.accepts = std::move(accepts);
        for (uint32_t at = number; at != 0; at = steps[at].from) {
          witness.text.push_back(static_cast<char>(steps[at].byte));
        }
        std::reverse(witness.text.begin(), witness.text.end());
      }
    }
    for (const ByteClass& byte_class : classes) {
      const Shape next_shape = NextShape(shape, byte_class.byte);
      if (next_shape == kNoPath && !all_strings) continue;
      for (size_t i = 0; i < automata_.size(); ++i) {
        next[i] = automata_[i].Next(state[i], byte_class.columns[i], work);
      }
      next.back() = next_shape;
      reach(next, {number, byte_class.byte});
    }
  }
  return witnesses;
}

}  // namespace varmor
