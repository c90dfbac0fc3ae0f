// What one request of the mutating webhook costs, from the bytes of the review to the bytes of the
// answer, and whether that depends on the number of policies.
//
//     bazel run -c opt //runtime/manager/admission:mutate_benchmark
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "runtime/manager/admission/admission_review.h"
#include "runtime/manager/admission/mutate.h"

namespace varmor {
namespace {

// `count` policies over a hundred namespaces; the last one matches.
WorkloadPolicies Policies(int count) {
  std::vector<WorkloadPolicy> policies;
  for (int i = 0; i < count; ++i) {
    const Json policy = {
        {"kind", "VarmorPolicy"},
        {"metadata",
         {{"name", absl::StrCat("p", i)}, {"namespace", absl::StrCat("n", (count - 1 - i) % 100)}}},
        {"spec",
         {{"target",
           {{"kind", "Deployment"},
            {"selector", {{"matchLabels", {{"app", absl::StrCat(count - 1 - i)}}}}}}},
          {"policy", {{"enforcer", "AppArmorBPFSeccomp"}, {"mode", "EnhanceProtect"}}}}}};
    policies.push_back(*ReadWorkloadPolicy(policy, "", "varmor", {}));
  }
  return WorkloadPolicies(std::move(policies));
}

std::string Review(int containers) {
  Json object = Json::parse(R"({"apiVersion": "apps/v1", "kind": "Deployment",
      "metadata": {"name": "web", "namespace": "n0", "labels": {"app": "0"}},
      "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "0"}},
               "template": {"metadata": {"labels": {"app": "0"}}, "spec": {}}}})");
  for (int i = 0; i < containers; ++i) {
    object["spec"]["template"]["spec"]["containers"].push_back(
        {{"name", absl::StrCat("c", i)},
         {"image", "registry.example/web:1"},
         {"env", std::vector<Json>(20, {{"name", "NAME"}, {"value", "value"}})},
         {"resources", {{"limits", {{"cpu", "1"}, {"memory", "1Gi"}}}}}});
  }
  return JsonText({{"apiVersion", "admission.k8s.io/v1"},
                   {"kind", "AdmissionReview"},
                   {"request",
                    {{"uid", "0df28fbd-5f5f-11e8-bc74-36e6bb280816"},
                     {"kind", {{"group", "apps"}, {"version", "v1"}, {"kind", "Deployment"}}},
                     {"name", "web"},
                     {"namespace", "n0"},
                     {"operation", "CREATE"},
                     {"object", object}}}});
}

void BM_Mutate(benchmark::State& state) {
  const WorkloadPolicies policies = Policies(static_cast<int>(state.range(0)));
  const std::string review = Review(static_cast<int>(state.range(1)));
  TemplateOptions options;
  options.app_armor_field = true;
  size_t answered = 0;
  for (auto _ : state) {
    const auto request = ParseAdmissionReview(review);
    const Mutation mutation = Mutate(*request, policies, options, absl::UnixEpoch());
    if (mutation.answer.patch.is_null()) state.SkipWithError("no patch");
    answered += AdmissionReviewText(request->uid, mutation.answer).size();
  }
  benchmark::DoNotOptimize(answered);
  state.counters["review_bytes"] = static_cast<double>(review.size());
}
BENCHMARK(BM_Mutate)
    ->ArgNames({"policies", "containers"})
    ->Args({1, 2})
    ->Args({100, 2})
    ->Args({5000, 2})
    ->Args({1, 20});

}  // namespace
}  // namespace varmor
