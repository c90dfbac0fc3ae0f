#include "runtime/manager/admission/admission_review.h"

#include <utility>

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

std::string NameOf(const Json& object) {
  static const Json::json_pointer path("/metadata/name");
  if (!object.contains(path) || !object[path].is_string()) return "";
  return object[path].get<std::string>();
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
  const absl::Status limits = CheckJsonLimits(body);
  if (!limits.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("the review ", limits.message()));
  }
  Json review = Json::parse(body, nullptr, /*allow_exceptions=*/false);
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
  read.object = std::move(review["request"]["object"]);
  read.old_object = std::move(review["request"]["oldObject"]);
  if (read.name.empty()) read.name = NameOf(read.object);
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
