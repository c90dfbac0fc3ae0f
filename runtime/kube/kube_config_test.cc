#include "runtime/kube/kube_config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"

namespace varmor {
namespace {

using ::testing::HasSubstr;

constexpr char kKubeConfig[] = R"(
apiVersion: v1
kind: Config
current-context: one
contexts:
- name: one
  context: {cluster: c, user: by-certificate, namespace: shop}
- name: two
  context: {cluster: d, user: by-token}
- name: three
  context: {cluster: c, user: by-file}
- name: nobody
  context: {cluster: c}
clusters:
- name: c
  cluster: {server: "https://10.0.0.1:6443/", certificate-authority: pki/ca.crt, proxy-url: "http://p:1"}
- name: d
  cluster: {server: "https://api.example", certificate-authority-data: dGhlIENB, tls-server-name: other}
users:
- name: by-certificate
  user: {client-certificate-data: Y2VydA==, client-key: /abs/key}
- name: by-token
  user: {token: secret}
- name: by-file
  user: {tokenFile: token, token: old}
)";

class KubeConfigTest : public ::testing::Test {
 protected:
  absl::StatusOr<KubeConfig> Load(const std::string& text, const std::string& context = "") {
    PutFile(directory_ / "config", text);
    return LoadKubeConfig(directory_ / "config", context);
  }

  std::string Problem(const std::string& text) {
    const absl::Status status = Load(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  }

  // A kubeconfig with one cluster and user, in JSON.
  static std::string Of(const std::string& cluster, const std::string& user) {
    return R"({"current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],)"
           R"("clusters": [{"name": "c", "cluster": )" +
           cluster + R"(}], "users": [{"name": "u", "user": )" + user + "}]}";
  }

  TemporaryDirectory directory_;
};

TEST_F(KubeConfigTest, ReadsTheCurrentContext) {
  const absl::StatusOr<KubeConfig> config = Load(kKubeConfig);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server, "https://10.0.0.1:6443");
  EXPECT_EQ(config->ca.file, directory_ / "pki/ca.crt");
  EXPECT_EQ(config->client_certificate.text, "cert");
  EXPECT_EQ(config->client_key.file, "/abs/key");
  EXPECT_EQ(config->proxy, "http://p:1");
  EXPECT_EQ(config->name_space, "shop");
  EXPECT_EQ(config->token.text, "");
}

TEST_F(KubeConfigTest, ReadsTheContextThatIsNamed) {
  const absl::StatusOr<KubeConfig> config = Load(kKubeConfig, "two");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server, "https://api.example");
  EXPECT_EQ(config->ca.text, "the CA");
  EXPECT_EQ(config->tls_server_name, "other");
  EXPECT_EQ(config->token.text, "secret");
}

TEST_F(KubeConfigTest, AFileOfATokenWinsOverTheToken) {
  const absl::StatusOr<KubeConfig> config = Load(kKubeConfig, "three");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->token.file, directory_ / "token");
  EXPECT_EQ(config->token.text, "");
}

TEST_F(KubeConfigTest, AContextMayHaveNoUser) { EXPECT_TRUE(Load(kKubeConfig, "nobody").ok()); }

TEST_F(KubeConfigTest, SaysWhatIsMissing) {
  EXPECT_THAT(Problem("{}"), HasSubstr("current-context"));
  EXPECT_THAT(Problem("current-context: x"), HasSubstr("contexts has no entry \"x\""));
  EXPECT_THAT(Problem("[1]"), HasSubstr("not a map"));
  EXPECT_THAT(Problem("a: [\n"), HasSubstr("config"));
  EXPECT_TRUE(absl::IsNotFound(LoadKubeConfig(directory_ / "none").status()));
}

TEST_F(KubeConfigTest, RefusesWhatItCannotDoAllAtOnce) {
  const std::string problem = Problem(Of(
      R"({"server": "ftp://x", "insecure-skip-tls-verify": true, "certificate-authority-data": "%"})",
      R"({"exec": {"command": "x"}, "username": "a", "password": "b"})"));
  for (const char* word :
       {"ftp://x", "insecure-skip-tls-verify", "base64", "exec", "username", "password"}) {
    EXPECT_THAT(problem, HasSubstr(word));
  }
}

TEST_F(KubeConfigTest, WithoutTlsOnlyToThisMachine) {
  for (const char* server : {"http://127.0.0.1:8080", "http://localhost", "http://[::1]:80"}) {
    EXPECT_TRUE(Load(Of(std::string(R"({"server": ")") + server + "\"}", "{}")).ok()) << server;
  }
  for (const char* server : {"http://10.0.0.1", "http://localhost.example", "http://127.0.0.1.x"}) {
    EXPECT_FALSE(Load(Of(std::string(R"({"server": ")") + server + "\"}", "{}")).ok()) << server;
  }
}

TEST_F(KubeConfigTest, APodFindsItsServerAndFiles) {
  PutFile(directory_ / "namespace", "varmor\n");
  absl::StatusOr<KubeConfig> config = InClusterKubeConfig("10.96.0.1", "443", directory_.path());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server, "https://10.96.0.1:443");
  EXPECT_EQ(config->ca.file, directory_ / "ca.crt");
  EXPECT_EQ(config->token.file, directory_ / "token");
  EXPECT_EQ(config->name_space, "varmor");
  config = InClusterKubeConfig("fd00::1", "443", directory_.path());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server, "https://[fd00::1]:443");
  EXPECT_TRUE(absl::IsFailedPrecondition(InClusterKubeConfig("", "443").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(InClusterKubeConfig("h", "0").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(InClusterKubeConfig("h", "x").status()));
}

}  // namespace
}  // namespace varmor
