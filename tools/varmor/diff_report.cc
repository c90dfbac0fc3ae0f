#include "tools/varmor/diff_report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/compiler/simulate/event_text.h"
#include "rapidjson/document.h"
#include "tools/varmor/json_document.h"

namespace varmor {
namespace {

absl::string_view KindWord(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::kNewlyDenied:
      return "newly denied";
    case Change::Kind::kNewlyAllowed:
      return "newly allowed";
    case Change::Kind::kAuditOnly:
      return "shown differently";
  }
  return "";
}

// "same", "different", "added", "removed".
absl::string_view StateOf(const ComparedPolicy& policy) {
  if (policy.before == nullptr) return "added";
  if (policy.after == nullptr) return "removed";
  return policy.same() ? "same" : "different";
}

// "deny (EPERM)".
std::string VerdictText(const Verdict& verdict) {
  return absl::StrCat(VerdictWord(verdict), verdict.effect.empty() ? "" : " (", verdict.effect,
                      verdict.effect.empty() ? "" : ")");
}

// "disallow-x at web.yaml:3:4", or the reason.
std::string CauseText(const Verdict& verdict, const LoadedPolicy& policy) {
  if (verdict.rules.empty()) return verdict.reason;
  const RuleOrigin& origin = verdict.rules.front().origin;
  std::string out = origin.rule().empty() ? origin.text() : origin.rule();
  if (!origin.field().empty()) {
    absl::StrAppend(&out, " at ", PlaceText(policy, origin.field()));
  }
  if (verdict.rules.size() > 1) {
    absl::StrAppend(&out, " and ", Count(verdict.rules.size() - 1, "other", "others"));
  }
  return out;
}

std::string SideText(const char* side, const Verdict& verdict, const LoadedPolicy& policy) {
  const std::string cause = CauseText(verdict, policy);
  return absl::StrCat("    ", side, " ", VerdictText(verdict), cause.empty() ? "" : ": ", cause,
                      "\n");
}

// Text in a cell of a table, as code.
std::string Cell(absl::string_view text) {
  return absl::StrCat("`", absl::StrReplaceAll(text, {{"|", "\\|"}, {"`", "'"}, {"\n", " "}}), "`");
}

std::string PlainCell(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"|", "\\|"}, {"\n", " "}, {"<", "&lt;"}});
}

std::string SummaryText(const std::vector<ComparedPolicy>& policies) {
  const bool same = std::all_of(policies.begin(), policies.end(),
                                [](const ComparedPolicy& policy) { return policy.same(); });
  return same ? "the same\n" : "";
}

}  // namespace

std::string ComparedPolicy::Title() const {
  if (before == nullptr) return after->Title();
  if (after == nullptr || before->Title() == after->Title()) return before->Title();
  return absl::StrCat(before->Title(), " and ", after->Title());
}

std::string DiffAsText(const std::vector<ComparedPolicy>& policies, bool color) {
  std::string out;
  for (const ComparedPolicy& policy : policies) {
    if (policy.same()) continue;
    absl::StrAppend(&out, color ? "\033[1m" : "", policy.Title(), ": ", StateOf(policy),
                    color ? "\033[0m" : "", "\n");
    for (const Change& change : policy.result.changes) {
      absl::StrAppend(&out, "  ", change.enforcer, ": ", KindWord(change.kind), ": ", change.what,
                      "\n    for example ", EventText(change.example), "\n",
                      SideText("before:", change.before, *policy.before->loaded),
                      SideText("after: ", change.after, *policy.after->loaded));
    }
    for (const std::string& undecided : policy.result.undecided) {
      absl::StrAppend(&out, "  not compared: ", undecided, "\n");
    }
  }
  return absl::StrCat(out, SummaryText(policies));
}

std::string DiffAsMarkdown(const std::vector<ComparedPolicy>& policies) {
  std::string out;
  for (const ComparedPolicy& policy : policies) {
    if (policy.same()) continue;
    absl::StrAppend(&out, out.empty() ? "" : "\n", "### ", PlainCell(policy.Title()), ": ",
                    StateOf(policy), "\n");
    if (!policy.result.changes.empty()) {
      absl::StrAppend(&out, "\n| change | enforcer | what | example | before | after |\n",
                      "|---|---|---|---|---|---|\n");
    }
    for (const Change& change : policy.result.changes) {
      absl::StrAppend(&out, "| ", KindWord(change.kind), " | ", change.enforcer, " | ",
                      Cell(change.what), " | ", Cell(EventText(change.example)), " | ",
                      VerdictText(change.before), " | ", VerdictText(change.after), " |\n");
    }
    if (!policy.result.undecided.empty()) absl::StrAppend(&out, "\n");
    for (const std::string& undecided : policy.result.undecided) {
      absl::StrAppend(&out, "* not compared: ", PlainCell(undecided), "\n");
    }
  }
  return out.empty() ? "The policies mean the same.\n" : out;
}

std::string DiffAsJson(const std::vector<ComparedPolicy>& policies) {
  rapidjson::Document document(rapidjson::kObjectType);
  JsonBuilder json(document);
  bool same = true;
  rapidjson::Value list(rapidjson::kArrayType);
  for (const ComparedPolicy& policy : policies) {
    same &= policy.same();
    rapidjson::Value value(rapidjson::kObjectType);
    json.Add(value, "state", StateOf(policy));
    if (policy.before != nullptr) json.Add(value, "before", PolicyAsJson(json, *policy.before));
    if (policy.after != nullptr) json.Add(value, "after", PolicyAsJson(json, *policy.after));
    rapidjson::Value changes(rapidjson::kArrayType);
    for (const Change& change : policy.result.changes) {
      rapidjson::Value one(rapidjson::kObjectType);
      json.Add(one, "kind", KindWord(change.kind));
      json.Add(one, "enforcer", change.enforcer);
      json.Add(one, "what", change.what);
      json.Add(one, "example", EventText(change.example));
      json.Add(one, "before", VerdictAsJson(json, "", change.before, *policy.before->loaded));
      json.Add(one, "after", VerdictAsJson(json, "", change.after, *policy.after->loaded));
      json.Append(changes, std::move(one));
    }
    json.Add(value, "changes", std::move(changes));
    rapidjson::Value undecided(rapidjson::kArrayType);
    for (const std::string& text : policy.result.undecided) json.Append(undecided, text);
    json.Add(value, "undecided", std::move(undecided));
    json.Append(list, std::move(value));
  }
  json.Add(document, "same", same);
  json.Add(document, "policies", std::move(list));
  return PrintJson(document);
}

}  // namespace varmor
