#include "lib/compiler/seccomp/parse_oci_seccomp.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/seccomp/errno_name.h"
#include "lib/compiler/seccomp/placed_json.h"
#include "lib/compiler/seccomp/syscall_tables.h"

namespace varmor {
namespace {

using Kind = PlacedJson::Kind;

const char* KindName(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "a boolean";
    case Kind::kNumber:
      return "a number";
    case Kind::kString:
      return "a string";
    case Kind::kArray:
      return "a list";
    case Kind::kObject:
      return "an object";
  }
  return "";
}

// Members that Docker's and Moby's own format has and OCI has not.
bool IsCondition(absl::string_view key) { return key == "includes" || key == "excludes"; }

// What says in OCI's terms what Podman's "errno": "EPERM" does.
std::string ErrnoFix(absl::string_view name, absl::string_view oci_key) {
  for (uint32_t number = 1; number <= kMaxSeccompErrno; ++number) {
    if (ErrnoName(number) == name) return absl::StrCat("write \"", oci_key, "\": ", number);
  }
  return absl::StrCat("write the error's number in \"", oci_key, "\"");
}

class Reader {
 public:
  Reader(absl::string_view text, absl::string_view field, Diagnostics& diagnostics)
      : lines_(text), field_(field), diagnostics_(diagnostics) {}

  void ReadProfile(const PlacedJson& json) {
    out_.places[""] = lines_.At(json.offset);
    static const std::vector<std::string>& keys =
        *new std::vector<std::string>{"defaultAction", "defaultErrnoRet",  "architectures", "flags",
                                      "listenerPath",  "listenerMetadata", "syscalls"};
    const std::vector<const PlacedJson*> members = Members(json, "", keys);
    if (members.empty()) return;
    SeccompProfile& profile = out_.profile;
    if (Required(json, members[0], "", "defaultAction")) {
      profile.default_action = Word(*members[0], "defaultAction", "action", SeccompActionWords());
    }
    profile.default_errno_ret = Errno(members[1], "defaultErrnoRet");
    profile.architectures =
        Words(members[2], "architectures", "architecture", SeccompArchitectureWords());
    profile.flags = Words(members[3], "flags", "flag", SeccompFlagWords());
    if (members[4] != nullptr) profile.listener_path = Text(*members[4], "listenerPath");
    if (members[5] != nullptr) profile.listener_metadata = Text(*members[5], "listenerMetadata");
    ReadEntries(members[6]);
  }

  ParsedSeccomp Take() { return std::move(out_); }

  void Error(absl::string_view code, size_t offset, absl::string_view path,
             absl::string_view problem, absl::string_view fix) {
    diagnostics_.Error(code, field_, Prefixed(path, problem), fix, lines_.At(offset));
  }

 private:
  static std::string Prefixed(absl::string_view path, absl::string_view problem) {
    return path.empty() ? std::string(problem) : absl::StrCat(path, ": ", problem);
  }

  static std::string Join(absl::string_view path, absl::string_view key) {
    return path.empty() ? std::string(key) : absl::StrCat(path, ".", key);
  }

  bool Expect(const PlacedJson& json, absl::string_view path, Kind kind) {
    if (json.kind == kind) return true;
    Error("wrong-type", json.offset, path,
          absl::StrCat("is ", KindName(json.kind), ", not ", KindName(kind)), "");
    return false;
  }

  // The members of an object in the order of `keys`, null when absent; empty when it is no object.
  // Anything else in the object is reported.
  std::vector<const PlacedJson*> Members(const PlacedJson& json, absl::string_view path,
                                         const std::vector<std::string>& keys) {
    if (!Expect(json, path, Kind::kObject)) return {};
    std::vector<const PlacedJson*> members(keys.size(), nullptr);
    std::set<std::string> seen;
    for (size_t i = 0; i < json.items.size(); ++i) {
      const std::string& key = json.keys[i];
      if (!seen.insert(key).second) {
        Error("duplicate-key", json.key_offsets[i], path,
              absl::StrCat("member ", Quoted(key), " stands here twice"), "keep one of them");
        continue;
      }
      const auto known = std::find(keys.begin(), keys.end(), key);
      if (known == keys.end()) {
        Unknown(json, i, path, keys);
      } else if (json.items[i].kind != Kind::kNull) {  // null is absent, as Go has it
        members[static_cast<size_t>(known - keys.begin())] = &json.items[i];
        out_.places[Join(path, key)] = lines_.At(json.items[i].offset);
      }
    }
    return members;
  }

  void Unknown(const PlacedJson& json, size_t i, absl::string_view path,
               const std::vector<std::string>& keys) {
    const std::string& key = json.keys[i];
    const PlacedJson& value = json.items[i];
    const TextPlace place = lines_.At(json.key_offsets[i]);
    const bool empty = value.kind == Kind::kNull || (value.text.empty() && value.items.empty());
    if (absl::StartsWith(path, "syscalls") && IsCondition(key) && !empty) {
      Error("docker-seccomp", json.key_offsets[i], path,
            absl::StrCat("\"", key,
                         "\" is Docker's; an OCI runtime ignores it and the entry would "
                         "hold always"),
            "remove the entry, or remove the condition if it may hold always");
    } else if ((absl::StartsWith(path, "syscalls") && (IsCondition(key) || key == "comment"))) {
      diagnostics_.Warning("ignored-key", field_,
                           Prefixed(path, absl::StrCat(Quoted(key), " has no effect")), "remove it",
                           place);
    } else if (path.empty() && key == "archMap") {
      diagnostics_.StrictError("docker-seccomp", field_,
                               "\"archMap\" is Docker's; an OCI runtime ignores it",
                               "list the architectures in \"architectures\", or leave them out to "
                               "have those of the node",
                               place);
    } else if (const std::string oci_key = key + "Ret";
               std::find(keys.begin(), keys.end(), oci_key) != keys.end()) {
      diagnostics_.StrictError(
          "podman-seccomp", field_,
          Prefixed(path, absl::StrCat(Quoted(key), " is Podman's; an OCI runtime ignores it")),
          ErrnoFix(value.text, oci_key), place);
    } else {
      const std::string near = NearestWord(key, keys);
      diagnostics_.StrictError("unknown-key", field_,
                               Prefixed(path, absl::StrCat("unknown member ", Quoted(key))),
                               near.empty() ? absl::StrCat("known are ", absl::StrJoin(keys, ", "))
                                            : absl::StrCat("did you mean \"", near, "\"?"),
                               place);
    }
  }

  bool Required(const PlacedJson& object, const PlacedJson* member, absl::string_view path,
                absl::string_view key) {
    if (member != nullptr) return true;
    Error("missing-key", object.offset, path, absl::StrCat("\"", key, "\" is missing"), "");
    return false;
  }

  std::string Text(const PlacedJson& json, absl::string_view path) {
    return Expect(json, path, Kind::kString) ? json.text : "";
  }

  // A string out of `known`; `what` names the kind of word.
  std::string Word(const PlacedJson& json, absl::string_view path, absl::string_view what,
                   const std::vector<std::string>& known) {
    if (!Expect(json, path, Kind::kString)) return "";
    if (std::find(known.begin(), known.end(), json.text) != known.end()) return json.text;
    const std::string near = NearestWord(json.text, known);
    Error(absl::StrCat("unknown-", what), json.offset, path,
          absl::StrCat("unknown ", what, " ", Quoted(json.text)),
          near.empty() ? absl::StrCat("known are ", absl::StrJoin(known, ", "))
                       : absl::StrCat("did you mean \"", near, "\"?"));
    return "";
  }

  // Words of a list, each at most once.
  std::vector<std::string> Words(const PlacedJson* json, absl::string_view path,
                                 absl::string_view what, const std::vector<std::string>& known) {
    std::vector<std::string> words;
    if (json == nullptr || !Expect(*json, path, Kind::kArray)) return words;
    for (size_t i = 0; i < json->items.size(); ++i) {
      const std::string item = absl::StrCat(path, "[", i, "]");
      out_.places[item] = lines_.At(json->items[i].offset);
      const std::string word = Word(json->items[i], item, what, known);
      if (!word.empty() && std::find(words.begin(), words.end(), word) == words.end()) {
        words.push_back(word);
      }
    }
    return words;
  }

  std::optional<uint64_t> Number(const PlacedJson& json, absl::string_view path, uint64_t max) {
    if (!Expect(json, path, Kind::kNumber)) return std::nullopt;
    // SimpleAtoi takes more than JSON's integers, but `text` is a JSON number already.
    uint64_t value = 0;
    if (absl::SimpleAtoi(json.text, &value) && value <= max) return value;
    std::string fix = absl::StrCat("write a whole number from 0 to ", max);
    int64_t negative = 0;
    if (absl::SimpleAtoi(json.text, &negative) && negative < 0 &&
        max == std::numeric_limits<uint64_t>::max()) {
      fix = absl::StrCat("arguments are unsigned: the same 64 bits are ",
                         static_cast<uint64_t>(negative));
    }
    Error("bad-number", json.offset, path, absl::StrCat("is ", json.text.substr(0, 40)), fix);
    return std::nullopt;
  }

  std::optional<uint32_t> Errno(const PlacedJson* json, absl::string_view path) {
    if (json == nullptr) return std::nullopt;
    const std::optional<uint64_t> number =
        Number(*json, path, std::numeric_limits<uint32_t>::max());
    if (!number.has_value()) return std::nullopt;
    return static_cast<uint32_t>(*number);
  }

  void ReadEntries(const PlacedJson* json) {
    // Go writes an absent list as null.
    if (json == nullptr || json->kind == Kind::kNull) return;
    if (!Expect(*json, "syscalls", Kind::kArray)) return;
    if (json->items.size() > kMaxSeccompEntries) {
      Error("too-many", json->offset, "syscalls",
            absl::StrCat("has ", json->items.size(), " entries; ", kMaxSeccompEntries,
                         " are possible"),
            "put names that share an action into one entry");
      return;
    }
    for (size_t i = 0; i < json->items.size(); ++i) {
      out_.profile.entries.push_back(ReadEntry(json->items[i], absl::StrCat("syscalls[", i, "]")));
    }
  }

  SeccompEntry ReadEntry(const PlacedJson& json, const std::string& path) {
    static const std::vector<std::string>& keys =
        *new std::vector<std::string>{"names", "action", "errnoRet", "args"};
    out_.places[path] = lines_.At(json.offset);
    SeccompEntry entry;
    const std::vector<const PlacedJson*> members = Members(json, path, keys);
    if (members.empty()) return entry;
    if (Required(json, members[0], path, "names")) entry.names = Names(*members[0], path);
    if (Required(json, members[1], path, "action")) {
      entry.action = Word(*members[1], path + ".action", "action", SeccompActionWords());
    }
    entry.errno_ret = Errno(members[2], path + ".errnoRet");
    if (members[3] == nullptr || members[3]->kind == Kind::kNull) return entry;
    if (!Expect(*members[3], path + ".args", Kind::kArray)) return entry;
    for (size_t i = 0; i < members[3]->items.size(); ++i) {
      entry.args.push_back(ReadArg(members[3]->items[i], absl::StrCat(path, ".args[", i, "]")));
    }
    return entry;
  }

  std::vector<std::string> Names(const PlacedJson& json, const std::string& path) {
    std::vector<std::string> names;
    if (!Expect(json, path + ".names", Kind::kArray)) return names;
    for (size_t i = 0; i < json.items.size(); ++i) {
      const std::string item = absl::StrCat(path, ".names[", i, "]");
      out_.places[item] = lines_.At(json.items[i].offset);
      names.push_back(Text(json.items[i], item));
    }
    return names;
  }

  SeccompArg ReadArg(const PlacedJson& json, const std::string& path) {
    static const std::vector<std::string>& keys =
        *new std::vector<std::string>{"index", "value", "valueTwo", "op"};
    constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
    out_.places[path] = lines_.At(json.offset);
    SeccompArg arg;
    const std::vector<const PlacedJson*> members = Members(json, path, keys);
    if (members.empty()) return arg;
    if (Required(json, members[0], path, "index")) {
      arg.index = static_cast<uint32_t>(Number(*members[0], path + ".index", 5).value_or(0));
    }
    if (Required(json, members[1], path, "value")) {
      arg.value = Number(*members[1], path + ".value", kMax).value_or(0);
    }
    if (members[2] != nullptr) {
      arg.value_two = Number(*members[2], path + ".valueTwo", kMax).value_or(0);
    }
    if (Required(json, members[3], path, "op")) {
      arg.op = Word(*members[3], path + ".op", "operator", SeccompOperatorWords());
    }
    return arg;
  }

  LineIndex lines_;
  std::string field_;
  Diagnostics& diagnostics_;
  ParsedSeccomp out_;
};

}  // namespace

ParsedSeccomp ParseOciSeccomp(absl::string_view text, absl::string_view field,
                              Diagnostics& diagnostics) {
  if (text.size() > kMaxSeccompTextBytes) {
    diagnostics.Error("too-long", field,
                      absl::StrCat("the profile has ", text.size(), " bytes; ",
                                   kMaxSeccompTextBytes, " are possible"),
                      "");
    return {};
  }
  Reader reader(text, field, diagnostics);
  PlacedJson json;
  const PlacedJsonError error = ParsePlacedJson(text, json);
  if (!error.problem.empty()) {
    reader.Error("bad-json", error.offset, "", absl::StrCat("not JSON: ", error.problem),
                 "write the profile as JSON: keys and text in double quotes, no comments, no comma "
                 "behind the last item");
    return {};
  }
  reader.ReadProfile(json);
  return reader.Take();
}

}  // namespace varmor
