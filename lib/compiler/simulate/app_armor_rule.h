// One rule of an AppArmor profile as the AppArmor parser (3.0.8, features of abi/3.0) understands
// it: variables replaced, words resolved to what the kernel is given. Values only.
#ifndef LIB_COMPILER_SIMULATE_APP_ARMOR_RULE_H_
#define LIB_COMPILER_SIMULATE_APP_ARMOR_RULE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/compiler/apparmor/aare_automaton.h"
#include "lib/compiler/apparmor/statement.h"

namespace varmor {

// A pattern of a rule. Exactly one of `any`, `disk`, `undecidable` and `automaton` is set.
struct AppArmorPattern {
  // Variables replaced, in the AARE language. A variable with several values has become an
  // alternation, as the parser does it: "{/home/*,/root}/.ssh". A slash of a value that would
  // follow or precede another one is gone.
  std::string text;
  // The rule has no pattern here: matches everything, also nothing at all.
  bool any = false;
  // Any disk of the node (an unbound hole).
  bool disk = false;
  // Why it cannot be matched: "variable @{FOO} has no value here".
  std::string undecidable;
  std::shared_ptr<const AareNfa> automaton;
  // No wildcard and no class, alternations allowed: what beats patterns among exec rules.
  bool exact = false;
};

// Permissions of file rules. What they mean to the kernel is in decide_app_armor.h.
enum AppArmorFileBit : uint32_t {
  kAppArmorRead = 1 << 0,
  // The parser adds kAppArmorAppend to every w, in denials too.
  kAppArmorWrite = 1 << 1,
  kAppArmorAppend = 1 << 2,
  kAppArmorLink = 1 << 3,
  kAppArmorLock = 1 << 4,
  // The parser adds this to every exec mode that inherits (ix, pix, cix).
  kAppArmorMap = 1 << 5,
  kAppArmorExec = 1 << 6,
};

// How an exec rule goes on. Two exec rules agree when all four are equal.
struct AppArmorExec {
  enum class Transition { kNone, kInherit, kProfile, kChild, kUnconfined };
  // kNone: a denial.
  Transition transition = Transition::kNone;
  // What happens when the profile or child does not exist: kNone (exec fails), kInherit or
  // kUnconfined. Only behind kProfile and kChild.
  Transition fallback = Transition::kNone;
  // Capital letters: secureexec. Says nothing about the verdict.
  bool clean_environment = false;
  // Behind "->": name of a profile or, of kChild, of a child. "": found by the path.
  std::string target;

  bool operator==(const AppArmorExec& other) const {
    return transition == other.transition && fallback == other.fallback &&
           clean_environment == other.clean_environment && target == other.target;
  }
};

// "/path rw", "file", "link /a -> /b".
//
// Permission l comes in pairs. A link is allowed when its new name is matched by `path` and its old
// name by `link_target`. A denial of l denies pairs only. Rules of the form "link /a -> /b" pair
// these two; an l among other letters pairs with every path but "/", and asks for the subset test:
// the new name may not have permissions that the old name lacks. "link subset" asks for it too.
struct AppArmorFileRule {
  // "/{**,}" for "file" alone.
  AppArmorPattern path;
  // AppArmorFileBit, with what the parser adds.
  uint32_t permissions = 0;
  // With kAppArmorExec.
  AppArmorExec exec;
  // With kAppArmorLink.
  AppArmorPattern link_target;
  bool link_subset = false;
};

// Bit n is the capability of number n. "capability" alone is all of them; "checkpoint_restore" is
// sys_admin, as abi/3.0 has nothing better.
struct AppArmorCapabilityRule {
  uint64_t mask = 0;
};

// network and unix rules: which sockets may be created and used. Protocols only choose types: tcp
// is stream, udp dgram (both of inet and inet6, unless a family is named), icmp raw of inet.
//
// A unix rule that allows, with whatever permissions and peers, also allows AF_UNIX sockets (of its
// type) as a network rule would; one that denies denies none of them so. Only kernels that mediate
// unix sockets look at more.
struct AppArmorNetworkRule {
  // Family ("inet") to types: bit n is the type of number n (SOCK_STREAM is 1). A family alone
  // stands for stream, dgram, raw, rdm, seqpacket and packet; "network" alone and "TYPE" alone have
  // every family that the parser knows, the former with the types 0 to 15.
  std::map<std::string, uint16_t> types;
};

// One expression that a mount or remount rule becomes; most rules become several. The kernel knows
// only one kind of question: is (target, source, fstype, flags) matched? It asks with the flags
// that belong to the operation; see decide_app_armor.h. So a form that was written for bind mounts
// holds for everything with these flags.
struct AppArmorMountForm {
  AppArmorPattern target;
  AppArmorPattern source;
  // Alternatives; empty: any.
  std::vector<AppArmorPattern> fstypes;
  // MS_* of linux/mount.h, bits 0 to 31. Flags match when they hold `required` and nothing but
  // `required` and `optional`; or always, when `any_flags`.
  bool any_flags = false;
  uint32_t required = 0;
  uint32_t optional = 0;
};

struct AppArmorMountRule {
  std::vector<AppArmorMountForm> forms;
};

// Options of umount rules mean nothing to the parser.
struct AppArmorUmountRule {
  AppArmorPattern target;
};

struct AppArmorPivotRootRule {
  AppArmorPattern new_root;
  AppArmorPattern old_root;
};

enum AppArmorPtraceBit : uint32_t {
  kAppArmorPtraceRead = 1 << 0,
  kAppArmorPtraceTrace = 1 << 1,
  kAppArmorPtraceReadBy = 1 << 2,
  kAppArmorPtraceTracedBy = 1 << 3,
};

struct AppArmorPtraceRule {
  // AppArmorPtraceBit; all four when the rule has none.
  uint32_t access = 0;
  // Full name of the other process's profile.
  AppArmorPattern peer;
};

struct AppArmorSignalRule {
  bool send = false;
  bool receive = false;
  // Names without "sig"; empty: every signal.
  std::set<std::string> signals;
  AppArmorPattern peer;
};

struct AppArmorChangeProfileRule {
  // "": whatever was executed.
  AppArmorPattern executable;
  AppArmorPattern target;
};

// A rule with its contents; `statement.kind` says which of them.
struct AppArmorRuleModel {
  // With its qualifiers. The place is that in the text it comes from.
  AppArmorStatement statement;
  // Index in the artifact's `rules`, ascending: everything that asked for this line. Empty for
  // rules of the frame, of a custom profile's own text, of included texts.
  std::vector<int> indexes;
  // The text it stands in: "" for the profile, else the include ("abstractions/base").
  std::string include;
  // Added by the parser, not written anywhere.
  bool implied = false;

  AppArmorFileRule file;                     // kFile
  AppArmorCapabilityRule capability;         // kCapability
  AppArmorNetworkRule network;               // kNetwork, kUnix
  AppArmorMountRule mount;                   // kMount, kRemount
  AppArmorUmountRule umount;                 // kUmount
  AppArmorPivotRootRule pivot_root;          // kPivotRoot
  AppArmorPtraceRule ptrace;                 // kPtrace
  AppArmorSignalRule signal;                 // kSignal
  AppArmorChangeProfileRule change_profile;  // kChangeProfile
};

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_APP_ARMOR_RULE_H_
