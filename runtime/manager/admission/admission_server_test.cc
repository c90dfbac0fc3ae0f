#include "runtime/manager/admission/admission_server.h"

#include <atomic>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/manager/certificates/x509.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Reply {
  int status = 0;
  std::string body;
};

// Asks with curl, which is no code of ours.
Reply Curl(const std::string& arguments, const std::string& url) {
  const std::string command = absl::StrCat(
      "curl -sS --noproxy '*' --max-time 20 -w '\\n%{http_code}' ", arguments, " '", url, "' 2>&1");
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  char buffer[4096];
  for (size_t n = 0; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) text.append(buffer, n);
  pclose(pipe);
  Reply reply;
  const size_t end = text.rfind('\n');
  reply.status = std::atoi(text.c_str() + end + 1);
  reply.body = text.substr(0, end);
  return reply;
}

class AdmissionServerTest : public ::testing::Test {
 protected:
  void Start(AdmissionServerOptions options = {}) {
    options.address = "127.0.0.1";
    options.port = 0;
    options.observe = [this](const AdmissionRecord& record) {
      const std::lock_guard<std::mutex> lock(mutex_);
      records_.push_back(record);
    };
    auto server = AdmissionServer::Start(options, BuiltinCatalogue(), metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::string Url(const std::string& path) {
    return absl::StrCat("http://127.0.0.1:", server_->port(), path);
  }

  Reply Post(const std::string& path, const std::string& body,
             const std::string& type = "application/json") {
    const std::string file = ::testing::TempDir() + "/body";
    std::ofstream(file) << body;
    return Curl(absl::StrCat("-H 'Content-Type: ", type, "' --data-binary @", file), Url(path));
  }

  std::vector<AdmissionRecord> Records() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(records_, {});
  }

  Metrics metrics_;
  std::mutex mutex_;
  std::vector<AdmissionRecord> records_;
  // Last: its threads use the others.
  std::unique_ptr<AdmissionServer> server_;
};

const Json kPolicy = Json::parse(R"({
    "apiVersion": "crd.varmor.org/v1beta1", "kind": "VarmorPolicy",
    "metadata": {"name": "db", "namespace": "shop"},
    "spec": {"target": {"kind": "Deployment", "name": "db"},
             "policy": {"enforcer": "AppArmor", "mode": "AlwaysAllow"}}})");

std::string Review(const Json& object, const std::string& operation = "CREATE") {
  const std::string kind = object["kind"];
  return JsonText({{"apiVersion", "admission.k8s.io/v1"},
                   {"kind", "AdmissionReview"},
                   {"request",
                    {{"uid", "u-1"},
                     {"kind",
                      {{"group", kind == "Deployment" ? "apps" : "crd.varmor.org"},
                       {"version", "v1"},
                       {"kind", kind}}},
                     {"name", object["metadata"]["name"]},
                     {"namespace", "shop"},
                     {"operation", operation},
                     {"object", object}}}});
}

const Json kDeployment = Json::parse(R"({"apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": {"name": "db", "namespace": "shop"},
    "spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}})");

std::shared_ptr<const WorkloadPolicies> Policies() {
  std::vector<WorkloadPolicy> policies;
  policies.push_back(*ReadWorkloadPolicy(kPolicy, "", "varmor", {}));
  return std::make_shared<const WorkloadPolicies>(std::move(policies));
}

Json PatchOf(const Reply& reply) {
  const Json review = Json::parse(reply.body);
  EXPECT_EQ(review["response"]["uid"], "u-1");
  EXPECT_EQ(review["response"]["allowed"], true);
  std::string patch;
  if (!review["response"].contains("patch")) return nullptr;
  EXPECT_TRUE(absl::Base64Unescape(review["response"]["patch"].get<std::string>(), &patch));
  return Json::parse(patch);
}

TEST_F(AdmissionServerTest, Mutates) {
  Start();
  ASSERT_TRUE(server_->SetServerVersion("1", "29+").ok());
  EXPECT_EQ(PatchOf(Post("/mutate?timeout=10s", Review(kDeployment))), nullptr);
  server_->SetPolicies(Policies());
  const Json patch = PatchOf(Post("/mutate?timeout=10s", Review(kDeployment)));
  EXPECT_EQ(kDeployment.patch(patch)["spec"]["template"]["metadata"]["annotations"],
            Json::parse(R"({"container.apparmor.security.beta.kubernetes.io/main":
                            "localhost/varmor-shop-db"})"));
  ASSERT_TRUE(server_->SetServerVersion("1", "30+").ok());
  const Json field = PatchOf(Post("/mutate", Review(kDeployment, "UPDATE")));
  EXPECT_EQ(kDeployment.patch(field)["spec"]["template"]["spec"]["containers"][0]["securityContext"]
                                    ["appArmorProfile"]["localhostProfile"],
            "varmor-shop-db");

  const std::vector<AdmissionRecord> records = Records();
  ASSERT_EQ(records.size(), 3);
  EXPECT_FALSE(records[0].mutated);
  EXPECT_TRUE(records[1].mutated);
  EXPECT_EQ(records[1].what, "CREATE Deployment shop/db");
  EXPECT_THAT(records[1].policies, ElementsAre("shop/db"));
  const std::string text = metrics_.Text();
  EXPECT_THAT(text, HasSubstr("\nvarmor_admission_requests_total 3\n"));
  EXPECT_THAT(text, HasSubstr("\nvarmor_mutated_requests_total 2\n"));
  EXPECT_THAT(text, HasSubstr("\nvarmor_non_mutated_requests_total 1\n"));
  EXPECT_THAT(text, HasSubstr("varmor_webhook_latency_count{request_kind=\"Deployment\","
                              "request_operation=\"UPDATE\",request_mutated=\"true\"} 1\n"));
}

TEST_F(AdmissionServerTest, Validates) {
  Start();
  EXPECT_EQ(PatchOf(Post("/validate", Review(kPolicy))), nullptr);
  Json wrong = kPolicy;
  wrong["spec"]["policy"]["mode"] = "Always";
  const Reply reply = Post("/validate", Review(wrong));
  EXPECT_EQ(reply.status, 200);
  const Json response = Json::parse(reply.body)["response"];
  EXPECT_EQ(response["allowed"], false);
  EXPECT_THAT(response["status"]["message"].get<std::string>(),
              StartsWith("G2: spec.policy.mode: unknown value \"Always\""));
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("varmor_policy_reviews_total{request_kind=\"VarmorPolicy\","
                        "request_operation=\"CREATE\",allowed=\"false\"} 1\n"));
  EXPECT_THAT(metrics_.Text(), HasSubstr("\nvarmor_admission_requests_total 0\n"));
  const std::vector<AdmissionRecord> records = Records();
  ASSERT_EQ(records.size(), 2);
  EXPECT_FALSE(records[1].allowed);
  EXPECT_THAT(records[1].message, StartsWith("G2: "));
}

TEST_F(AdmissionServerTest, ReleasesWhatHasNoPolicyOnceTheyAreKnown) {
  AdmissionServerOptions options;
  options.is_gone = [](const std::string& name_space, const std::string& name) {
    return name_space == "shop" && name == "varmor-shop-old";
  };
  Start(options);
  Json old = kDeployment;
  old["spec"]["template"]["metadata"]["annotations"] = {
      {"container.bpf.security.beta.varmor.org/main", "localhost/varmor-shop-old"}};
  EXPECT_EQ(PatchOf(Post("/mutate", Review(old))), nullptr);
  server_->SetPolicies(std::make_shared<const WorkloadPolicies>());
  Records();
  const Reply reply = Post("/mutate", Review(old));
  EXPECT_FALSE(old.patch(PatchOf(reply))["spec"]["template"]["metadata"].contains("annotations"));
  EXPECT_THAT(reply.body, HasSubstr("no policy has profile varmor-shop-old any more"));
  EXPECT_THAT(Records().at(0).released, ElementsAre("varmor-shop-old"));
}

TEST_F(AdmissionServerTest, PodsOfTemplatesAreOnlyReleased) {
  AdmissionServerOptions options;
  options.is_gone = [](const std::string&, const std::string&) { return true; };
  Start(options);
  server_->SetPolicies(Policies());
  Records();
  EXPECT_EQ(PatchOf(Post("/release", Review(kDeployment))), nullptr);
  Json old = kDeployment;
  old["spec"]["template"]["metadata"]["annotations"] = {
      {"container.bpf.security.beta.varmor.org/main", "localhost/varmor-shop-old"}};
  const Json released = old.patch(PatchOf(Post("/release", Review(old))));
  EXPECT_FALSE(released["spec"]["template"]["metadata"].contains("annotations"));
  const std::vector<AdmissionRecord> records = Records();
  EXPECT_TRUE(records.at(0).mutating);
  EXPECT_THAT(records.at(1).policies, IsEmpty());
  EXPECT_THAT(records.at(1).released, ElementsAre("varmor-shop-old"));
}

TEST_F(AdmissionServerTest, RemarksAreRecorded) {
  Start();
  server_->SetPolicies(Policies());
  Json object = kDeployment;
  object["spec"]["template"]["metadata"]["annotations"] = {
      {"container.apparmor.security.beta.varmor.org/main", "unconfined"}};
  EXPECT_THAT(Post("/mutate", Review(object)).body, HasSubstr("gets no AppArmor"));
  const std::vector<AdmissionRecord> records = Records();
  ASSERT_EQ(records.at(0).remarks.size(), 1);
  EXPECT_EQ(records[0].remarks[0].name_space, "shop");
  EXPECT_EQ(records[0].remarks[0].name, "db");
  EXPECT_EQ(records[0].remarks[0].kind, MutationRemark::Kind::kNotProtected);
}

TEST_F(AdmissionServerTest, RefusesWhatIsNoReview) {
  Start();
  EXPECT_EQ(Post("/mutate", "{").status, 417);
  EXPECT_EQ(Post("/mutate", "{}").status, 417);
  EXPECT_EQ(Post("/mutate", Review(kDeployment), "text/plain").status, 415);
  EXPECT_EQ(Post("/mutate", Review(kDeployment), "application/json; charset=utf-8").status, 200);
  EXPECT_EQ(Post("/other", Review(kDeployment)).status, 404);
  EXPECT_EQ(Curl("", Url("/mutate")).status, 405);
  EXPECT_EQ(Post("/health/liveness", "").status, 405);
  EXPECT_EQ(Post("/mutate", std::string((8 << 20) + 1, ' ')).status, 413);
  EXPECT_EQ(Post("/mutate", std::string(200000, '[')).status, 417);
  EXPECT_EQ(Post("/mutate", std::string(200000, ',')).status, 417);
}

TEST_F(AdmissionServerTest, WordsOfClientsMakeNoNewSeries) {
  Start();
  Json object = kDeployment;
  object["kind"] = "Invented";
  Post("/mutate", Review(object, "INVENTED"));
  const std::string text = metrics_.Text();
  EXPECT_THAT(text, HasSubstr("request_kind=\"other\",request_operation=\"other\""));
  EXPECT_THAT(text, Not(HasSubstr("nvented")));
}

TEST_F(AdmissionServerTest, IsReadyWhenItKnowsEverything) {
  Start();
  EXPECT_EQ(Curl("", Url("/health/liveness")).status, 200);
  Reply reply = Curl("", Url("/health/readiness"));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body,
            "the policies are not known yet\nthe API server's version is not known yet\n");
  server_->SetPolicies(Policies());
  EXPECT_EQ(server_->SetServerVersion("v1", "20").message(),
            "the API server's version is \"v1.20\", which is no pair of numbers");
  ASSERT_TRUE(server_->SetServerVersion("1", "20").ok());
  EXPECT_EQ(Curl("", Url("/health/readiness")).status, 200);
  std::atomic<bool> ready = false;
  server_->SetReadinessCheck([&]() -> std::vector<std::string> {
    if (ready) return {};
    return {"the status service does not listen"};
  });
  EXPECT_EQ(Curl("", Url("/health/readiness")).body, "the status service does not listen\n");
  ready = true;
  EXPECT_EQ(Curl("", Url("/health/readiness")).status, 200);
  server_->Drain(absl::Seconds(1));
  EXPECT_EQ(Curl("", Url("/health/readiness")).status, 0);
}

TEST_F(AdmissionServerTest, WhatItKnowsChangesWhileItAnswers) {
  Start();
  server_->SetPolicies(Policies());
  ASSERT_TRUE(server_->SetServerVersion("1", "20").ok());
  std::atomic<bool> stop = false;
  std::thread changes([&] {
    for (int i = 0; !stop; ++i) {
      server_->SetPolicies(i % 2 == 0 ? Policies() : std::make_shared<const WorkloadPolicies>());
      EXPECT_TRUE(server_->SetServerVersion("1", i % 3 == 0 ? "29" : "31").ok());
      server_->SetReadinessCheck([] { return std::vector<std::string>(); });
    }
  });
  std::vector<std::thread> clients(3);
  for (size_t i = 0; i < clients.size(); ++i) {
    clients[i] = std::thread([&, i] {
      const std::string file = absl::StrCat(::testing::TempDir(), "/review", i);
      std::ofstream(file) << Review(kDeployment);
      for (int n = 0; n < 10; ++n) {
        const Reply reply =
            Curl(absl::StrCat("-H 'Content-Type: application/json' --data-binary @", file),
                 Url("/mutate"));
        EXPECT_EQ(reply.status, 200);
        EXPECT_EQ(Json::parse(reply.body)["response"]["allowed"], true);
        EXPECT_EQ(Curl("", Url("/health/readiness")).status, 200);
      }
    });
  }
  for (std::thread& each : clients) each.join();
  stop = true;
  changes.join();
  EXPECT_THAT(metrics_.Text(), HasSubstr("\nvarmor_admission_requests_total 30\n"));
}

TEST_F(AdmissionServerTest, ServesTheCertificateItIsGiven) {
  const Validity validity = {absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1)};
  const TlsPair authority = *MakeAuthority("test", validity);
  AdmissionServerOptions options;
  options.tls = *MakeLeaf(authority, {"localhost"}, validity);
  Start(options);
  const std::string file = ::testing::TempDir() + "/ca.crt";
  std::ofstream(file) << authority.certificate;
  const std::string url = absl::StrCat("https://localhost:", server_->port(), "/health/liveness");
  EXPECT_EQ(Curl("--cacert " + file, url).status, 200);
  const TlsPair other = *MakeAuthority("test", validity);
  ASSERT_TRUE(server_->SetTls(*MakeLeaf(other, {"localhost"}, validity)).ok());
  EXPECT_EQ(Curl("--cacert " + file, url).status, 0);
  std::ofstream(file) << other.certificate;
  EXPECT_EQ(Curl("--cacert " + file, url).status, 200);
}

}  // namespace
}  // namespace varmor
