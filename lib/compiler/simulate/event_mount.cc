// Mounting in events: mount, bind, move, remount, umount, pivot_root, make-private and the like.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/simulate/event_reader.h"

namespace varmor {
namespace {

// Flags that say which operation a call is. The first one is what mounting without any means.
constexpr absl::string_view kOperations[] = {
    "new",
    "remount",
    "bind",
    "rbind",
    "move",
    "umount",
    "pivot-root",
    "unbindable",
    "private",
    "slave",
    "shared",
    "runbindable",
    "rprivate",
    "rslave",
    "rshared",
    "make-unbindable",
    "make-private",
    "make-slave",
    "make-shared",
    "make-runbindable",
    "make-rslave",
    "make-rprivate",
    "make-rshared",
    "B",
    "R",
    "M",
};

bool IsOperation(absl::string_view word) {
  return std::find(std::begin(kOperations), std::end(kOperations), word) != std::end(kOperations);
}

bool IsPropagation(absl::string_view word) { return absl::StartsWith(word, "make-"); }

// "ro,nosuid": appends to the event's flags.
bool ReadOptions(EventReader& reader, MountEvent& event) {
  EventWord word;
  if (!reader.Next("the options", word)) return false;
  size_t offset = word.offset;
  for (const absl::string_view option : absl::StrSplit(word.text, ',')) {
    const BpfWord* known = FindBpfWord(kMountFlagWords, option);
    if (known == nullptr || known->word == "all" || known->word == "*") {
      return reader.Fail(
          offset, "unknown-mount-option", absl::StrCat("unknown mount option ", Quoted(option)),
          NearestFix(option, BpfWordNames(kMountFlagWords), "write it as ro, nosuid, bind, ..."));
    }
    event.add_flags(std::string(known->word));
    offset += option.size() + 1;
  }
  return true;
}

bool ReadTarget(EventReader& reader, absl::string_view verb, MountEvent& event) {
  if (!reader.Accept("on") && !reader.Accept("to")) {
    return reader.Fail(reader.Offset(), "event-syntax", "\"on\" is expected here",
                       absl::StrCat("write it as \"", verb, " SOURCE on TARGET\""));
  }
  return ReadEventPath(reader, "the mount point", event.mutable_target());
}

// What may follow "SOURCE on TARGET": the file system's type and options.
bool ReadTypeAndOptions(EventReader& reader, MountEvent& event) {
  bool type = false;
  bool options = false;
  while (true) {
    EventWord word;
    if (!type && reader.Accept("type")) {
      type = true;
      if (!reader.Next("a file system type", word)) return false;
      event.set_fstype(word.text);
    } else if (!options && reader.Accept("options")) {
      options = true;
      if (!ReadOptions(reader, event)) return false;
    } else {
      return true;
    }
  }
}

bool ParseMount(EventReader& reader, MountEvent& event) {
  EventWord source;
  if (!reader.Next("what is mounted", source)) return false;
  event.set_source(source.text);
  if (!ReadTarget(reader, "mount", event)) return false;
  const size_t behind = reader.position();
  if (!ReadTypeAndOptions(reader, event)) return false;
  if (std::none_of(event.flags().begin(), event.flags().end(), IsOperation)) {
    // In front, so that a text has one event only.
    const std::vector<std::string> flags(event.flags().begin(), event.flags().end());
    event.clear_flags();
    event.add_flags("new");
    for (const std::string& flag : flags) event.add_flags(flag);
  }
  if (!event.fstype().empty()) return true;
  if (std::find(event.flags().begin(), event.flags().end(), "new") == event.flags().end()) {
    event.set_fstype("none");
    return true;
  }
  return reader.Fail(behind, "event-incomplete", "a new mount is of some file system",
                     "add \"type TYPE\", or say \"bind SOURCE on TARGET\" if that is meant");
}

// Operations on a mount that exists: the kernel has only its path.
bool ParseMountPoint(EventReader& reader, absl::string_view flag, MountEvent& event) {
  event.set_fstype("none");
  event.add_flags(std::string(flag));
  if (!ReadEventPath(reader, "the mount point", event.mutable_target())) return false;
  event.set_source(event.target());
  if (flag == "umount") return true;
  return !reader.Accept("options") || ReadOptions(reader, event);
}

bool ParsePivotRoot(EventReader& reader, MountEvent& event) {
  event.set_fstype("none");
  event.add_flags("pivot-root");
  if (!ReadEventPath(reader, "the new root", event.mutable_target())) return false;
  return !reader.Accept("put_old") ||
         ReadEventPath(reader, "the old root's new place", event.mutable_source());
}

// Whether the text of `event` may be a verb and its mount point.
bool OnOwnPath(const MountEvent& event) {
  return event.source() == event.target() && event.fstype() == "none";
}

std::string OptionsText(const MountEvent& event, int first) {
  if (event.flags_size() <= first) return "";
  return absl::StrCat(" options ",
                      absl::StrJoin(event.flags().begin() + first, event.flags().end(), ","));
}

// Verbs for the first flag; "" when the long form is needed.
std::string ShortText(const MountEvent& event) {
  const std::string& flag = event.flags(0);
  const std::string target = EventWordText(event.target());
  if (OnOwnPath(event)) {
    if (flag == "umount" && event.flags_size() == 1) return absl::StrCat("umount ", target);
    if (flag == "remount" || IsPropagation(flag)) {
      return absl::StrCat(flag, " ", target, OptionsText(event, 1));
    }
  }
  if (event.fstype() != "none") return "";
  const bool from_path = absl::StartsWith(event.source(), "/");
  if (flag == "pivot-root" && event.flags_size() == 1 && (from_path || event.source().empty())) {
    return absl::StrCat("pivot_root ", target, event.source().empty() ? "" : " put_old ",
                        event.source().empty() ? "" : EventWordText(event.source()));
  }
  if (from_path && (flag == "bind" || flag == "rbind" || flag == "move")) {
    return absl::StrCat(flag, " ", EventWordText(event.source()), " on ", target,
                        OptionsText(event, 1));
  }
  return "";
}

}  // namespace

std::vector<std::string> MountVerbs() {
  std::vector<std::string> verbs = {"mount", "umount", "remount",   "bind",
                                    "rbind", "move",   "pivot_root"};
  for (const absl::string_view word : kOperations) {
    if (IsPropagation(word)) verbs.emplace_back(word);
  }
  return verbs;
}

bool IsMountVerb(absl::string_view verb) {
  const std::vector<std::string> verbs = MountVerbs();
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

bool ParseMountEvent(EventReader& reader, absl::string_view verb, MountEvent& event) {
  if (verb == "mount") return ParseMount(reader, event);
  if (verb == "pivot_root") return ParsePivotRoot(reader, event);
  if (verb == "umount" || verb == "remount" || IsPropagation(verb)) {
    return ParseMountPoint(reader, verb, event);
  }
  event.set_fstype("none");
  event.add_flags(std::string(verb));
  return ReadEventPath(reader, "the source", event.mutable_source()) &&
         ReadTarget(reader, verb, event) &&
         (!reader.Accept("options") || ReadOptions(reader, event));
}

std::string MountEventText(const MountEvent& event) {
  if (event.flags_size() > 0) {
    std::string text = ShortText(event);
    if (!text.empty()) return text;
  }
  const bool plain = event.flags_size() > 0 && event.flags(0) == "new" &&
                     std::none_of(event.flags().begin() + 1, event.flags().end(), IsOperation);
  return absl::StrCat(
      "mount ", EventWordText(event.source()), " on ", EventWordText(event.target()),
      event.fstype().empty() ? "" : absl::StrCat(" type ", EventWordText(event.fstype())),
      OptionsText(event, plain ? 1 : 0));
}

}  // namespace varmor
