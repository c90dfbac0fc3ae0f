#include "tools/varmor/man_page.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/version.h"

namespace varmor {
namespace {

// Text that roff prints as it is. A hyphen is written "\-": a plain one may become a dash, which
// nobody can paste into a shell.
std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}, {"'", "\\(aq"}, {"`", "\\(ga"}});
}

// One line of input; "." at its beginning would be a request.
std::string Line(absl::string_view text) {
  const std::string line = Escaped(text);
  return absl::StrCat(absl::StartsWith(line, ".") ? "\\&" : "", line, "\n");
}

std::string Bold(absl::string_view text) { return absl::StrCat("\\fB", Escaped(text), "\\fR"); }
std::string Italic(absl::string_view text) { return absl::StrCat("\\fI", Escaped(text), "\\fR"); }

// Lines joined, for texts that were broken to fit the help page.
std::string Filled(absl::string_view text) {
  std::vector<std::string> lines;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    lines.emplace_back(absl::StripAsciiWhitespace(line));
  }
  return Line(absl::StrJoin(lines, " "));
}

bool IsSetOut(absl::string_view paragraph) {
  return absl::StartsWith(paragraph, " ") || absl::StrContains(paragraph, "\n ");
}

// Paragraphs; those with indented lines are printed as they stand.
std::string Paragraphs(absl::string_view text) {
  std::string out;
  for (const absl::string_view paragraph : absl::StrSplit(text, "\n\n", absl::SkipEmpty())) {
    absl::StrAppend(&out, ".PP\n");
    if (!IsSetOut(paragraph)) {
      absl::StrAppend(&out, Filled(paragraph));
      continue;
    }
    absl::StrAppend(&out, ".nf\n");
    for (const absl::string_view line : absl::StrSplit(paragraph, '\n')) {
      absl::StrAppend(&out, Line(line));
    }
    absl::StrAppend(&out, ".fi\n");
  }
  return out;
}

std::string Heading(absl::string_view name, absl::string_view summary) {
  return absl::StrCat(".TH ", absl::AsciiStrToUpper(Escaped(name)), " 1 \"\" \"varmor ",
                      Escaped(kVersion), "\" \"User Commands\"\n.SH NAME\n", Escaped(name), " \\- ",
                      Escaped(summary), "\n");
}

std::string Flag(const FlagSpec& flag) {
  std::string out = ".TP\n";
  const std::string value = flag.value.empty() ? "" : absl::StrCat(" ", Italic(flag.value));
  if (flag.letter != 0) {
    absl::StrAppend(&out, Bold(absl::StrCat("-", std::string(1, flag.letter))), value, ", ");
  }
  absl::StrAppend(&out, Bold(absl::StrCat("--", flag.name)), value, "\n", Filled(flag.help));
  if (!flag.choices.empty()) {
    absl::StrAppend(&out, ".br\n",
                    flag.list ? "Words: " : "One of: ", Escaped(absl::StrJoin(flag.choices, ", ")),
                    "\n");
  }
  return out;
}

// The line of the help page, which is the one place that has it.
std::string ExitStatus(const CommandSpec& spec) {
  constexpr absl::string_view kBegin = "\nExit codes: ";
  const std::string help = CommandHelp(spec);
  const size_t found = help.rfind(kBegin.data());
  if (found == std::string::npos) return "";
  return absl::StrCat(".SH EXIT STATUS\n",
                      Filled(absl::StripAsciiWhitespace(help.substr(found + kBegin.size()))));
}

std::string Examples(const CommandSpec& spec) {
  if (spec.examples.empty()) return "";
  std::string out = ".SH EXAMPLES\n";
  for (const Example& example : spec.examples) {
    absl::StrAppend(&out, ".PP\n", Line(example.what), ".PP\n.RS 4\n.nf\n");
    for (const absl::string_view line : absl::StrSplit(example.command, '\n')) {
      absl::StrAppend(&out, Line(line));
    }
    absl::StrAppend(&out, ".fi\n.RE\n");
  }
  return out;
}

ManPage CommandPage(const CommandSpec& spec) {
  const std::string name = absl::StrCat("varmor-", spec.name);
  std::string text = Heading(name, spec.summary);
  absl::StrAppend(&text, ".SH SYNOPSIS\n", Bold(absl::StrCat("varmor ", spec.name)), " [FLAG]...",
                  spec.operands.empty() ? "" : " ", Escaped(spec.operands), "\n");
  if (!spec.description.empty()) {
    absl::StrAppend(&text, ".SH DESCRIPTION\n", Paragraphs(spec.description));
  }
  absl::StrAppend(&text, ".SH OPTIONS\n");
  for (const FlagSpec& flag : spec.flags) absl::StrAppend(&text, Flag(flag));
  for (const FlagSpec& flag : GlobalFlags()) absl::StrAppend(&text, Flag(flag));
  absl::StrAppend(&text, Examples(spec), ExitStatus(spec), ".SH SEE ALSO\n.BR varmor (1)\n");
  return {absl::StrCat(name, ".1"), std::move(text)};
}

ManPage Overview(const std::vector<CommandSpec>& commands) {
  std::string text = Heading("varmor", "compile vArmor policies to AppArmor, BPF and seccomp");
  absl::StrAppend(&text, ".SH SYNOPSIS\n.B varmor\n", Italic("COMMAND"),
                  " [FLAG]... [OPERAND]...\n.SH COMMANDS\n");
  std::vector<std::string> pages;
  for (const CommandSpec& command : commands) {
    absl::StrAppend(&text, ".TP\n", Bold(command.name), "\n", Filled(command.summary));
    pages.push_back(absl::StrCat(".BR ", Escaped(absl::StrCat("varmor-", command.name)), " (1)"));
  }
  if (!commands.empty()) absl::StrAppend(&text, ExitStatus(commands[0]));
  absl::StrAppend(&text, ".SH SEE ALSO\n", absl::StrJoin(pages, ",\n"), "\n");
  return {"varmor.1", std::move(text)};
}

}  // namespace

std::vector<ManPage> ManPages(const std::vector<CommandSpec>& commands) {
  std::vector<ManPage> pages = {Overview(commands)};
  for (const CommandSpec& command : commands) pages.push_back(CommandPage(command));
  return pages;
}

}  // namespace varmor
