#include "tools/attack/container.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/policy/capability.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"
#include "rapidjson/stringbuffer.h"
#include "rapidjson/writer.h"

namespace varmor {
namespace {

namespace fs = std::filesystem;

// Under emulation a start takes seconds.
constexpr int kStartSeconds = 60;
// More than the attacker gives an operation.
constexpr int kOperationSeconds = 30;

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

absl::Status SystemFault(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", std::strerror(errno)));
}

void Put(Writer& writer, const char* key, const std::string& value) {
  writer.Key(key);
  writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

// Those that this process could give: runtimes refuse others.
void PutCapabilities(Writer& writer) {
  writer.Key("capabilities");
  writer.StartObject();
  for (const char* set : {"bounding", "effective", "permitted"}) {
    writer.Key(set);
    writer.StartArray();
    for (size_t number = 0; number < kCapabilityNames.size(); ++number) {
      if (prctl(PR_CAPBSET_READ, number, 0, 0, 0) != 1) continue;
      writer.String(absl::StrCat("CAP_", absl::AsciiStrToUpper(kCapabilityNames[number])).c_str());
    }
    writer.EndArray();
  }
  writer.EndObject();
}

void PutProcess(Writer& writer, const ContainerOptions& options) {
  writer.Key("process");
  writer.StartObject();
  Put(writer, "cwd", "/");
  writer.Key("args");
  writer.StartArray();
  writer.String("/attacker");
  writer.EndArray();
  writer.Key("user");
  writer.StartObject();
  writer.Key("uid");
  writer.Uint(0);
  writer.Key("gid");
  writer.Uint(0);
  writer.EndObject();
  PutCapabilities(writer);
  if (!options.app_armor_profile.empty()) {
    Put(writer, "apparmorProfile", options.app_armor_profile);
  }
  writer.EndObject();
}

void PutMount(Writer& writer, const char* destination, const char* type) {
  writer.StartObject();
  Put(writer, "destination", destination);
  Put(writer, "type", type);
  Put(writer, "source", type);
  writer.EndObject();
}

bool KernelHasAppArmor() { return fs::exists("/sys/kernel/security/apparmor"); }

void PutMounts(Writer& writer, const ContainerOptions& options) {
  writer.Key("mounts");
  writer.StartArray();
  PutMount(writer, "/proc", "proc");
  // Where operations leave their files: extended attributes and file handles work here.
  PutMount(writer, "/attack", "tmpfs");
  if (KernelHasAppArmor()) PutMount(writer, "/securityfs", "securityfs");
  if (options.system_mounts) {
    PutMount(writer, "/sys", "sysfs");
    PutMount(writer, "/sys/fs/cgroup", "cgroup");
  }
  writer.EndArray();
}

void PutLinux(Writer& writer, const ContainerOptions& options) {
  writer.Key("linux");
  writer.StartObject();
  writer.Key("namespaces");
  writer.StartArray();
  for (const char* type : {"mount", "ipc", "uts", "network", "pid"}) {
    if (options.host_pids && std::strcmp(type, "pid") == 0) continue;
    writer.StartObject();
    Put(writer, "type", type);
    writer.EndObject();
  }
  writer.EndArray();
  // ICMP sockets for everybody, so that only the policy refuses them.
  writer.Key("sysctl");
  writer.StartObject();
  Put(writer, "net.ipv4.ping_group_range", "0 2147483647");
  writer.EndObject();
  writer.Key("resources");
  writer.StartObject();
  writer.Key("devices");
  writer.StartArray();
  writer.StartObject();
  writer.Key("allow");
  writer.Bool(true);
  Put(writer, "access", "rwm");
  writer.EndObject();
  writer.EndArray();
  writer.EndObject();
  if (!options.seccomp_json.empty()) {
    writer.Key("seccomp");
    writer.RawValue(options.seccomp_json.data(), options.seccomp_json.size(),
                    rapidjson::kObjectType);
  }
  writer.EndObject();
}

std::string ConfigJson(const ContainerOptions& options) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  Put(writer, "ociVersion", "1.0.2");
  Put(writer, "hostname", "attacked");
  PutProcess(writer, options);
  writer.Key("root");
  writer.StartObject();
  Put(writer, "path", "rootfs");
  writer.EndObject();
  PutMounts(writer, options);
  PutLinux(writer, options);
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize());
}

void ExtendSearchPath() {
  const char* path = std::getenv("PATH");
  setenv("PATH",
         absl::StrCat(path == nullptr ? "" : path, ":/usr/sbin:/usr/bin:/sbin:/bin").c_str(), 1);
}

int Execute(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  return errno;
}

}  // namespace

std::string Container::root() const { return absl::StrCat("/proc/", pid_, "/root"); }

absl::Status Container::FillRoot(const ContainerOptions& options, const std::string& root) {
  for (const char* part : {"/proc", "/dev", "/attack", "/securityfs"}) {
    VARMOR_RETURN_IF_ERROR(EnsureDirectory(root + part));
  }
  std::vector<std::pair<std::string, std::string>> programs = {{options.attacker, "/attacker"}};
  for (const char* loader : {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"}) {
    if (fs::exists(loader)) programs.emplace_back(loader, "/loader");
  }
  for (const auto& [from, to] : programs) {
    std::error_code error;
    fs::copy_file(from, root + to, fs::copy_options::overwrite_existing, error);
    if (error) return absl::NotFoundError(absl::StrCat("copying ", from, ": ", error.message()));
  }
  FileCalls files;
  for (const std::string& path : options.lower_files) {
    VARMOR_RETURN_IF_ERROR(EnsureDirectory(fs::path(root + path).parent_path().string()));
    VARMOR_RETURN_IF_ERROR(WriteFileWhole(files, root + path, "something\n", 0644));
  }
  return absl::OkStatus();
}

absl::Status Container::MountOverlay() {
  for (const char* part : {"/upper", "/work", "/rootfs"}) {
    VARMOR_RETURN_IF_ERROR(EnsureDirectory(bundle_ + part));
  }
  const std::string options = absl::StrCat("lowerdir=", bundle_, "/lower,upperdir=", bundle_,
                                           "/upper,workdir=", bundle_, "/work");
  if (mount("overlay", (bundle_ + "/rootfs").c_str(), "overlay", 0, options.c_str()) != 0) {
    return SystemFault("mounting an overlay");
  }
  overlay_ = true;
  return absl::OkStatus();
}

absl::Status Container::WriteBundle(const ContainerOptions& options) {
  VARMOR_RETURN_IF_ERROR(FillRoot(options, bundle_ + (options.overlay ? "/lower" : "/rootfs")));
  if (options.overlay) VARMOR_RETURN_IF_ERROR(MountOverlay());
  FileCalls files;
  return WriteFileWhole(files, bundle_ + "/config.json", ConfigJson(options), 0644);
}

absl::Status Container::Run(const char* command) {
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return SystemFault("pipe");
  runtime_pid_ = fork();
  if (runtime_pid_ < 0) return SystemFault("fork");
  if (runtime_pid_ == 0) {
    const int err = open((bundle_ + "/err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err, 2);
    ExtendSearchPath();
    const int error = Execute({runtime_, "--root", scratch_ + "/state", command, "--bundle",
                               bundle_, "--pid-file", bundle_ + "/pid", id_});
    dprintf(2, "%s: %s\n", runtime_.c_str(), std::strerror(error));
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
  return absl::OkStatus();
}

std::string Container::RuntimeErrors() const {
  const auto text = ReadFileWhole(bundle_ + "/err");
  return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : "";
}

absl::StatusOr<std::string> Container::ReadLine(int timeout_seconds) {
  size_t end = pending_.find('\n');
  while (end == std::string::npos) {
    pollfd wait = {output_, POLLIN, 0};
    if (poll(&wait, 1, timeout_seconds * 1000) <= 0) {
      return absl::DeadlineExceededError("the attacker does not answer");
    }
    char buffer[512];
    const ssize_t count = read(output_, buffer, sizeof buffer);
    if (count <= 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(runtime_, ": the container has ended: ", RuntimeErrors()));
    }
    pending_.append(buffer, count);
    end = pending_.find('\n');
  }
  std::string line = pending_.substr(0, end);
  pending_.erase(0, end + 1);
  return line;
}

absl::Status Container::AwaitReady() {
  VARMOR_ASSIGN_OR_RETURN(const std::string line, ReadLine(kStartSeconds));
  if (line != "ready") return absl::FailedPreconditionError(absl::StrCat("it says ", line));
  return ReadPid();
}

// The runtime may write it after the attacker has begun.
absl::Status Container::ReadPid() {
  constexpr int kTries = 1000;
  for (int i = 0; i < kTries; ++i) {
    const absl::StatusOr<std::string> pid = ReadFileWhole(bundle_ + "/pid");
    if (pid.ok() && absl::SimpleAtoi(*pid, &pid_)) return absl::OkStatus();
    usleep(10 * 1000);
  }
  return absl::InternalError("the runtime wrote no process id");
}

absl::Status Container::Command(const std::vector<std::string>& words) {
  std::vector<std::string> whole = {runtime_, "--root", scratch_ + "/state"};
  whole.insert(whole.end(), words.begin(), words.end());
  const pid_t child = fork();
  if (child < 0) return SystemFault("fork");
  if (child == 0) {
    const int err = open((bundle_ + "/err").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(err, 2);
    ExtendSearchPath();
    Execute(whole);
    _exit(127);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return SystemFault("waitpid");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(runtime_, " ", words[0], ": ", RuntimeErrors()));
}

absl::Status Container::CreateAndStart(const BeforeStart& before_start) {
  VARMOR_RETURN_IF_ERROR(Run("create"));
  int status = 0;
  if (waitpid(runtime_pid_, &status, 0) != runtime_pid_) return SystemFault("waitpid");
  runtime_pid_ = -1;
  created_ = true;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(runtime_, " create: ", RuntimeErrors()));
  }
  VARMOR_RETURN_IF_ERROR(ReadPid());
  VARMOR_RETURN_IF_ERROR(before_start(*this));
  return Command({"start", id_});
}

absl::StatusOr<std::unique_ptr<Container>> Container::Start(const ContainerOptions& options,
                                                            const BeforeStart& before_start) {
  static int counter = 0;
  std::unique_ptr<Container> container(new Container());
  container->id_ = absl::StrCat("varmor-attack-", getpid(), "-", counter++);
  container->runtime_ = options.runtime;
  container->scratch_ = options.scratch;
  container->bundle_ = absl::StrCat(options.scratch, "/", container->id_);
  VARMOR_RETURN_IF_ERROR(container->WriteBundle(options));
  VARMOR_RETURN_IF_ERROR(before_start ? container->CreateAndStart(before_start)
                                      : container->Run("run"));
  VARMOR_RETURN_IF_ERROR(container->AwaitReady());
  return container;
}

Container::~Container() {
  // The attacker ends with its input, and the runtime with the attacker.
  if (input_ >= 0) close(input_);
  if (output_ >= 0) close(output_);
  if (runtime_pid_ > 0) {
    bool gone = false;
    for (int i = 0; i < 100 && !gone; ++i) {
      gone = waitpid(runtime_pid_, nullptr, WNOHANG) != 0;
      if (!gone) usleep(50 * 1000);
    }
    if (!gone) {
      if (pid_ > 0) kill(pid_, SIGKILL);
      kill(runtime_pid_, SIGTERM);
      waitpid(runtime_pid_, nullptr, 0);
    }
  }
  // Kills what is left of it, and takes its cgroup away.
  if (created_) Command({"delete", "--force", id_}).IgnoreError();
  if (overlay_) umount2((bundle_ + "/rootfs").c_str(), MNT_DETACH);
  std::error_code ignored;
  fs::remove_all(bundle_, ignored);
  fs::remove_all(absl::StrCat(scratch_, "/state/", id_), ignored);
}

absl::StatusOr<std::string> Container::Perform(const std::string& line) {
  const std::string text = line + "\n";
  if (write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return SystemFault("writing to the attacker");
  }
  return ReadLine(kOperationSeconds);
}

}  // namespace varmor
