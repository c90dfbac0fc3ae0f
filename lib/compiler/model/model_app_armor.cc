#include "lib/compiler/model/model_app_armor.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/apparmor/check_target.h"
#include "lib/compiler/emit/emit_app_armor.h"
#include "lib/compiler/ir/app_armor_profile.h"
#include "lib/compiler/policy/capability.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;
using Words = google::protobuf::RepeatedPtrField<std::string>;

constexpr absl::string_view kRecordAgain = "record the behaviour again, or correct the model";

// Where mistakes are reported.
struct Report {
  absl::string_view field;
  Diagnostics& diagnostics;

  void Error(absl::string_view code, absl::string_view problem) const {
    diagnostics.Error(code, field, problem, kRecordAgain);
  }
  void Warning(absl::string_view code, absl::string_view problem, absl::string_view fix) const {
    diagnostics.Warning(code, field, problem, fix);
  }
};

// Sorted by text, so that a profile does not depend on the order of recording.
AppArmorSection MakeSection(absl::string_view heading,
                            const std::vector<AppArmorStatement>& statements) {
  std::map<std::string, AppArmorStatement> sorted;
  for (const AppArmorStatement& statement : statements) {
    sorted.emplace(ToString(statement), statement);
  }
  AppArmorSection section;
  section.heading = std::string(heading);
  for (auto& [text, statement] : sorted) {
    AppArmorLine line;
    line.statement = std::move(statement);
    line.action.allow = true;
    section.lines.push_back(std::move(line));
  }
  return section;
}

// ---- paths

// "/srv/*/a[1]" -> "/srv/*/a\[1\]".
std::string PatternOf(absl::string_view path) {
  return absl::StrJoin(absl::StrSplit(path, '/'), "/",
                       [](std::string* out, absl::string_view part) {
                         absl::StrAppend(out, part == "*" ? "*" : EscapeAppArmorPath(part));
                       });
}

// What is no path cannot stand in a rule: sockets and pipes have names such as "pipe:[4711]".
bool IsPath(absl::string_view path, const Report& report) {
  if (!path.empty() && path.front() == '/' && path.find('\0') == absl::string_view::npos)
    return true;
  report.Warning("model-path",
                 absl::StrCat("the model has ", Quoted(path), ", which is no absolute path"),
                 "nothing is allowed for it; add a raw rule if something should be");
  return false;
}

// Letters of the kernel's log to letters of a rule, in the order of rules; creating and deleting
// are writing. "x" comes back in `exec`.
std::string PermissionsOf(const RecordedFile& file, bool& exec, const Report& report) {
  std::set<char> letters;
  for (const std::string& word : file.permissions()) {
    for (const char c : word) {
      const char letter = c == 'c' || c == 'd' ? 'w' : c;
      if (letter == 'x') {
        exec = true;
      } else if (absl::string_view("rwalkm").find(letter) == absl::string_view::npos) {
        report.Error("model-permission", absl::StrCat("the model has the unknown permission ",
                                                      Quoted(word), " for ", Quoted(file.path())));
      } else {
        letters.insert(letter);
      }
    }
  }
  if (letters.count('w') > 0) letters.erase('a');
  std::string ordered;
  for (const char letter : absl::string_view("rwalkm")) {
    if (letters.count(letter) > 0) ordered.push_back(letter);
  }
  return ordered;
}

AppArmorSection Executions(const RecordedAppArmor& recorded, const Report& report) {
  std::vector<AppArmorStatement> statements;
  for (const std::string& path : recorded.executions()) {
    if (!IsPath(path, report)) continue;
    statements.push_back(AppArmorFileStatement(PatternOf(path), "", "ix"));
  }
  return MakeSection("Executed files.", statements);
}

AppArmorSection Files(const RecordedAppArmor& recorded, const Report& report) {
  std::vector<AppArmorStatement> statements;
  for (const RecordedFile& file : recorded.files()) {
    if (!IsPath(file.path(), report)) continue;
    bool exec = false;
    const std::string permissions = PermissionsOf(file, exec, report);
    if (permissions.empty() && !exec) continue;
    statements.push_back(
        AppArmorFileStatement(PatternOf(file.path()), permissions, exec ? "ix" : ""));
    statements.back().owner = file.owner();
  }
  return MakeSection("Files.", statements);
}

// ---- the other kinds

AppArmorSection Capabilities(const RecordedAppArmor& recorded, const Report& report) {
  std::vector<AppArmorStatement> statements;
  for (const std::string& word : recorded.capabilities()) {
    std::string name = absl::AsciiStrToLower(word);
    if (absl::string_view(name).substr(0, 4) == "cap_") name.erase(0, 4);
    if (CapabilityNumber(name) < 0) {
      report.Error("model-capability",
                   absl::StrCat("the model has the unknown capability ", Quoted(word)));
      continue;
    }
    statements.push_back(AppArmorPlainStatement(Kind::kCapability, "capability " + name));
  }
  return MakeSection("Capabilities.", statements);
}

// Words of rules are made of these; which words exist is checked with the whole text.
bool IsWord(absl::string_view word) {
  for (const char c : word) {
    if (!absl::ascii_isalnum(c) && c != '_' && c != '-' && c != '+') return false;
  }
  return !word.empty();
}

bool AreWords(const std::vector<std::string>& words, absl::string_view what, const Report& report) {
  bool all = true;
  for (const std::string& word : words) {
    if (IsWord(word)) continue;
    report.Error("model-word", absl::StrCat("the model has the unknown ", what, " ", Quoted(word)));
    all = false;
  }
  return all;
}

// Both generations: the type of a socket decides before its protocol.
std::vector<std::vector<std::string>> Sockets(const RecordedAppArmor& recorded) {
  std::vector<std::vector<std::string>> sockets;
  const auto add = [&](const std::string& domain, const std::string& type,
                       const std::string& protocol) {
    std::vector<std::string> words = {absl::AsciiStrToLower(domain)};
    if (!type.empty() || !protocol.empty()) {
      words.push_back(absl::AsciiStrToLower(type.empty() ? protocol : type));
    }
    sockets.push_back(std::move(words));
  };
  for (const RecordedSocket& socket : recorded.network().sockets()) {
    add(socket.domain(), socket.type(), socket.protocol());
  }
  for (const RecordedNetworkEntry& entry : recorded.networks()) {
    add(entry.family(), entry.sock_type(), entry.protocol());
  }
  return sockets;
}

AppArmorSection Network(const RecordedAppArmor& recorded, const ModelAppArmorOptions& options,
                        const Report& report) {
  std::vector<AppArmorStatement> statements;
  if (options.recorded_sockets_only) {
    for (const std::vector<std::string>& words : Sockets(recorded)) {
      if (!AreWords(words, "kind of socket", report)) continue;
      statements.push_back(
          AppArmorPlainStatement(Kind::kNetwork, "network " + absl::StrJoin(words, " ")));
    }
  }
  if (statements.empty()) statements = {AppArmorPlainStatement(Kind::kNetwork, "network")};
  return MakeSection("Network.", statements);
}

// "ptrace (read, trace) peer=NAME", words sorted.
std::string PeerBody(absl::string_view what, const Words& words, absl::string_view signals,
                     absl::string_view peer) {
  const std::set<std::string> sorted(words.begin(), words.end());
  return absl::StrCat(what, " (", absl::StrJoin(sorted, ", "), ")", signals,
                      " peer=", QuotePath(peer));
}

AppArmorSection Ptraces(const RecordedAppArmor& recorded, absl::string_view profile,
                        const ModelAppArmorOptions& options, const Report& report) {
  std::vector<AppArmorStatement> statements = {AppArmorPlainStatement(
      Kind::kPtrace, absl::StrCat("ptrace (trace, read, tracedby, readby) peer=", profile))};
  if (options.recorded_peers) {
    for (const RecordedPtrace& one : recorded.ptraces()) {
      const Words& words = one.permissions();
      if (one.peer().empty() || words.empty()) continue;
      if (!AreWords({words.begin(), words.end()}, "ptrace permission", report)) continue;
      statements.push_back(
          AppArmorPlainStatement(Kind::kPtrace, PeerBody("ptrace", words, "", one.peer())));
    }
  }
  return MakeSection("Ptrace.", statements);
}

AppArmorSection Signals(const RecordedAppArmor& recorded, absl::string_view profile,
                        const ModelAppArmorOptions& options, const Report& report) {
  std::vector<AppArmorStatement> statements = {
      AppArmorPlainStatement(Kind::kSignal, "signal (receive) peer=unconfined"),
      AppArmorPlainStatement(Kind::kSignal, absl::StrCat("signal (send, receive) peer=", profile))};
  if (options.recorded_peers) {
    for (const RecordedSignal& one : recorded.signals()) {
      if (one.peer().empty() || one.permissions().empty()) continue;
      const std::vector<std::string> words(one.permissions().begin(), one.permissions().end());
      const std::set<std::string> sent(one.signals().begin(), one.signals().end());
      if (!AreWords(words, "signal permission", report)) continue;
      if (!AreWords({sent.begin(), sent.end()}, "signal", report)) continue;
      const std::string set =
          sent.empty() ? "" : absl::StrCat(" set=(", absl::StrJoin(sent, ", "), ")");
      statements.push_back(AppArmorPlainStatement(
          Kind::kSignal, PeerBody("signal", one.permissions(), set, one.peer())));
    }
  }
  return MakeSection("Signals.", statements);
}

// ---- the whole

// "" after an error.
std::string ProfileName(const RecordedAppArmor& recorded, const Report& report) {
  const std::set<std::string> names(recorded.profiles().begin(), recorded.profiles().end());
  if (names.empty()) {
    report.Error("model-profile-name", "the model names no AppArmor profile that was recorded");
    return "";
  }
  if (names.size() > 1) {
    const std::string list = absl::StrJoin(
        names, ", ",
        [](std::string* out, const std::string& name) { absl::StrAppend(out, Quoted(name)); });
    report.Error("model-profile-name", absl::StrCat("the model mixes what was recorded under ",
                                                    names.size(), " AppArmor profiles: ", list));
    return "";
  }
  if (!IsAppArmorProfileName(*names.begin())) {
    report.Error("model-profile-name",
                 absl::StrCat("the model was recorded under ", Quoted(*names.begin()),
                              ", which is no profile name of varmor"));
    return "";
  }
  return *names.begin();
}

void WarnOfGaps(const RecordedAppArmor& recorded, const Report& report) {
  if (recorded.executions().empty()) {
    report.Warning("model-baseline",
                   "no executed file was recorded, so the container cannot even start",
                   "record from the start of the container, or allow its programs in raw rules");
  }
  if (!recorded.unhandled().empty()) {
    report.Warning(
        "model-unhandled",
        absl::StrCat("the model has ", recorded.unhandled_size(),
                     " events that no rule was made of, first ", Quoted(recorded.unhandled(0))),
        "allow them in raw rules if the container needs them");
  }
}

const RecordedAppArmor* RecordingIn(const DynamicResult& recorded) {
  if (recorded.has_app_armor()) return &recorded.app_armor();
  return recorded.has_legacy_app_armor() ? &recorded.legacy_app_armor() : nullptr;
}

}  // namespace

std::string ModelAppArmor(const DynamicResult& recorded, absl::string_view field,
                          const ModelAppArmorOptions& options, Diagnostics& diagnostics) {
  Diagnostics found(diagnostics.lenient());
  const Report report{field, found};
  AppArmorProfile profile;
  const RecordedAppArmor* recording = RecordingIn(recorded);
  if (recording == nullptr) {
    report.Error("model-empty", "the model has nothing recorded for AppArmor");
  } else {
    profile.name = ProfileName(*recording, report);
    profile.flags = {"attach_disconnected", "mediate_deleted"};
    profile.includes = {"<abstractions/base>"};
    profile.sections = {Executions(*recording, report),
                        Files(*recording, report),
                        Capabilities(*recording, report),
                        Network(*recording, options, report),
                        Ptraces(*recording, profile.name, options, report),
                        Signals(*recording, profile.name, options, report),
                        MakeSection("Besides.", {AppArmorPlainStatement(Kind::kUmount, "umount")})};
    WarnOfGaps(*recording, report);
  }
  for (const Diagnostic& diagnostic : found.list()) diagnostics.Add(diagnostic);
  return found.HasErrors() ? "" : AppArmorText(profile);
}

}  // namespace varmor
