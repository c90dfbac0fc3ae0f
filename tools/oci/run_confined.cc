#include "tools/oci/run_confined.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "rapidjson/stringbuffer.h"
#include "rapidjson/writer.h"

namespace varmor {
namespace {

constexpr int kTimeoutSeconds = 60;

// By number, include/uapi/linux/capability.h.
constexpr const char* kCapabilities[] = {"CAP_CHOWN",
                                         "CAP_DAC_OVERRIDE",
                                         "CAP_DAC_READ_SEARCH",
                                         "CAP_FOWNER",
                                         "CAP_FSETID",
                                         "CAP_KILL",
                                         "CAP_SETGID",
                                         "CAP_SETUID",
                                         "CAP_SETPCAP",
                                         "CAP_LINUX_IMMUTABLE",
                                         "CAP_NET_BIND_SERVICE",
                                         "CAP_NET_BROADCAST",
                                         "CAP_NET_ADMIN",
                                         "CAP_NET_RAW",
                                         "CAP_IPC_LOCK",
                                         "CAP_IPC_OWNER",
                                         "CAP_SYS_MODULE",
                                         "CAP_SYS_RAWIO",
                                         "CAP_SYS_CHROOT",
                                         "CAP_SYS_PTRACE",
                                         "CAP_SYS_PACCT",
                                         "CAP_SYS_ADMIN",
                                         "CAP_SYS_BOOT",
                                         "CAP_SYS_NICE",
                                         "CAP_SYS_RESOURCE",
                                         "CAP_SYS_TIME",
                                         "CAP_SYS_TTY_CONFIG",
                                         "CAP_MKNOD",
                                         "CAP_LEASE",
                                         "CAP_AUDIT_WRITE",
                                         "CAP_AUDIT_CONTROL",
                                         "CAP_SETFCAP",
                                         "CAP_MAC_OVERRIDE",
                                         "CAP_MAC_ADMIN",
                                         "CAP_SYSLOG",
                                         "CAP_WAKE_ALARM",
                                         "CAP_BLOCK_SUSPEND",
                                         "CAP_AUDIT_READ",
                                         "CAP_PERFMON",
                                         "CAP_BPF",
                                         "CAP_CHECKPOINT_RESTORE"};

absl::Status SystemFault(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// "chmod(0, 0x40)" -> "90,0,0x40".
absl::StatusOr<std::string> EncodeCall(absl::string_view call) {
  const absl::Status bad =
      absl::InvalidArgumentError(absl::StrCat("cannot read the call \"", call, "\""));
  absl::string_view rest = call;
  const bool i386 = absl::ConsumePrefix(&rest, "i386:");
  const size_t open = rest.find('(');
  if (open == absl::string_view::npos || !absl::ConsumeSuffix(&rest, ")")) return bad;
  const std::string name(rest.substr(0, open));
  int number = 0;
  if (!absl::SimpleAtoi(name, &number)) {
    number =
        seccomp_syscall_resolve_name_arch(i386 ? SCMP_ARCH_X86 : SCMP_ARCH_NATIVE, name.c_str());
  }
  if (number < 0) return bad;
  std::string text = absl::StrCat(i386 ? "i386:" : "", number);
  int count = 0;
  for (absl::string_view part :
       absl::StrSplit(rest.substr(open + 1), ',', absl::SkipWhitespace())) {
    part = absl::StripAsciiWhitespace(part);
    absl::string_view digits = part;
    uint64_t value = 0;
    const bool ok = absl::ConsumePrefix(&digits, "0x") ? absl::SimpleHexAtoi(digits, &value)
                                                       : absl::SimpleAtoi(digits, &value);
    if (!ok || ++count > 6) return bad;
    absl::StrAppend(&text, ",0x", absl::Hex(value));
  }
  return text;
}

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void Put(Writer& writer, const char* key, const std::string& value) {
  writer.Key(key);
  writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

template <typename List>
void PutList(Writer& writer, const char* key, const List& values) {
  writer.Key(key);
  writer.StartArray();
  for (const auto& value : values) writer.String(std::string(value).c_str());
  writer.EndArray();
}

// Those that this process could have: runtimes refuse others.
std::vector<std::string> Capabilities() {
  std::vector<std::string> names;
  for (size_t number = 0; number < std::size(kCapabilities); ++number) {
    if (prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1) names.push_back(kCapabilities[number]);
  }
  return names;
}

void PutProcess(Writer& writer, const std::vector<std::string>& args) {
  writer.Key("process");
  writer.StartObject();
  Put(writer, "cwd", "/");
  PutList(writer, "args", args);
  writer.Key("user");
  writer.StartObject();
  writer.Key("uid");
  writer.Uint(0);
  writer.Key("gid");
  writer.Uint(0);
  writer.EndObject();
  writer.Key("capabilities");
  writer.StartObject();
  for (const char* set : {"bounding", "effective", "permitted"}) {
    PutList(writer, set, Capabilities());
  }
  writer.EndObject();
  writer.EndObject();
}

// The smallest configuration that both runtimes take.
std::string ConfigJson(const std::vector<std::string>& args, const std::string& seccomp_json) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  Put(writer, "ociVersion", "1.0.2");
  PutProcess(writer, args);
  writer.Key("root");
  writer.StartObject();
  Put(writer, "path", "rootfs");
  writer.EndObject();
  writer.Key("mounts");
  writer.StartArray();
  writer.StartObject();
  Put(writer, "destination", "/proc");
  Put(writer, "type", "proc");
  Put(writer, "source", "proc");
  writer.EndObject();
  writer.EndArray();
  writer.Key("linux");
  writer.StartObject();
  writer.Key("namespaces");
  writer.StartArray();
  for (const char* type : {"pid", "mount", "ipc", "uts", "network"}) {
    writer.StartObject();
    Put(writer, "type", type);
    writer.EndObject();
  }
  writer.EndArray();
  if (!seccomp_json.empty()) {
    writer.Key("seccomp");
    writer.RawValue(seccomp_json.data(), seccomp_json.size(), rapidjson::kObjectType);
  }
  writer.EndObject();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize());
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return absl::InternalError(absl::StrCat("cannot read ", path));
  return text.str();
}

absl::Status WriteFile(const std::string& path, const std::string& text, mode_t mode) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file || chmod(path.c_str(), mode) != 0) return SystemFault(absl::StrCat("writing ", path));
  return absl::OkStatus();
}

absl::Status WriteBundle(const ConfinedRun& run, const std::string& bundle) {
  std::vector<std::string> args = {"/make_syscalls"};
  for (const std::string& call : run.calls) {
    absl::StatusOr<std::string> encoded = EncodeCall(call);
    if (!encoded.ok()) return encoded.status();
    args.push_back(*std::move(encoded));
  }
  const absl::StatusOr<std::string> program = ReadFile(run.make_syscalls);
  if (!program.ok()) return program.status();
  // crun wants a /dev.
  for (const char* part : {"", "/rootfs", "/rootfs/proc", "/rootfs/dev"}) {
    const std::string directory = bundle + part;
    if (mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return SystemFault(directory);
  }
  absl::Status status = WriteFile(bundle + "/rootfs/make_syscalls", *program, 0755);
  if (!status.ok()) return status;
  return WriteFile(bundle + "/config.json", ConfigJson(args, run.seccomp_json), 0644);
}

// In the child: becomes the runtime.
[[noreturn]] void ExecRuntime(const ConfinedRun& run, const std::string& bundle,
                              const std::string& id) {
  const std::string state = run.scratch + "/state";
  const int in = open("/dev/null", O_RDONLY);
  const int out = open((bundle + "/out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const int err = open((bundle + "/err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  dup2(in, 0);
  dup2(out, 1);
  dup2(err, 2);
  // crun refuses hosts with both cgroup versions; without the second one in view it is content.
  if (unshare(CLONE_NEWNS) == 0 && mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) {
    umount2("/sys/fs/cgroup/unified", MNT_DETACH);
  }
  const char* path = getenv("PATH");
  setenv("PATH",
         absl::StrCat(path == nullptr ? "" : path, ":/usr/sbin:/usr/bin:/sbin:/bin").c_str(), 1);
  alarm(kTimeoutSeconds);
  execlp(run.runtime.c_str(), run.runtime.c_str(), "--root", state.c_str(), "run", "--bundle",
         bundle.c_str(), id.c_str(), nullptr);
  dprintf(2, "%s: %s\n", run.runtime.c_str(), std::strerror(errno));
  _exit(127);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> RunConfined(const ConfinedRun& run) {
  static std::atomic<int> counter{0};
  const std::string id = absl::StrCat("varmor-test-", getpid(), "-", counter.fetch_add(1));
  const std::string bundle = absl::StrCat(run.scratch, "/", id);
  if (absl::Status status = WriteBundle(run, bundle); !status.ok()) return status;
  const pid_t child = fork();
  if (child < 0) return SystemFault("fork");
  if (child == 0) ExecRuntime(run, bundle, id);
  int status = 0;
  if (waitpid(child, &status, 0) != child) return SystemFault("waitpid");
  const absl::StatusOr<std::string> out = ReadFile(bundle + "/out");
  const absl::StatusOr<std::string> err = ReadFile(bundle + "/err");
  if (!out.ok()) return out.status();
  std::vector<std::string> outcomes = absl::StrSplit(*out, '\n', absl::SkipEmpty());
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || outcomes.size() != run.calls.size()) {
    return absl::FailedPreconditionError(
        absl::StrCat(run.runtime,
                     WIFSIGNALED(status) ? absl::StrCat(" died of signal ", WTERMSIG(status))
                                         : absl::StrCat(" exited with ", WEXITSTATUS(status)),
                     ": ", absl::StripAsciiWhitespace(err.ok() ? *err : "")));
  }
  return outcomes;
}

absl::Status ProbeOciRuntime(absl::string_view runtime, absl::string_view make_syscalls,
                             absl::string_view scratch) {
  if (geteuid() != 0) return absl::FailedPreconditionError("containers need root");
  ConfinedRun run;
  run.runtime = std::string(runtime);
  run.make_syscalls = std::string(make_syscalls);
  run.scratch = std::string(scratch);
  run.calls = {"getpid()"};
  const absl::StatusOr<std::vector<std::string>> outcomes = RunConfined(run);
  if (!outcomes.ok()) return outcomes.status();
  if (outcomes->front() != "ok") return absl::FailedPreconditionError(outcomes->front());
  return absl::OkStatus();
}

}  // namespace varmor
