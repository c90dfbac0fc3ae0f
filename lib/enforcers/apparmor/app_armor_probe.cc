#include "lib/enforcers/apparmor/app_armor_probe.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"
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
  // Rules that are about it, by their first word, with spaces around each; "": not told. The parser
  // leaves them out of what it compiles for a kernel without it, and says nothing.
  const char* rules;
  // The kernel mediates the rest of what they are about.
  bool in_part = false;
};

// When a kernel got them: Linux itself, not distributions, which had some of them before.
constexpr char kMountRules[] = " mount remount umount pivot_root ";
constexpr Feature kFeatures[] = {
    {"file", "files: the kernel does not mediate them", ""},
    {"caps", "capabilities: the kernel does not mediate them", " capability "},
    {"network_v8", "network: needs Linux 4.17", " network "},
    {"mount", "mounts: needs Linux 4.14", kMountRules},
    {"mount/move_mount", "mounts by fsmount(2) and move_mount(2): need Linux 6.7", kMountRules,
     true},
    {"ptrace", "ptrace: needs Linux 4.14", " ptrace "},
    {"signal", "signals: needs Linux 4.14", " signal "},
    {"namespaces/mask", "user namespaces: needs Linux 6.7", " userns "},
    {"io_uring", "io_uring: needs Linux 6.7", " io_uring "},
    {"network_v9/af_unix", "names of Unix sockets: needs Linux 6.17", " unix "},
    {"dbus", "D-Bus: the kernel has no support for it", " dbus "},
};

std::vector<const Feature*> MissingFeatures(AppArmorHost& host) {
  std::vector<const Feature*> missing;
  for (const Feature& feature : kFeatures) {
    if (!Exists(absl::StrCat(host.directory(), "/features/", feature.path))) {
      missing.push_back(&feature);
    }
  }
  return missing;
}

// "": profiles of this machine are enforced.
std::string ComplainsOnly(AppArmorHost& host) {
  const std::string mode = host.paths().module + "/parameters/mode";
  if (ReadWord(mode) != "complain") return "";
  return absl::StrCat("everything: all profiles of this machine complain only; write enforce to ",
                      mode);
}

std::vector<std::string> Limits(AppArmorHost& host) {
  std::vector<std::string> limits;
  for (const Feature* feature : MissingFeatures(host)) limits.emplace_back(feature->limit);
  if (std::string all = ComplainsOnly(host); !all.empty()) limits.push_back(std::move(all));
  const std::string parameters = host.paths().module + "/parameters";
  if (ReadWord(parameters + "/hash_policy") == "N" || !Exists(parameters + "/hash_policy")) {
    limits.emplace_back(
        "profiles that somebody else replaced: the kernel keeps no hashes; boot with "
        "apparmor.hash_policy=1");
  }
  return limits;
}

// What newer kernels mediate, and a rule about it that a parser may not compile. `rules` as of
// Feature.
struct ParserFeature {
  const char* path;
  const char* what;
  const char* rules;
  const char* rule;
};
constexpr ParserFeature kParserFeatures[] = {
    {"namespaces/mask", "user namespaces", " userns ", "deny userns,"},
    {"io_uring", "io_uring", " io_uring ", "deny io_uring,"},
    {"network_v9/af_unix", "names of Unix sockets, and connecting to a socket's file", " unix ",
     "deny unix (connect) peer=(addr=@varmor-probe),"},
};

// In the form of our profiles. INVALID_ARGUMENT and the like, as AppArmorParser::Compile.
absl::StatusOr<std::string> CompileProbe(const AppArmorParser& parser, absl::string_view rule) {
  return parser.Compile(absl::StrCat("abi <abi/3.0>,\nprofile varmor-probe {\n", rule, "\n}\n"),
                        /*complain=*/false);
}

// Why no profile of ours can ask for what the kernel mediates: the parser refuses the rule, or what
// it compiles is the same as without. Parsers that know a rule drop it where the profile's ABI is
// older. "" when there is no reason, or the kernel does not mediate it either.
absl::StatusOr<std::string> ParserLimit(const ParserFeature& feature, AppArmorHost& host,
                                        const AppArmorParser& parser) {
  if (!Exists(absl::StrCat(host.directory(), "/features/", feature.path))) return "";
  VARMOR_ASSIGN_OR_RETURN(const std::string without, CompileProbe(parser, ""));
  const absl::StatusOr<std::string> with = CompileProbe(parser, feature.rule);
  if (with.ok() && *with != without) return "";
  if (!with.ok() && !absl::IsInvalidArgument(with.status())) return with.status();
  return absl::StrCat(
      feature.what,
      ": this kernel can, but apparmor_parser compiles no such rules in profiles for abi/3.0, as "
      "ours are; needs a parser that does, or another enforcer");
}

// Of a rule's text: "mount" of "mount options=(ro) /a -> /b" or "child_0: mount".
absl::string_view FirstWord(absl::string_view text) {
  const size_t colon = text.find(": ");
  if (absl::StartsWith(text, "child_") && colon != absl::string_view::npos) {
    text.remove_prefix(colon + 2);
  }
  return text.substr(0, text.find_first_of(" ,"));
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

std::vector<UnenforcedRule> UnenforcedRules(const AppArmorArtifact& artifact, AppArmorHost& host,
                                            const AppArmorParser& parser) {
  if (std::string all = ComplainsOnly(host); !all.empty()) return {{{}, std::move(all)}};
  const std::vector<const Feature*> missing = MissingFeatures(host);
  const auto is_missing = [&](absl::string_view path) {
    return std::any_of(missing.begin(), missing.end(),
                       [&](const Feature* one) { return one->path == path; });
  };
  // The parser is asked once about each, and only where a rule is about it.
  std::map<const ParserFeature*, std::string> parser_limits;
  std::vector<UnenforcedRule> out;
  for (const RuleOrigin& rule : artifact.rules()) {
    if (rule.action() == "allow") continue;
    const std::string word = absl::StrCat(" ", FirstWord(rule.text()), " ");
    for (const Feature* feature : missing) {
      if (!absl::StrContains(feature->rules, word)) continue;
      // Said already: all of it is missing.
      if (feature->in_part && is_missing("mount")) continue;
      out.push_back({rule, feature->limit, feature->in_part});
    }
    for (const ParserFeature& feature : kParserFeatures) {
      if (!absl::StrContains(feature.rules, word)) continue;
      const auto [asked, is_new] = parser_limits.try_emplace(&feature);
      // A parser that cannot be asked cannot load the profile either, and that is told.
      if (is_new) asked->second = ParserLimit(feature, host, parser).value_or("");
      if (!asked->second.empty()) out.push_back({rule, asked->second});
    }
  }
  return out;
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
  for (const ParserFeature& feature : kParserFeatures) {
    const absl::StatusOr<std::string> limit = ParserLimit(feature, host, parser);
    if (!limit.ok()) {
      return Unavailable(std::string(limit.status().message()), "repair apparmor_parser");
    }
    if (!limit->empty()) support.limits.push_back(*limit);
  }
  if (!MayWrite(state_directory)) {
    return Unavailable(
        absl::StrCat("cannot write into ", QuotedPath(state_directory), ": ", std::strerror(errno)),
        "run as root, with that directory on a writable file system");
  }
  return support;
}

}  // namespace varmor
