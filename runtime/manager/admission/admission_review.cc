#include "runtime/manager/admission/admission_review.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

constexpr char kApiVersion[] = "admission.k8s.io/v1";
constexpr char kKind[] = "AdmissionReview";
// What a status of a refused object says in Kubernetes' own admission plugins.
constexpr int kForbidden = 403;
// Of all warnings together; the server throws away what goes beyond 4096 (admission webhooks,
// "Response", in Kubernetes' documentation).
constexpr size_t kWarningsLimit = 4000;

// Kubernetes' own objects have less than 30 levels. Copying and comparing goes down by recursion.
constexpr int kDepthLimit = 500;

// Whether objects and arrays of a JSON text nest deeper than kDepthLimit.
bool IsTooDeep(absl::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDepthLimit) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

Json Member(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? Json() : *found;
}

std::string NameOf(const std::string& name, const Json& object) {
  if (!name.empty() || !object.is_object()) return name;
  const Json metadata = Member(object, "metadata");
  const Json inside = metadata.is_object() ? Member(metadata, "name") : Json();
  return inside.is_string() ? inside.get<std::string>() : "";
}

Json WarningsJson(const std::vector<std::string>& warnings) {
  Json list = Json::array();
  size_t bytes = 0;
  for (const std::string& warning : warnings) {
    bytes += warning.size();
    if (bytes > kWarningsLimit) {
      list.push_back(absl::StrCat("and ", warnings.size() - list.size(),
                                  " more warnings; `varmor check` prints all"));
      break;
    }
    list.push_back(warning);
  }
  return list;
}

}  // namespace

absl::StatusOr<AdmissionRequest> ParseAdmissionReview(absl::string_view body) {
  if (IsTooDeep(body)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the review nests deeper than ", kDepthLimit, " levels"));
  }
  const Json review = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (review.is_discarded()) return absl::InvalidArgumentError("the review is not JSON");
  std::vector<std::string> problems;
  const JsonFields fields(review, "", problems);
  if (fields.Text("apiVersion") != kApiVersion || fields.Text("kind") != kKind) {
    problems.push_back(absl::StrCat("apiVersion, kind: not ", kApiVersion, " ", kKind));
  }
  const JsonFields request = fields.Child("request");
  AdmissionRequest read;
  read.uid = request.RequiredText("uid");
  read.operation = request.RequiredText("operation");
  const JsonFields kind = request.Child("kind");
  read.group = kind.Text("group");
  read.kind = kind.RequiredText("kind");
  read.name_space = request.Text("namespace");
  read.name = request.Text("name");
  read.subresource = request.Text("subResource");
  read.dry_run = request.Bool("dryRun");
  if (!problems.empty()) return ProblemsStatus("the review", problems);
  read.object = Member(request.value(), "object");
  read.old_object = Member(request.value(), "oldObject");
  read.name = NameOf(read.name, read.object);
  return read;
}

std::string AdmissionReviewText(const std::string& uid, const AdmissionAnswer& answer) {
  Json response = {{"uid", uid}, {"allowed", answer.allowed}};
  if (!answer.allowed) {
    response["status"] = {{"status", "Failure"},
                          {"message", answer.message},
                          {"reason", "Forbidden"},
                          {"code", kForbidden}};
  }
  if (!answer.patch.is_null()) {
    response["patchType"] = "JSONPatch";
    response["patch"] = absl::Base64Escape(JsonText(answer.patch));
  }
  if (const Json warnings = WarningsJson(answer.warnings); !warnings.empty()) {
    response["warnings"] = warnings;
  }
  return JsonText({{"apiVersion", kApiVersion}, {"kind", kKind}, {"response", response}});
}

}  // namespace varmor
