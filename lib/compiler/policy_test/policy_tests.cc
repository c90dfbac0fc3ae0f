#include "lib/compiler/policy_test/policy_tests.h"

#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/load/document.h"
#include "lib/compiler/load/field_path.h"
#include "lib/compiler/load/read_message.h"
#include "lib/compiler/simulate/event_text.h"
#include "proto/policy_test.pb.h"

namespace varmor {
namespace {

TextPlace PlaceOf(const DocumentNode& root, absl::string_view field) {
  return FindNode(root, field)->place;
}

void CheckName(const std::string& name, const std::string& field, const DocumentNode& root,
               std::map<std::string, TextPlace>& seen, Diagnostics& diagnostics) {
  if (name.empty()) {
    // An absent one has been reported by the reader.
    if (FindNode(root, JoinKey(field, "name")) != FindNode(root, field)) {
      diagnostics.Error("empty-name", JoinKey(field, "name"), "the test's name is empty",
                        "say what the test shows");
    }
    return;
  }
  const auto [first, is_new] = seen.emplace(name, PlaceOf(root, JoinKey(field, "name")));
  if (is_new) return;
  diagnostics.Error(
      "duplicate-test", JoinKey(field, "name"),
      absl::StrCat("the name ", Quoted(name), " is that of the test in line ", first->second.line),
      "give each test a name of its own");
}

PolicyTestSuite ReadSuite(const PolicySource& source, const DocumentNode& root,
                          Diagnostics& diagnostics) {
  PolicyTestFile message;
  ReadMessage(root, &message, diagnostics);
  PolicyTestSuite suite;
  suite.file = source.name;
  suite.policy = message.policy();
  suite.policy_place = PlaceOf(root, "policy");
  suite.policy_name = message.policy_name();
  const DocumentNode* tests = root.Find("tests");
  if (tests != nullptr && message.tests_size() == 0 &&
      (tests->kind == DocumentNode::Kind::kSequence || tests->kind == DocumentNode::Kind::kNull)) {
    diagnostics.Error("no-tests", "tests", "the file has no tests",
                      "add a test, or let `varmor test --scaffold` write some");
  }
  std::map<std::string, TextPlace> seen;
  for (int i = 0; i < message.tests_size(); ++i) {
    const PolicyTest& test = message.tests(i);
    const std::string field = JoinIndex("tests", static_cast<size_t>(i));
    PolicyTestCase one;
    one.name = test.name();
    one.event_text = test.event();
    one.expect = test.expect();
    one.enforcer = test.enforcer();
    one.rule = test.rule();
    one.place = PlaceOf(root, field);
    CheckName(one.name, field, root, seen, diagnostics);
    const DocumentNode* node = FindNode(root, field);
    if (node->Find("event") != nullptr &&
        node->Find("event")->kind == DocumentNode::Kind::kScalar) {
      ParseEventText(one.event_text, JoinKey(field, "event"), one.event, diagnostics);
    }
    suite.tests.push_back(std::move(one));
  }
  return suite;
}

}  // namespace

std::vector<PolicyTestSuite> ReadPolicyTests(const PolicySource& source, Diagnostics& diagnostics) {
  std::vector<PolicyTestSuite> suites;
  Diagnostics syntax;
  ParsedDocuments parsed = ParseDocuments(source.name, source.text, DocumentLimits(), syntax);
  if (parsed.documents.empty() && !syntax.HasErrors()) {
    syntax.Error("no-tests", "", "the file is empty",
                 "write a document of `kind: PolicyTest`; docs/policy_tests.md shows one");
    syntax.mutable_list().back().file = source.name;
  }
  for (Diagnostic& d : syntax.mutable_list()) diagnostics.Add(std::move(d));
  for (size_t i = 0; i < parsed.documents.size(); ++i) {
    LoadedPolicy document;  // what Locate needs to know
    document.file = source.name;
    document.document = parsed.indexes[i];
    document.root = std::shared_ptr<const DocumentNode>(std::move(parsed.documents[i]));
    Diagnostics mistakes;
    suites.push_back(ReadSuite(source, *document.root, mistakes));
    Locate(document, mistakes);
    for (Diagnostic& d : mistakes.mutable_list()) diagnostics.Add(std::move(d));
  }
  diagnostics.SortByPlace();
  return suites;
}

}  // namespace varmor
