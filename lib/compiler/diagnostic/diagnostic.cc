#include "lib/compiler/diagnostic/diagnostic.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace varmor {
namespace {

constexpr size_t kQuotedBytes = 80;

// Insertions, deletions, substitutions and swaps of neighbours cost 1 each.
int EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<int> before(b.size() + 1);
  std::vector<int> row(b.size() + 1);
  std::vector<int> next(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    next[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int substitute = row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, substitute});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        next[j] = std::min(next[j], before[j - 2] + 1);
      }
    }
    before.swap(row);
    row.swap(next);
  }
  return row[b.size()];
}

}  // namespace

void Diagnostics::Error(absl::string_view code, absl::string_view field, absl::string_view problem,
                        absl::string_view fix, TextPlace inside) {
  Diagnostic d;
  d.code = std::string(code);
  d.field = std::string(field);
  d.problem = std::string(problem);
  d.fix = std::string(fix);
  d.inside = inside;
  Add(std::move(d));
}

void Diagnostics::Warning(absl::string_view code, absl::string_view field,
                          absl::string_view problem, absl::string_view fix, TextPlace inside) {
  Error(code, field, problem, fix, inside);
  list_.back().severity = Diagnostic::Severity::kWarning;
}

void Diagnostics::StrictError(absl::string_view code, absl::string_view field,
                              absl::string_view problem, absl::string_view fix, TextPlace inside) {
  Error(code, field, problem, fix, inside);
  list_.back().from_strictness = true;
  if (lenient_) list_.back().severity = Diagnostic::Severity::kWarning;
}

void Diagnostics::Add(Diagnostic diagnostic) { list_.push_back(std::move(diagnostic)); }

bool Diagnostics::HasErrors() const {
  return std::any_of(list_.begin(), list_.end(), [](const Diagnostic& d) {
    return d.severity == Diagnostic::Severity::kError;
  });
}

void Diagnostics::SortByPlace() {
  auto key = [](const Diagnostic& d) {
    return std::make_tuple(d.place.line == 0, absl::string_view(d.file), d.document, d.place.line,
                           d.place.column);
  };
  std::stable_sort(list_.begin(), list_.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
}

absl::string_view SeverityName(Diagnostic::Severity severity) {
  switch (severity) {
    case Diagnostic::Severity::kError:
      return "error";
    case Diagnostic::Severity::kWarning:
      return "warning";
    case Diagnostic::Severity::kNote:
      return "note";
  }
  return "error";
}

std::string FormatDiagnostic(const Diagnostic& d) {
  std::string out;
  if (!d.file.empty()) {
    out = d.file;
    if (d.place.line > 0) absl::StrAppend(&out, ":", d.place.line, ":", d.place.column);
    absl::StrAppend(&out, ": ");
  }
  absl::StrAppend(&out, SeverityName(d.severity), ": ");
  if (!d.field.empty()) absl::StrAppend(&out, d.field, ": ");
  absl::StrAppend(&out, d.problem, " [", d.code, "]\n");
  if (!d.fix.empty()) absl::StrAppend(&out, "  fix: ", d.fix, "\n");
  return out;
}

std::string NearestWord(absl::string_view word, absl::Span<const std::string> known) {
  const std::string lower = absl::AsciiStrToLower(word);
  // A third of the word, but at least one slip.
  int best = std::max<int>(1, static_cast<int>(lower.size()) / 3) + 1;
  std::string nearest;
  if (lower.size() > 256) return nearest;  // nobody mistypes that much
  for (const std::string& candidate : known) {
    const int distance = EditDistance(lower, absl::AsciiStrToLower(candidate));
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string Quoted(absl::string_view text) {
  std::string out = "\"";
  const bool cut = text.size() > kQuotedBytes;
  absl::string_view shown = text.substr(0, kQuotedBytes);
  // Never cut inside a UTF-8 sequence.
  while (cut && !shown.empty() && (static_cast<unsigned char>(text[shown.size()]) & 0xC0) == 0x80) {
    shown.remove_suffix(1);
  }
  for (const char c : shown) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", std::string(1, c));
    } else if (c == '\n') {
      absl::StrAppend(&out, "\\n");
    } else if (c == '\t') {
      absl::StrAppend(&out, "\\t");
    } else if (byte < 0x20 || byte == 0x7F) {
      absl::StrAppendFormat(&out, "\\x%02x", byte);
    } else {
      out.push_back(c);
    }
  }
  if (cut) absl::StrAppend(&out, "...");
  out.push_back('"');
  return out;
}

}  // namespace varmor
