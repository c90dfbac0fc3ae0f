#include "lib/compiler/apparmor/rule_words.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/policy/capability.h"

namespace varmor {

const RuleWords& AppArmorCapabilities() {
  static const auto& words = *new RuleWords(kCapabilityNames.begin(), kCapabilityNames.end());
  return words;
}

const RuleWords& AppArmorNetworkFamilies() {
  static const auto& words = *new RuleWords{
      "unspec",  "unix",    "inet",   "ax25",       "ipx",     "appletalk", "netrom",    "bridge",
      "atmpvc",  "x25",     "inet6",  "rose",       "netbeui", "security",  "key",       "netlink",
      "packet",  "ash",     "econet", "atmsvc",     "rds",     "sna",       "irda",      "pppox",
      "wanpipe", "llc",     "ib",     "mpls",       "can",     "tipc",      "bluetooth", "iucv",
      "rxrpc",   "isdn",    "phonet", "ieee802154", "caif",    "alg",       "nfc",       "vsock",
      "kcm",     "qipcrtr", "smc",    "xdp",        "mctp"};
  return words;
}

const RuleWords& AppArmorNetworkTypes() {
  static const auto& words = *new RuleWords{"stream", "dgram", "seqpacket", "rdm", "raw", "packet"};
  return words;
}

const RuleWords& AppArmorNetworkProtocols() {
  static const auto& words = *new RuleWords{"tcp", "udp", "icmp"};
  return words;
}

const RuleWords& AppArmorPtraceAccesses() {
  static const auto& words = *new RuleWords{"read", "readby", "trace", "tracedby"};
  return words;
}

const RuleWords& AppArmorSignals() {
  static const auto& words =
      *new RuleWords{"hup",   "int",  "quit", "ill",  "trap", "abrt",  "bus",    "fpe",    "kill",
                     "usr1",  "segv", "usr2", "pipe", "alrm", "term",  "stkflt", "chld",   "cont",
                     "stop",  "stp",  "ttin", "ttou", "urg",  "xcpu",  "xfsz",   "vtalrm", "prof",
                     "winch", "io",   "pwr",  "sys",  "emt",  "exists"};
  return words;
}

const RuleWords& AppArmorUnixAccesses() {
  static const auto& words =
      *new RuleWords{"create",  "bind",    "listen", "accept", "connect", "shutdown",
                     "getattr", "setattr", "getopt", "setopt", "send",    "receive"};
  return words;
}

const RuleWords& AppArmorRlimits() {
  static const auto& words = *new RuleWords{
      "cpu",   "fsize",   "data",  "stack",      "core",     "rss",  "nofile", "ofile", "as",
      "nproc", "memlock", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"};
  return words;
}

const RuleWords& AppArmorStatementWords() {
  static const auto& words =
      *new RuleWords{"audit",      "deny",    "allow",    "owner",   "file",   "link",
                     "capability", "network", "mount",    "remount", "umount", "pivot_root",
                     "ptrace",     "signal",  "dbus",     "unix",    "set",    "change_profile",
                     "include",    "userns",  "io_uring", "mqueue",  "all",    "profile",
                     "hat",        "abi",     "alias",    "if"};
  return words;
}

const std::vector<MountFlag>& AppArmorMountFlags() {
  using C = MountFlag::Command;
  static const auto& flags = *new std::vector<MountFlag>{
      {"ro", "ro", C::kNone},
      {"r", "ro", C::kNone},
      {"read-only", "ro", C::kNone},
      {"rw", "rw", C::kNone},
      {"w", "rw", C::kNone},
      {"suid", "suid", C::kNone},
      {"nosuid", "nosuid", C::kNone},
      {"dev", "dev", C::kNone},
      {"nodev", "nodev", C::kNone},
      {"exec", "exec", C::kNone},
      {"noexec", "noexec", C::kNone},
      {"sync", "sync", C::kNone},
      {"async", "async", C::kNone},
      {"remount", "remount", C::kRemount},
      {"mand", "mand", C::kNone},
      {"nomand", "nomand", C::kNone},
      {"dirsync", "dirsync", C::kNone},
      {"atime", "atime", C::kNone},
      {"noatime", "noatime", C::kNone},
      {"diratime", "diratime", C::kNone},
      {"nodiratime", "nodiratime", C::kNone},
      {"bind", "bind", C::kBind},
      {"B", "bind", C::kBind},
      {"move", "move", C::kMove},
      {"M", "move", C::kMove},
      {"rbind", "rbind", C::kBind},
      {"R", "rbind", C::kBind},
      {"verbose", "silent", C::kNone},
      {"silent", "silent", C::kNone},
      {"loud", "loud", C::kNone},
      {"acl", "acl", C::kNone},
      {"noacl", "noacl", C::kNone},
      {"unbindable", "unbindable", C::kPropagation},
      {"make-unbindable", "unbindable", C::kPropagation},
      {"runbindable", "runbindable", C::kPropagation},
      {"make-runbindable", "runbindable", C::kPropagation},
      {"private", "private", C::kPropagation},
      {"make-private", "private", C::kPropagation},
      {"rprivate", "rprivate", C::kPropagation},
      {"make-rprivate", "rprivate", C::kPropagation},
      {"slave", "slave", C::kPropagation},
      {"make-slave", "slave", C::kPropagation},
      {"rslave", "rslave", C::kPropagation},
      {"make-rslave", "rslave", C::kPropagation},
      {"shared", "shared", C::kPropagation},
      {"make-shared", "shared", C::kPropagation},
      {"rshared", "rshared", C::kPropagation},
      {"make-rshared", "rshared", C::kPropagation},
      {"relatime", "relatime", C::kNone},
      {"norelatime", "norelatime", C::kNone},
      {"iversion", "iversion", C::kNone},
      {"noiversion", "noiversion", C::kNone},
      {"strictatime", "strictatime", C::kNone},
      {"user", "user", C::kNone},
      {"nouser", "nouser", C::kNone},
  };
  return flags;
}

const MountFlag* FindMountFlag(absl::string_view word) {
  for (const MountFlag& flag : AppArmorMountFlags()) {
    if (word == flag.word) return &flag;
  }
  return nullptr;
}

bool Contains(const RuleWords& words, absl::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string DidYouMean(absl::string_view word, const RuleWords& words,
                       absl::string_view otherwise) {
  const std::string nearest = NearestWord(word, words);
  if (nearest.empty()) return std::string(otherwise);
  return absl::StrCat("did you mean \"", nearest, "\"?");
}

}  // namespace varmor
