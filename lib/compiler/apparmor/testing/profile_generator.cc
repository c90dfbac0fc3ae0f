#include "lib/compiler/apparmor/testing/profile_generator.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace varmor {

GeneratedProfile ProfileGenerator::Profile(const ProfileOptions& options) {
  options_ = options;
  exec_mode_ = Pick({"ix", "ix", "px", "Px", "ux", "Ux", "cx", "pix", "Pix", "PUx", "cix", "CUx"});
  GeneratedProfile profile;
  std::string text = OneIn(2) ? "abi <abi/3.0>,\n" : "";
  absl::StrAppend(&text, "include <tunables/global>\n");
  if (OneIn(3)) absl::StrAppend(&text, "@{APP} = /opt/app /srv/a", OneIn(3) ? "*" : "", "\n");
  const bool has_app = absl::StrContains(text, "@{APP}");
  if (has_app && OneIn(3)) absl::StrAppend(&text, "@{APP} += /app\n");

  std::string body;
  if (options.children) {
    for (uint32_t n = Below(5) / 3; n > 0; --n) {
      profile.children.push_back(absl::StrCat("ch", profile.children.size()));
    }
  }
  body = Body(options, profile, 1 + Below(options.max_rules));
  if (has_app) absl::StrAppend(&body, "  @{APP}/", Pick({"*", "bin/x", "**"}), " r,\n");
  for (const std::string& child : profile.children) {
    absl::StrAppend(&body, "  profile ", child, " {\n",
                    Body(options, profile, 1 + Below(options.max_rules) / 2), "  }\n");
  }
  const std::string flags =
      Pick({"", "", " flags=(attach_disconnected,mediate_deleted)", " flags=(complain)"});
  absl::StrAppend(&text, "profile ", options.name, flags, " {\n", body, "}\n");
  profile.text = text;
  return profile;
}

std::string ProfileGenerator::Body(const ProfileOptions& options, GeneratedProfile& profile,
                                   int rules) {
  std::string body;
  // Without a broad allow rule most questions have the same answer.
  if (OneIn(2)) absl::StrAppend(&body, "  ", Pick({"/** rwlkm,", "file,", "/{,**} r,"}), "\n");
  if (OneIn(3)) absl::StrAppend(&body, "  ", Pick({"mount,", "capability,", "network,"}), "\n");
  if (OneIn(4)) absl::StrAppend(&body, "  ", Pick({"ptrace,", "signal,", "umount,"}), "\n");
  if (options.avoid_conflicts && absl::StrContains(body, "file,")) exec_mode_ = "ix";
  for (int i = 0; i < rules; ++i) absl::StrAppend(&body, "  ", Rule(profile), "\n");
  return body;
}

std::string ProfileGenerator::Qualifiers(bool owner) {
  std::string out;
  if (OneIn(4)) out += "audit ";
  if (OneIn(3)) out += Pick({"deny ", "deny ", "allow "});
  if (owner && OneIn(4)) out += "owner ";
  return out;
}

std::string ProfileGenerator::Rule(GeneratedProfile& profile) {
  const uint32_t kind = Below(20);
  if (kind < 11) {
    const std::string qualifiers = Qualifiers(true);
    const bool deny = absl::StrContains(qualifiers, "deny");
    return absl::StrCat(qualifiers, FileRule(profile, deny), ",");
  }
  if (kind < 12) return absl::StrCat(Qualifiers(true), LinkRule(profile), ",");
  if (kind < 15) return absl::StrCat(Qualifiers(false), MountRule(profile), ",");
  if (kind < 17) return absl::StrCat(Qualifiers(false), IpcRule(), ",");
  return PlainRule(profile);
}

std::string ProfileGenerator::Pattern(GeneratedProfile& profile) {
  std::string pattern = Pick({"/", "/", "/", "/a/", "/etc/", "@{PROC}/", "@{HOME}", "/a"});
  int stars = 0;
  for (uint32_t n = Below(5); n > 0; --n) {
    std::string piece =
        Pick({"a",   "b",  "b/",         "ab",   "x",      "*",     "**",   "?",
              "a*",  "*b", "[ab]",       "[^a]", "[a-c]",  "{a,b}", "{,x}", "{a,b/c}",
              "/",   ".",  "\\*",        "\\[",  "\\x41",  "\\101", " ",    "\xc3\xa9",
              "/**", "/*", "{a,{b,c}d}", "[^/]", "@{pid}", "-",     "/**/", "{*,a/*}"});
    if (absl::StrContains(piece, '*') && ++stars > 2) piece = "a";
    pattern += piece;
  }
  if (options_.risky && OneIn(12)) {
    pattern +=
        Pick({"#",    "=",   "->", ",x",      "]", "}", "'",   "\"", "[",      "{a}",  "[]",  "\\",
              "[a-]", "[*]", "{a", "@{NONE}", "@", "^", "\\,", "//", "[\\,a]", "[^^]", "[!a]"});
  }
  profile.patterns.push_back(pattern);
  return Quoted(std::move(pattern));
}

std::string ProfileGenerator::Quoted(std::string pattern) {
  if (!absl::StrContains(pattern, ' ') && !OneIn(10)) return pattern;
  return absl::StrCat("\"", pattern, "\"");
}

std::string ProfileGenerator::ExecPart(bool deny) {
  if (deny) return "x";
  if (options_.avoid_conflicts) return exec_mode_;
  return Pick({"ix", "px", "Px", "ux", "Ux", "cx", "Cx", "pix", "Pix", "PUx", "pux", "cix", "CUx"});
}

std::string ProfileGenerator::FileRule(GeneratedProfile& profile, bool deny) {
  if (!deny && OneIn(25)) return "file";
  std::string permissions;
  for (uint32_t n = 1 + Below(3); n > 0; --n)
    permissions += Pick({"r", "r", "w", "w", "k", "l", "m"});
  if (OneIn(6)) permissions = Pick({"a", "ra", "w", "rwlkm", "wl"});
  std::string target;
  if (OneIn(4)) {
    permissions += ExecPart(deny);
    const bool changes = !deny && absl::StrContains("pPcC", permissions[permissions.size() - 2]);
    if (changes && !options_.avoid_conflicts && OneIn(3)) {
      target = absl::StrCat(" -> ", profile.children.empty() ? "other" : Pick(profile.children));
    }
  }
  if (options_.risky && OneIn(20)) permissions += Pick({"x", "ix", "wa", "q", "R", "-> b"});
  const std::string pattern = Pattern(profile);
  if (OneIn(8)) return absl::StrCat(permissions, " ", pattern, target);
  return absl::StrCat(OneIn(10) ? "file " : "", pattern, " ", permissions, target);
}

std::string ProfileGenerator::LinkRule(GeneratedProfile& profile) {
  const std::string to = Pattern(profile);
  return absl::StrCat("link ", OneIn(2) ? "subset " : "", to, " -> ", Pattern(profile));
}

std::string ProfileGenerator::List(std::initializer_list<const char*> words, uint32_t most) {
  std::string out = Pick(words);
  for (uint32_t n = Below(most); n > 0; --n)
    absl::StrAppend(&out, OneIn(3) ? " " : ", ", Pick(words));
  return absl::StrCat("(", out, ")");
}

std::string ProfileGenerator::MountRule(GeneratedProfile& profile) {
  if (OneIn(5)) return OneIn(2) ? "umount" : absl::StrCat("umount ", Pattern(profile));
  if (OneIn(8)) {
    return absl::StrCat("pivot_root", OneIn(2) ? absl::StrCat(" oldroot=", Pattern(profile)) : "",
                        OneIn(2) ? absl::StrCat(" ", Pattern(profile)) : "");
  }
  std::string out = OneIn(8) ? "remount" : "mount";
  const bool mounts = out == "mount";
  if (OneIn(3)) {
    absl::StrAppend(&out, " fstype=",
                    OneIn(2) ? Pick({"proc", "ext*", "tmpfs", "{proc,sysfs}"})
                             : List({"proc", "tmpfs", "ext?"}, 2));
  }
  if (OneIn(2)) {
    const bool bind = !absl::StrContains(out, "fstype") && OneIn(2);
    absl::StrAppend(&out, " options", Pick({"=", "=", " in "}),
                    bind ? Pick({"(bind)", "(rw, bind)", "(rbind)", "(rw, move)", "(rw, rslave)",
                                 "(make-private)", "(shared)", "(ro, remount)", "(bind, ro)"})
                         : List({"ro", "rw", "nosuid", "nodev", "noexec", "sync", "noatime",
                                 "relatime", "strictatime", "dev", "suid"},
                                3));
  }
  if (mounts && OneIn(2))
    absl::StrAppend(&out, " ", OneIn(3) ? Pick({"proc", "tmpfs", "none"}) : Pattern(profile));
  if (mounts ? OneIn(2) : false) absl::StrAppend(&out, " -> ", Pattern(profile));
  if (!mounts && OneIn(2)) absl::StrAppend(&out, " ", Pattern(profile));
  return out;
}

std::string ProfileGenerator::Label() {
  return Pick({"foo", "unconfined", "oracle", "/usr/bin/*", "@{profile_name}", "\"a b\"",
               "oracle//ch0", "{foo,bar}", "f*", "**", "*"});
}

std::string ProfileGenerator::IpcRule() {
  std::string out;
  switch (Below(options_.risky ? 6 : 4)) {
    case 0:
    case 1:
      out = "ptrace";
      if (OneIn(2)) absl::StrAppend(&out, " ", List({"read", "trace", "tracedby", "readby"}, 3));
      if (OneIn(2)) absl::StrAppend(&out, " peer=", Label());
      return out;
    case 2:
    case 3:
      out = "signal";
      if (OneIn(2)) absl::StrAppend(&out, " ", List({"send", "receive"}, 2));
      if (OneIn(2)) {
        absl::StrAppend(&out,
                        " set=", List({"kill", "hup", "term", "rtmin+3", "exists", "int"}, 3));
      }
      if (OneIn(2)) absl::StrAppend(&out, " peer=", Label());
      return out;
    case 4:
      return absl::StrCat("dbus ", List({"send", "receive", "bind"}, 2),
                          OneIn(2) ? " bus=system" : "", OneIn(3) ? " path=/a/**" : "",
                          OneIn(4) ? " name=a.b" : "",
                          OneIn(4) ? " peer=(name=n, label=\"l m\")" : "");
    default:
      return absl::StrCat("unix ", List({"send", "receive", "create", "connect"}, 2),
                          OneIn(3) ? " type=stream" : "", OneIn(3) ? " addr=@foo*" : "",
                          OneIn(4) ? " peer=(addr=none,label=x)" : "");
  }
}

std::string ProfileGenerator::PlainRule(GeneratedProfile& profile) {
  switch (Below(options_.risky ? 6 : 4)) {
    case 0:
    case 1: {
      std::string names = Pick({"chown", "kill", "net_raw", "sys_admin", "bpf", "setuid"});
      if (OneIn(3)) absl::StrAppend(&names, " ", Pick({"mknod", "audit_read", "perfmon"}));
      return absl::StrCat(Qualifiers(false), "capability ", names, ",");
    }
    case 2:
    case 3:
      return absl::StrCat(
          Qualifiers(false), "network",
          Pick({"",        " inet",   " inet6",    " inet stream", " inet dgram", " inet6 raw",
                " tcp",    " udp",    " inet tcp", " inet6 udp",   " icmp",       " netlink",
                " packet", " stream", " dgram",    " netlink raw", " inet icmp",  " seqpacket",
                " raw",    " unix"}),
          ",");
    case 4:
      return absl::StrCat("set rlimit ", Pick({"cpu", "nice", "as", "nproc", "nofile"}),
                          " <= ", Pick({"1", "10", "infinity", "15", "-5", "3 min", "10M"}), ",");
    default:
      return absl::StrCat(Qualifiers(false), "change_profile",
                          OneIn(2) ? absl::StrCat(" ", Pattern(profile)) : "",
                          OneIn(2) ? absl::StrCat(" -> ", Label()) : "", ",");
  }
}

std::string ProfileGenerator::Damaged(std::string text) {
  // Behind the preamble, so that what is damaged is mostly rules.
  const size_t begin = std::min(text.find("profile "), text.size() - 1);
  const size_t at = begin + Below(text.size() - begin);
  switch (Below(4)) {
    case 0:
      text.erase(at, 1 + Below(3));
      break;
    case 1:
      text.insert(at, Pick({" ", ",", "\"", "(", ")", "=", "#", "x", "\n", "\\", "{", "}",
                            "profile", "->", "@{", "}", "[", "*", "/"}));
      break;
    case 2: {
      const size_t other = begin + Below(text.size() - begin);
      std::swap(text[at], text[other]);
      break;
    }
    default: {
      // A word goes, or comes twice.
      const size_t end = std::min(text.find_first_of(" \n", at + 1), text.size());
      if (OneIn(2)) {
        text.insert(at, text.substr(at, end - at));
      } else {
        text.erase(at, end - at);
      }
    }
  }
  return text;
}

namespace {

const std::vector<std::pair<std::string, std::string>>& VariableValues() {
  static const auto& values =
      *new std::vector<std::pair<std::string, std::string>>{{"@{PROC}", "/proc/"},
                                                            {"@{HOME}", "/{home/*,root}/"},
                                                            {"@{pid}", "[1-9]"},
                                                            {"@{APP}", "/{opt,srv}/a{pp,}"},
                                                            {"@{profile_name}", "oracle"}};
  return values;
}

}  // namespace

// One of the texts of the pattern from `at` on, up to the end of the alternative. Malformed
// patterns give anything.
std::string ProfileGenerator::Match(const std::string& pattern, size_t& at, int depth) {
  std::string out;
  while (at < pattern.size()) {
    const char c = pattern[at];
    if (depth > 0 && (c == ',' || c == '}')) break;
    ++at;
    if (c == '\\' && at < pattern.size()) {
      const bool is_hex = pattern[at] == 'x';
      const bool is_octal = pattern[at] >= '0' && pattern[at] <= '7';
      out += is_hex || is_octal ? 'A' : pattern[at];
      at += is_hex || is_octal ? 3 : 1;
    } else if (c == '*') {
      const bool deep = at < pattern.size() && pattern[at] == '*';
      while (at < pattern.size() && pattern[at] == '*') ++at;
      for (uint32_t n = Below(4); n > 0; --n) {
        out += deep ? Pick({"a", "b", "/", "x", "c"}) : Pick({"a", "b", "x", "."});
      }
    } else if (c == '?') {
      out += Pick({"a", "b", "c"});
    } else if (c == '[') {
      const size_t end = std::min(pattern.find(']', at), pattern.size());
      out += pattern[at] == '^' ? Pick({"b", "x", "z"}) : pattern.substr(at, 1);
      at = std::min(end + 1, pattern.size());
    } else if (c == '{') {
      std::vector<std::string> alternatives;
      do {
        alternatives.push_back(Match(pattern, at, depth + 1));
      } while (at < pattern.size() && pattern[at++] == ',');
      out += Pick(alternatives);
    } else {
      out += c;
    }
  }
  return out;
}

std::string ProfileGenerator::Mutated(std::string path) {
  if (path.empty()) return "/";
  const size_t at = Below(path.size());
  switch (Below(7)) {
    case 0:
      path.erase(at, 1);
      break;
    case 1:
      path.insert(at, Pick({"a", "b", "/", "x", "*", "\xc3\xa9", "\n", "\x01", "\xff", " "}));
      break;
    case 2:
      path[at] = Pick({"a", "b", "/", "c", "?", "-"})[0];
      break;
    case 3:
      path += Pick({"/", "a", "/a", "/b/c", "b"});
      break;
    case 4:
      path.resize(at);
      break;
    case 5:
      if (path.back() == '/') path.pop_back();
      break;
    default:
      path = absl::StrCat("/", Pick({"a", "b", "etc/a", "proc/1/a", "home/a/b"}));
  }
  return path;
}

std::string ProfileGenerator::PathNear(const std::vector<std::string>& patterns) {
  std::string path = Pick({"/", "/a", "/b", "/ab", "/a/b", "/etc/x", "/proc/1", "/home/a/"});
  if (!patterns.empty() && !OneIn(10)) {
    size_t at = 0;
    path = Match(absl::StrReplaceAll(Pick(patterns), VariableValues()), at, 0);
  }
  for (uint32_t n = OneIn(2) ? 0 : 1 + Below(2); n > 0; --n) path = Mutated(std::move(path));
  path = absl::StrReplaceAll(path, {{"//", "/"}});
  if (path.empty() || path[0] != '/') path.insert(0, "/");
  return path;
}

}  // namespace varmor
