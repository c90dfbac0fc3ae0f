#include "tools/varmor/test_outcomes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "rapidjson/document.h"
#include "tools/varmor/json_document.h"

namespace varmor {
namespace {

std::string PlaceOf(const SuiteOutcome& suite, const PolicyTestCase& test) {
  return absl::StrCat(suite.file, ":", test.place.line, ":", test.place.column);
}

size_t FailedOf(const SuiteOutcome& suite) {
  return static_cast<size_t>(std::count_if(suite.tests.begin(), suite.tests.end(),
                                           [](const TestOutcome& one) { return !one.passed; }));
}

// Text in an attribute or element of XML 1.0. Characters that no XML may have become "?".
std::string Xml(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\n' || c == '\t' || c == '\r') {
      absl::StrAppend(&out, "&#", byte, ";");
    } else if (byte < ' ' || byte == 0x7F) {
      out += '?';
    } else {
      out += c;
    }
  }
  return out;
}

// A name in a line of TAP: no line break, and "#" would begin a directive.
std::string TapName(absl::string_view name) {
  return absl::StrReplaceAll(name, {{"\\", "\\\\"}, {"#", "\\#"}, {"\n", " "}, {"\r", " "}});
}

// A scalar of YAML in double quotes.
std::string YamlText(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", std::string(1, c));
    } else if (byte < ' ' || byte == 0x7F) {
      absl::StrAppendFormat(&out, "\\x%02x", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

size_t TestReport::Total() const {
  size_t total = 0;
  for (const SuiteOutcome& suite : suites) total += suite.tests.size();
  return total;
}

size_t TestReport::Failed() const {
  size_t failed = 0;
  for (const SuiteOutcome& suite : suites) failed += FailedOf(suite);
  return failed;
}

size_t TestReport::Rules() const {
  size_t rules = 0;
  for (const PolicyCoverage& one : coverage) rules += one.rules.size();
  return rules;
}

size_t TestReport::CoveredRules() const {
  size_t covered = 0;
  for (const PolicyCoverage& one : coverage) {
    covered += static_cast<size_t>(std::count_if(
        one.rules.begin(), one.rules.end(), [](const CoveredRule& rule) { return rule.covered; }));
  }
  return covered;
}

std::string OutcomesAsText(const TestReport& report, bool color) {
  const char* red = color ? "\033[1;31m" : "";
  const char* green = color ? "\033[1;32m" : "";
  const char* plain = color ? "\033[0m" : "";
  std::string out;
  for (const SuiteOutcome& suite : report.suites) {
    const size_t failed = FailedOf(suite);
    absl::StrAppend(&out, failed == 0 ? green : red, failed == 0 ? "ok  " : "FAIL", plain, " ",
                    suite.file, ": ", suite.tests.size() - failed, " of ", suite.tests.size(),
                    " passed (", suite.policy, ")\n");
    for (const TestOutcome& one : suite.tests) {
      if (one.passed) continue;
      absl::StrAppend(&out, "  ", PlaceOf(suite, one.test), ": ", one.test.name, "\n    ",
                      one.test.event_text, ": ", one.problem, "\n");
    }
  }
  return out;
}

std::string CoverageAsText(const TestReport& report) {
  std::string out;
  for (const PolicyCoverage& one : report.coverage) {
    for (const CoveredRule& rule : one.rules) {
      if (rule.covered) continue;
      absl::StrAppend(&out, "not covered: ", one.policy, ": ", rule.enforcer, ": ", rule.rule, " (",
                      rule.field, ")\n");
    }
  }
  return absl::StrCat(out, "coverage: ", report.CoveredRules(), " of ", report.Rules(), " rules (",
                      CoveragePercentage(report.CoveredRules(), report.Rules()), " %)\n");
}

std::string OutcomesAsJson(const TestReport& report) {
  rapidjson::Document document(rapidjson::kObjectType);
  JsonBuilder json(document);
  json.Add(document, "tests", static_cast<int>(report.Total()));
  json.Add(document, "failed", static_cast<int>(report.Failed()));
  rapidjson::Value suites(rapidjson::kArrayType);
  for (const SuiteOutcome& suite : report.suites) {
    rapidjson::Value tests(rapidjson::kArrayType);
    for (const TestOutcome& one : suite.tests) {
      rapidjson::Value test(rapidjson::kObjectType);
      json.Add(test, "name", one.test.name);
      json.Add(test, "event", one.test.event_text);
      json.Add(test, "expect", one.test.expect);
      json.AddUnlessEmpty(test, "enforcer", one.test.enforcer);
      json.AddUnlessEmpty(test, "rule", one.test.rule);
      json.Add(test, "passed", one.passed);
      json.Add(test, "got", one.got);
      json.AddUnlessEmpty(test, "problem", one.problem);
      json.Add(test, "line", one.test.place.line);
      json.Append(tests, std::move(test));
    }
    rapidjson::Value value(rapidjson::kObjectType);
    json.Add(value, "file", suite.file);
    json.Add(value, "policy", suite.policy);
    json.Add(value, "tests", std::move(tests));
    json.Append(suites, std::move(value));
  }
  json.Add(document, "suites", std::move(suites));
  if (!report.coverage.empty()) {
    rapidjson::Value uncovered(rapidjson::kArrayType);
    for (const PolicyCoverage& one : report.coverage) {
      for (const CoveredRule& rule : one.rules) {
        if (rule.covered) continue;
        rapidjson::Value value(rapidjson::kObjectType);
        json.Add(value, "policy", one.policy);
        json.Add(value, "enforcer", rule.enforcer);
        json.Add(value, "rule", rule.rule);
        json.Add(value, "field", rule.field);
        json.Append(uncovered, std::move(value));
      }
    }
    rapidjson::Value coverage(rapidjson::kObjectType);
    json.Add(coverage, "percentage", CoveragePercentage(report.CoveredRules(), report.Rules()));
    json.Add(coverage, "rules", static_cast<int>(report.Rules()));
    json.Add(coverage, "covered", static_cast<int>(report.CoveredRules()));
    json.Add(coverage, "uncovered", std::move(uncovered));
    json.Add(document, "coverage", std::move(coverage));
  }
  return PrintJson(document);
}

std::string OutcomesAsJunit(const TestReport& report) {
  std::string out = absl::StrCat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
                                 "<testsuites name=\"varmor test\" tests=\"", report.Total(),
                                 "\" failures=\"", report.Failed(), "\">\n");
  for (const SuiteOutcome& suite : report.suites) {
    absl::StrAppend(&out, "  <testsuite name=\"", Xml(suite.file), "\" tests=\"",
                    suite.tests.size(), "\" failures=\"", FailedOf(suite), "\">\n");
    for (const TestOutcome& one : suite.tests) {
      absl::StrAppend(&out, "    <testcase classname=\"", Xml(suite.policy), "\" name=\"",
                      Xml(one.test.name), "\" file=\"", Xml(suite.file), "\" line=\"",
                      one.test.place.line, "\"");
      if (one.passed) {
        absl::StrAppend(&out, "/>\n");
        continue;
      }
      absl::StrAppend(&out, ">\n      <failure message=\"", Xml(one.problem), "\">",
                      Xml(absl::StrCat(PlaceOf(suite, one.test), ": ", one.test.event_text)),
                      "</failure>\n    </testcase>\n");
    }
    absl::StrAppend(&out, "  </testsuite>\n");
  }
  return absl::StrCat(out, "</testsuites>\n");
}

std::string OutcomesAsTap(const TestReport& report) {
  std::string out = absl::StrCat("TAP version 14\n1..", report.Total(), "\n");
  size_t number = 0;
  for (const SuiteOutcome& suite : report.suites) {
    for (const TestOutcome& one : suite.tests) {
      absl::StrAppend(&out, one.passed ? "ok " : "not ok ", ++number, " - ", TapName(one.test.name),
                      "\n");
      if (one.passed) continue;
      absl::StrAppend(&out, "  ---\n  message: ", YamlText(one.problem),
                      "\n  event: ", YamlText(one.test.event_text),
                      "\n  at: ", YamlText(PlaceOf(suite, one.test)), "\n  ...\n");
    }
  }
  return out;
}

}  // namespace varmor
