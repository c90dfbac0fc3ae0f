#include "tools/varmor/diagnostic_formats.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "lib/compiler/version.h"
#include "rapidjson/document.h"

namespace varmor {
namespace {

using rapidjson::kArrayType;
using rapidjson::kObjectType;
using rapidjson::Value;

absl::string_view Color(Diagnostic::Severity severity) {
  switch (severity) {
    case Diagnostic::Severity::kError:
      return "\033[1;31m";
    case Diagnostic::Severity::kWarning:
      return "\033[1;35m";
    case Diagnostic::Severity::kNote:
      return "\033[1;36m";
  }
  return "";
}

// "spec.policy.mode: unknown mode "X"; fix: ...", for formats with one text per finding.
std::string Message(const Diagnostic& d, absl::string_view before_fix) {
  return absl::StrCat(d.field, d.field.empty() ? "" : ": ", d.problem,
                      d.fix.empty() ? "" : before_fix, d.fix);
}

// Turns columns in bytes into columns in code points.
class ColumnCounter {
 public:
  explicit ColumnCounter(const std::vector<PolicySource>& sources) {
    for (const PolicySource& source : sources) texts_.emplace(source.name, source.text);
  }

  int Column(const Diagnostic& d) {
    const absl::string_view line = Line(d.file, d.place.line);
    const size_t bytes =
        std::min(line.size(), static_cast<size_t>(std::max(d.place.column - 1, 0)));
    const auto starts = std::count_if(line.begin(), line.begin() + bytes, [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    });
    return static_cast<int>(starts) + 1;
  }

 private:
  // Line starts are found once per file.
  absl::string_view Line(const std::string& file, int number) {
    const auto text = texts_.find(file);
    if (text == texts_.end() || number < 1) return "";
    std::vector<size_t>& starts = starts_[file];
    if (starts.empty()) {
      starts.push_back(0);
      for (size_t i = 0; i < text->second.size(); ++i) {
        if (text->second[i] == '\n') starts.push_back(i + 1);
      }
    }
    if (static_cast<size_t>(number) > starts.size()) return "";
    const absl::string_view rest = text->second.substr(starts[static_cast<size_t>(number) - 1]);
    return rest.substr(0, rest.find('\n'));
  }

  std::map<std::string, absl::string_view> texts_;
  std::map<std::string, std::vector<size_t>> starts_;
};

// ---- SARIF

// A relative URI reference of a relative path, a file: URI of an absolute one.
std::string FileUri(absl::string_view path) {
  std::string uri = absl::StartsWith(path, "/") ? "file://" : "";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= '0' && byte <= '9') ||
                       absl::StrContains("-._~/", std::string(1, c));
    if (plain) {
      uri.push_back(c);
    } else {
      absl::StrAppendFormat(&uri, "%%%02X", byte);
    }
  }
  return uri;
}

Value TextMessage(JsonBuilder& json, absl::string_view text) {
  Value message(kObjectType);
  json.Add(message, "text", text);
  return message;
}

Value Location(JsonBuilder& json, const Diagnostic& d, ColumnCounter& columns) {
  Value artifact(kObjectType);
  json.Add(artifact, "uri", FileUri(d.file));
  Value physical(kObjectType);
  json.Add(physical, "artifactLocation", std::move(artifact));
  if (d.place.line > 0) {
    Value region(kObjectType);
    json.Add(region, "startLine", d.place.line);
    if (d.place.column > 0) json.Add(region, "startColumn", columns.Column(d));
    json.Add(physical, "region", std::move(region));
  }
  Value location(kObjectType);
  json.Add(location, "physicalLocation", std::move(physical));
  if (d.field.empty()) return location;
  Value logical(kObjectType);
  json.Add(logical, "fullyQualifiedName", d.field);
  Value logicals(kArrayType);
  json.Append(logicals, std::move(logical));
  json.Add(location, "logicalLocations", std::move(logicals));
  return location;
}

Value Result(JsonBuilder& json, const Diagnostic& d, int rule, ColumnCounter& columns) {
  Value result(kObjectType);
  json.Add(result, "ruleId", d.code);
  json.Add(result, "ruleIndex", rule);
  json.Add(result, "level", SeverityName(d.severity));
  json.Add(result, "message", TextMessage(json, Message(d, "; ")));
  if (d.file.empty()) return result;
  Value locations(kArrayType);
  json.Append(locations, Location(json, d, columns));
  json.Add(result, "locations", std::move(locations));
  return result;
}

Value Tool(JsonBuilder& json, const std::vector<std::string>& codes) {
  Value driver(kObjectType);
  json.Add(driver, "name", "varmor");
  json.Add(driver, "version", kVersion);
  json.Add(driver, "semanticVersion", kVersion);
  Value rules(kArrayType);
  for (const std::string& code : codes) {
    Value rule(kObjectType);
    json.Add(rule, "id", code);
    json.Append(rules, std::move(rule));
  }
  json.Add(driver, "rules", std::move(rules));
  Value tool(kObjectType);
  json.Add(tool, "driver", std::move(driver));
  return tool;
}

// ---- GitHub

// Data of a workflow command; properties end at "," and ":" as well.
std::string Escaped(absl::string_view text, bool property) {
  std::string out = absl::StrReplaceAll(text, {{"%", "%25"}, {"\r", "%0D"}, {"\n", "%0A"}});
  return property ? absl::StrReplaceAll(out, {{":", "%3A"}, {",", "%2C"}}) : out;
}

}  // namespace

std::string DiagnosticsAsText(const Diagnostics& diagnostics, bool color) {
  std::string out;
  for (const Diagnostic& d : diagnostics.list()) {
    std::string text = FormatDiagnostic(d);
    const std::string label = absl::StrCat(SeverityName(d.severity), ": ");
    // The label's first occurrence may be in a file's name, which makes it colourful and no worse.
    if (const size_t at = text.find(label); color && at != std::string::npos) {
      text.replace(at, label.size(), absl::StrCat(Color(d.severity), label, "\033[0m"));
    }
    out += text;
  }
  return out;
}

rapidjson::Value DiagnosticAsJson(JsonBuilder& json, const Diagnostic& d) {
  Value object(kObjectType);
  json.Add(object, "severity", SeverityName(d.severity));
  json.Add(object, "code", d.code);
  json.AddUnlessEmpty(object, "file", d.file);
  if (d.place.line > 0) json.Add(object, "line", d.place.line);
  if (d.place.column > 0) json.Add(object, "column", d.place.column);
  json.AddUnlessEmpty(object, "field", d.field);
  json.Add(object, "problem", d.problem);
  json.AddUnlessEmpty(object, "fix", d.fix);
  return object;
}

std::string DiagnosticsAsSarif(const Diagnostics& diagnostics,
                               const std::vector<PolicySource>& sources) {
  std::set<std::string> unique;
  for (const Diagnostic& d : diagnostics.list()) unique.insert(d.code);
  const std::vector<std::string> codes(unique.begin(), unique.end());
  ColumnCounter columns(sources);

  rapidjson::Document document(kObjectType);
  JsonBuilder json(document);
  Value results(kArrayType);
  for (const Diagnostic& d : diagnostics.list()) {
    const auto rule = std::lower_bound(codes.begin(), codes.end(), d.code) - codes.begin();
    json.Append(results, Result(json, d, static_cast<int>(rule), columns));
  }
  Value run(kObjectType);
  json.Add(run, "tool", Tool(json, codes));
  json.Add(run, "columnKind", "unicodeCodePoints");
  json.Add(run, "results", std::move(results));
  Value runs(kArrayType);
  json.Append(runs, std::move(run));
  json.Add(document, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
  json.Add(document, "version", "2.1.0");
  json.Add(document, "runs", std::move(runs));
  return PrintJson(document);
}

std::string DiagnosticsAsGithub(const Diagnostics& diagnostics,
                                const std::vector<PolicySource>& sources) {
  ColumnCounter columns(sources);
  std::string out;
  for (const Diagnostic& d : diagnostics.list()) {
    const bool note = d.severity == Diagnostic::Severity::kNote;
    absl::StrAppend(&out, "::", note ? "notice" : SeverityName(d.severity), " ");
    if (!d.file.empty()) absl::StrAppend(&out, "file=", Escaped(d.file, true), ",");
    if (d.place.line > 0) absl::StrAppend(&out, "line=", d.place.line, ",");
    if (d.place.column > 0) absl::StrAppend(&out, "col=", columns.Column(d), ",");
    absl::StrAppend(&out, "title=", Escaped(d.code, true),
                    "::", Escaped(Message(d, "\nfix: "), false), "\n");
  }
  return out;
}

}  // namespace varmor
