// Rules that are a keyword and a few words: capability, network, rlimit, change_profile, and those
// of AppArmor 4.0.
#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/check_target.h"
#include "lib/compiler/apparmor/rule_parser.h"

namespace varmor {
namespace {

// A word of letters, digits and underscores; empty if there is none.
absl::string_view ReadName(RuleLexer& lexer, size_t& begin) {
  lexer.SkipBlanks();
  begin = lexer.offset();
  while (absl::ascii_isalnum(lexer.Peek()) || lexer.Peek() == '_') {
    lexer.set_offset(lexer.offset() + 1);
  }
  return lexer.text().substr(begin, lexer.offset() - begin);
}

bool IsFamilyProtocol(absl::string_view family, absl::string_view protocol) {
  if (family == "inet") return Contains(AppArmorNetworkProtocols(), protocol);
  return family == "inet6" && (protocol == "tcp" || protocol == "udp");
}

// A unit of time, in microseconds.
struct Unit {
  const char* word;
  uint64_t factor;
};

constexpr uint64_t kSecond = 1000000;
constexpr Unit kTimeUnits[] = {
    {"us", 1},
    {"microsecond", 1},
    {"microseconds", 1},
    {"ms", 1000},
    {"millisecond", 1000},
    {"milliseconds", 1000},
    {"s", kSecond},
    {"sec", kSecond},
    {"second", kSecond},
    {"seconds", kSecond},
    {"min", 60 * kSecond},
    {"minute", 60 * kSecond},
    {"minutes", 60 * kSecond},
    {"h", 3600 * kSecond},
    {"hour", 3600 * kSecond},
    {"hours", 3600 * kSecond},
    {"d", 86400 * kSecond},
    {"day", 86400 * kSecond},
    {"days", 86400 * kSecond},
    {"week", 604800 * kSecond},
    {"weeks", 604800 * kSecond},
};

bool IsTimeLimit(absl::string_view name) { return name == "cpu" || name == "rttime"; }

bool IsSizeLimit(absl::string_view name) {
  return Contains({"fsize", "data", "stack", "core", "rss", "as", "memlock", "msgqueue"}, name);
}

struct RlimitValue {
  bool negative = false;
  absl::string_view digits;
  absl::string_view unit;
};

// What is wrong with the value, or "".
std::string RlimitProblem(absl::string_view name, const RlimitValue& value, std::string& fix) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(value.digits, &number)) {
    fix = "write infinity for no limit";
    return "is too large";
  }
  if (name == "nice") {
    fix = "use -20 to 19, without a unit";
    const bool ok = value.unit.empty() && number <= (value.negative ? 20 : 19);
    return ok ? "" : "is not a nice value";
  }
  if (value.negative) {
    fix = "write infinity for no limit";
    return "is negative";
  }
  if (value.unit.empty()) return "";
  if (IsSizeLimit(name)) {
    fix = "units of sizes are K, M, G";
    return Contains({"K", "KB", "M", "MB", "G", "GB"}, value.unit) ? "" : "has an unknown unit";
  }
  if (!IsTimeLimit(name)) {
    fix = "drop the unit: this limit is a count";
    return "has a unit";
  }
  for (const Unit& unit : kTimeUnits) {
    if (value.unit != unit.word) continue;
    fix = "write infinity for no limit";
    if (number > UINT64_MAX / unit.factor) return "is too large";
    fix = "use seconds or longer";
    return name == "cpu" && unit.factor < kSecond ? "is shorter than the unit of this limit" : "";
  }
  fix = "units of times are us, ms, s, min, h, d, week";
  return "has an unknown unit";
}

bool ReadRlimitValue(RuleParser& parser, absl::string_view name, std::string& printed) {
  RuleLexer& lexer = parser.lexer();
  size_t begin = 0;
  lexer.SkipBlanks();
  const size_t value_begin = lexer.offset();
  RlimitValue value;
  value.negative = lexer.Consume('-');
  const size_t digits_begin = lexer.offset();
  while (absl::ascii_isdigit(lexer.Peek())) lexer.set_offset(lexer.offset() + 1);
  value.digits = lexer.text().substr(digits_begin, lexer.offset() - digits_begin);
  if (value.digits.empty()) {
    if (!value.negative && lexer.PeekKeyword() == "infinity") {
      lexer.ReadKeyword();
      printed = "infinity";
      return true;
    }
    return parser.Unexpected("a number or infinity");
  }
  value.unit = ReadName(lexer, begin);
  if (value.unit.empty()) lexer.set_offset(digits_begin + value.digits.size());
  std::string fix;
  const std::string problem = RlimitProblem(name, value, fix);
  const std::string text = absl::StrCat(value.negative ? "-" : "", value.digits,
                                        value.unit.empty() ? "" : " ", value.unit);
  if (!problem.empty()) {
    return parser.Error("apparmor-rlimit", value_begin,
                        absl::StrCat("value ", Quoted(text), " of ", name, " ", problem), fix);
  }
  printed = text;
  return true;
}

bool ParseMqueueRule(RuleParser& parser, AppArmorStatement& statement) {
  const RuleWords words = {"read", "write", "create", "delete", "open", "getattr", "setattr"};
  RuleWords known = words;
  known.insert(known.end(), {"r", "w", "rw"});
  RuleAccess access;
  std::vector<RuleCondition> conditions;
  if (!parser.ReadAccess("mqueue", known, access)) return false;
  RuleWords resolved;
  for (const std::string& word : access.words) {
    if (word == "r" || word == "rw") resolved.push_back("read");
    if (word == "w" || word == "rw") resolved.push_back("write");
    if (Contains(words, word)) resolved.push_back(word);
  }
  if (!parser.ReadConditions(conditions)) return false;
  statement.body = absl::StrCat("mqueue", PrintAccess(words, resolved));
  for (const RuleCondition& condition : conditions) {
    if ((condition.name != "type" && condition.name != "label") || condition.in ||
        condition.values.size() != 1) {
      return parser.Error("apparmor-unknown-condition", condition.begin,
                          absl::StrCat("unexpected mqueue condition ", Quoted(condition.name)),
                          "conditions are type and label, with one value");
    }
    if (!parser.CheckPattern(condition.values[0])) return false;
    absl::StrAppend(&statement.body, " ",
                    PrintCondition(condition.name, false, {condition.values[0].text}));
  }
  if (parser.lexer().AtEnd() || parser.lexer().Peek() == ',') return true;
  RuleWord name;
  if (!parser.ReadPattern("the name of a queue", name)) return false;
  absl::StrAppend(&statement.body, " ", PrintAppArmorPattern(name.text));
  return true;
}

bool ParseIoUringRule(RuleParser& parser, AppArmorStatement& statement) {
  const RuleWords words = {"sqpoll", "override_creds"};
  RuleAccess access;
  std::vector<RuleCondition> conditions;
  if (!parser.ReadAccess("io_uring", words, access) || !parser.ReadConditions(conditions)) {
    return false;
  }
  statement.body = absl::StrCat("io_uring", PrintAccess(words, access.words));
  for (const RuleCondition& condition : conditions) {
    if (condition.name != "label" || condition.in || condition.values.size() != 1) {
      return parser.Error("apparmor-unknown-condition", condition.begin,
                          absl::StrCat("unexpected io_uring condition ", Quoted(condition.name)),
                          "the only condition is label, with one value");
    }
    if (!parser.CheckPattern(condition.values[0])) return false;
    absl::StrAppend(&statement.body, " ",
                    PrintCondition("label", false, {condition.values[0].text}));
  }
  return true;
}

// Since Linux 5.9. Profiles are compiled for the interface abi/3.0, which knows all before it.
constexpr char kCapabilityWithoutAbi[] = "checkpoint_restore";

}  // namespace

bool ParseCapabilityRule(RuleParser& parser, AppArmorStatement& statement) {
  RuleWords names;
  bool ok = true;
  while (true) {
    size_t begin = 0;
    parser.lexer().SkipSpace();
    const std::string name(ReadName(parser.lexer(), begin));
    if (name.empty()) break;
    if (!Contains(AppArmorCapabilities(), name)) {
      std::string lower = absl::AsciiStrToLower(name);
      if (absl::StartsWith(lower, "cap_")) lower = lower.substr(4);
      ok = parser.Error("apparmor-unknown-capability", begin,
                        absl::StrCat("unknown capability ", Quoted(name)),
                        DidYouMean(lower, AppArmorCapabilities(),
                                   "write it as in capabilities(7), in lower case, without "
                                   "\"CAP_\""));
    } else if (!Contains(names, name)) {
      names.push_back(name);
    }
    if (name == kCapabilityWithoutAbi) {
      parser.StrictError("apparmor-capability-abi", begin,
                         absl::StrCat("AppArmor's 3.0 interface has no capability ", Quoted(name),
                                      "; its parser takes the rule as one about \"sys_admin\""),
                         "write \"capability sys_admin\" if that is meant; only the BPF enforcer "
                         "tells them apart");
    }
  }
  if (!ok) return false;
  statement.body = "capability";
  for (const std::string& name : names) absl::StrAppend(&statement.body, " ", name);
  return true;
}

bool ParseNetworkRule(RuleParser& parser, AppArmorStatement& statement) {
  size_t first_begin = 0;
  size_t second_begin = 0;
  const absl::string_view first = ReadName(parser.lexer(), first_begin);
  statement.body = "network";
  if (first.empty()) return true;
  const bool is_family = Contains(AppArmorNetworkFamilies(), first);
  if (!is_family && !Contains(AppArmorNetworkTypes(), first) &&
      !Contains(AppArmorNetworkProtocols(), first)) {
    RuleWords known = AppArmorNetworkFamilies();
    for (const RuleWords& more : {AppArmorNetworkTypes(), AppArmorNetworkProtocols()}) {
      known.insert(known.end(), more.begin(), more.end());
    }
    return parser.Error(
        "apparmor-unknown-network", first_begin,
        absl::StrCat("unknown network word ", Quoted(first)),
        DidYouMean(first, known, "write an address family, a socket type, or tcp, udp, icmp"));
  }
  absl::StrAppend(&statement.body, " ", first);
  const absl::string_view second = ReadName(parser.lexer(), second_begin);
  if (second.empty()) return true;
  if (!is_family) {
    return parser.Error("apparmor-network-combination", second_begin,
                        absl::StrCat(Quoted(second), " behind ", Quoted(first)),
                        "write the address family first, then the type or protocol");
  }
  if (!Contains(AppArmorNetworkTypes(), second) && !IsFamilyProtocol(first, second)) {
    RuleWords known = AppArmorNetworkTypes();
    known.insert(known.end(), {"tcp", "udp"});
    const bool combination =
        Contains(AppArmorNetworkProtocols(), second) || Contains(AppArmorNetworkFamilies(), second);
    return parser.Error(
        combination ? "apparmor-network-combination" : "apparmor-unknown-network", second_begin,
        absl::StrCat(combination ? "" : "unknown ", combination ? "" : "socket type ",
                     Quoted(second), " behind ", Quoted(first)),
        combination ? "name one family; tcp and udp go with inet and inet6, icmp with inet"
                    : DidYouMean(second, known,
                                 "socket types are stream, dgram, seqpacket, rdm, "
                                 "raw, packet"));
  }
  absl::StrAppend(&statement.body, " ", second);
  return true;
}

bool ParseRlimitRule(RuleParser& parser, AppArmorStatement& statement) {
  RuleLexer& lexer = parser.lexer();
  if (statement.audit || statement.deny || statement.explicit_allow) {
    return parser.Error("apparmor-syntax", lexer.offset(), "a qualifier in front of \"set rlimit\"",
                        "drop it: a limit is set, not allowed or denied");
  }
  lexer.SkipBlanks();
  if (lexer.PeekKeyword() != "rlimit") return parser.Unexpected("rlimit behind \"set\"");
  lexer.ReadKeyword();
  size_t begin = 0;
  const std::string name(ReadName(lexer, begin));
  if (!Contains(AppArmorRlimits(), name)) {
    if (name.empty()) return parser.Unexpected("the name of a limit");
    return parser.Error("apparmor-unknown-rlimit", begin,
                        absl::StrCat("unknown limit ", Quoted(name)),
                        DidYouMean(name, AppArmorRlimits(), "see setrlimit(2)"));
  }
  lexer.SkipBlanks();
  if (!lexer.LookingAt("<=")) return parser.Unexpected("\"<=\"");
  lexer.set_offset(lexer.offset() + 2);
  std::string value;
  if (!ReadRlimitValue(parser, name, value)) return false;
  statement.body = absl::StrCat("set rlimit ", name, " <= ", value);
  return true;
}

bool ParseChangeProfileRule(RuleParser& parser, AppArmorStatement& statement) {
  RuleLexer& lexer = parser.lexer();
  statement.body = "change_profile";
  lexer.SkipBlanks();
  const size_t begin = lexer.offset();
  const absl::string_view mode = lexer.PeekKeyword();
  const bool has_mode = mode == "safe" || mode == "unsafe";
  if (has_mode) {
    lexer.ReadKeyword();
    absl::StrAppend(&statement.body, " ", mode);
    lexer.SkipBlanks();
  }
  const bool has_path = !lexer.AtEnd() && lexer.Peek() != ',' && !lexer.LookingAt("->");
  if (has_path) {
    RuleWord path;
    if (!parser.ReadPath(path)) return false;
    absl::StrAppend(&statement.body, " ", PrintAppArmorPattern(path.text));
  } else if (has_mode) {
    return parser.Error("apparmor-syntax", begin,
                        absl::StrCat(Quoted(mode), " without an executable"),
                        "write the path of the executable behind it, or drop it");
  }
  lexer.SkipBlanks();
  if (!lexer.ConsumeArrow()) return true;
  if (lexer.Peek() != '\n' && lexer.Peek() != '\r' && !IsBlank(lexer.Peek())) {
    return parser.Unexpected("a blank behind \"->\"");
  }
  lexer.SkipBlanks();
  RuleWord name;
  if (!parser.ReadPattern("the name of a profile", name)) return false;
  absl::StrAppend(&statement.body, " -> ", PrintAppArmorPattern(name.text));
  return true;
}

bool ParseAppArmor40Rule(RuleParser& parser, AppArmorStatement& statement) {
  switch (statement.kind) {
    case AppArmorStatement::Kind::kMqueue:
      return ParseMqueueRule(parser, statement);
    case AppArmorStatement::Kind::kIoUring:
      return ParseIoUringRule(parser, statement);
    case AppArmorStatement::Kind::kAll:
      statement.body = "all";
      return true;
    default:
      break;
  }
  RuleAccess access;
  if (!parser.ReadAccess("userns", {"create"}, access)) return false;
  statement.body = absl::StrCat("userns", PrintAccess({"create"}, access.words));
  return true;
}

}  // namespace varmor
