// varmor rules: the built-in rules, from the catalogue.
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "rapidjson/document.h"
#include "tools/varmor/command.h"
#include "tools/varmor/exit_code.h"
#include "tools/varmor/json_document.h"

namespace varmor {
namespace {

// What the catalogue says about one rule and one enforcer, whatever the message is called.
struct Answer {
  const char* enforcer;
  std::string not_enforceable;
  std::string since;
  std::string cannot_see;
  // Text form of the effects.
  std::string effects;

  bool enforced() const { return not_enforceable.empty(); }
};

template <typename Effects>
Answer MakeAnswer(const char* enforcer, const Effects& effects) {
  Answer answer{enforcer, effects.not_enforceable(), effects.since(), effects.cannot_see(), ""};
  Effects bare = effects;
  bare.clear_not_enforceable();
  bare.clear_since();
  bare.clear_cannot_see();
  google::protobuf::TextFormat::PrintToString(bare, &answer.effects);
  return answer;
}

std::vector<Answer> Answers(const BuiltinRule& rule) {
  return {MakeAnswer("AppArmor", rule.app_armor()), MakeAnswer("BPF", rule.bpf()),
          MakeAnswer("Seccomp", rule.seccomp())};
}

std::vector<std::string> EnforcedBy(const BuiltinRule& rule) {
  std::vector<std::string> names;
  for (const Answer& answer : Answers(rule)) {
    if (answer.enforced()) names.emplace_back(answer.enforcer);
  }
  return names;
}

// "attack-protection".
std::string CategoryName(BuiltinRule::Category category) {
  return NormaliseRuleName(BuiltinRule::Category_Name(category));
}

std::vector<std::string> CategoryNames() {
  std::vector<std::string> names;
  const auto* descriptor = BuiltinRule::Category_descriptor();
  for (int i = 1; i < descriptor->value_count(); ++i) {  // 0 is "unspecified"
    names.push_back(NormaliseRuleName(descriptor->value(i)->name()));
  }
  return names;
}

std::vector<std::string> AllNames() {
  std::vector<std::string> names;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    names.push_back(rule.id());
    names.insert(names.end(), rule.aliases().begin(), rule.aliases().end());
  }
  return names;
}

rapidjson::Value Texts(JsonBuilder& json,
                       const google::protobuf::RepeatedPtrField<std::string>& texts) {
  rapidjson::Value array(rapidjson::kArrayType);
  for (const std::string& text : texts) json.Append(array, text);
  return array;
}

rapidjson::Value RuleAsJson(JsonBuilder& json, const BuiltinRule& rule) {
  rapidjson::Value object(rapidjson::kObjectType);
  json.Add(object, "id", rule.id());
  if (rule.aliases_size() > 0) json.Add(object, "aliases", Texts(json, rule.aliases()));
  json.Add(object, "category", CategoryName(rule.category()));
  json.AddUnlessEmpty(object, "group", rule.group());
  json.Add(object, "summary", rule.summary());
  json.AddUnlessEmpty(object, "attack", rule.attack());
  if (rule.references_size() > 0) json.Add(object, "references", Texts(json, rule.references()));
  json.AddUnlessEmpty(object, "differs", rule.differs());
  json.AddUnlessEmpty(object, "removedIn", rule.removed_in());
  rapidjson::Value enforcers(rapidjson::kObjectType);
  for (const Answer& answer : Answers(rule)) {
    rapidjson::Value entry(rapidjson::kObjectType);
    json.Add(entry, "enforced", answer.enforced());
    json.AddUnlessEmpty(entry, "reason", answer.not_enforceable);
    json.AddUnlessEmpty(entry, "since", answer.since);
    json.AddUnlessEmpty(entry, "cannotSee", answer.cannot_see);
    json.AddUnlessEmpty(entry, "effects", answer.effects);
    json.Add(enforcers, answer.enforcer, std::move(entry));
  }
  json.Add(object, "enforcers", std::move(enforcers));
  return object;
}

void PrintTable(const std::vector<const BuiltinRule*>& rules, Console& console) {
  size_t width = 0;
  for (const BuiltinRule* rule : rules) width = std::max(width, rule->id().size());
  std::string heading;
  for (const BuiltinRule* rule : rules) {
    const std::string wanted = absl::StrCat(CategoryName(rule->category()),
                                            rule->group().empty() ? "" : ": ", rule->group());
    if (wanted != heading) {
      console.Out(absl::StrCat(heading.empty() ? "" : "\n", wanted, "\n"));
      heading = wanted;
    }
    console.Out(absl::StrFormat("  %-*s  %-21s  %s\n", static_cast<int>(width), rule->id(),
                                absl::StrJoin(EnforcedBy(*rule), ","), rule->summary()));
  }
}

void PrintIndented(absl::string_view text, Console& console) {
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    console.Out(absl::StrCat("    ", line, "\n"));
  }
}

void PrintRule(const BuiltinRule& rule, Console& console) {
  const auto line = [&](absl::string_view label, absl::string_view text) {
    if (!text.empty()) console.Out(absl::StrFormat("%-12s%s\n", absl::StrCat(label, ":"), text));
  };
  console.Out(absl::StrCat(rule.id(), "\n"));
  line("aliases", absl::StrJoin(rule.aliases(), ", "));
  line("category", CategoryName(rule.category()));
  line("group", rule.group());
  line("summary", rule.summary());
  line("attack", rule.attack());
  line("references", absl::StrJoin(rule.references(), ", "));
  line("differs", rule.differs());
  line("removed in", rule.removed_in());
  for (const Answer& answer : Answers(rule)) {
    console.Out(absl::StrCat(
        "\n", answer.enforcer, ": ",
        answer.enforced() ? "enforced" : absl::StrCat("not enforceable: ", answer.not_enforceable),
        answer.since.empty() ? "" : absl::StrCat(" (in vArmor since ", answer.since, ")"), "\n"));
    if (!answer.cannot_see.empty()) {
      console.Out(absl::StrCat("  cannot see: ", answer.cannot_see, "\n"));
    }
    PrintIndented(answer.effects, console);
  }
}

int Show(const std::string& name, bool as_json, Console& console) {
  const BuiltinRule* rule = BuiltinCatalogue().Find(NormaliseRuleName(name));
  if (rule == nullptr) {
    const std::string near = NearestWord(name, AllNames());
    console.Error(absl::StrCat("unknown built-in rule ", Quoted(name), "\n  fix: ",
                               near.empty() ? "`varmor rules` lists them all"
                                            : absl::StrCat("did you mean \"", near, "\"?")));
    return kExitInvalid;
  }
  if (!as_json) {
    PrintRule(*rule, console);
    return kExitClean;
  }
  rapidjson::Document document(rapidjson::kObjectType);
  JsonBuilder json(document);
  console.Out(PrintJson(RuleAsJson(json, *rule)));
  return kExitClean;
}

std::vector<const BuiltinRule*> Select(const std::string& category, const std::string& enforcer) {
  std::vector<const BuiltinRule*> rules;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    const std::vector<std::string> enforcers = EnforcedBy(rule);
    if (!category.empty() && CategoryName(rule.category()) != category) continue;
    if (!enforcer.empty() &&
        std::find(enforcers.begin(), enforcers.end(), enforcer) == enforcers.end())
      continue;
    rules.push_back(&rule);
  }
  return rules;
}

int List(const Arguments& arguments, bool as_json, Console& console) {
  const std::vector<const BuiltinRule*> rules =
      Select(arguments.Get("category"), arguments.Get("enforcer"));
  if (!as_json) {
    PrintTable(rules, console);
    return kExitClean;
  }
  rapidjson::Document document(rapidjson::kObjectType);
  JsonBuilder json(document);
  rapidjson::Value array(rapidjson::kArrayType);
  for (const BuiltinRule* rule : rules) json.Append(array, RuleAsJson(json, *rule));
  json.Add(document, "rules", std::move(array));
  console.Out(PrintJson(document));
  return kExitClean;
}

int Run(const Arguments& arguments, Console& console) {
  const std::vector<std::string>& operands = arguments.operands();
  const bool as_json = arguments.Get("format", "text") == "json";
  if (operands.empty()) return List(arguments, as_json, console);
  if (operands[0] != "show") {
    console.Error(absl::StrCat("unexpected argument ", Quoted(operands[0]),
                               "\n  fix: `varmor rules show NAME` explains one rule"));
    return kExitInvalid;
  }
  if (operands.size() != 2 || arguments.Has("category") || arguments.Has("enforcer")) {
    console.Error(
        "`rules show` takes the name of one rule\n  fix: varmor rules show [--format json] NAME");
    return kExitInvalid;
  }
  return Show(operands[1], as_json, console);
}

}  // namespace

Command RulesCommand() {
  Command command;
  CommandSpec& spec = command.spec;
  spec.name = "rules";
  spec.summary = "list the built-in rules, or explain one";
  spec.operands = "[show NAME]";
  spec.description =
      "Lists each rule with the enforcers that can enforce it. `show` tells what a rule does "
      "under\n"
      "each enforcer, and what it cannot see; old names of a rule are known too.";
  FlagSpec category;
  category.name = "category";
  category.value = "CATEGORY";
  category.help = "only rules of this category";
  category.choices = CategoryNames();
  FlagSpec enforcer;
  enforcer.name = "enforcer";
  enforcer.value = "ENFORCER";
  enforcer.help = "only rules that this enforcer can enforce";
  enforcer.choices = {"AppArmor", "BPF", "Seccomp"};
  FlagSpec format;
  format.name = "format";
  format.value = "FORMAT";
  format.help = "how to print (default text)";
  format.choices = {"text", "json"};
  spec.flags = {category, enforcer, format};
  spec.examples = {{"varmor rules --category hardening --enforcer BPF", "what BPF can harden"},
                   {"varmor rules show disallow-write-core-pattern", "one rule"}};
  spec.operand_words = {"show"};
  spec.second_words = AllNames();
  command.run = Run;
  return command;
}

}  // namespace varmor
