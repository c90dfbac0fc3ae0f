// libFuzzer: any bytes, as an event, as a line of a log and as a file of tests, are read or refused
// with a reason; what is read can be printed, and means the same when it is read again.
//   bazel build --config=fuzz //lib/compiler/policy_test:policy_test_fuzzer
//   bazel-bin/lib/compiler/policy_test/policy_test_fuzzer NEW_CORPUS
//   lib/compiler/policy_test/corpus
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "google/protobuf/util/message_differencer.h"
#include "lib/compiler/policy_test/example_events.h"
#include "lib/compiler/policy_test/policy_tests.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

// A reading said no exactly when there is an error, and every diagnostic says something.
void CheckDiagnostics(const Diagnostics& diagnostics, bool good) {
  Require(good != diagnostics.HasErrors());
  for (const Diagnostic& d : diagnostics.list()) Require(!d.code.empty() && !d.problem.empty());
}

void CheckPrinting(const Event& event) {
  Event again;
  Diagnostics diagnostics;
  Require(ParseEventText(EventText(event), "", again, diagnostics));
  Require(diagnostics.size() == 0);
  Require(google::protobuf::util::MessageDifferencer::Equals(event, again));
}

void CheckEvent(const std::string& text) {
  Event event;
  Diagnostics diagnostics;
  const bool good = ParseEventText(text, "event", event, diagnostics);
  CheckDiagnostics(diagnostics, good);
  for (const Diagnostic& d : diagnostics.list()) {
    Require(d.inside.line > 0 && d.inside.column > 0 &&
            d.inside.column <= static_cast<int>(text.size()) + 1);
  }
  if (good) CheckPrinting(event);
}

void CheckLine(const std::string& text) {
  Event event;
  Diagnostics diagnostics;
  const bool good = ParseViolationLine(text, "line", event, diagnostics);
  CheckDiagnostics(diagnostics, good);
  if (good) {
    Event again;
    Diagnostics none;
    Require(ParseEventText(EventText(event), "", again, none));
  }
}

void CheckFile(const std::string& text) {
  Diagnostics diagnostics;
  const std::vector<PolicyTestSuite> suites = ReadPolicyTests({"t.yaml", text}, diagnostics);
  if (diagnostics.HasErrors()) return;
  Require(!suites.empty());
  for (const PolicyTestSuite& suite : suites) {
    Require(!suite.tests.empty());
    for (const PolicyTestCase& test : suite.tests) CheckPrinting(test.event);
  }
}

void CheckExamples(const std::string& text) {
  RuleOrigin rule;
  rule.set_text(text);
  for (const Event& event : ExampleEvents(rule)) EventText(event);
}

}  // namespace
}  // namespace varmor

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 1 << 16) return 0;
  const std::string text(reinterpret_cast<const char*>(data), size);
  varmor::CheckEvent(text);
  varmor::CheckLine(text);
  varmor::CheckFile(text);
  varmor::CheckExamples(text);
  return 0;
}
