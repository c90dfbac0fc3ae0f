#include "lib/enforcers/apparmor/app_armor_probe.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

EnforcerSupport Unavailable(std::string problem, std::string fix) {
  EnforcerSupport support;
  support.problem = std::move(problem);
  support.fix = std::move(fix);
  return support;
}

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// A line of a file of the kernel; "" when it cannot be read.
std::string ReadWord(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFileWhole(path);
  return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : "";
}

// Something that kernels learned at some time. `path` is below features/.
struct Feature {
  const char* path;
  const char* limit;
};

// When a kernel got them: Linux itself, not distributions, which had some of them before.
constexpr Feature kFeatures[] = {
    {"file", "files: the kernel does not mediate them"},
    {"caps", "capabilities: the kernel does not mediate them"},
    {"network_v8", "network: needs Linux 4.17"},
    {"mount", "mounts: needs Linux 4.14"},
    {"mount/move_mount", "mounts by fsmount(2) and move_mount(2): need Linux 6.7"},
    {"ptrace", "ptrace: needs Linux 4.14"},
    {"signal", "signals: needs Linux 4.14"},
    {"namespaces/mask", "user namespaces: needs Linux 6.7"},
    {"io_uring", "io_uring: needs Linux 6.7"},
    {"network_v9/af_unix", "names of Unix sockets: needs Linux 6.17"},
    {"dbus", "D-Bus: the kernel has no support for it"},
};

std::vector<std::string> Limits(AppArmorHost& host) {
  std::vector<std::string> limits;
  for (const Feature& feature : kFeatures) {
    if (!Exists(absl::StrCat(host.directory(), "/features/", feature.path))) {
      limits.emplace_back(feature.limit);
    }
  }
  const std::string parameters = host.paths().module + "/parameters";
  if (const std::string mode = ReadWord(parameters + "/mode"); mode == "complain") {
    limits.emplace_back(
        "everything: all profiles of this machine complain only; write enforce to " + parameters +
        "/mode");
  }
  if (ReadWord(parameters + "/hash_policy") == "N" || !Exists(parameters + "/hash_policy")) {
    limits.emplace_back(
        "profiles that somebody else replaced: the kernel keeps no hashes; boot with "
        "apparmor.hash_policy=1");
  }
  return limits;
}

// The directory, or what would be its first missing parent's place, can be written.
bool MayWrite(std::string directory) {
  while (!directory.empty() && !Exists(directory)) {
    const size_t slash = directory.rfind('/');
    directory = slash == std::string::npos ? "." : directory.substr(0, slash);
  }
  return access(directory.empty() ? "/" : directory.c_str(), W_OK) == 0;
}

}  // namespace

EnforcerSupport ProbeAppArmorKernel(AppArmorHost& host) {
  const AppArmorPaths& paths = host.paths();
  if (!Exists(paths.module)) {
    return Unavailable("this kernel has no AppArmor",
                       "run a kernel built with CONFIG_SECURITY_APPARMOR");
  }
  if (ReadWord(paths.module + "/parameters/enabled") != "Y") {
    return Unavailable("AppArmor is switched off",
                       "boot with apparmor=1, and with apparmor in lsm=");
  }
  if (!Exists(host.directory())) {
    return Unavailable(absl::StrCat("securityfs is not mounted on ", paths.security_fs),
                       absl::StrCat("mount -t securityfs securityfs ", paths.security_fs));
  }
  const absl::Status listed = ListDirectory(host.directory() + "/policy/profiles").status();
  if (!listed.ok()) {
    return Unavailable(std::string(listed.message()),
                       "run as root in the machine's own user namespace, on Linux 4.13 or newer");
  }
  if (!host.MayAdminister()) {
    return Unavailable("this process may not load profiles",
                       "run as root with CAP_MAC_ADMIN, unconfined");
  }
  EnforcerSupport support;
  support.available = true;
  support.limits = Limits(host);
  return support;
}

bool AppArmorIsOff(AppArmorHost& host) {
  const std::string& module = host.paths().module;
  if (access(module.c_str(), F_OK) != 0) return errno == ENOENT;
  return ReadWord(module + "/parameters/enabled") == "N";
}

EnforcerSupport ProbeAppArmor(AppArmorHost& host, const AppArmorParser& parser,
                              const std::string& state_directory) {
  EnforcerSupport support = ProbeAppArmorKernel(host);
  if (!support.available) return support;
  if (parser.program.empty()) {
    return Unavailable("apparmor_parser is not installed", "install the package apparmor");
  }
  if (!Exists(parser.include_directory)) {
    return Unavailable(absl::StrCat("there is no directory ", QuotedPath(parser.include_directory)),
                       "install the package apparmor, or name the directory of its abstractions");
  }
  // In a form that all our profiles have.
  constexpr char kSmallProfile[] =
      "abi <abi/3.0>,\ninclude <tunables/global>\n"
      "profile varmor-probe { include <abstractions/base>\n}\n";
  const absl::Status compiled = parser.Compile(kSmallProfile, /*complain=*/false).status();
  if (!compiled.ok()) {
    return Unavailable(
        absl::StrCat("apparmor_parser cannot compile a small profile: ", compiled.message()),
        absl::StrCat("install AppArmor 3.0 or newer with its abstractions in ",
                     parser.include_directory));
  }
  if (!MayWrite(state_directory)) {
    return Unavailable(
        absl::StrCat("cannot write into ", QuotedPath(state_directory), ": ", std::strerror(errno)),
        "run as root, with that directory on a writable file system");
  }
  return support;
}

}  // namespace varmor
