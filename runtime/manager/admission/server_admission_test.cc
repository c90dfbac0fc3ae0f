// The webhooks as a real API server calls them: tools/kube/run admission.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/kube/kube_object.h"
#include "runtime/kube/testing/server_environment.h"
#include "runtime/manager/admission/admission_server.h"
#include "runtime/manager/admission/protect_template.h"
#include "runtime/manager/certificates/certificate_store.h"
#include "runtime/manager/certificates/x509.h"
#include "runtime/manager/registration/register_webhooks.h"

namespace varmor {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kInstallNamespace[] = "varmor";
const std::vector<std::string> kNames = ServiceNames(kInstallNamespace, {"127.0.0.1"});
constexpr absl::Duration kPatience = absl::Seconds(30);

struct Output {
  int status = 0;
  std::string text;  // of both streams
};

Output Run(const std::string& command) {
  FILE* pipe = popen(absl::StrCat(command, " 2>&1").c_str(), "r");
  Output output;
  char buffer[4096];
  for (size_t n = 0; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    output.text.append(buffer, n);
  }
  output.status = pclose(pipe);
  return output;
}

// kubectl with an object in its standard input.
Output Kubectl(const std::string& arguments, const Json& object) {
  const std::string file = ::testing::TempDir() + "/object.json";
  std::ofstream(file) << object;
  return Run(absl::StrCat("timeout 60 ", ServerVariable("KUBE_BIN"), "/kubectl ", arguments, " -f ",
                          file));
}

const Json kLabels = {{"sandbox.varmor.org/enable", "true"}, {"app", "x"}};

Json PodSpec() {
  return Json::parse(R"({"containers": [
      {"name": "main", "image": "i"},
      {"name": "privileged", "image": "i", "securityContext": {"privileged": true}},
      {"name": "out", "image": "i", "securityContext": {"seccompProfile": {"type": "Unconfined"}}},
      {"name": "other", "image": "i",
       "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}]})");
}

Json PodTemplate() {
  return {{"metadata",
           {{"labels", {{"app", "x"}}},
            {"annotations", {{"container.bpf.security.beta.varmor.org/out", "unconfined"}}}}},
          {"spec", PodSpec()}};
}

Json Workload(const std::string& kind, const std::string& name_space, const std::string& name) {
  Json object = {{"apiVersion", "apps/v1"},
                 {"kind", kind},
                 {"metadata", {{"name", name}, {"namespace", name_space}, {"labels", kLabels}}}};
  if (kind == "Pod") {
    object["apiVersion"] = "v1";
    object["metadata"]["annotations"] = PodTemplate()["metadata"]["annotations"];
    object["spec"] = PodSpec();
    return object;
  }
  object["spec"] = {{"selector", {{"matchLabels", {{"app", "x"}}}}}, {"template", PodTemplate()}};
  if (kind == "StatefulSet") object["spec"]["serviceName"] = "x";
  return object;
}

const KubeResource& ResourceOf(const std::string& kind) {
  if (kind == "Deployment") return kDeployments;
  if (kind == "StatefulSet") return kStatefulSets;
  if (kind == "DaemonSet") return kDaemonSets;
  return kPods;
}

Json Policy(const std::string& name_space, const std::string& name, const std::string& kind,
            const std::string& enforcer, const std::string& mode = "AlwaysAllow") {
  return {{"apiVersion", "crd.varmor.org/v1beta1"},
          {"kind", "VarmorPolicy"},
          {"metadata", {{"name", name}, {"namespace", name_space}}},
          {"spec",
           {{"target", {{"kind", kind}, {"selector", {{"matchLabels", {{"app", "x"}}}}}}},
            {"policy", {{"enforcer", enforcer}, {"mode", mode}}}}}};
}

std::shared_ptr<const WorkloadPolicies> PoliciesOf(const std::vector<Json>& policies) {
  std::vector<WorkloadPolicy> read;
  for (const Json& each : policies) {
    auto policy = ReadWorkloadPolicy(each, "", kInstallNamespace, {});
    EXPECT_TRUE(policy.ok()) << policy.status();
    read.push_back(*std::move(policy));
  }
  return std::make_shared<const WorkloadPolicies>(std::move(read));
}

const Json& AnnotationsOf(const Json& pod_template) {
  static const Json* const kNone = new Json(Json::object());
  const Json* found = FieldAt(pod_template, {"metadata", "annotations"});
  return found == nullptr ? *kNone : *found;
}

// What a manager does, without its loop.
class ServerAdmissionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    client_ = ServerClient();
    CreateNamespace(kInstallNamespace);
    name_space_ = absl::StrCat("test-", absl::ToUnixNanos(absl::Now()));
    CreateNamespace(name_space_);
    const auto certificates = EnsureCertificates(*client_, kInstallNamespace, kNames, absl::Now());
    ASSERT_TRUE(certificates.ok()) << certificates.status();
    StartServer(certificates->state, 0);
    // As in production: the API server asks for the Service's name.
    Json service = {{"metadata", {{"name", "varmor-webhook-svc"}}},
                    {"spec",
                     {{"type", "ExternalName"},
                      {"externalName", "localhost"},
                      {"ports", {{{"port", server_->port()}}}}}}};
    (void)client_->Delete(kServices, kInstallNamespace, "varmor-webhook-svc");
    ASSERT_TRUE(client_->Create(kServices, kInstallNamespace, service).ok());
    options_.install_namespace = kInstallNamespace;
    options_.service_port = server_->port();
    options_.ca_bundle = certificates->state.authorities;
    Register();
    AwaitWebhook();
  }

  void TearDown() override { EXPECT_TRUE(RemoveIfLast(*client_, options_, {}).ok()); }

  void CreateNamespace(const std::string& name) {
    const auto created = client_->Create(kNamespaces, "", {{"metadata", {{"name", name}}}});
    ASSERT_TRUE(created.ok() || absl::IsAlreadyExists(created.status())) << created.status();
  }

  void StartServer(const CertificateState& state, uint16_t port) {
    AdmissionServerOptions options;
    options.address = "127.0.0.1";
    options.port = port;
    options.tls = state.leaf;
    options.features = features_;
    metrics_ = std::make_unique<Metrics>();
    auto server = AdmissionServer::Start(options, BuiltinCatalogue(), *metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const auto version = client_->ServerVersion();
    ASSERT_TRUE(version.ok()) << version.status();
    ASSERT_TRUE(
        server_->SetServerVersion(TextAt(*version, {"major"}), TextAt(*version, {"minor"})).ok());
  }

  void Register() {
    const auto written = EnsureWebhooks(*client_, options_);
    ASSERT_TRUE(written.ok()) << written.status();
  }

  // The API server keeps its connections as long as the bundle is the same, byte for byte.
  void ConnectAnew() {
    options_.ca_bundle += "\n";
    Register();
  }

  // A new configuration takes effect after a moment.
  void AwaitWebhook() {
    server_->SetPolicies(PoliciesOf({Policy(name_space_, "probe", "Pod", "BPF")}));
    const absl::Time end = absl::Now() + kPatience;
    for (int i = 0; absl::Now() < end; ++i) {
      const auto pod = client_->Create(kPods, name_space_,
                                       Workload("Pod", name_space_, absl::StrCat("probe-", i)));
      if (pod.ok() && AnnotationsOf(*pod).contains("webhook.varmor.org/mutatedAt")) break;
      ASSERT_LT(absl::Now() + absl::Milliseconds(100), end) << "the webhook is not called";
      absl::SleepFor(absl::Milliseconds(100));
    }
    // The other configuration: by something that no schema refuses.
    Json policy = Policy(name_space_, "probe", "Pod", "BPF", "EnhanceProtect");
    policy["spec"]["policy"]["enhanceProtect"] = {{"hardeningRules", {"no-rule"}}};
    Output output;
    while (!absl::StrContains(output.text, "G17: ")) {
      ASSERT_LT(absl::Now(), end) << "the validating webhook is not called: " << output.text;
      output = Kubectl("create --dry-run=server", policy);
    }
  }

  std::unique_ptr<KubeHttpClient> client_;
  std::string name_space_;
  WebhookOptions options_;
  PolicyFeatures features_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<AdmissionServer> server_;
};

TEST_F(ServerAdmissionTest, PatchesOfAllKindsEnforcersAndModesAreStored) {
  for (const std::string kind : {"Deployment", "StatefulSet", "DaemonSet", "Pod"}) {
    for (const std::string enforcer : {"AppArmor", "BPF", "Seccomp", "AppArmorBPF",
                                       "AppArmorSeccomp", "BPFSeccomp", "AppArmorBPFSeccomp"}) {
      for (const std::string mode : {"AlwaysAllow", "RuntimeDefault"}) {
        SCOPED_TRACE(absl::StrCat(kind, " ", enforcer, " ", mode));
        const Json policy = Policy(name_space_, "p", kind, enforcer, mode);
        server_->SetPolicies(PoliciesOf({policy}));
        const std::string name =
            absl::AsciiStrToLower(absl::StrCat(kind, "-", enforcer, "-", mode));
        const Json object = Workload(kind, name_space_, name);
        const auto stored = client_->Create(ResourceOf(kind), name_space_, object);
        ASSERT_TRUE(stored.ok()) << stored.status();

        // What mutate_test.cc proves of ProtectTemplate has to be what is stored.
        Json expected = kind == "Pod" ? object : object["spec"]["template"];
        const auto read = ReadWorkloadPolicy(policy, "", kInstallNamespace, {});
        ProtectTemplate(read->protection, {}, expected);
        const Json& actual = kind == "Pod" ? *stored : (*stored)["spec"]["template"];
        Json annotations = AnnotationsOf(actual);
        if (kind == "Pod") annotations.erase("webhook.varmor.org/mutatedAt");
        // 1.20 adds its older annotations to pods with seccompProfile.
        for (auto each = annotations.begin(); each != annotations.end();) {
          each = absl::StrContains(each.key(), "security.alpha.kubernetes.io/")
                     ? annotations.erase(each)
                     : std::next(each);
        }
        EXPECT_EQ(annotations, AnnotationsOf(expected));
        for (size_t i = 0; i < 4; ++i) {
          const Json& container = actual["spec"]["containers"][i];
          const Json& wanted = expected["spec"]["containers"][i];
          EXPECT_EQ(container.value("securityContext", Json()),
                    wanted.value("securityContext", Json()))
              << container["name"];
        }
        EXPECT_TRUE(AnnotationsOf(*stored).contains("webhook.varmor.org/mutatedAt"));
      }
    }
  }
}

TEST_F(ServerAdmissionTest, UpdatesArePatchedOnceAndOldAnnotationsFollow) {
  server_->SetPolicies(PoliciesOf({Policy(name_space_, "p", "Deployment", "Seccomp"),
                                   Policy(name_space_, "p", "Pod", "Seccomp")}));
  Json object = Workload("Deployment", name_space_, "web");
  object["metadata"]["labels"].erase("app");
  auto stored = client_->Create(kDeployments, name_space_, object);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_FALSE(AnnotationsOf(*stored).contains("webhook.varmor.org/mutatedAt"));
  (*stored)["metadata"]["labels"]["app"] = "x";
  stored = client_->Update(kDeployments, *stored);
  ASSERT_TRUE(stored.ok()) << stored.status();
  const std::string stamp =
      TextAt(*stored, {"metadata", "annotations", "webhook.varmor.org/mutatedAt"});
  EXPECT_NE(stamp, "");
  absl::SleepFor(absl::Milliseconds(1100));
  (*stored)["spec"]["replicas"] = 3;
  stored = client_->Update(kDeployments, *stored);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(TextAt(*stored, {"metadata", "annotations", "webhook.varmor.org/mutatedAt"}), stamp);

  // The server refuses pods whose annotation and field differ.
  Json pod = Workload("Pod", name_space_, "old");
  pod["metadata"]["annotations"]["container.seccomp.security.alpha.kubernetes.io/main"] =
      "runtime/default";
  const auto created = client_->Create(kPods, name_space_, pod);
  EXPECT_TRUE(created.ok()) << created.status();
}

TEST_F(ServerAdmissionTest, ObjectsWithoutTheLabelAreNotSeen) {
  server_->SetPolicies(PoliciesOf({Policy(name_space_, "p", "Pod", "BPF")}));
  Json pod = Workload("Pod", name_space_, "plain");
  pod["metadata"]["labels"].erase("sandbox.varmor.org/enable");
  const auto stored = client_->Create(kPods, name_space_, pod);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_FALSE(AnnotationsOf(*stored).contains("webhook.varmor.org/mutatedAt"));
  EXPECT_FALSE(AnnotationsOf(*stored).contains("container.bpf.security.beta.varmor.org/main"));
}

TEST_F(ServerAdmissionTest, DryRunsShowTheResultAndStoreNothing) {
  server_->SetPolicies(PoliciesOf({Policy(name_space_, "p", "Deployment", "BPF")}));
  const Output output =
      Kubectl("create --dry-run=server -o json", Workload("Deployment", name_space_, "dry"));
  EXPECT_EQ(output.status, 0) << output.text;
  EXPECT_THAT(output.text, HasSubstr(absl::StrCat("localhost/varmor-", name_space_, "-p")));
  EXPECT_TRUE(absl::IsNotFound(client_->Get(kDeployments, name_space_, "dry").status()));
}

TEST_F(ServerAdmissionTest, PoliciesAreRefusedWithEveryMistake) {
  Json policy = Policy(name_space_, "wrong", "Deployment", "AppArmorBPF", "EnhanceProtect");
  policy["spec"]["policy"]["enhanceProtect"] = Json::parse(R"({
      "hardeningRules": ["disallow-mout"],
      "appArmorRawRules": [{"rules": "deny /etc/shadow r\nbroken {"}],
      "bpfRawRules": {"files": [{"pattern": "relative/path", "permissions": ["read"],
                                 "qualifiers": ["deny"]}]}})");
  for (const char* verb : {"apply", "apply --dry-run=server"}) {
    const Output output = Kubectl(verb, policy);
    EXPECT_NE(output.status, 0);
    EXPECT_THAT(output.text, AllOf(HasSubstr("validatepolicy.varmor.org"), HasSubstr("G17: "),
                                   HasSubstr("did you mean \"disallow-mount\"?"),
                                   HasSubstr("G19: "), HasSubstr("bpfRawRules.files[0].pattern")));
  }
  EXPECT_TRUE(absl::IsNotFound(client_->Get(kVarmorPolicies, name_space_, "wrong").status()));
}

TEST_F(ServerAdmissionTest, UpdatesOfPoliciesAreJudgedByWhatTheyWere) {
  const Json policy = Policy(name_space_, "p", "Deployment", "AppArmorSeccomp");
  auto stored = client_->Create(kVarmorPolicies, name_space_, policy);
  ASSERT_TRUE(stored.ok()) << stored.status();
  Json changed = *stored;
  changed["spec"]["target"]["kind"] = "DaemonSet";
  changed["spec"]["policy"]["enforcer"] = "AppArmor";
  const absl::Status refused = client_->Update(kVarmorPolicies, changed).status();
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("U1: spec.target"), HasSubstr("U4: spec.policy.enforcer")));
  changed = *stored;
  changed["spec"]["policy"]["enforcer"] = "AppArmorBPFSeccomp";
  stored = client_->Update(kVarmorPolicies, changed);
  ASSERT_TRUE(stored.ok()) << stored.status();
  // Status and metadata pass whatever the policy is.
  Json status = *stored;
  status["status"] = {{"profileName", "x"}, {"ready", false}, {"phase", "Error"}};
  EXPECT_TRUE(client_->Update(kVarmorPolicies, status, "status").ok());
  EXPECT_TRUE(client_
                  ->Patch(kVarmorPolicies, name_space_, "p", KubePatch::kMerge,
                          Json::parse(R"({"metadata": {"labels": {"a": "b"}}})"))
                  .ok());
  EXPECT_TRUE(client_->Delete(kVarmorPolicies, name_space_, "p").ok());
}

// What another manager has begun; this one begins no recordings.
TEST_F(ServerAdmissionTest, PoliciesWhoseBehaviourIsBeingRecordedStayAsTheyAre) {
  const uint16_t port = server_->port();
  server_->Drain(absl::Seconds(5));
  server_.reset();
  features_.behavior_modeling = true;
  const auto certificates = EnsureCertificates(*client_, kInstallNamespace, kNames, absl::Now());
  ASSERT_TRUE(certificates.ok()) << certificates.status();
  StartServer(certificates->state, port);
  Json policy = Policy(name_space_, "m", "Deployment", "AppArmor", "BehaviorModeling");
  policy["spec"]["policy"]["modelingOptions"] = {{"duration", 1}};
  auto stored = client_->Create(kVarmorPolicies, name_space_, policy);
  ASSERT_TRUE(stored.ok()) << stored.status();
  const auto set_phase = [&](const char* phase) {
    stored = client_->Get(kVarmorPolicies, name_space_, "m");
    Json with = *stored;
    with["status"] = {{"profileName", "x"}, {"ready", false}, {"phase", phase}};
    stored = client_->Update(kVarmorPolicies, with, "status");
    ASSERT_TRUE(stored.ok()) << stored.status();
  };
  const auto refusal = [&](const char* enforcer, const char* mode) {
    Json changed = *stored;
    changed["spec"]["policy"]["enforcer"] = enforcer;
    changed["spec"]["policy"]["mode"] = mode;
    return std::string(client_->Update(kVarmorPolicies, changed).status().message());
  };
  set_phase("Modeling");
  EXPECT_THAT(refusal("AppArmor", "AlwaysAllow"), HasSubstr("U3: spec.policy.mode"));
  EXPECT_THAT(refusal("AppArmorSeccomp", "BehaviorModeling"),
              HasSubstr("U5: spec.policy.enforcer"));
  set_phase("Completed");
  EXPECT_EQ(refusal("AppArmorSeccomp", "AlwaysAllow"), "");
}

TEST_F(ServerAdmissionTest, KubectlShowsWarnings) {
  Json policy = Policy(name_space_, "warned", "Deployment", "AppArmor", "EnhanceProtect");
  policy["spec"]["policy"]["enhanceProtect"] =
      Json::parse(R"({"appArmorRawRules": [{"rules": "# nothing yet"}]})");
  const Output output = Kubectl("apply", policy);
  EXPECT_EQ(output.status, 0) << output.text;
  EXPECT_THAT(output.text, HasSubstr("Warning: G18: spec.policy.enhanceProtect.appArmorRawRules"));
}

TEST_F(ServerAdmissionTest, AWebhookThatIsDownFailsOrIsIgnoredAsConfigured) {
  server_->SetPolicies(PoliciesOf({Policy(name_space_, "p", "Pod", "BPF")}));
  const uint16_t port = server_->port();
  server_->Drain(absl::Seconds(5));
  server_.reset();
  auto pod = client_->Create(kPods, name_space_, Workload("Pod", name_space_, "ignored"));
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_FALSE(AnnotationsOf(*pod).contains("webhook.varmor.org/mutatedAt"));
  const absl::Status refused =
      client_->Create(kVarmorPolicies, name_space_, Policy(name_space_, "p", "Pod", "BPF"))
          .status();
  EXPECT_THAT(std::string(refused.message()), HasSubstr("failed calling webhook"));

  options_.mutating_failure_policy = "Fail";
  ASSERT_TRUE(CheckWebhookOptions(options_).ok());
  Register();
  const absl::Time end = absl::Now() + kPatience;
  absl::Status failed;
  for (int i = 0; failed.ok() && absl::Now() < end; ++i) {
    failed =
        client_
            ->Create(kPods, name_space_, Workload("Pod", name_space_, absl::StrCat("failed-", i)))
            .status();
  }
  EXPECT_THAT(std::string(failed.message()), HasSubstr("failed calling webhook"));

  // It comes back.
  const auto certificates = EnsureCertificates(*client_, kInstallNamespace, kNames, absl::Now());
  ASSERT_TRUE(certificates.ok());
  StartServer(certificates->state, port);
  server_->SetPolicies(PoliciesOf({Policy(name_space_, "p", "Pod", "BPF")}));
  pod = client_->Create(kPods, name_space_, Workload("Pod", name_space_, "back"));
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_TRUE(AnnotationsOf(*pod).contains("webhook.varmor.org/mutatedAt"));
}

TEST_F(ServerAdmissionTest, ConfigurationsAreRepairedAndLeftAloneWhenRight) {
  // The server's own defaults are no drift.
  EXPECT_THAT(*EnsureWebhooks(*client_, options_), IsEmpty());
  Json stored = *client_->Get(kMutatingWebhookConfigurations, "", kMutatingConfiguration);
  stored["webhooks"][0]["failurePolicy"] = "Fail";
  stored["metadata"]["labels"] = {{"mine", "yes"}};
  ASSERT_TRUE(client_->Update(kMutatingWebhookConfigurations, stored).ok());
  ASSERT_TRUE(client_->Delete(kValidatingWebhookConfigurations, "", kValidatingConfiguration).ok());
  EXPECT_THAT(*EnsureWebhooks(*client_, options_),
              ElementsAre(kMutatingConfiguration, kValidatingConfiguration));
  stored = *client_->Get(kMutatingWebhookConfigurations, "", kMutatingConfiguration);
  EXPECT_EQ(stored["webhooks"], MutatingConfiguration(options_)["webhooks"]);
  EXPECT_EQ(stored["metadata"]["labels"], (Json{{"mine", "yes"}}));
  EXPECT_THAT(*EnsureWebhooks(*client_, options_), IsEmpty());
}

// Creates pods from several threads and counts those that failed or were not changed.
class Load {
 public:
  Load(const std::string& name_space, size_t threads) : threads_(threads) {
    for (size_t i = 0; i < threads; ++i) {
      threads_[i] = std::thread([this, name_space, i] {
        const auto client = ServerClient();
        for (int n = 0; !stop_; ++n) {
          const auto pod = client->Create(
              kPods, name_space, Workload("Pod", name_space, absl::StrCat("load-", i, "-", n)));
          const bool good =
              pod.ok() && AnnotationsOf(*pod).contains("webhook.varmor.org/mutatedAt");
          ++(good ? good_ : bad_);
          if (!good) std::cerr << pod.status() << "\n";
        }
      });
    }
  }
  ~Load() { Stop(); }
  void Stop() {
    stop_ = true;
    for (std::thread& each : threads_) {
      if (each.joinable()) each.join();
    }
  }
  // Returns when `count` more were created.
  void Await(int count) {
    for (const int from = good_; good_ < from + count && bad_ == 0;) {
      absl::SleepFor(absl::Milliseconds(20));
    }
  }
  int good() const { return good_; }
  int bad() const { return bad_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<int> good_ = 0;
  std::atomic<int> bad_ = 0;
  std::vector<std::thread> threads_;
};

std::string ServedFingerprint(uint16_t port) {
  const Output output = Run(absl::StrCat("openssl s_client -connect 127.0.0.1:", port,
                                         " </dev/null 2>/dev/null | openssl x509"));
  const auto facts = ReadCertificate(output.text);
  return facts.ok() ? facts->fingerprint : output.text;
}

TEST_F(ServerAdmissionTest, CertificatesChangeUnderLoadWithoutAFailedRequest) {
  // As if made years ago: the authority is at two thirds of its life.
  const absl::Time now = absl::Now();
  const TlsPair old_authority =
      *MakeAuthority("vArmor", {now - absl::Hours(24 * 3000), now + absl::Hours(24 * 600)});
  const TlsPair old_leaf =
      *MakeLeaf(old_authority, kNames, {now - absl::Hours(24 * 10), now + absl::Hours(24 * 80)});
  Json secret = *client_->Get(kSecrets, kInstallNamespace, AuthoritySecretName(kInstallNamespace));
  secret["data"] = {{"rootCA.crt", absl::Base64Escape(old_authority.certificate)},
                    {"rootCA.key", absl::Base64Escape(old_authority.key)}};
  ASSERT_TRUE(client_->Update(kSecrets, secret).ok());
  secret = *client_->Get(kSecrets, kInstallNamespace, PairSecretName(kInstallNamespace));
  secret["data"] = {{"tls.crt", absl::Base64Escape(old_leaf.certificate)},
                    {"tls.key", absl::Base64Escape(old_leaf.key)}};
  ASSERT_TRUE(client_->Update(kSecrets, secret).ok());
  ASSERT_TRUE(server_->SetTls(old_leaf).ok());
  options_.ca_bundle = old_authority.certificate;
  options_.mutating_failure_policy = "Fail";
  Register();
  server_->SetPolicies(PoliciesOf({Policy(name_space_, "p", "Pod", "BPFSeccomp")}));
  const absl::Time end = absl::Now() + kPatience;
  while (absl::Now() < end &&
         !client_
              ->Create(kPods, name_space_,
                       Workload("Pod", name_space_,
                                absl::StrCat("settle-", absl::ToUnixNanos(absl::Now()))))
              .ok()) {
  }
  absl::SleepFor(absl::Seconds(1));

  Load load(name_space_, 4);
  load.Await(50);
  const std::vector<std::pair<absl::Duration, const char*>> steps = {
      {absl::ZeroDuration(), "made an authority: the one before is at two thirds of its life"},
      {absl::Minutes(3), "made a certificate: the authority is new"},
      {absl::Hours(25), "the authority before is not trusted any more"}};
  for (const auto& [later, reason] : steps) {
    const auto changed = EnsureCertificates(*client_, kInstallNamespace, kNames, now + later);
    ASSERT_TRUE(changed.ok()) << changed.status();
    EXPECT_EQ(changed->reason, reason);
    // The order of a manager: first everybody trusts, then it serves.
    options_.ca_bundle = changed->state.authorities;
    Register();
    load.Await(50);
    ASSERT_TRUE(server_->SetTls(changed->state.leaf).ok());
    ConnectAnew();
    EXPECT_EQ(ServedFingerprint(server_->port()),
              ReadCertificate(changed->state.leaf.certificate)->fingerprint);
    load.Await(50);
  }
  load.Stop();
  EXPECT_EQ(load.bad(), 0);
  EXPECT_GE(load.good(), 350);
  std::cout << "created " << load.good() << " pods while the certificates changed, failed "
            << load.bad() << "\n";

  // The same would have been refused, had the authority not been known.
  const TlsPair unknown = *MakeAuthority("vArmor", {now - absl::Hours(1), now + absl::Hours(1)});
  ASSERT_TRUE(
      server_->SetTls(*MakeLeaf(unknown, kNames, {now - absl::Hours(1), now + absl::Hours(1)}))
          .ok());
  ConnectAnew();
  absl::Status refused;
  for (int i = 0; refused.ok() && i < 200; ++i) {
    refused =
        client_
            ->Create(kPods, name_space_, Workload("Pod", name_space_, absl::StrCat("unknown-", i)))
            .status();
  }
  EXPECT_THAT(std::string(refused.message()), HasSubstr("x509"));
}

TEST_F(ServerAdmissionTest, LatencyIsMeasured) {
  server_->SetPolicies(PoliciesOf({Policy(name_space_, "p", "Pod", "AppArmorBPFSeccomp")}));
  constexpr int kRounds = 200;
  for (const bool seen : {false, true}) {
    std::vector<double> times;
    for (int i = 0; i < kRounds; ++i) {
      Json pod = Workload("Pod", name_space_, absl::StrCat("t", seen, "-", i));
      if (!seen) pod["metadata"]["labels"].erase("sandbox.varmor.org/enable");
      const absl::Time start = absl::Now();
      const auto stored = client_->Create(kPods, name_space_, pod);
      times.push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
      ASSERT_TRUE(stored.ok()) << stored.status();
      ASSERT_EQ(AnnotationsOf(*stored).contains("webhook.varmor.org/mutatedAt"), seen);
    }
    std::sort(times.begin(), times.end());
    std::cout << "create a pod " << (seen ? "with" : "without") << " the webhook: median "
              << times[kRounds / 2] << " ms, 99 of 100 within " << times[kRounds * 99 / 100]
              << " ms\n";
  }
  for (const absl::string_view line : absl::StrSplit(metrics_->Text(), '\n')) {
    if (absl::StartsWith(line, "varmor_webhook_latency")) std::cout << line << "\n";
  }
  EXPECT_THAT(metrics_->Text(), HasSubstr("varmor_webhook_latency_count{request_kind=\"Pod\""));
}

}  // namespace
}  // namespace varmor
