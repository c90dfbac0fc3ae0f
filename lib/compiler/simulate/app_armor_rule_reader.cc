#include "lib/compiler/simulate/app_armor_rule_reader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/apparmor/rule_words.h"
#include "lib/compiler/apparmor/statement_parts.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/policy/capability.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;
using Transition = AppArmorExec::Transition;

// SOCK_* of include/linux/net.h.
constexpr uint16_t kStream = 1 << 1;
constexpr uint16_t kDgram = 1 << 2;
constexpr uint16_t kRaw = 1 << 3;
constexpr uint16_t kRdm = 1 << 4;
constexpr uint16_t kSeqpacket = 1 << 5;
constexpr uint16_t kPacket = 1 << 10;
constexpr uint16_t kNamedTypes = kStream | kDgram | kRaw | kRdm | kSeqpacket | kPacket;

AppArmorPattern Any() {
  AppArmorPattern pattern;
  pattern.any = true;
  return pattern;
}

AppArmorPattern Disk(absl::string_view path) {
  AppArmorPattern pattern;
  pattern.text = std::string(path);
  pattern.disk = true;
  return pattern;
}

AppArmorPattern PatternOrAny(bool present, absl::string_view text,
                             const AppArmorVariables& variables) {
  return present ? MakeAppArmorPattern(text, variables) : Any();
}

// Runs of slashes stay what they are in labels ("web//child_0"), while automata of paths shorten
// them: a class of one slash keeps the second one.
std::string KeepSlashes(absl::string_view label) {
  std::string text;
  bool in_class = false;
  for (size_t i = 0; i < label.size(); ++i) {
    if (label[i] == '\\' && i + 1 < label.size()) {
      absl::StrAppend(&text, label.substr(i++, 2));
      continue;
    }
    if (label[i] == '[' || label[i] == ']') in_class = label[i] == '[';
    const bool again = label[i] == '/' && i > 0 && label[i - 1] == '/' && !in_class;
    absl::StrAppend(&text, again ? "[/]" : label.substr(i, 1));
  }
  return text;
}

AppArmorPattern Peer(const AppArmorStatementParts& parts, const AppArmorVariables& variables) {
  const AppArmorCondition* peer = parts.Find("peer");
  if (peer == nullptr) return Any();
  AppArmorPattern pattern = MakeAppArmorPattern(peer->values.at(0), variables);
  if (pattern.automaton == nullptr || !absl::StrContains(pattern.text, "//")) return pattern;
  if (auto automaton = AareNfa::Build(KeepSlashes(pattern.text))) {
    pattern.automaton = std::make_shared<const AareNfa>(*std::move(automaton));
  }
  return pattern;
}

// ---- files

uint32_t FileBits(const AppArmorStatement& statement) {
  uint32_t bits = 0;
  for (const char letter : statement.permissions) {
    if (letter == 'r') bits |= kAppArmorRead;
    if (letter == 'w') bits |= kAppArmorWrite | kAppArmorAppend;
    if (letter == 'a') bits |= kAppArmorAppend;
    if (letter == 'l') bits |= kAppArmorLink;
    if (letter == 'k') bits |= kAppArmorLock;
    if (letter == 'm') bits |= kAppArmorMap;
  }
  if (!statement.exec.empty()) bits |= kAppArmorExec;
  if (absl::StrContains(statement.exec, 'i')) bits |= kAppArmorMap;
  return bits;
}

AppArmorExec ExecOf(const AppArmorStatement& statement) {
  AppArmorExec exec;
  const std::string mode = absl::AsciiStrToLower(statement.exec);
  if (mode.empty() || mode == "x") return exec;
  exec.clean_environment = absl::ascii_isupper(statement.exec[0]);
  const bool inherits = absl::StrContains(mode, 'i');
  const bool unconfined = absl::StrContains(mode, 'u');
  if (mode[0] == 'p' || mode[0] == 'c') {
    exec.transition = mode[0] == 'p' ? Transition::kProfile : Transition::kChild;
    if (inherits) exec.fallback = Transition::kInherit;
    if (unconfined) exec.fallback = Transition::kUnconfined;
    exec.target = statement.target;
  } else {
    exec.transition = inherits ? Transition::kInherit : Transition::kUnconfined;
  }
  return exec;
}

AppArmorFileRule ReadFileRule(const AppArmorStatement& statement,
                              const AppArmorVariables& variables, absl::string_view disk) {
  AppArmorFileRule rule;
  if (statement.path.empty()) {  // "file"
    rule.path = MakeAppArmorPattern("/{**,}", variables);
    rule.permissions = kAppArmorRead | kAppArmorWrite | kAppArmorAppend | kAppArmorLink |
                       kAppArmorLock | kAppArmorMap | kAppArmorExec;
    rule.exec.transition = Transition::kInherit;
  } else {
    rule.path = !disk.empty() && statement.path == disk
                    ? Disk(disk)
                    : MakeAppArmorPattern(statement.path, variables);
    rule.permissions = FileBits(statement);
    rule.exec = ExecOf(statement);
  }
  if ((rule.permissions & kAppArmorLink) == 0) return rule;
  if (absl::StartsWith(statement.body, "link ")) {
    rule.link_target = MakeAppArmorPattern(statement.target, variables);
    rule.link_subset = PartsOf(statement).subset;
  } else {
    rule.link_target = MakeAppArmorPattern("/[^/]**", variables);
    rule.link_subset = true;
  }
  return rule;
}

// ---- capabilities and sockets

AppArmorCapabilityRule ReadCapabilityRule(const AppArmorStatement& statement) {
  AppArmorCapabilityRule rule;
  AppArmorStatementParts parts = PartsOf(statement);
  // The parser, compiling for abi/3.0, which does not know it.
  std::replace(parts.words.begin(), parts.words.end(), std::string("checkpoint_restore"),
               std::string("sys_admin"));
  for (size_t i = 0; i < kCapabilityNames.size(); ++i) {
    const bool named =
        std::find(parts.words.begin(), parts.words.end(), kCapabilityNames[i]) != parts.words.end();
    if (named || parts.words.empty()) rule.mask |= uint64_t{1} << i;
  }
  return rule;
}

uint16_t TypeBits(absl::string_view word) {
  if (word == "stream" || word == "tcp") return kStream;
  if (word == "dgram" || word == "udp") return kDgram;
  if (word == "raw" || word == "icmp") return kRaw;
  if (word == "rdm") return kRdm;
  if (word == "seqpacket") return kSeqpacket;
  if (word == "packet") return kPacket;
  return 0;
}

void AllowEveryFamily(uint16_t types, AppArmorNetworkRule& rule) {
  for (const std::string& family : AppArmorNetworkFamilies()) rule.types[family] = types;
}

AppArmorNetworkRule ReadNetworkRule(const AppArmorStatement& statement) {
  AppArmorNetworkRule rule;
  const RuleWords words = PartsOf(statement).words;
  if (words.empty()) {
    AllowEveryFamily(0xffff, rule);
  } else if (Contains(AppArmorNetworkFamilies(), words[0])) {
    // Except for the word "packet", which is a family and a type; alone, it is the family.
    rule.types[words[0]] = words.size() > 1 ? TypeBits(words[1]) : kNamedTypes;
  } else if (Contains(AppArmorNetworkProtocols(), words[0])) {
    rule.types["inet"] = TypeBits(words[0]);
    if (words[0] != "icmp") rule.types["inet6"] = TypeBits(words[0]);
  } else {
    AllowEveryFamily(TypeBits(words[0]), rule);
  }
  return rule;
}

AppArmorNetworkRule ReadUnixRule(const AppArmorStatement& statement) {
  AppArmorNetworkRule rule;
  const AppArmorStatementParts parts = PartsOf(statement);
  const AppArmorCondition* type = parts.Find("type");
  if (statement.deny) return rule;
  rule.types["unix"] = type == nullptr ? 0xffff : TypeBits(type->values.at(0));
  return rule;
}

// ---- other processes

AppArmorPtraceRule ReadPtraceRule(const AppArmorStatement& statement,
                                  const AppArmorVariables& variables) {
  AppArmorPtraceRule rule;
  const AppArmorStatementParts parts = PartsOf(statement);
  for (const std::string& word : parts.words) {
    if (word == "read") rule.access |= kAppArmorPtraceRead;
    if (word == "trace") rule.access |= kAppArmorPtraceTrace;
    if (word == "readby") rule.access |= kAppArmorPtraceReadBy;
    if (word == "tracedby") rule.access |= kAppArmorPtraceTracedBy;
  }
  if (parts.words.empty()) {
    rule.access = kAppArmorPtraceRead | kAppArmorPtraceTrace | kAppArmorPtraceReadBy |
                  kAppArmorPtraceTracedBy;
  }
  rule.peer = Peer(parts, variables);
  return rule;
}

AppArmorSignalRule ReadSignalRule(const AppArmorStatement& statement,
                                  const AppArmorVariables& variables) {
  AppArmorSignalRule rule;
  const AppArmorStatementParts parts = PartsOf(statement);
  rule.send = parts.words.empty() || Contains(parts.words, "send");
  rule.receive = parts.words.empty() || Contains(parts.words, "receive");
  if (const AppArmorCondition* set = parts.Find("set")) {
    rule.signals.insert(set->values.begin(), set->values.end());
  }
  rule.peer = Peer(parts, variables);
  return rule;
}

}  // namespace

AppArmorPattern MakeAppArmorPattern(absl::string_view text, const AppArmorVariables& variables) {
  AppArmorPattern pattern;
  pattern.text = std::string(text);
  std::optional<std::string> expanded = SubstituteAareVariables(text, variables);
  if (!expanded.has_value()) {
    pattern.undecidable =
        absl::StrCat("the values of the variables in ", Quoted(text), " are not known");
    return pattern;
  }
  pattern.text = *std::move(expanded);
  std::optional<AareNfa> automaton = AareNfa::Build(pattern.text);
  if (!automaton.has_value()) {
    pattern.undecidable = absl::StrCat("pattern ", Quoted(text), " is too large");
    return pattern;
  }
  pattern.automaton = std::make_shared<const AareNfa>(*std::move(automaton));
  pattern.exact = IsExactAare(pattern.text);
  return pattern;
}

AppArmorRuleModel ReadAppArmorRule(const AppArmorStatement& statement,
                                   const AppArmorVariables& variables, absl::string_view disk) {
  AppArmorRuleModel rule;
  rule.statement = statement;
  const AppArmorStatementParts parts = PartsOf(statement);
  switch (statement.kind) {
    case Kind::kFile:
      rule.file = ReadFileRule(statement, variables, disk);
      break;
    case Kind::kCapability:
      rule.capability = ReadCapabilityRule(statement);
      break;
    case Kind::kNetwork:
      rule.network = ReadNetworkRule(statement);
      break;
    case Kind::kUnix:
      rule.network = ReadUnixRule(statement);
      break;
    case Kind::kMount:
    case Kind::kRemount:
      rule.mount = ReadAppArmorMountRule(statement, variables, disk);
      break;
    case Kind::kUmount:
      rule.umount.target = !disk.empty() && parts.path == disk
                               ? Disk(disk)
                               : PatternOrAny(parts.has_path, parts.path, variables);
      break;
    case Kind::kPivotRoot: {
      const AppArmorCondition* old_root = parts.Find("oldroot");
      rule.pivot_root.new_root = PatternOrAny(parts.has_path, parts.path, variables);
      rule.pivot_root.old_root =
          old_root == nullptr ? Any() : MakeAppArmorPattern(old_root->values.at(0), variables);
      break;
    }
    case Kind::kPtrace:
      rule.ptrace = ReadPtraceRule(statement, variables);
      break;
    case Kind::kSignal:
      rule.signal = ReadSignalRule(statement, variables);
      break;
    case Kind::kChangeProfile:
      rule.change_profile.executable = PatternOrAny(parts.has_path, parts.path, variables);
      rule.change_profile.target = PatternOrAny(parts.has_target, parts.target, variables);
      break;
    default:
      break;
  }
  return rule;
}

}  // namespace varmor
