#include "lib/enforcers/apparmor/app_armor_parser.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/run_program.h"

namespace varmor {
namespace {

// Far above what real profiles take.
constexpr std::chrono::seconds kAskLimit{60};

// A parser that runs on a kernel without AppArmor takes the kernel for one that mediates little,
// and passes over rules about mounts and networks. The file tells it of everything.
std::vector<std::string> AskWords(const std::string& parser) {
  constexpr char kFeatures[] = "/etc/apparmor.d/abi/3.0";
  std::vector<std::string> words = {parser, "--skip-kernel-load", "--skip-cache"};
  if (access(kFeatures, R_OK) == 0) {
    words.emplace_back("--features-file");
    words.emplace_back(kFeatures);
  }
  return words;
}

std::string TooSlow(std::chrono::milliseconds limit) {
  return absl::StrCat("took more than ", limit.count() / 1000.0,
                      " seconds: the profile's patterns are too much for it");
}

// Remarks of the parser that have nothing to do with the profile's text.
bool IsNoise(absl::string_view line) {
  return line.empty() || absl::StartsWith(line, "Cache read/write disabled") ||
         absl::StartsWith(line, "Warning from");
}

// The number after "at line ", or 0.
int LineNumber(absl::string_view message) {
  constexpr absl::string_view kBefore = "at line ";
  const size_t found = message.rfind(kBefore);
  if (found == absl::string_view::npos) return 0;
  absl::string_view digits = message.substr(found + kBefore.size());
  size_t end = 0;
  while (end < digits.size() && absl::ascii_isdigit(static_cast<unsigned char>(digits[end]))) ++end;
  int line = 0;
  return absl::SimpleAtoi(digits.substr(0, end), &line) ? line : 0;
}

// The line that holds what the message quotes ("merged rule /x", "input line '/x'"), from 1, or 0.
int LineOfQuotation(absl::string_view message, const std::vector<absl::string_view>& lines) {
  for (absl::string_view word : absl::StrSplit(message, absl::ByAnyChar(" ;"), absl::SkipEmpty())) {
    if (absl::StartsWith(word, "'") && absl::EndsWith(word, "'") && word.size() > 2) {
      word = word.substr(1, word.size() - 2);
    }
    if (!absl::StartsWith(word, "/") || word.size() < 2) continue;
    for (size_t i = 0; i < lines.size(); ++i) {
      const absl::string_view line = absl::StripLeadingAsciiWhitespace(lines[i]);
      if (!absl::StartsWith(line, "#") && absl::StrContains(line, word)) {
        return static_cast<int>(i) + 1;
      }
    }
  }
  return 0;
}

// The field named by the comment that stands over line `index`: "# RULE (spec.policy...)".
std::string FieldAbove(const std::vector<absl::string_view>& lines, size_t index) {
  while (index-- > 0) {
    const absl::string_view line = absl::StripAsciiWhitespace(lines[index]);
    if (line.empty() || absl::EndsWith(line, "{")) return "";
    if (!absl::StartsWith(line, "# ")) continue;
    const size_t open = line.find("(spec.");
    if (open == absl::string_view::npos) return "";
    const absl::string_view field = line.substr(open + 1);
    return std::string(field.substr(0, field.find(')')));
  }
  return "";
}

// The refusal in a sentence that a policy's author can use.
absl::Status RefusalStatus(const ParserRefusal& refusal) {
  std::string place;
  if (refusal.line != 0) {
    absl::StrAppend(&place, " line ", refusal.line);
    if (!refusal.field.empty()) absl::StrAppend(&place, " (", refusal.field, ")");
    absl::StrAppend(&place, ", ", Quoted(refusal.line_text));
  } else {
    place = " the profile";
  }
  return absl::InvalidArgumentError(
      absl::StrCat("apparmor_parser refuses", place, ": ", refusal.message));
}

// What the parser writes to standard output.
absl::StatusOr<std::string> Run(const AppArmorParser& parser, std::vector<std::string> options,
                                absl::string_view text) {
  ProgramRun run;
  run.words = {parser.program};
  if (!parser.include_directory.empty()) {
    run.words.insert(run.words.end(), {"--base", parser.include_directory});
  }
  if (!parser.kernel_features.empty()) {
    run.words.insert(run.words.end(), {"--kernel-features", parser.kernel_features});
  }
  run.words.insert(run.words.end(), options.begin(), options.end());
  run.input = text;
  run.time_limit = parser.time_limit;
  VARMOR_ASSIGN_OR_RETURN(ProgramResult result, RunProgram(run));
  if (result.ok()) return std::move(result.output);
  if (result.timed_out) {
    return absl::DeadlineExceededError(absl::StrCat("apparmor_parser ", TooSlow(run.time_limit)));
  }
  if (result.signal != 0) {
    return absl::UnavailableError(
        absl::StrCat("apparmor_parser was ended by signal ", result.signal));
  }
  return RefusalStatus(ReadParserOutput(result.errors, text));
}

}  // namespace

std::string FindAppArmorParser() {
  const char* path = std::getenv("PATH");
  for (const absl::string_view directory :
       absl::StrSplit(absl::StrCat(path == nullptr ? "" : path, ":/usr/sbin:/sbin"), ':')) {
    const std::string program =
        absl::StrCat(directory.empty() ? "." : directory, "/apparmor_parser");
    if (access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

absl::StatusOr<std::optional<ParserRefusal>> AskAppArmorParser(const std::string& parser,
                                                               absl::string_view text) {
  ProgramRun run;
  run.words = AskWords(parser);
  run.input = text;
  run.time_limit = kAskLimit;
  VARMOR_ASSIGN_OR_RETURN(const ProgramResult result, RunProgram(run));
  if (result.ok()) return std::optional<ParserRefusal>();
  if (result.timed_out) {
    ParserRefusal refusal;
    refusal.message = TooSlow(run.time_limit);
    return std::optional<ParserRefusal>(std::move(refusal));
  }
  if (result.signal != 0) {
    return absl::UnavailableError(
        absl::StrCat("apparmor_parser was ended by signal ", result.signal));
  }
  return std::optional<ParserRefusal>(
      ReadParserOutput(absl::StrCat(result.output, result.errors), text));
}

ParserRefusal ReadParserOutput(absl::string_view output, absl::string_view text) {
  ParserRefusal refusal;
  std::vector<std::string> said;
  for (const absl::string_view line : absl::StrSplit(output, '\n')) {
    const absl::string_view words = absl::StripAsciiWhitespace(line);
    if (!IsNoise(words)) said.emplace_back(words);
  }
  refusal.message = said.empty() ? "refused without a message" : absl::StrJoin(said, "; ");

  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  refusal.line = LineNumber(refusal.message);
  if (refusal.line == 0) refusal.line = LineOfQuotation(refusal.message, lines);
  if (refusal.line < 1 || static_cast<size_t>(refusal.line) > lines.size()) {
    refusal.line = 0;
    return refusal;
  }
  const size_t index = static_cast<size_t>(refusal.line) - 1;
  refusal.line_text = std::string(absl::StripAsciiWhitespace(lines[index]));
  refusal.field = FieldAbove(lines, index);
  return refusal;
}

absl::StatusOr<std::vector<std::string>> AppArmorParser::Names(absl::string_view text) const {
  VARMOR_ASSIGN_OR_RETURN(const std::string output, Run(*this, {"--names"}, text));
  return std::vector<std::string>(absl::StrSplit(output, '\n', absl::SkipWhitespace()));
}

absl::StatusOr<std::string> AppArmorParser::Compile(absl::string_view text, bool complain) const {
  std::vector<std::string> words = {"--skip-kernel-load", "--skip-cache", "--stdout"};
  if (complain) words.emplace_back("--Complain");
  return Run(*this, words, text);
}

}  // namespace varmor
