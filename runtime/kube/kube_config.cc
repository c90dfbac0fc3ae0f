#include "runtime/kube/kube_config.h"

#include <initializer_list>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"
#include "yaml-cpp/yaml.h"

namespace varmor {
namespace {

bool IsLoopback(absl::string_view server) {
  absl::ConsumePrefix(&server, "http://");
  for (const absl::string_view host : {"127.0.0.1", "localhost", "[::1]"}) {
    absl::string_view rest = server;
    if (absl::ConsumePrefix(&rest, host) && (rest.empty() || rest[0] == ':' || rest[0] == '/')) {
      return true;
    }
  }
  return false;
}

// Reads one kubeconfig and collects what is wrong with it.
class Reader {
 public:
  Reader(const std::string& path, const YAML::Node& root) : root_(root) {
    const size_t slash = path.rfind('/');
    directory_ = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  }

  KubeConfig Read(std::string context) {
    KubeConfig config;
    if (context.empty()) context = Text(root_, "current-context");
    if (context.empty()) {
      problems_.push_back("it has no current-context; name a context");
      return config;
    }
    const YAML::Node chosen = Named("contexts", "context", context);
    if (!chosen.IsDefined()) return config;
    config.name_space = Text(chosen, "namespace");
    ReadCluster(Named("clusters", "cluster", Text(chosen, "cluster")), config);
    // A context without a user is anonymous.
    const std::string user = Text(chosen, "user");
    if (!user.empty()) ReadUser(user, Named("users", "user", user), config);
    return config;
  }

  const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::string Text(const YAML::Node& map, const std::string& key) {
    const YAML::Node value = map[key];
    if (!value.IsDefined() || value.IsNull()) return "";
    if (value.IsScalar()) return value.Scalar();
    problems_.push_back(absl::StrCat(key, " is not text"));
    return "";
  }

  // The entry of a list of {name: NAME, KEY: {...}}; undefined, with a problem, when it is missing.
  YAML::Node Named(const std::string& list, const std::string& key, const std::string& name) {
    const YAML::Node entries = root_[list];
    if (entries.IsDefined() && entries.IsSequence()) {
      for (const YAML::Node& entry : entries) {
        if (!entry.IsMap() || Text(entry, "name") != name) continue;
        const YAML::Node value = entry[key];
        if (value.IsDefined() && value.IsMap()) return value;
      }
    }
    problems_.push_back(absl::StrCat(list, " has no entry \"", name, "\" with a ", key));
    return YAML::Node(YAML::NodeType::Undefined);
  }

  std::string FilePath(const std::string& name) {
    return name.empty() || name[0] == '/' ? name : directory_ + name;
  }

  // KEY names a file, KEY-data holds its base64 and wins.
  KubeText FileOrData(const YAML::Node& map, const std::string& key) {
    KubeText text;
    const std::string data = Text(map, key + "-data");
    if (data.empty()) {
      text.file = FilePath(Text(map, key));
    } else if (!absl::Base64Unescape(data, &text.text)) {
      problems_.push_back(absl::StrCat(key, "-data is not base64"));
    }
    return text;
  }

  void ReadCluster(const YAML::Node& cluster, KubeConfig& config) {
    if (!cluster.IsDefined()) return;
    config.server = std::string(absl::StripSuffix(Text(cluster, "server"), "/"));
    config.ca = FileOrData(cluster, "certificate-authority");
    config.tls_server_name = Text(cluster, "tls-server-name");
    config.proxy = Text(cluster, "proxy-url");
    if (Text(cluster, "insecure-skip-tls-verify") == "true") {
      problems_.push_back(
          "insecure-skip-tls-verify is not supported; give the cluster's certificate-authority");
    }
    if (absl::StartsWith(config.server, "http://") && !IsLoopback(config.server)) {
      problems_.push_back(
          absl::StrCat("server \"", config.server, "\" is without TLS; use https://"));
    } else if (!absl::StartsWith(config.server, "https://") &&
               !absl::StartsWith(config.server, "http://")) {
      problems_.push_back(
          absl::StrCat("server \"", config.server, "\" is no URL; write https://HOST:PORT"));
    }
  }

  void ReadUser(const std::string& name, const YAML::Node& user, KubeConfig& config) {
    if (!user.IsDefined()) return;
    config.client_certificate = FileOrData(user, "client-certificate");
    config.client_key = FileOrData(user, "client-key");
    config.token.file = FilePath(Text(user, "tokenFile"));
    if (config.token.file.empty()) config.token.text = Text(user, "token");
    for (const char* unsupported : {"exec", "auth-provider", "username", "password", "as"}) {
      if (!user[unsupported].IsDefined()) continue;
      problems_.push_back(absl::StrCat("user \"", name, "\" has ", unsupported,
                                       ", which is not supported; use a token or a client "
                                       "certificate"));
    }
  }

  const YAML::Node root_;
  std::string directory_;
  std::vector<std::string> problems_;
};

}  // namespace

absl::StatusOr<KubeConfig> InClusterKubeConfig(absl::string_view host, absl::string_view port,
                                               absl::string_view directory) {
  if (host.empty() || port.empty()) {
    return absl::FailedPreconditionError(
        "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not both set, so this is no pod; "
        "give a kubeconfig");
  }
  int number = 0;
  if (!absl::SimpleAtoi(port, &number) || number < 1 || number > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("KUBERNETES_SERVICE_PORT \"", port, "\" is no port"));
  }
  KubeConfig config;
  const bool is_ipv6 = absl::StrContains(host, ':');
  config.server = is_ipv6 ? absl::StrCat("https://[", host, "]:", number)
                          : absl::StrCat("https://", host, ":", number);
  config.ca.file = absl::StrCat(directory, "/ca.crt");
  config.token.file = absl::StrCat(directory, "/token");
  // Kubelets older than those with the file are of no interest; without it nothing but a default
  // namespace is missing.
  const absl::StatusOr<std::string> name_space =
      ReadFileWhole(absl::StrCat(directory, "/namespace"));
  if (name_space.ok()) {
    config.name_space = std::string(absl::StripAsciiWhitespace(*name_space));
  } else if (!absl::IsNotFound(name_space.status())) {
    return name_space.status();
  }
  return config;
}

absl::StatusOr<KubeConfig> LoadKubeConfig(const std::string& path, absl::string_view context) {
  // Far more than any kubeconfig, and little enough to parse.
  constexpr size_t kLimit = 4 << 20;
  VARMOR_ASSIGN_OR_RETURN(const std::string text, ReadFileWhole(path, kLimit));
  try {
    const YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) {
      return absl::InvalidArgumentError(
          absl::StrCat(QuotedPath(path), " is no kubeconfig: it is not a map"));
    }
    Reader reader(path, root);
    KubeConfig config = reader.Read(std::string(context));
    if (!reader.problems().empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(QuotedPath(path), ": ", absl::StrJoin(reader.problems(), "; ")));
    }
    return config;
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(QuotedPath(path), ": ", error.what()));
  }
}

}  // namespace varmor
