// varmor test: do policies mean what their tests say?
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/load/document.h"
#include "lib/compiler/policy_test/policy_tests.h"
#include "lib/compiler/policy_test/run_policy_tests.h"
#include "lib/compiler/policy_test/scaffold.h"
#include "re2/re2.h"
#include "tools/varmor/asked_policies.h"
#include "tools/varmor/command.h"
#include "tools/varmor/diagnostic_formats.h"
#include "tools/varmor/exit_code.h"
#include "tools/varmor/read_inputs.h"
#include "tools/varmor/test_outcomes.h"
#include "tools/varmor/write_file.h"

namespace varmor {
namespace {

namespace fs = std::filesystem;

// ---- which tests -----------------------------------------------------------------------------

bool IsTestFile(const PolicySource& source) {
  Diagnostics ignored;  // a file that is not read as tests is somebody else's
  const ParsedDocuments parsed =
      ParseDocuments(source.name, source.text, DocumentLimits(), ignored);
  for (const auto& root : parsed.documents) {
    const DocumentNode* kind = root->Find("kind");
    if (kind != nullptr && kind->scalar == "PolicyTest") return true;
  }
  return false;
}

// The files that the operands name; below a directory those that hold a PolicyTest.
bool FindTestFiles(const std::vector<std::string>& operands, Console& console,
                   std::vector<PolicySource>& files) {
  if (operands.empty()) {
    console.Error("no input\n  fix: name a file of tests, or a directory with some");
    return false;
  }
  std::vector<std::string> errors;
  for (const std::string& operand : operands) {
    std::error_code ignored;
    const bool directory = operand != "-" && fs::is_directory(operand, ignored);
    const size_t before = files.size();
    for (PolicySource& source : ReadPolicyInputs({operand}, DocumentLimits().bytes, errors)) {
      if (!directory || IsTestFile(source)) files.push_back(std::move(source));
    }
    if (directory && files.size() == before && errors.empty()) {
      errors.push_back(
          absl::StrCat("no file below ", Quoted(operand), " has a document of kind PolicyTest"));
    }
  }
  for (const std::string& error : errors) console.Error(error);
  return errors.empty();
}

bool ReadSuites(const std::vector<std::string>& operands, Console& console,
                std::vector<PolicyTestSuite>& suites) {
  std::vector<PolicySource> files;
  if (!FindTestFiles(operands, console, files)) return false;
  Diagnostics mistakes;
  for (const PolicySource& file : files) {
    for (PolicyTestSuite& suite : ReadPolicyTests(file, mistakes)) {
      for (const PolicyTestCase& test : suite.tests) {
        if (test.event.enforcers_size() == 0) continue;
        Diagnostic d;
        d.code = "event-enforcers";
        d.problem = absl::StrCat("test ", Quoted(test.name), ": \"only\" is for the catalogue");
        d.fix = "choose with the key enforcer";
        d.file = suite.file;
        d.place = test.place;
        mistakes.Add(std::move(d));
      }
      suites.push_back(std::move(suite));
    }
  }
  console.Err(DiagnosticsAsText(mistakes, console.Colored(Console::Stream::kErr)));
  return !mistakes.HasErrors();
}

// Leaves the tests whose names match --run.
bool Select(const Arguments& arguments, Console& console, std::vector<PolicyTestSuite>& suites) {
  if (!arguments.Has("run")) return true;
  const std::string pattern = arguments.Get("run");
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 regex(pattern, options);
  if (!regex.ok()) {
    console.Error(
        absl::StrCat("--run: ", Quoted(pattern), " is no regular expression: ", regex.error()));
    return false;
  }
  std::vector<std::string> names;
  size_t selected = 0;
  for (PolicyTestSuite& suite : suites) {
    std::vector<PolicyTestCase> kept;
    for (PolicyTestCase& test : suite.tests) {
      names.push_back(test.name);
      if (RE2::PartialMatch(test.name, regex)) kept.push_back(std::move(test));
    }
    selected += kept.size();
    suite.tests = std::move(kept);
  }
  if (selected > 0) return true;
  const std::string near = NearestWord(pattern, names);
  console.Error(absl::StrCat("--run: no test's name matches ", Quoted(pattern), "\n  fix: ",
                             near.empty() ? "leave --run out to run them all"
                                          : absl::StrCat("did you mean \"", near, "\"?")));
  return false;
}

// ---- running ---------------------------------------------------------------------------------

// A policy that suites ask, compiled once.
struct Subject {
  const AskedPolicy* policy = nullptr;
  std::optional<Simulator> simulator;
  std::optional<RuleCoverage> coverage;
};

class Runner {
 public:
  Runner(const Arguments& arguments, Console& console) : arguments_(arguments), console_(console) {}

  // An ExitCode: kExitClean when every test was run, whatever came of it.
  int Run(const std::vector<PolicyTestSuite>& suites, TestReport& report);

 private:
  int FindBatch(const PolicyTestSuite& suite, AskedBatch** batch);
  int FindSubject(const PolicyTestSuite& suite, Subject** subject);
  const AskedPolicy* Choose(const PolicyTestSuite& suite, const AskedBatch& batch);
  int RunSuite(const PolicyTestSuite& suite, SuiteOutcome& outcome);

  const Arguments& arguments_;
  Console& console_;
  IncludeTexts includes_;
  // By path; "" for those that -f names.
  std::map<std::string, std::unique_ptr<AskedBatch>> batches_;
  std::vector<std::unique_ptr<Subject>> subjects_;
};

int Runner::FindBatch(const PolicyTestSuite& suite, AskedBatch** batch) {
  std::vector<std::string> paths;
  std::string key;
  if (!suite.policy.empty()) {
    key = (fs::path(suite.file).parent_path() / suite.policy).lexically_normal().string();
    paths = {key};
  } else if (arguments_.Has("file")) {
    paths = arguments_.All("file");
  } else {
    console_.Error(absl::StrCat(suite.file,
                                ": the file names no policy\n  fix: add `policy: FILE`, "
                                "or name the policies with -f"));
    return kExitInvalid;
  }
  const auto [found, is_new] = batches_.emplace(key, nullptr);
  if (is_new) {
    found->second = std::make_unique<AskedBatch>();
    const int code = PreparePolicies(paths, arguments_, console_, *found->second);
    if (code != kExitClean) return code;
    if (!includes_.Load(found->second->policies, arguments_, console_)) return kExitInvalid;
  }
  *batch = found->second.get();
  return kExitClean;
}

// Null, and the console has been told, when it is not clear which one is meant.
const AskedPolicy* Runner::Choose(const PolicyTestSuite& suite, const AskedBatch& batch) {
  std::vector<const AskedPolicy*> fitting;
  std::vector<std::string> names;
  for (const AskedPolicy& policy : batch.policies) {
    const ObjectMeta& metadata = policy.loaded->object.metadata();
    const std::string full = absl::StrCat(metadata.namespace_(), "/", metadata.name());
    names.push_back(metadata.namespace_().empty() ? metadata.name() : full);
    const bool fits = suite.policy_name.empty() || suite.policy_name == metadata.name() ||
                      suite.policy_name == full;
    if (fits) fitting.push_back(&policy);
  }
  if (fitting.size() == 1) return fitting.front();
  const std::string from = suite.policy.empty() ? "-f" : suite.policy;
  if (fitting.empty()) {
    const std::string near = NearestWord(suite.policy_name, names);
    console_.Error(absl::StrCat(suite.file, ": ", from, " has no policy ",
                                Quoted(suite.policy_name), "\n  fix: ",
                                near.empty() ? absl::StrCat("it has ", absl::StrJoin(names, ", "))
                                             : absl::StrCat("did you mean \"", near, "\"?")));
  } else {
    console_.Error(absl::StrCat(
        suite.file, ": ", from, " has ", fitting.size(),
        " policies that fit\n  fix: say which with policyName: ", absl::StrJoin(names, ", ")));
  }
  return nullptr;
}

int Runner::FindSubject(const PolicyTestSuite& suite, Subject** subject) {
  AskedBatch* batch = nullptr;
  const int code = FindBatch(suite, &batch);
  if (code != kExitClean) return code;
  const AskedPolicy* policy = Choose(suite, *batch);
  if (policy == nullptr) return kExitInvalid;
  for (const auto& known : subjects_) {
    if (known->policy == policy) *subject = known.get();
  }
  if (*subject != nullptr) return kExitClean;
  absl::StatusOr<Simulator> simulator = Simulator::Load(policy->artifacts(), includes_.options());
  if (!simulator.ok()) {
    console_.Error(
        absl::StrCat("internal fault: ", policy->loaded->file, ": ", simulator.status().message()));
    return kExitFault;
  }
  auto made = std::make_unique<Subject>();
  made->policy = policy;
  made->simulator.emplace(*std::move(simulator));
  made->coverage.emplace(policy->artifacts());
  *subject = made.get();
  subjects_.push_back(std::move(made));
  return kExitClean;
}

int Runner::RunSuite(const PolicyTestSuite& suite, SuiteOutcome& outcome) {
  Subject* subject = nullptr;
  const int code = FindSubject(suite, &subject);
  if (code != kExitClean) return code;
  outcome.file = suite.file;
  outcome.policy = absl::StrCat(subject->policy->loaded->file, ": ", subject->policy->Title());
  for (const PolicyTestCase& test : suite.tests) {
    absl::StatusOr<PolicyTestResult> result =
        RunPolicyTest(test, subject->policy->artifacts(), *subject->simulator);
    if (!result.ok()) {
      console_.Error(absl::StrCat("internal fault: ", suite.file, ": ", test.name, ": ",
                                  result.status().message()));
      return kExitFault;
    }
    subject->coverage->Add(result->verdict);
    outcome.tests.push_back({test, result->passed, result->got, result->problem});
  }
  return kExitClean;
}

int Runner::Run(const std::vector<PolicyTestSuite>& suites, TestReport& report) {
  for (const PolicyTestSuite& suite : suites) {
    if (suite.tests.empty()) continue;  // --run left none
    SuiteOutcome outcome;
    const int code = RunSuite(suite, outcome);
    if (code != kExitClean) return code;
    report.suites.push_back(std::move(outcome));
  }
  if (!arguments_.Has("coverage") && !arguments_.Has("threshold")) return kExitClean;
  for (const auto& subject : subjects_) {
    report.coverage.push_back(
        {absl::StrCat(subject->policy->loaded->file, ": ", subject->policy->Title()),
         subject->coverage->rules()});
  }
  return kExitClean;
}

// "80", "99.95": in thousandths of a percent.
bool ReadThreshold(const Arguments& arguments, Console& console, size_t& threshold) {
  const std::string text = arguments.Get("threshold", "0");
  const absl::string_view number = absl::StripSuffix(text, "%");
  static const auto& form = *new RE2("(\\d{1,3})(?:\\.(\\d{1,3}))?");
  std::string whole;
  std::string part;
  if (RE2::FullMatch(re2::StringPiece(number.data(), number.size()), form, &whole, &part)) {
    part.resize(3, '0');
    size_t units = 0;
    size_t thousandths = 0;
    if (absl::SimpleAtoi(whole, &units) && absl::SimpleAtoi(part, &thousandths)) {
      threshold = units * 1000 + thousandths;
      if (threshold <= 100000) return true;
    }
  }
  console.Error(absl::StrCat("--threshold: ", Quoted(text), " is not a percentage from 0 to 100"));
  return false;
}

int RunTests(const Arguments& arguments, Console& console) {
  size_t threshold = 0;
  if (!ReadThreshold(arguments, console, threshold)) return kExitInvalid;
  std::vector<PolicyTestSuite> suites;
  if (!ReadSuites(arguments.operands(), console, suites) || !Select(arguments, console, suites)) {
    return kExitInvalid;
  }
  TestReport report;
  const int code = Runner(arguments, console).Run(suites, report);
  if (code != kExitClean) return code;

  const std::string format = arguments.Get("format", "text");
  if (format == "json") {
    console.Out(OutcomesAsJson(report));
  } else if (format == "junit") {
    console.Out(OutcomesAsJunit(report));
  } else if (format == "tap") {
    console.Out(OutcomesAsTap(report));
  } else {
    console.Out(OutcomesAsText(report, console.Colored(Console::Stream::kOut)));
  }
  bool good = report.Failed() == 0;
  if (!report.coverage.empty()) {
    const std::string text = CoverageAsText(report);
    if (format == "text") {
      console.Out(text);
    } else {
      console.Err(text);
    }
    if (!CoverageReaches(report.CoveredRules(), report.Rules(), threshold)) {
      console.Error(absl::StrCat("coverage ",
                                 CoveragePercentage(report.CoveredRules(), report.Rules()),
                                 " % is below the threshold ", arguments.Get("threshold"), " %"));
      good = false;
    }
  }
  console.Err(absl::StrCat("varmor: ", report.Total() - report.Failed(), " of ",
                           Count(report.Total(), "test", "tests"), " passed\n"));
  return good ? kExitClean : kExitFindings;
}

// ---- scaffolding -----------------------------------------------------------------------------

// The policy's path as a file at `output` has to name it.
std::string PathFrom(const std::string& output, const std::string& policy) {
  if (policy == "-") return "";
  if (output.empty() || fs::path(policy).is_absolute()) return policy;
  std::error_code error;
  const fs::path base = fs::absolute(output, error).parent_path();
  const fs::path relative = fs::relative(fs::absolute(policy, error), base, error);
  return error ? policy : relative.string();
}

absl::StatusOr<Scaffold> ScaffoldOf(const AskedPolicy& policy, const std::string& output,
                                    bool named, const SimulateOptions& options) {
  const absl::StatusOr<Simulator> simulator = Simulator::Load(policy.artifacts(), options);
  if (!simulator.ok()) return simulator.status();
  const ObjectMeta& metadata = policy.loaded->object.metadata();
  ScaffoldRequest request;
  request.policy = PathFrom(output, policy.loaded->file);
  if (named) {
    request.policy_name = absl::StrCat(metadata.namespace_(),
                                       metadata.namespace_().empty() ? "" : "/", metadata.name());
  }
  return ScaffoldPolicyTests(request, policy.artifacts(), *simulator, BuiltinCatalogue());
}

// One document per policy. Returns an ExitCode.
int ScaffoldAll(const AskedBatch& asked, const std::string& output, const SimulateOptions& options,
                Console& console, std::string& text, size_t& tests) {
  for (const AskedPolicy& policy : asked.policies) {
    const absl::StatusOr<Scaffold> scaffold =
        ScaffoldOf(policy, output, asked.policies.size() > 1, options);
    if (!scaffold.ok()) {
      console.Error(
          absl::StrCat("internal fault: ", policy.loaded->file, ": ", scaffold.status().message()));
      return kExitFault;
    }
    for (const std::string& rule : scaffold->without_test) {
      console.Note(absl::StrCat(policy.Title(), ": no example was found for ", rule));
    }
    if (scaffold->tests == 0) {
      console.Warning(absl::StrCat(policy.Title(), ": nothing to test was found"));
      continue;
    }
    absl::StrAppend(&text, text.empty() ? "" : "---\n", scaffold->text);
    tests += static_cast<size_t>(scaffold->tests);
  }
  if (tests > 0) return kExitClean;
  console.Error(
      "there is nothing to write\n  fix: write the file by hand; docs/policy_tests.md shows one");
  return kExitInvalid;
}

int WriteScaffold(const Arguments& arguments, Console& console) {
  const std::string output = arguments.Get("output", "-") == "-" ? "" : arguments.Get("output");
  std::error_code ignored;
  if (!output.empty() && fs::exists(output, ignored)) {
    console.Error(absl::StrCat(Quoted(output),
                               " exists already\n  fix: name another file, or print with -o - and "
                               "take what is new"));
    return kExitInvalid;
  }
  AskedBatch asked;
  int code = PreparePolicies(PolicyPaths(arguments), arguments, console, asked);
  if (code != kExitClean) return code;
  IncludeTexts includes;
  if (!includes.Load(asked.policies, arguments, console)) return kExitInvalid;
  std::string text;
  size_t tests = 0;
  code = ScaffoldAll(asked, output, includes.options(), console, text, tests);
  if (code != kExitClean) return code;
  text = absl::StrCat(
      "# What the policy does now, written by `varmor test --scaffold`. Keep what is meant so.\n",
      text);
  if (output.empty()) {
    console.Out(text);
  } else if (const absl::Status written = WriteFile(output, text); !written.ok()) {
    console.Error(written.message());
    return kExitFault;
  }
  console.Err(absl::StrCat("varmor: wrote ", Count(tests, "test", "tests"), "\n"));
  return kExitClean;
}

int Run(const Arguments& arguments, Console& console) {
  if (arguments.Has("scaffold")) return WriteScaffold(arguments, console);
  if (arguments.Has("output")) {
    console.Error("--output is for --scaffold\n  fix: redirect standard output");
    return kExitInvalid;
  }
  return RunTests(arguments, console);
}

std::vector<FlagSpec> TestFlags() {
  FlagSpec run;
  run.name = "run";
  run.value = "REGEX";
  run.help = "only tests whose names match (RE2)";
  FlagSpec coverage;
  coverage.name = "coverage";
  coverage.help = "say which rules no test shows at work";
  FlagSpec threshold;
  threshold.name = "threshold";
  threshold.value = "PCT";
  threshold.help = "the least coverage, in percent; below it the exit code\nis 1";
  FlagSpec format;
  format.name = "format";
  format.value = "FORMAT";
  format.help = "how to print (default text)";
  format.choices = {"text", "json", "junit", "tap"};
  FlagSpec scaffold;
  scaffold.name = "scaffold";
  scaffold.help = "write tests of the policies that -f names: what they do\nnow";
  FlagSpec output;
  output.name = "output";
  output.letter = 'o';
  output.value = "FILE";
  output.help = "where --scaffold writes; a new file, or - (the default)\nto print";
  output.complete = FlagSpec::Complete::kFile;
  return {run, coverage, threshold, format, scaffold, output};
}

}  // namespace

Command TestCommand() {
  Command command;
  CommandSpec& spec = command.spec;
  spec.name = "test";
  spec.summary = "run the tests of policies";
  spec.operands = "[PATH]...";
  spec.operands_are_files = true;
  spec.description =
      "Runs files of kind PolicyTest, which say what policies should do with events; below a\n"
      "directory those files are found by their kind. A file names its policy, or -f does. Exits\n"
      "with 1 when a test fails. docs/policy_tests.md has the form.";
  spec.flags = TestFlags();
  for (const FlagSpec& flag : AskingFlags()) spec.flags.push_back(flag);
  spec.examples = {
      {"varmor test --scaffold -f web.yaml -o web_test.yaml", "a first file of tests"},
      {"varmor test policies/ --coverage --threshold 80", "in automation"},
      {"varmor test web_test.yaml --run 'core|proc'", "some tests only"},
      {"varmor test policies/ --format junit > results.xml", "for a build server"},
  };
  command.run = Run;
  return command;
}

}  // namespace varmor
