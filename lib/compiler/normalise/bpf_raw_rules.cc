#include "lib/compiler/normalise/bpf_raw_rules.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/normalise/bpf_egress.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/policy/capability.h"
#include "lib/compiler/status/mistake.h"

namespace varmor {
namespace {

using Words = google::protobuf::RepeatedPtrField<std::string>;

// FSTYPE_LEN of the enforcer: 15 bytes and a terminator.
constexpr size_t kMaxFstypeBytes = 15;

void ReportPattern(const absl::Status& status, const std::string& field, Diagnostics& diagnostics) {
  const Mistake mistake = MistakeOf(status);
  diagnostics.Error("bad-pattern", field, mistake.problem, mistake.fix);
}

// Carries what every rule of one list needs.
class RuleReader {
 public:
  RuleReader(const BpfRawRulesContext& context, BpfRules& out, Diagnostics& diagnostics)
      : context_(context), out_(out), diagnostics_(diagnostics) {}

  void ReadFile(const BpfFileRule& rule, const std::string& field);
  void ReadSocket(const BpfSocketRule& rule, const std::string& field);
  void ReadEgress(const BpfNetworkRules& network, const std::string& field);
  void ReadPtrace(const BpfPtraceRule& rule, const std::string& field);
  void ReadMount(const BpfMountRule& rule, const std::string& field);
  void ReadCapability(const BpfCapabilityRule& rule, const std::string& field);

 private:
  std::string Place(const std::string& field) const {
    return context_.builtin ? context_.field : field;
  }
  Origin OriginOf(const std::string& field) const { return {context_.rule, Place(field)}; }

  // Nothing when the rule would have no effect; that is reported.
  std::optional<Action> ReadAction(bool present, const Qualifiers& qualifiers,
                                   const std::string& field);
  void NoteOldForm(const std::string& field);
  // The union of the words' bits; unknown words are reported. Sets `none` for mount flags.
  uint64_t ReadWords(const Words& words, absl::Span<const BpfWord> known, const std::string& field,
                     absl::string_view what, uint64_t* none = nullptr);
  void CheckSpelling(const std::string& text, const std::string& place);
  std::optional<PathPattern> ReadPattern(const std::string& text, const std::string& field);
  std::optional<PathPattern> ReadMountSource(const std::string& text, const std::string& field);
  // The same rule for the other version of cgroups, with a note at `place`.
  void AddCgroup2(BpfMount mount, const std::string& place);
  std::optional<EgressRuleHead> ReadHead(bool present, const Qualifiers& qualifiers,
                                         const std::string& field);

  const BpfRawRulesContext& context_;
  BpfRules& out_;
  Diagnostics& diagnostics_;
};

std::optional<Action> RuleReader::ReadAction(bool present, const Qualifiers& qualifiers,
                                             const std::string& field) {
  if (!present) {
    // The policy's switches may ask for silence; that is reported once, for the whole policy.
    const Action& action = context_.default_action;
    if (!action.deny && !action.audit && !action.allow) return std::nullopt;
    if (!context_.builtin && !context_.knows_allow) NoteOldForm(field);
    return action;
  }
  const std::string place = Place(field + ".qualifiers");
  std::vector<std::string> known = {"deny", "audit"};
  if (context_.knows_allow) known.push_back("allow");

  Action action;
  bool all_known = true;
  for (int i = 0; i < qualifiers.words_size(); ++i) {
    const std::string& word = qualifiers.words(i);
    if (word == "deny") {
      action.deny = true;
    } else if (word == "audit") {
      action.audit = true;
    } else if (word == "allow" && context_.knows_allow) {
      action.allow = true;
    } else {
      all_known = false;
      const std::string nearest = NearestWord(word, known);
      diagnostics_.StrictError("unknown-qualifier",
                               context_.builtin ? place : absl::StrCat(place, "[", i, "]"),
                               absl::StrCat("unknown qualifier ", Quoted(word)),
                               nearest.empty() ? absl::StrCat("use ", absl::StrJoin(known, ", "))
                                               : absl::StrCat("did you mean \"", nearest, "\"?"));
    }
  }
  if (action.deny && action.allow) {
    diagnostics_.Error("contradictory-qualifiers", place, "a rule cannot both deny and allow",
                       "keep \"deny\" or \"allow\"");
    return std::nullopt;
  }
  if (!action.deny && !action.audit && !action.allow) {
    if (!all_known) return std::nullopt;  // the words are reported already
    diagnostics_.StrictError("rule-without-effect", place,
                             "without a qualifier the rule has no effect",
                             context_.knows_allow ? "add \"allow\", \"deny\" or \"audit\""
                                                  : "add \"deny\", \"audit\" or both");
    return std::nullopt;
  }
  return action;
}

// vArmor 0.9 and later gives such a rule no effect; the form is that of 0.8 and before.
void RuleReader::NoteOldForm(const std::string& field) {
  Diagnostic note;
  note.severity = Diagnostic::Severity::kNote;
  note.code = "qualifiers-absent";
  note.field = field;
  note.problem = absl::StrCat("without qualifiers the policy's switches decide, as in vArmor 0.8: ",
                              ActionName(context_.default_action));
  note.fix = "write qualifiers to say it here; `varmor convert` does";
  diagnostics_.Add(std::move(note));
}

uint64_t RuleReader::ReadWords(const Words& words, absl::Span<const BpfWord> known,
                               const std::string& field, absl::string_view what, uint64_t* none) {
  uint64_t bits = 0;
  for (int i = 0; i < words.size(); ++i) {
    const BpfWord* word = FindBpfWord(known, words[i]);
    if (word == nullptr) {
      // Sockets with an unknown word are an error in vArmor too; elsewhere it drops the word.
      const std::string place = Place(absl::StrCat(field, "[", i, "]"));
      const std::string problem = absl::StrCat("unknown ", what, " ", Quoted(words[i]));
      const std::vector<std::string> names = BpfWordNames(known);
      const std::string nearest = NearestWord(words[i], names);
      std::string fix = nearest.empty() || nearest == "*"
                            ? absl::StrCat("use one of ", absl::StrJoin(names, ", "))
                            : absl::StrCat("did you mean \"", nearest, "\"?");
      if (known.data() == kFilePermissionWords.data() && words[i].size() > 1) {
        // "rw": letters written together, as AppArmor has them.
        const bool letters = words[i].find_first_not_of("rwax") == std::string::npos;
        if (letters) {
          std::vector<std::string> split;
          for (const char c : words[i])
            split.push_back(absl::StrCat("\"", std::string(1, c), "\""));
          fix = absl::StrCat("write one word each: [", absl::StrJoin(split, ", "), "]");
        }
      }
      const bool socket_word = absl::StartsWith(what, "socket");
      if (socket_word) {
        diagnostics_.Error("unknown-word", place, problem, fix);
      } else {
        diagnostics_.StrictError("unknown-word", place, problem, fix);
      }
      continue;
    }
    bits |= word->bits;
    if (none != nullptr) *none |= word->none_bits;
  }
  return bits;
}

// The kernel's paths are absolute, without "//", "." and "..", and end in no slash.
void RuleReader::CheckSpelling(const std::string& text, const std::string& place) {
  for (const absl::string_view part : {"//", "/./", "/../"}) {
    if (!absl::StrContains(text, part)) continue;
    diagnostics_.StrictError(
        "pattern-spelling", place,
        absl::StrCat("pattern ", Quoted(text), " holds \"", part,
                     "\", which no path of the kernel does: it matches nothing"),
        "write the path without it");
    return;
  }
  if (text.size() > 1 && absl::EndsWith(text, "/")) {
    diagnostics_.StrictError(
        "pattern-spelling", place,
        absl::StrCat("pattern ", Quoted(text),
                     " ends in a slash, which no path does: it matches nothing"),
        absl::StrCat("write \"", text, "**\" for what lies below"));
    return;
  }
  // vArmor has no allow-lists that could have meant something else.
  if (context_.knows_allow || text.find_first_of("*?[{\\") != std::string::npos) return;
  Diagnostic note;
  note.severity = Diagnostic::Severity::kNote;
  note.code = "pattern-exact";
  note.field = place;
  note.problem = absl::StrCat("pattern ", Quoted(text),
                              " matches this path only; vArmor's BPF enforcer also hit every path "
                              "that begins so");
  note.fix = absl::StrCat("if that is meant, write \"", text, "**\"");
  diagnostics_.Add(std::move(note));
}

std::optional<PathPattern> RuleReader::ReadPattern(const std::string& text,
                                                   const std::string& field) {
  const absl::StatusOr<PathPattern> pattern = PathPattern::Parse(text);
  if (!pattern.ok()) {
    ReportPattern(pattern.status(), Place(field), diagnostics_);
    return std::nullopt;
  }
  if (!context_.builtin) CheckSpelling(text, Place(field));
  if (pattern->has_extended_glob() && !context_.builtin) {
    diagnostics_.Warning("pattern-wildcards", Place(field),
                         absl::StrCat("pattern ", Quoted(text),
                                      " holds ?, [ ] or { }, which are wildcards here and ",
                                      "were ordinary characters in vArmor"),
                         "put a backslash before each that is meant literally");
  }
  return *pattern;
}

std::optional<PathPattern> RuleReader::ReadMountSource(const std::string& text,
                                                       const std::string& field) {
  const bool name = !text.empty() && text.find_first_of("/*?[]{}\\") == std::string::npos;
  if (!name) return ReadPattern(text, field);
  // "proc", "tmpfs": file systems without a device have such sources.
  if (!context_.knows_allow) {
    diagnostics_.Warning(
        "mount-source-name", Place(field),
        absl::StrCat("source ", Quoted(text), " is no path: who mounts can give any other name"),
        "write \"**\", and the file system's type as fstype");
  }
  return PathPattern::Exact(text);
}

std::optional<EgressRuleHead> RuleReader::ReadHead(bool present, const Qualifiers& qualifiers,
                                                   const std::string& field) {
  const std::optional<Action> action = ReadAction(present, qualifiers, field);
  if (!action.has_value()) return std::nullopt;
  return EgressRuleHead{*action, OriginOf(field), Place(field)};
}

void RuleReader::ReadFile(const BpfFileRule& rule, const std::string& field) {
  const std::optional<Action> action = ReadAction(rule.has_qualifiers(), rule.qualifiers(), field);
  const std::optional<PathPattern> pattern = ReadPattern(rule.pattern(), field + ".pattern");
  const std::string permissions = field + ".permissions";
  const auto access = static_cast<uint32_t>(
      ReadWords(rule.permissions(), kFilePermissionWords, permissions, "permission"));
  if (access == 0 && rule.permissions().empty()) {
    diagnostics_.StrictError("rule-without-effect", Place(permissions),
                             "without a permission the rule has no effect",
                             "add read, write, append or exec");
  }
  if (!action.has_value() || !pattern.has_value() || access == 0) return;
  out_.files.push_back({*action, access, *pattern, OriginOf(field)});
}

void RuleReader::ReadSocket(const BpfSocketRule& rule, const std::string& field) {
  const std::optional<Action> action = ReadAction(rule.has_qualifiers(), rule.qualifiers(), field);
  if (rule.domains().empty() && rule.types().empty() && rule.protocols().empty()) {
    diagnostics_.Error("socket-rule-empty", Place(field),
                       "none of domains, types and protocols is given", "add at least one of them");
    return;
  }
  if (!rule.types().empty() && !rule.protocols().empty()) {
    diagnostics_.Error("socket-rule-ambiguous", Place(field),
                       "types and protocols cannot be used together",
                       "keep one of them, or write two rules");
    return;
  }
  BpfSocket socket;
  socket.domains =
      ReadWords(rule.domains(), kSocketDomainWords, field + ".domains", "socket domain");
  socket.types = ReadWords(rule.types(), kSocketTypeWords, field + ".types", "socket type");
  socket.protocols =
      ReadWords(rule.protocols(), kSocketProtocolWords, field + ".protocols", "socket protocol");
  const bool complete = (rule.domains().empty() || socket.domains != 0) &&
                        (rule.types().empty() || socket.types != 0) &&
                        (rule.protocols().empty() || socket.protocols != 0);
  if (!action.has_value() || !complete) return;
  socket.action = *action;
  socket.origin = OriginOf(field);
  out_.sockets.push_back(std::move(socket));
}

void RuleReader::ReadEgress(const BpfNetworkRules& network, const std::string& field) {
  const BpfEgressRules& egress = network.egress();
  for (int i = 0; i < egress.to_destinations_size(); ++i) {
    const BpfDestination& rule = egress.to_destinations(i);
    const std::string place = absl::StrCat(field, ".egress.toDestinations[", i, "]");
    const auto head = ReadHead(rule.has_qualifiers(), rule.qualifiers(), place);
    if (head.has_value()) AppendDestination(rule, *head, out_, diagnostics_);
  }
  for (int i = 0; i < network.egresses_size(); ++i) {
    const std::string place = absl::StrCat(field, ".egresses[", i, "]");
    const auto head = ReadHead(false, Qualifiers(), place);
    if (head.has_value()) AppendLegacyEgress(network.egresses(i), *head, out_, diagnostics_);
  }
  for (int i = 0; i < egress.to_pods_size(); ++i) {
    const BpfPodDestination& rule = egress.to_pods(i);
    const std::string place = absl::StrCat(field, ".egress.toPods[", i, "]");
    const auto head = ReadHead(rule.has_qualifiers(), rule.qualifiers(), place);
    if (head.has_value()) AppendPods(rule, *head, context_.cluster, out_, diagnostics_);
  }
  for (int i = 0; i < egress.to_services_size(); ++i) {
    const BpfServiceDestination& rule = egress.to_services(i);
    const std::string place = absl::StrCat(field, ".egress.toServices[", i, "]");
    const auto head = ReadHead(rule.has_qualifiers(), rule.qualifiers(), place);
    if (head.has_value()) AppendService(rule, *head, context_.cluster, out_, diagnostics_);
  }
}

void RuleReader::ReadPtrace(const BpfPtraceRule& rule, const std::string& field) {
  const std::optional<Action> action = ReadAction(rule.has_qualifiers(), rule.qualifiers(), field);
  const std::string permissions = field + ".permissions";
  const auto bits = static_cast<uint32_t>(
      ReadWords(rule.permissions(), kPtracePermissionWords, permissions, "ptrace permission"));
  if (rule.permissions().empty()) {
    diagnostics_.StrictError("rule-without-effect", Place(permissions),
                             "without a permission the rule has no effect",
                             "add trace, read, traceby or readby");
  }
  if (!action.has_value() || bits == 0) return;
  out_.ptrace.push_back({*action, bits, rule.strict_mode(), OriginOf(field)});
}

void RuleReader::ReadMount(const BpfMountRule& rule, const std::string& field) {
  const std::optional<Action> action = ReadAction(rule.has_qualifiers(), rule.qualifiers(), field);
  const std::optional<PathPattern> source =
      ReadMountSource(rule.source_pattern(), field + ".sourcePattern");
  const std::string fstype_field = Place(field + ".fstype");
  bool fstype_fits = true;
  if (rule.fstype().empty() || rule.fstype().size() > kMaxFstypeBytes) {
    fstype_fits = false;
    diagnostics_.Error(
        "bad-fstype", fstype_field,
        absl::StrCat("file system type ", Quoted(rule.fstype()), " has ", rule.fstype().size(),
                     " bytes; 1 to ", kMaxFstypeBytes, " are possible"),
        "write a file system type, \"none\" or \"*\"");
  } else if (rule.fstype() != "*" &&
             absl::string_view(rule.fstype()).find_first_of(absl::string_view("*\x01\0", 3)) !=
                 absl::string_view::npos) {
    fstype_fits = false;
    diagnostics_.Error("bad-fstype", fstype_field,
                       absl::StrCat("file system type ", Quoted(rule.fstype()),
                                    " holds a character that no type has"),
                       "write one type, or \"*\" for any");
  }
  BpfMount mount;
  mount.any = ReadWords(rule.flags(), kMountFlagWords, field + ".flags", "mount flag", &mount.none);
  if (rule.flags().empty()) {
    diagnostics_.StrictError("rule-without-effect", Place(field + ".flags"),
                             "without a flag the rule has no effect", "add flags, or \"all\"");
  }
  if (!action.has_value() || !source.has_value() || !fstype_fits) return;
  if (mount.any == 0 && mount.none == 0) return;
  mount.action = *action;
  mount.source = *source;
  mount.fstype = rule.fstype();
  mount.origin = OriginOf(field);
  out_.mounts.push_back(mount);
  // Who does not want cgroups mounted does not want them in their other version. What is allowed is
  // one type alone.
  if (!context_.builtin && !action->allow && mount.fstype == "cgroup") {
    AddCgroup2(std::move(mount), fstype_field);
  }
}

void RuleReader::AddCgroup2(BpfMount mount, const std::string& place) {
  mount.fstype = "cgroup2";
  out_.mounts.push_back(std::move(mount));
  Diagnostic note;
  note.severity = Diagnostic::Severity::kNote;
  note.code = "fstype-family";
  note.field = place;
  note.problem =
      "the rule covers cgroup2 as well; vArmor's BPF enforcer let version 2 through, which most "
      "nodes have";
  diagnostics_.Add(std::move(note));
}

void RuleReader::ReadCapability(const BpfCapabilityRule& rule, const std::string& field) {
  const std::optional<Action> action = ReadAction(rule.has_qualifiers(), rule.qualifiers(), field);
  uint64_t mask = 0;
  for (int i = 0; i < rule.names_size(); ++i) {
    std::string name = absl::AsciiStrToLower(rule.names(i));
    if (absl::StartsWith(name, "cap_")) name = name.substr(4);
    const int number = CapabilityNumber(name);
    if (name == "all") {
      mask |= (uint64_t{1} << kCapabilityNames.size()) - 1;
    } else if (number >= 0) {
      mask |= uint64_t{1} << number;
    } else {
      const std::vector<std::string> known(kCapabilityNames.begin(), kCapabilityNames.end());
      const std::string nearest = NearestWord(name, known);
      diagnostics_.Error("unknown-word", Place(absl::StrCat(field, ".names[", i, "]")),
                         absl::StrCat("unknown capability ", Quoted(rule.names(i))),
                         nearest.empty() ? "see capabilities(7)"
                                         : absl::StrCat("did you mean \"", nearest, "\"?"));
    }
  }
  if (!action.has_value() || mask == 0) return;
  out_.capabilities.push_back({*action, mask, OriginOf(field)});
}

}  // namespace

void AppendBpfRawRules(const BpfRawRules& rules, const BpfRawRulesContext& context, BpfRules& out,
                       Diagnostics& diagnostics) {
  RuleReader reader(context, out, diagnostics);
  const std::string& field = context.field;
  for (int i = 0; i < rules.files_size(); ++i) {
    reader.ReadFile(rules.files(i), absl::StrCat(field, ".files[", i, "]"));
  }
  for (int i = 0; i < rules.processes_size(); ++i) {
    reader.ReadFile(rules.processes(i), absl::StrCat(field, ".processes[", i, "]"));
  }
  for (int i = 0; i < rules.network().sockets_size(); ++i) {
    reader.ReadSocket(rules.network().sockets(i), absl::StrCat(field, ".network.sockets[", i, "]"));
  }
  reader.ReadEgress(rules.network(), field + ".network");
  if (rules.has_ptrace()) reader.ReadPtrace(rules.ptrace(), field + ".ptrace");
  for (int i = 0; i < rules.mounts_size(); ++i) {
    reader.ReadMount(rules.mounts(i), absl::StrCat(field, ".mounts[", i, "]"));
  }
  for (int i = 0; i < rules.capabilities_size(); ++i) {
    reader.ReadCapability(rules.capabilities(i), absl::StrCat(field, ".capabilities[", i, "]"));
  }
}

}  // namespace varmor
