// The client, informers and leader election against a kube-apiserver that fails. Needs
// tools/kube/run.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"
#include "runtime/kube/informer.h"
#include "runtime/kube/kube_object.h"
#include "runtime/kube/mutex.h"
#include "runtime/kube/testing/server_control.h"
#include "runtime/kube/testing/server_environment.h"
#include "runtime/kube/testing/watch_log.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The sockets of this process.
int OpenSockets() {
  int sockets = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    sockets += target.rfind("socket:", 0) == 0;
  }
  return sockets;
}

Json Named(const std::string& name) { return {{"metadata", {{"name", name}}}}; }

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    client_ = ServerClient();
    absl::BitGen random;
    name_space_ = absl::StrCat("failures-", absl::Uniform<uint32_t>(random));
    const absl::Status created = client_->Create(kNamespaces, "", Named(name_space_)).status();
    ASSERT_TRUE(created.ok()) << created;
  }

  void CreateMap(const std::string& name) {
    const absl::Status created = client_->Create(kConfigMaps, name_space_, Named(name)).status();
    ASSERT_TRUE(created.ok()) << created;
  }

  absl::StatusOr<KubeList> List(KubeClient& client, const std::string& version = "") {
    return client.List(kConfigMaps, {name_space_, "", "", version});
  }

  // A client whose calls and watches give up soon.
  static std::unique_ptr<KubeHttpClient> Impatient() {
    KubeHttpClientOptions options;
    options.call_limit = absl::Seconds(2);
    options.watch_silence = absl::Seconds(3);
    return ServerClient(options);
  }

  std::unique_ptr<KubeHttpClient> client_;
  std::string name_space_;
};

// --- The client. ---

TEST_F(ServerTest, WatchesAndCallsShareAConnection) {
  ASSERT_TRUE(List(*client_).ok());
  const int before = OpenSockets();
  std::vector<std::unique_ptr<WatchLog>> logs;
  for (int i = 0; i < 10; ++i) {
    logs.push_back(std::make_unique<WatchLog>(*client_, kConfigMaps,
                                              KubeListOptions{name_space_, "", "", ""}));
  }
  CreateMap("a");
  for (const auto& log : logs) EXPECT_THAT(log->Events(1), ElementsAre("ADDED a"));
  EXPECT_EQ(OpenSockets(), before);
}

TEST_F(ServerTest, CallsAreLimitedAndLeasesAreNot) {
  KubeHttpClientOptions options;
  options.qps = 10;
  options.burst = 2;
  const auto client = ServerClient(options);
  ASSERT_TRUE(client->Create(kLeases, name_space_, Named("l")).ok());
  const auto time = [&](const KubeResource& resource) {
    const absl::Time began = absl::Now();
    for (int i = 0; i < 7; ++i) client->Get(resource, name_space_, "l").IgnoreError();
    return absl::Now() - began;
  };
  EXPECT_LT(time(kLeases), absl::Milliseconds(400));
  EXPECT_GE(time(kConfigMaps), absl::Milliseconds(490));
}

TEST_F(ServerTest, ApplyCreatesAndForgetsWhatIsNoLongerApplied) {
  KubeHttpClientOptions options;
  options.user_agent = "varmor-test/1";
  const auto client = ServerClient(options);
  const auto apply = [&](Json data) {
    Json map = Named("a");
    map["apiVersion"] = "v1";
    map["kind"] = "ConfigMap";
    map["data"] = std::move(data);
    return client->Patch(kConfigMaps, name_space_, "a", KubePatch::kApply, map);
  };
  const auto created = apply({{"one", "1"}, {"two", "2"}});
  ASSERT_TRUE(created.ok()) << created.status();
  const auto changed = apply({{"two", "3"}});
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ((*changed)["data"], Json({{"two", "3"}}));
  EXPECT_THAT(changed->dump(), HasSubstr("\"manager\":\"varmor-test\""));
}

TEST_F(ServerTest, LargeAnswersArriveWhole) {
  Json map = Named("a");
  std::string text;
  for (int i = 0; text.size() < 700000; ++i) absl::StrAppend(&text, "line ", i, "\n");
  map["data"]["text"] = text;
  ASSERT_TRUE(client_->Create(kConfigMaps, name_space_, map).ok());
  const auto read = client_->Get(kConfigMaps, name_space_, "a");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)["data"]["text"], text);
  WatchLog log(*client_, kConfigMaps, {name_space_, "", "", ""});
  ASSERT_THAT(log.Events(1), ElementsAre("ADDED a"));
  EXPECT_EQ(log.Object(0)["data"]["text"], text);
}

TEST_F(ServerTest, APodFindsTheServer) {
  TemporaryDirectory directory;
  PutFile(directory / "token", "admin-token\n");
  PutFile(directory / "namespace", name_space_);
  PutFile(directory / "ca.crt", FileContent(ServerVariable("KUBE_CA")));
  const std::vector<std::string> parts = absl::StrSplit(ServerVariable("KUBE_SERVER"), ':');
  KubeHttpClientOptions options;
  options.config = *InClusterKubeConfig("127.0.0.1", parts.back(), directory.path());
  const auto client = KubeHttpClient::Create(options);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE((*client)->Create(kConfigMaps, options.config.name_space, Named("a")).ok());
}

TEST_F(ServerTest, TheCertificateIsChecked) {
  KubeHttpClientOptions options;
  options.config = *LoadKubeConfig(ServerVariable("KUBECONFIG"));
  const auto ask = [&options] {
    return (*KubeHttpClient::Create(options))->ServerVersion().status();
  };
  options.config.tls_server_name = "kubernetes.default.svc";
  EXPECT_TRUE(ask().ok()) << ask();
  options.config.tls_server_name = "kubernetes.example";
  EXPECT_TRUE(absl::IsUnavailable(ask())) << ask();
  options.config.tls_server_name = "";
  options.config.ca = {"", FileContent("/etc/ssl/certs/ca-certificates.crt")};
  EXPECT_TRUE(absl::IsUnavailable(ask())) << ask();
  EXPECT_THAT(std::string(ask().message()), HasSubstr("certificate"));
}

TEST_F(ServerTest, WhatIsNotAllowedIsDeniedUntilItIs) {
  const auto nobody = ServerClientWithToken({"", "nobody-token"});
  absl::Status status = List(*nobody).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_EQ(KubeReasonOf(status), "Forbidden");
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot list resource \"configmaps\""));
  WatchLog log(*nobody, kConfigMaps, {name_space_, "", "", ""});
  EXPECT_TRUE(absl::IsPermissionDenied(log.End())) << log.End();

  const KubeResource roles = {"rbac.authorization.k8s.io", "v1", "roles", "Role", true};
  const KubeResource bindings = {"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding",
                                 true};
  Json role = Named("reader");
  role["rules"] = {{{"apiGroups", {""}}, {"resources", {"configmaps"}}, {"verbs", {"list"}}}};
  Json binding = Named("reader");
  binding["roleRef"] = {{"apiGroup", roles.group}, {"kind", "Role"}, {"name", "reader"}};
  binding["subjects"] = {{{"apiGroup", roles.group}, {"kind", "User"}, {"name", "nobody"}}};
  ASSERT_TRUE(client_->Create(roles, name_space_, role).ok());
  ASSERT_TRUE(client_->Create(bindings, name_space_, binding).ok());
  for (int i = 0; i < 100 && !(status = List(*nobody).status()).ok(); ++i) {
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(absl::IsPermissionDenied(nobody->Get(kConfigMaps, name_space_, "a").status()));
}

TEST_F(ServerTest, AListSurvivesTheLossOfItsVersionBetweenPages) {
  for (int i = 0; i < 5; ++i) CreateMap(absl::StrCat("m", i));
  // What a server says to the second page is 410, as this shows.
  const std::string curl =
      absl::StrCat("curl -s --noproxy '*' --cacert ", ServerVariable("KUBE_CA"),
                   " -H 'Authorization: Bearer admin-token' '", ServerVariable("KUBE_SERVER"),
                   "/api/v1/namespaces/", name_space_, "/configmaps?limit=1");
  const Json page = Json::parse(RunShell(absl::StrCat(curl, "'")));
  CreateMap("n");
  CompactEtcd();
  const Json gone = Json::parse(
      RunShell(absl::StrCat(curl, "&continue=", TextAt(page, {"metadata", "continue"}), "'")));
  EXPECT_EQ(NumberAt(gone, {"code"}), 410) << gone;

  KubeHttpClientOptions options;
  options.page_size = 1;
  options.qps = 2;  // so that there is time between the pages
  options.burst = 1;
  const auto slow = ServerClient(options);
  absl::StatusOr<KubeList> list;
  const absl::Time began = absl::Now();
  std::thread reader([&] { list = List(*slow); });
  absl::SleepFor(absl::Milliseconds(750));
  CreateMap("o");
  CompactEtcd();
  reader.join();
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->items.size(), 7u);
  // Two pages, and all at once.
  EXPECT_LT(absl::Now() - began, absl::Seconds(3));
}

TEST_F(ServerTest, ARotatedTokenIsReadAgain) {
  TemporaryDirectory directory;
  const std::string tokens = ServerVariable("KUBE_TOKENS");
  const std::string before = FileContent(tokens);
  PutFile(directory / "token", "rotating-1");
  const auto restart_with = [&](const std::string& token) {
    PutFile(tokens, absl::StrCat(before, token, ",rotating,3,\"system:masters\"\n"));
    KillApiServer();
    StartApiServer();
  };
  restart_with("rotating-1");
  const auto client = ServerClientWithToken({directory / "token", ""});
  EXPECT_TRUE(List(*client).ok()) << List(*client).status();

  restart_with("rotating-2");
  // Connections from before are gone with the server, so what comes first may be just that.
  absl::Status status = List(*client).status();
  for (int i = 0; i < 5 && absl::IsUnavailable(status); ++i) status = List(*client).status();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  PutFile(directory / "token", "rotating-2");
  EXPECT_TRUE(List(*client).ok()) << List(*client).status();
  // An old token and no file: the error says both.
  restart_with("rotating-3");
  PutFile(directory / "token", "");
  for (int i = 0; i < 5 && !absl::IsUnauthenticated(status); ++i) status = List(*client).status();
  status = List(*client).status();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  EXPECT_THAT(std::string(List(*client).status().message()), HasSubstr("token"));
  PutFile(tokens, before);
}

TEST_F(ServerTest, ASilentServerIsGivenUp) {
  CreateMap("a");
  const auto client = Impatient();
  ASSERT_TRUE(List(*client).ok());
  WatchLog log(*client, kConfigMaps, {name_space_, "", "", ""});
  ASSERT_THAT(log.Events(1), ElementsAre("ADDED a"));
  {
    StoppedProcess stopped(ServerProcess::kApi);
    const absl::Time began = absl::Now();
    const absl::Status status = List(*client).status();
    EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
    EXPECT_LT(absl::Now() - began, absl::Seconds(20));
    const absl::Status ended = log.End();
    EXPECT_TRUE(absl::IsUnavailable(ended)) << ended;
    EXPECT_LT(absl::Now() - began, absl::Seconds(30));
  }
  EXPECT_TRUE(List(*client).ok()) << List(*client).status();
}

TEST_F(ServerTest, WithoutEtcdCallsEndInTimeAndTheCacheAnswers) {
  CreateMap("a");
  const auto client = Impatient();
  // The cache of the server is behind by an instant.
  for (int i = 0; i < 100 && List(*client, "0")->items.empty(); ++i) {
    absl::SleepFor(absl::Milliseconds(50));
  }
  {
    StoppedProcess stopped(ServerProcess::kEtcd);
    for (const absl::Status& status :
         {List(*client).status(), client->Create(kConfigMaps, name_space_, Named("b")).status()}) {
      EXPECT_TRUE(absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status)) << status;
    }
    const auto cached = List(*client, "0");
    ASSERT_TRUE(cached.ok()) << cached.status();
    EXPECT_EQ(cached->items.size(), 1u);
  }
  absl::Status status = List(*client).status();
  for (int i = 0; i < 10 && !status.ok(); ++i) status = List(*client).status();
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(ServerTest, CancelEndsWhatHangs) {
  absl::Status called, watched;
  StoppedProcess stopped(ServerProcess::kApi);
  std::thread caller([&] { called = List(*client_).status(); });
  std::thread watcher([&] {
    watched = client_->Watch(
        kConfigMaps, {name_space_, "", "", ""}, [](KubeWatchEvent) { return true; },
        [] { return false; });
  });
  absl::SleepFor(absl::Milliseconds(200));
  const absl::Time began = absl::Now();
  client_->Cancel();
  caller.join();
  watcher.join();
  // Far less than the time limit of a call.
  EXPECT_LT(absl::Now() - began, absl::Seconds(10));
  EXPECT_TRUE(absl::IsCancelled(called)) << called;
  EXPECT_TRUE(absl::IsCancelled(watched)) << watched;
  EXPECT_TRUE(absl::IsCancelled(List(*client_).status()));
}

// --- Informers. ---

// What an informer made of its events.
class Mirror {
 public:
  Mirror(KubeClient& client, const std::string& name_space) {
    InformerOptions options;
    options.list.name_space = name_space;
    options.first_wait = absl::Milliseconds(50);
    informer_ = std::make_unique<Informer>(
        client, kConfigMaps, options, [this](InformerEvent event) { Handle(std::move(event)); });
    informer_->Start();
  }

  // The objects' names and versions, when they are `wanted` or after 60 s.
  std::map<std::string, std::string> Await(const std::map<std::string, std::string>& wanted) {
    MutexLock lock(&mutex_);
    const auto same = [this, &wanted]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return state_ == wanted; };
    mutex_.AwaitWithTimeout(same, absl::Seconds(60));
    return state_;
  }

  // Events that do not fit what was told before.
  int mistakes() {
    MutexLock lock(&mutex_);
    return mistakes_;
  }

 private:
  void Handle(InformerEvent event) {
    MutexLock lock(&mutex_);
    if (event.type == InformerEvent::Type::kSynced) return;
    const std::string name = TextAt(event.object, {"metadata", "name"});
    const bool known = state_.count(name) > 0;
    mistakes_ += known == (event.type == InformerEvent::Type::kAdded);
    if (event.type == InformerEvent::Type::kDeleted) {
      state_.erase(name);
    } else {
      state_[name] = TextAt(event.object, {"metadata", "resourceVersion"});
    }
  }

  Mutex mutex_;
  std::map<std::string, std::string> state_ ABSL_GUARDED_BY(mutex_);
  int mistakes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<Informer> informer_;
};

std::map<std::string, std::string> StateOf(const absl::StatusOr<KubeList>& list) {
  EXPECT_TRUE(list.ok()) << list.status();
  std::map<std::string, std::string> state;
  if (!list.ok()) return state;
  for (const Json& item : list->items) {
    state[TextAt(item, {"metadata", "name"})] = TextAt(item, {"metadata", "resourceVersion"});
  }
  return state;
}

TEST_F(ServerTest, AnInformerOutlivesKillsOfTheServer) {
  const auto watching = Impatient();
  Mirror mirror(*watching, name_space_);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 5; ++i) CreateMap(absl::StrCat("r", round, "-", i));
    auto wanted = StateOf(List(*client_));
    EXPECT_EQ(mirror.Await(wanted), wanted);
    KillApiServer();
    StartApiServer();
    // The first calls find connections that are gone.
    for (int i = 0; i < 5 && !List(*client_).ok(); ++i) {
    }
    ASSERT_TRUE(client_->Delete(kConfigMaps, name_space_, absl::StrCat("r", round, "-0")).ok());
    ASSERT_TRUE(client_
                    ->Patch(kConfigMaps, name_space_, absl::StrCat("r", round, "-1"),
                            KubePatch::kMerge, {{"data", {{"k", "v"}}}})
                    .ok());
    wanted = StateOf(List(*client_));
    EXPECT_EQ(mirror.Await(wanted), wanted);
  }
  EXPECT_EQ(mirror.mistakes(), 0);
}

// --- Leader election, by processes that are killed. ---

class Candidate {
 public:
  Candidate(const std::string& name_space, const std::string& identity) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) std::abort();
    const std::string program =
        (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "leader_candidate")
            .string();
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      execl(program.c_str(), program.c_str(), name_space.c_str(), identity.c_str(), nullptr);
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    in_ = in[1];
    out_ = fdopen(out[0], "r");
  }
  ~Candidate() {
    Kill();
    fclose(out_);
  }

  // The next line it prints; "" when it ended.
  std::string Line() {
    char line[64] = {};
    if (fgets(line, sizeof(line), out_) == nullptr) return "";
    return std::string(absl::StripSuffix(line, "\n"));
  }
  void Signal(int signal) { kill(pid_, signal); }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
    Close();
  }
  // Asks it to end.
  void Close() {
    if (in_ >= 0) close(in_);
    in_ = -1;
  }

 private:
  pid_t pid_ = 0;
  int in_ = -1;
  FILE* out_ = nullptr;
};

TEST_F(ServerTest, LeadersThatDieOrStopAreFollowedByOthers) {
  auto a = std::make_unique<Candidate>(name_space_, "a");
  ASSERT_EQ(a->Line(), "leads");
  Candidate b(name_space_, "b");
  absl::SleepFor(absl::Seconds(1));
  const absl::Time killed = absl::Now();
  a->Kill();
  ASSERT_EQ(b.Line(), "leads");
  // After the lease of 4 s, counted from the last renewal.
  EXPECT_GE(absl::Now() - killed, absl::Seconds(3.5));
  EXPECT_LE(absl::Now() - killed, absl::Seconds(20));

  // One that was asked to stop gives the lease up.
  Candidate c(name_space_, "c");
  absl::SleepFor(absl::Seconds(1));
  const absl::Time closed = absl::Now();
  b.Close();
  EXPECT_EQ(b.Line(), "ends");
  ASSERT_EQ(c.Line(), "leads");
  // Sooner than the lease ends.
  EXPECT_LE(absl::Now() - closed, absl::Seconds(3));

  // One that slept learns that it leads no more.
  Candidate d(name_space_, "d");
  absl::SleepFor(absl::Seconds(1));
  c.Signal(SIGSTOP);
  ASSERT_EQ(d.Line(), "leads");
  c.Signal(SIGCONT);
  EXPECT_EQ(c.Line(), "ends");

  // Nor does one lead whose server is gone.
  const auto lease = client_->Get(kLeases, name_space_, "leader");
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_EQ((*lease)["spec"]["leaseTransitions"], 3);
  KillApiServer();
  EXPECT_EQ(d.Line(), "ends");
  StartApiServer();
}

}  // namespace
}  // namespace varmor
