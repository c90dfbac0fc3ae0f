#include "runtime/protocol/node_report.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

struct StateWord {
  ProfileState state;
  absl::string_view word;
};

constexpr StateWord kStates[] = {{ProfileState::kSucceeded, "succeeded"},
                                 {ProfileState::kFailed, "failed"},
                                 {ProfileState::kRetired, "retired"}};

ProfileState ReadState(const JsonFields& fields, absl::string_view key) {
  const std::string text = fields.RequiredText(key);
  for (const StateWord& known : kStates) {
    if (text == known.word) return known.state;
  }
  if (!text.empty()) {
    fields.Problem(key, absl::StrCat("is ", Quoted(text), ", not succeeded, failed or retired"));
  }
  return ProfileState::kFailed;
}

std::map<std::string, std::string> ReadTexts(const JsonFields& fields) {
  std::map<std::string, std::string> out;
  for (const auto& member : fields.value().items()) out[member.key()] = fields.Text(member.key());
  return out;
}

std::vector<std::string> ReadTextList(const JsonFields& fields, absl::string_view key) {
  std::vector<std::string> out;
  for (const Json& text : fields.List(key)) {
    if (text.is_string()) {
      out.push_back(text.get<std::string>());
    } else {
      fields.Problem(key, absl::StrCat("holds a ", text.type_name(), ", not string"));
    }
  }
  return out;
}

Json TextsJson(const std::map<std::string, std::string>& texts) {
  Json out = Json::object();
  for (const auto& [key, text] : texts) out[key] = text;
  return out;
}

// INVALID_ARGUMENT: no JSON, or too much of it.
absl::StatusOr<Json> Parse(absl::string_view what, absl::string_view text) {
  absl::Status status = CheckJsonLimits(text);
  Json document;
  if (status.ok()) {
    document = Json::parse(text.begin(), text.end(), nullptr, false);
    if (document.is_discarded()) status = absl::InvalidArgumentError("is not JSON");
  }
  if (status.ok()) return document;
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", status.message()));
}

NodeCapabilities ReadCapabilities(const JsonFields& fields) {
  NodeCapabilities out;
  out.app_armor = fields.Bool("apparmor");
  out.bpf = fields.Bool("bpf");
  out.seccomp = fields.Bool("seccomp");
  out.kernel = fields.Text("kernel");
  out.reasons = ReadTexts(fields.Child("reason"));
  return out;
}

Json CapabilitiesJson(const NodeCapabilities& capabilities) {
  return {{"apparmor", capabilities.app_armor},
          {"bpf", capabilities.bpf},
          {"seccomp", capabilities.seccomp},
          {"kernel", capabilities.kernel},
          {"reason", TextsJson(capabilities.reasons)}};
}

}  // namespace

absl::string_view ProfileStateName(ProfileState state) {
  for (const StateWord& known : kStates) {
    if (state == known.state) return known.word;
  }
  return "";
}

Json ProfileStatusJson(const ProfileStatus& status) {
  Json out = {{"namespace", status.name_space},
              {"armorProfile", status.armor_profile},
              {"nodeName", status.node_name},
              {"status", ProfileStateName(status.state)},
              {"message", status.message}};
  if (!status.revision.empty()) out["revision"] = status.revision;
  if (!status.enforcers.empty()) out["enforcers"] = TextsJson(status.enforcers);
  if (!status.unenforced.empty()) out["unenforced"] = status.unenforced;
  return out;
}

absl::StatusOr<ProfileStatus> ParseProfileStatus(absl::string_view text) {
  constexpr absl::string_view kWhat = "profile status";
  VARMOR_ASSIGN_OR_RETURN(const Json document, Parse(kWhat, text));
  std::vector<std::string> problems;
  const JsonFields fields(document, "", problems);
  ProfileStatus out;
  out.name_space = fields.RequiredText("namespace");
  out.armor_profile = fields.RequiredText("armorProfile");
  out.node_name = fields.RequiredText("nodeName");
  out.state = ReadState(fields, "status");
  out.message = fields.Text("message");
  out.revision = fields.Text("revision");
  out.enforcers = ReadTexts(fields.Child("enforcers"));
  out.unenforced = ReadTextList(fields, "unenforced");
  const absl::Status status = ProblemsStatus(kWhat, problems);
  if (!status.ok()) return status;
  return out;
}

Json NodeReportJson(const NodeReport& report) {
  Json profiles = Json::object();
  for (const auto& [key, profile] : report.profiles) {
    profiles[key] = {{"revision", profile.revision},
                     {"status", ProfileStateName(profile.state)},
                     {"message", profile.message}};
    if (!profile.unenforced.empty()) profiles[key]["unenforced"] = profile.unenforced;
  }
  Json violations = Json::object();
  for (const auto& [key, counts] : report.violations) {
    violations[key] = {{"denied", counts.denied}, {"allowed", counts.allowed}};
    if (!counts.last.empty()) violations[key]["last"] = counts.last;
  }
  return {{"nodeName", report.node_name},
          {"bootID", report.boot_id},
          {"agentVersion", report.agent_version},
          {"capabilities", CapabilitiesJson(report.capabilities)},
          {"profiles", std::move(profiles)},
          {"violations", std::move(violations)}};
}

absl::StatusOr<NodeReport> ParseNodeReport(absl::string_view text) {
  constexpr absl::string_view kWhat = "node report";
  VARMOR_ASSIGN_OR_RETURN(const Json document, Parse(kWhat, text));
  std::vector<std::string> problems;
  const JsonFields fields(document, "", problems);
  NodeReport out;
  out.node_name = fields.RequiredText("nodeName");
  out.boot_id = fields.Text("bootID");
  out.agent_version = fields.Text("agentVersion");
  out.capabilities = ReadCapabilities(fields.Child("capabilities"));
  const JsonFields profiles = fields.Child("profiles");
  for (const auto& member : profiles.value().items()) {
    const JsonFields profile = profiles.Child(member.key());
    out.profiles[member.key()] = {profile.Text("revision"), ReadState(profile, "status"),
                                  profile.Text("message"), ReadTextList(profile, "unenforced")};
  }
  const JsonFields violations = fields.Child("violations");
  for (const auto& member : violations.value().items()) {
    const JsonFields counts = violations.Child(member.key());
    out.violations[member.key()] = {counts.Number("denied", 0), counts.Number("allowed", 0),
                                    counts.Text("last")};
  }
  const absl::Status status = ProblemsStatus(kWhat, problems);
  if (!status.ok()) return status;
  return out;
}

Json NodeReportAnswerJson(const std::vector<std::string>& resync) { return {{"resync", resync}}; }

absl::StatusOr<std::vector<std::string>> ParseNodeReportAnswer(absl::string_view text) {
  constexpr absl::string_view kWhat = "answer to a node report";
  VARMOR_ASSIGN_OR_RETURN(const Json document, Parse(kWhat, text));
  std::vector<std::string> problems;
  const JsonFields fields(document, "", problems);
  std::vector<std::string> out = ReadTextList(fields, "resync");
  const absl::Status status = ProblemsStatus(kWhat, problems);
  if (!status.ok()) return status;
  return out;
}

}  // namespace varmor
