#include "lib/compiler/policy_test/example_events.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

using Words = std::vector<std::string>;

std::string QuotedPath(absl::string_view path) {
  return absl::StrCat("\"", absl::StrReplaceAll(path, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

// One character that the class in [first, last) matches.
char FromClass(absl::string_view inside) {
  const bool negated = absl::ConsumePrefix(&inside, "^") || absl::ConsumePrefix(&inside, "!");
  if (!negated) return inside.empty() ? 'x' : inside[0];
  for (const char candidate : absl::string_view("xyz019qQ_")) {
    bool excluded = false;
    for (size_t i = 0; i < inside.size(); ++i) {
      if (i + 2 < inside.size() && inside[i + 1] == '-') {
        excluded |= candidate >= inside[i] && candidate <= inside[i + 2];
        i += 2;
      } else {
        excluded |= candidate == inside[i];
      }
    }
    if (!excluded) return candidate;
  }
  return 'x';
}

// The first alternative that is not empty, with what stands behind the braces.
std::string TakeAlternative(absl::string_view pattern) {
  int depth = 0;
  size_t start = 1;
  std::string chosen;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '{') ++depth;
    if (c == '}') --depth;
    if ((c == ',' && depth == 1) || (c == '}' && depth == 0)) {
      if (chosen.empty()) chosen = std::string(pattern.substr(start, i - start));
      start = i + 1;
    }
    if (depth == 0) return absl::StrCat(chosen, pattern.substr(i + 1));
  }
  return std::string(pattern.substr(1));
}

// "file", "read,write" or AppArmor's letters to verbs.
Words Verbs(absl::string_view permissions) {
  static const auto& words = *new std::map<std::string, std::string>{{"read", "read"},
                                                                     {"write", "write"},
                                                                     {"append", "append"},
                                                                     {"exec", "exec"},
                                                                     {"all", "read"}};
  static const auto& letters = *new std::map<char, std::string>{
      {'r', "read"}, {'w', "write"}, {'a', "append"}, {'m', "map"}, {'k', "lock"}, {'x', "exec"}};
  Words verbs;
  for (const absl::string_view word : absl::StrSplit(permissions, ',')) {
    const auto known = words.find(std::string(word));
    if (known != words.end()) verbs.push_back(known->second);
  }
  if (!verbs.empty()) return verbs;
  for (const char letter : permissions) {
    const auto known = letters.find(letter);
    if (known != letters.end()) verbs.push_back(known->second);
    if (letter == 'l') verbs.emplace_back("link /tmp/x to");
  }
  return verbs;
}

void AddPaths(const Words& verbs, absl::string_view pattern, Words& texts) {
  for (const std::string& verb : verbs) {
    for (const char* filler : {"x", "1", "x/y"}) {
      std::string path = ExamplePath(pattern, filler);
      // "name*" of the BPF enforcer is about a file of this name anywhere.
      if (!absl::StartsWith(path, "/")) path = absl::StrCat("/", path);
      texts.push_back(absl::StrCat(verb, " ", QuotedPath(path)));
      if (absl::StartsWith(path, "/dev/DISK")) {
        texts.push_back(absl::StrCat(verb, " /dev/sda disk device"));
      }
    }
  }
}

// A file rule of AppArmor. Its text does not say whether it is about the owner's files only.
void AddOwnPaths(absl::string_view permissions, absl::string_view pattern, Words& texts) {
  AddPaths(Verbs(permissions), pattern, texts);
  const size_t count = texts.size();
  for (size_t i = 0; i < count; ++i) texts.push_back(absl::StrCat(texts[i], " own file"));
}

// "name=VALUE" among the words; "" when there is none.
std::string ValueOf(const Words& words, absl::string_view name) {
  for (const std::string& word : words) {
    absl::string_view rest = word;
    if (absl::ConsumePrefix(&rest, name) && absl::ConsumePrefix(&rest, "=")) {
      return std::string(rest);
    }
  }
  return "";
}

// Items of "a,b" that are words of events; `otherwise` for "all" and nothing.
Words Items(absl::string_view list, const Words& otherwise) {
  if (list.empty() || list == "all" || list == "*") return otherwise;
  return absl::StrSplit(list, ',', absl::SkipEmpty());
}

void AddSockets(const Words& words, Words& texts) {
  for (const std::string& domain : Items(ValueOf(words, "domains"), {"inet", "unix"})) {
    for (const std::string& type : Items(ValueOf(words, "types"), {"stream", "dgram", "raw"})) {
      for (const std::string& protocol : Items(ValueOf(words, "protocols"), {""})) {
        texts.push_back(absl::StrCat("socket ", domain, " ", type, " ", protocol));
      }
    }
  }
}

// "egress 10.0.0.0/8 ports=80,8000-8080"
void AddEgress(const Words& words, Words& texts) {
  const std::string text = ValueOf(words, "ports");
  const std::string first = words.size() < 2 ? "" : words[1].substr(0, words[1].find(','));
  const std::string address = first.substr(0, first.find('/'));
  std::string host = absl::StrContains(address, ":")
                         ? absl::StrCat("[", address == "::" ? "::1" : address, "]")
                         : address;
  if (first == "any" || first == "pod-self") host = "192.0.2.1";
  if (host.empty()) return;
  // Several, as another rule may be about all addresses and one of them.
  const Words ports =
      text.empty() ? Words{"443", "80", "8443"} : Words{text.substr(0, text.find_first_of(",-"))};
  for (const std::string& port : ports) {
    texts.push_back(
        absl::StrCat("connect ", host, ":", port, first == "pod-self" ? " own address" : ""));
  }
}

// "mount SOURCE fstype=F flags=a,b" of the BPF enforcer, or AppArmor's options.
void AddMounts(const Words& words, Words& texts) {
  const std::string pattern =
      words.size() > 1 && !absl::StrContains(words[1], "=") && !absl::StartsWith(words[1], "->")
          ? words[1]
          : "**";
  const std::string path = ExamplePath(pattern, "x");
  const std::string source = path.empty() || path[0] == '/' ? path : absl::StrCat("/", path);
  const std::string type = ValueOf(words, "fstype");
  const std::string shown = Items(type, {"tmpfs"}).front();
  texts.push_back(absl::StrCat("mount ", QuotedPath(path), " on /mnt type ", shown));
  for (const char* verb : {"bind", "rbind", "move"}) {
    texts.push_back(absl::StrCat(verb, " ", QuotedPath(source), " on /mnt"));
  }
  for (const char* verb : {"remount", "umount", "make-rprivate"}) {
    texts.push_back(absl::StrCat(verb, " ", QuotedPath(source)));
  }
  texts.push_back("mount /dev/sda on /mnt type ext4 disk device");
}

// "chmod,fchmod arg1&0x40==0x40 -> SCMP_ACT_ERRNO"
void AddSyscalls(absl::string_view text, Words& texts) {
  const Words words = absl::StrSplit(text.substr(0, text.find(" -> ")), ' ', absl::SkipEmpty());
  if (words.empty()) return;
  std::vector<uint64_t> args;
  for (size_t i = 1; i < words.size(); ++i) {
    absl::string_view word = words[i];
    if (!absl::ConsumePrefix(&word, "arg") || word.empty()) return;
    const auto index = static_cast<size_t>(word[0] - '0');
    const size_t sign = word.find_first_of("=!<>");
    if (index > 5 || sign == absl::string_view::npos) return;
    absl::string_view digits = word.substr(sign);
    digits.remove_prefix(std::min(digits.find_first_not_of("=!<>"), digits.size()));
    const absl::string_view op = word.substr(sign, word.size() - sign - digits.size());
    uint64_t value = 0;
    if (!absl::SimpleHexAtoi(digits, &value)) return;
    if (op == "!=" || op == ">") ++value;
    if (op == "<") --value;
    if (args.size() <= index) args.resize(index + 1);
    args[index] = value;
  }
  const std::vector<std::string> names = absl::StrSplit(words[0], ',', absl::SkipEmpty());
  for (const std::string& name : names) {
    texts.push_back(absl::StrCat("syscall ", name, "(", absl::StrJoin(args, ", "), ")"));
  }
}

void AddOperations(absl::string_view text, Words& texts) {
  if (text == "create a user namespace") texts.push_back("operation CREATE_USER_NAMESPACE");
  if (text == "load a BPF program") texts.push_back("operation LOAD_BPF_PROGRAM");
  if (text == "attach a socket filter") texts.push_back("operation ATTACH_SOCKET_FILTER");
}

// Statements of AppArmor that begin with a word.
void AddAppArmorWords(const Words& words, Words& texts) {
  if (words[0] == "network") {
    const std::string domain = words.size() > 1 ? words[1] : "inet";
    const Words types = words.size() > 2 ? Words{words[2]} : Words{"stream", "dgram", "raw"};
    for (const std::string& type : types) {
      texts.push_back(absl::StrCat("socket ", domain, " ", type));
    }
    // "network tcp"
    texts.push_back(absl::StrCat("socket inet stream ", domain));
    texts.push_back(absl::StrCat("socket inet dgram ", domain));
  }
  if (words[0] == "signal") {
    for (const char* access : {"send", "receive"}) {
      for (const char* signal : {"kill", "term"}) {
        const std::string peer = ValueOf(words, "peer");
        texts.push_back(
            absl::StrCat("signal ", access, " ", signal, access[0] == 's' ? " to " : " from ",
                         peer.empty() ? "unconfined" : QuotedPath(ExamplePath(peer, "x"))));
      }
    }
  }
  if (words[0] == "pivot_root") texts.push_back("pivot_root /x put_old /x/y");
  if (words[0] == "link") texts.push_back("link /tmp/x to /tmp/y");
  if (words[0] == "file") AddPaths({"read", "write", "exec"}, "/x", texts);
}

Words Candidates(absl::string_view text) {
  Words texts;
  const std::string spaced = absl::StrReplaceAll(text, {{"(", " "}, {")", " "}});
  const Words words = absl::StrSplit(spaced, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
  if (words.empty()) return texts;
  const std::string& first = words[0];
  const bool two = words.size() > 1;
  if (absl::StrContains(text, " -> SCMP_ACT_")) {
    AddSyscalls(text, texts);
  } else if (absl::StartsWith(text, "\"") && text.find('"', 1) != absl::string_view::npos) {
    const size_t close = text.find('"', 1);
    AddOwnPaths(absl::StripAsciiWhitespace(text.substr(close + 1)), text.substr(1, close - 1),
                texts);
  } else if (absl::StartsWith(first, "/") || absl::StartsWith(first, "@{")) {
    if (two) AddOwnPaths(words[1], first, texts);
  } else if ((first == "file" || first == "exec" || first == "file,exec" || first == "owner") &&
             two) {
    const std::string access = words.size() > 2 ? words[2] : "exec";
    AddPaths(Verbs(access), words[1], texts);
    for (std::string& one : texts) {
      if (first == "owner") one += " own file";
    }
  } else if (first == "capability") {
    for (size_t i = 1; i < words.size(); ++i) {
      for (const std::string& name : Items(words[i], {"chown"})) {
        texts.push_back(absl::StrCat("capability ", name));
      }
    }
    if (!two) texts.push_back("capability chown");
  } else if (first == "socket") {
    AddSockets(words, texts);
  } else if (first == "egress") {
    AddEgress(words, texts);
  } else if (first == "ptrace") {
    const std::string peer = ValueOf(words, "peer");
    for (const char* permission : {"trace", "read", "traceby", "readby"}) {
      texts.push_back(absl::StrCat("ptrace ", permission, " of unconfined"));
      if (!peer.empty()) {
        texts.push_back(
            absl::StrCat("ptrace ", permission, " of ", QuotedPath(ExamplePath(peer, "x"))));
      }
      texts.push_back(absl::StrCat("ptrace ", permission, " same container"));
    }
  } else if (first == "mount" || first == "umount" || first == "remount") {
    AddMounts(words, texts);
  } else {
    AddAppArmorWords(words, texts);
    AddOperations(text, texts);
  }
  return texts;
}

}  // namespace

std::string ExamplePath(absl::string_view pattern, absl::string_view filler) {
  std::string rest = absl::StrReplaceAll(pattern, {{"@{PROC}", "/proc"},
                                                   {"@{HOME}", "/root"},
                                                   {"@{pid}", "1"},
                                                   {"@{pids}", "1"},
                                                   {"@{sys}", "/sys"},
                                                   {"@{run}", "/run"},
                                                   {"\"", ""}});
  std::string out;
  // Every step takes at least one character of `rest`, and alternatives only shorten it.
  while (!rest.empty()) {
    const char c = rest[0];
    if (c == '*') {
      const bool many = absl::StartsWith(rest, "**");
      out += many ? std::string(filler) : std::string(filler.substr(0, filler.find('/')));
      rest.erase(0, rest.find_first_not_of('*'));
    } else if (c == '?') {
      absl::StrAppend(&out, filler.substr(0, 1));
      rest.erase(0, 1);
    } else if (c == '{') {
      rest = TakeAlternative(rest);
    } else if (c == '[' && absl::StrContains(rest, "]")) {
      const size_t close = rest.find(']');
      out += FromClass(absl::string_view(rest).substr(1, close - 1));
      rest.erase(0, close + 1);
    } else if (c == '\\' && rest.size() > 1) {
      out += rest[1];
      rest.erase(0, 2);
    } else {
      out += c;
      rest.erase(0, 1);
    }
  }
  return out;
}

std::vector<Event> ExampleEvents(const RuleOrigin& rule) {
  absl::string_view text = rule.text();
  std::string profile;
  if (absl::StartsWith(text, "child_")) {
    const size_t colon = text.find(": ");
    if (colon != absl::string_view::npos) {
      profile = std::string(text.substr(0, colon));
      text.remove_prefix(colon + 2);
    }
  }
  std::vector<Event> events;
  for (const std::string& candidate : Candidates(text)) {
    Event event;
    Diagnostics ignored;  // a guess that is no event is none
    if (!ParseEventText(candidate, "", event, ignored)) continue;
    event.set_profile(profile);
    events.push_back(std::move(event));
  }
  return events;
}

}  // namespace varmor
