// ptrace, signal, dbus and unix rules.
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/check_target.h"
#include "lib/compiler/apparmor/rule_parser.h"

namespace varmor {
namespace {

// Other words for permissions, and what they stand for.
struct AccessAlias {
  const char* word;
  RuleWords meaning;
};

RuleWords WithAliases(const RuleWords& words, const std::vector<AccessAlias>& aliases) {
  RuleWords all = words;
  for (const AccessAlias& alias : aliases) all.push_back(alias.word);
  return all;
}

RuleWords ResolveAliases(const RuleWords& words, const std::vector<AccessAlias>& aliases) {
  RuleWords out;
  for (const std::string& word : words) {
    RuleWords meaning = {word};
    for (const AccessAlias& alias : aliases) {
      if (word == alias.word) meaning = alias.meaning;
    }
    for (const std::string& one : meaning) {
      if (!Contains(out, one)) out.push_back(one);
    }
  }
  return out;
}

const std::vector<AccessAlias>& PtraceAliases() {
  static const auto& aliases = *new std::vector<AccessAlias>{
      {"r", {"read"}}, {"w", {"trace"}}, {"rw", {"read", "trace"}}, {"write", {"trace"}}};
  return aliases;
}

// Of signal, dbus and unix.
const std::vector<AccessAlias>& MessageAliases() {
  static const auto& aliases = *new std::vector<AccessAlias>{{"r", {"receive"}},
                                                             {"w", {"send"}},
                                                             {"rw", {"send", "receive"}},
                                                             {"read", {"receive"}},
                                                             {"write", {"send"}}};
  return aliases;
}

// Reads permissions, and replaces aliases.
bool ReadAccess(RuleParser& parser, absl::string_view rule, const RuleWords& words,
                const std::vector<AccessAlias>& aliases, RuleAccess& access) {
  if (!parser.ReadAccess(rule, WithAliases(words, aliases), access)) return false;
  access.words = ResolveAliases(access.words, aliases);
  return true;
}

const RuleCondition* Find(const std::vector<RuleCondition>& conditions, absl::string_view name) {
  for (const RuleCondition& condition : conditions) {
    if (condition.name == name) return &condition;
  }
  return nullptr;
}

// Only `known` conditions, each once, with "=", one value that is a pattern.
bool CheckConditions(RuleParser& parser, absl::string_view rule, const RuleWords& known,
                     const std::vector<RuleCondition>& conditions) {
  bool ok = true;
  for (const RuleCondition& condition : conditions) {
    const std::string quoted = Quoted(condition.name);
    if (!Contains(known, condition.name)) {
      ok = parser.Error(
          "apparmor-unknown-condition", condition.begin,
          absl::StrCat("unknown ", rule, " condition ", quoted),
          DidYouMean(condition.name, known, absl::StrCat("drop it; see apparmor.d(5)")));
    } else if (condition.in) {
      ok = parser.Error("apparmor-syntax", condition.begin,
                        absl::StrCat("\"in\" behind ", quoted, " in a ", rule, " rule"),
                        "write \"=\"");
    } else if (Find(conditions, condition.name) != &condition) {
      ok = parser.Error("apparmor-syntax", condition.begin,
                        absl::StrCat("condition ", quoted, " stands there twice"),
                        "write two rules");
    } else if (condition.values.size() != 1) {
      ok = parser.Error("apparmor-syntax", condition.begin,
                        absl::StrCat("condition ", quoted, " takes one value"),
                        "write one value; alternatives are a pattern: \"{a,b}\"");
    } else if (!parser.CheckPattern(condition.values[0])) {
      ok = false;
    }
  }
  return ok;
}

// " a=x b=y", in the order of `order`.
std::string Print(const RuleWords& order, const std::vector<RuleCondition>& conditions) {
  std::string out;
  for (const std::string& name : order) {
    const RuleCondition* condition = Find(conditions, name);
    if (condition == nullptr) continue;
    absl::StrAppend(&out, " ", PrintCondition(name, false, {condition->values[0].text}));
  }
  return out;
}

// " peer=(name=n, label=l)"
std::string PrintPeer(const RuleWords& order, const std::vector<RuleCondition>& conditions) {
  std::string inside;
  for (const std::string& name : order) {
    const RuleCondition* condition = Find(conditions, name);
    if (condition == nullptr) continue;
    // A comma in the value would end it here.
    std::string value = PrintAppArmorPattern(condition->values[0].text);
    if (absl::StrContains(value, ',') && value[0] != '"') value = absl::StrCat("\"", value, "\"");
    absl::StrAppend(&inside, inside.empty() ? "" : ", ", name, "=", value);
  }
  return inside.empty() ? "" : absl::StrCat(" peer=(", inside, ")");
}

// ptrace and signal have one label as peer: "peer=(label=x)" is for dbus and unix.
bool CheckPlainPeer(RuleParser& parser, absl::string_view rule,
                    const std::vector<RuleCondition>& conditions) {
  const RuleCondition* peer = Find(conditions, "peer");
  if (peer == nullptr || !peer->parenthesised) return true;
  return parser.Error("apparmor-syntax", peer->begin,
                      absl::StrCat("peer in parentheses in a ", rule, " rule"), "write peer=NAME");
}

bool KnownSignal(absl::string_view name) {
  if (Contains(AppArmorSignals(), name)) return true;
  if (!absl::StartsWith(name, "rtmin+")) return false;
  const absl::string_view digits = name.substr(6);
  int number = 0;
  return !digits.empty() && digits.size() <= 2 &&
         digits.find_first_not_of("0123456789") == absl::string_view::npos &&
         absl::SimpleAtoi(digits, &number) && number <= 32;
}

// "rtmin+08" to "rtmin+8".
std::string CanonicalSignal(absl::string_view name) {
  if (!absl::StartsWith(name, "rtmin+0") || name.size() == 7) return std::string(name);
  return absl::StrCat("rtmin+", name.substr(7));
}

// Takes all "set" out of `conditions`.
bool TakeSignals(RuleParser& parser, std::vector<RuleCondition>& conditions, RuleWords& signals) {
  bool ok = true;
  std::vector<RuleCondition> others;
  for (RuleCondition& condition : conditions) {
    if (condition.name != "set" || condition.in) {
      others.push_back(std::move(condition));
      continue;
    }
    for (const RuleWord& value : condition.values) {
      const std::string name = CanonicalSignal(value.text);
      if (!KnownSignal(value.text)) {
        ok = parser.Error("apparmor-unknown-signal", value.begin,
                          absl::StrCat("unknown signal ", Quoted(value.text)),
                          DidYouMean(value.text, AppArmorSignals(),
                                     "write it in lower case, without \"sig\"; real-time "
                                     "signals are rtmin+0 to rtmin+32"));
      } else if (!Contains(signals, name)) {
        signals.push_back(name);
      }
    }
  }
  conditions = std::move(others);
  return ok;
}

// The first of `words` that is also in `some`.
std::string FirstOf(const RuleWords& words, const RuleWords& some) {
  for (const std::string& word : words) {
    if (Contains(some, word)) return word;
  }
  return "";
}

// What dbus permissions go with which conditions.
bool CheckDbusAccess(RuleParser& parser, const RuleAccess& access,
                     const std::vector<RuleCondition>& conditions, bool has_peer) {
  const bool service = Find(conditions, "name") != nullptr;
  const bool message = has_peer || Find(conditions, "path") != nullptr ||
                       Find(conditions, "interface") != nullptr ||
                       Find(conditions, "member") != nullptr;
  auto refuse = [&](absl::string_view problem, absl::string_view fix) {
    return parser.Error("apparmor-dbus-combination", access.begin, problem, fix);
  };
  if (service && message) {
    return refuse("\"name\" with conditions on messages",
                  "write two rules, or put the name into peer=(name=NAME)");
  }
  if (Contains(access.words, "eavesdrop") && (service || message)) {
    return refuse("eavesdropping on some messages only", "keep only the condition \"bus\"");
  }
  if (Contains(access.words, "bind") && message) {
    return refuse("\"bind\" with conditions on messages", "bind with bus and name only");
  }
  const std::string sent = FirstOf({"send", "receive"}, access.words);
  if (!sent.empty() && service) {
    return refuse(absl::StrCat("\"", sent, "\" with the condition \"name\""),
                  "put the name into peer=(name=NAME)");
  }
  return true;
}

bool CheckUnixAddress(RuleParser& parser, const std::vector<RuleCondition>& conditions) {
  const RuleCondition* addr = Find(conditions, "addr");
  if (addr == nullptr) return true;
  const RuleWord& value = addr->values[0];
  if (value.text == "none" || value.text == "auto" || absl::StartsWith(value.text, "@")) {
    return true;
  }
  return parser.Error("apparmor-unix-address", value.begin,
                      absl::StrCat("socket address ", Quoted(value.text)),
                      "write none, auto or @NAME; sockets with a path are files");
}

bool CheckUnixType(RuleParser& parser, const std::vector<RuleCondition>& conditions) {
  const RuleCondition* type = Find(conditions, "type");
  if (type == nullptr || Contains(AppArmorNetworkTypes(), type->values[0].text)) return true;
  return parser.Error(
      "apparmor-unknown-socket-type", type->values[0].begin,
      absl::StrCat("unknown socket type ", Quoted(type->values[0].text)),
      DidYouMean(type->values[0].text, AppArmorNetworkTypes(), "use stream, dgram or seqpacket"));
}

}  // namespace

bool ParsePtraceRule(RuleParser& parser, AppArmorStatement& statement) {
  RuleAccess access;
  std::vector<RuleCondition> conditions;
  if (!ReadAccess(parser, "ptrace", AppArmorPtraceAccesses(), PtraceAliases(), access) ||
      !parser.ReadConditions(conditions) || !CheckPlainPeer(parser, "ptrace", conditions) ||
      !CheckConditions(parser, "ptrace", {"peer"}, conditions)) {
    return false;
  }
  statement.body = absl::StrCat("ptrace", PrintAccess(AppArmorPtraceAccesses(), access.words),
                                Print({"peer"}, conditions));
  return true;
}

bool ParseSignalRule(RuleParser& parser, AppArmorStatement& statement) {
  RuleAccess access;
  std::vector<RuleCondition> conditions;
  RuleWords signals;
  const RuleWords words = {"send", "receive"};
  if (!ReadAccess(parser, "signal", words, MessageAliases(), access) ||
      !parser.ReadConditions(conditions)) {
    return false;
  }
  // Both report what they find.
  const bool ok = TakeSignals(parser, conditions, signals);
  if (!CheckPlainPeer(parser, "signal", conditions) ||
      !CheckConditions(parser, "signal", {"peer", "set"}, conditions) || !ok) {
    return false;
  }
  statement.body = absl::StrCat("signal", PrintAccess(words, access.words));
  if (!signals.empty()) {
    absl::StrAppend(&statement.body, " ", PrintCondition("set", false, signals));
  }
  absl::StrAppend(&statement.body, Print({"peer"}, conditions));
  return true;
}

bool ParseDbusRule(RuleParser& parser, AppArmorStatement& statement) {
  RuleAccess access;
  std::vector<RuleCondition> conditions;
  std::vector<RuleCondition> peer;
  const RuleWords words = {"send", "receive", "bind", "eavesdrop"};
  const RuleWords names = {"bus", "path", "interface", "member", "name"};
  bool has_peer = false;
  if (!ReadAccess(parser, "dbus", words, MessageAliases(), access)) return false;
  while (true) {
    std::vector<RuleCondition> some;
    bool present = false;
    if (!parser.ReadPeerList(present, peer)) return false;
    if (present && has_peer) {
      return parser.Error("apparmor-syntax", access.begin, "\"peer\" stands there twice",
                          "write two rules");
    }
    has_peer |= present;
    RuleCondition condition;
    bool more = false;
    parser.lexer().SkipBlanks();
    if (!present && !parser.ReadCondition(more, condition)) return false;
    if (more) conditions.push_back(std::move(condition));
    if (!present && !more) break;
  }
  if (!CheckConditions(parser, "dbus", names, conditions) ||
      !CheckConditions(parser, "dbus peer", {"name", "label"}, peer) ||
      !CheckDbusAccess(parser, access, conditions, has_peer)) {
    return false;
  }
  statement.body = absl::StrCat("dbus", PrintAccess(words, access.words), Print(names, conditions),
                                PrintPeer({"name", "label"}, peer));
  return true;
}

bool ParseUnixRule(RuleParser& parser, AppArmorStatement& statement) {
  RuleAccess access;
  std::vector<RuleCondition> conditions;
  std::vector<RuleCondition> peer;
  bool has_peer = false;
  if (!ReadAccess(parser, "unix", AppArmorUnixAccesses(), MessageAliases(), access)) return false;
  while (true) {
    parser.lexer().SkipBlanks();
    if (parser.lexer().PeekKeyword() == "peer") break;
    RuleCondition condition;
    bool more = false;
    if (!parser.ReadCondition(more, condition)) return false;
    if (!more) break;
    conditions.push_back(std::move(condition));
  }
  if (!parser.ReadPeerList(has_peer, peer) ||
      !CheckConditions(parser, "unix", {"type", "addr"}, conditions) ||
      !CheckConditions(parser, "unix peer", {"addr", "label"}, peer) ||
      !CheckUnixType(parser, conditions) || !CheckUnixAddress(parser, conditions) ||
      !CheckUnixAddress(parser, peer)) {
    return false;
  }
  const std::string local = FirstOf(access.words, {"create", "bind", "listen", "shutdown",
                                                   "getattr", "setattr", "getopt", "setopt"});
  if (has_peer && !local.empty()) {
    return parser.Error("apparmor-unix-combination", access.begin,
                        absl::StrCat("\"", local, "\" with a peer"),
                        "drop the peer: only accept, connect, send and receive have one");
  }
  statement.body =
      absl::StrCat("unix", PrintAccess(AppArmorUnixAccesses(), access.words),
                   Print({"type", "addr"}, conditions), PrintPeer({"addr", "label"}, peer));
  return true;
}

}  // namespace varmor
