#include "lib/enforcers/bpf/kernel_features.h"

#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bpf/btf.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "lib/enforcers/capabilities.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

// Kernels before 5.8 have no ring buffer, before 5.10 no inner arrays of different sizes.
constexpr int kOldestMajor = 5;
constexpr int kOldestMinor = 10;

struct Hook {
  const char* name;
  bool essential;
  // What is not enforced without it, and the first kernel that has it.
  const char* what;
  const char* since;
  // What the texts of rules begin with that nothing else enforces; null: there are none.
  const char* rules = nullptr;
};

// Names and versions: include/linux/lsm_hook_defs.h of the kernels.
constexpr Hook kHooks[] = {
    {"task_alloc", true, "inheriting confinement", "5.7"},
    {"bprm_committed_creds", true, "entering a container", "5.7"},
    {"bprm_check_security", true, "executing files", "5.7"},
    {"file_open", true, "opening files", "5.7"},
    {"capable", true, "capabilities", "5.7"},
    {"path_truncate", false, "truncating files", "5.7 with CONFIG_SECURITY_PATH"},
    {"path_unlink", false, "removing files", "5.7 with CONFIG_SECURITY_PATH"},
    {"path_rmdir", false, "removing directories", "5.7 with CONFIG_SECURITY_PATH"},
    {"path_mkdir", false, "making directories", "5.7 with CONFIG_SECURITY_PATH"},
    {"path_mknod", false, "creating files", "5.7 with CONFIG_SECURITY_PATH"},
    {"path_symlink", false, "making symbolic links", "5.7 with CONFIG_SECURITY_PATH"},
    {"path_link", false, "making links", "5.7 with CONFIG_SECURITY_PATH"},
    {"path_rename", false, "renaming", "5.7 with CONFIG_SECURITY_PATH"},
    {"path_chmod", false, "changing modes", "5.7 with CONFIG_SECURITY_PATH"},
    {"path_chown", false, "changing owners", "6.1"},
    {"file_truncate", false, "truncating open files", "6.2"},
    {"mmap_file", false, "mapping files for execution", "5.7"},
    {"file_mprotect", false, "making mapped files executable", "5.7"},
    {"socket_create", false, "creating sockets", "5.7 with CONFIG_SECURITY_NETWORK", "socket "},
    {"socket_connect", false, "connecting", "5.7 with CONFIG_SECURITY_NETWORK", "egress "},
    {"socket_sendmsg", false, "sending without connecting", "5.7 with CONFIG_SECURITY_NETWORK"},
    {"unix_stream_connect", false, "connecting to sockets with a path",
     "5.7 with CONFIG_SECURITY_NETWORK"},
    {"unix_may_send", false, "sending to sockets with a path", "5.7 with CONFIG_SECURITY_NETWORK"},
    {"sctp_bind_connect", false, "connecting by SCTP", "5.7 with CONFIG_SECURITY_NETWORK"},
    {"ptrace_access_check", false, "tracing", "5.7", "ptrace "},
    {"ptrace_traceme", false, "being traced", "5.7"},
    {"sb_mount", false, "mounting", "5.7", "mount "},
    {"inode_follow_link", false, "symbolic links in the source of a bind", "5.7"},
    {"sb_umount", false, "unmounting", "5.7"},
    {"sb_remount", false, "remounting by the new mount calls", "5.7"},
    {"sb_kern_mount", false, "new file systems by the new mount calls", "5.7"},
    {"fs_context_parse_param", false, "sources given to the new mount calls", "5.7"},
    {"move_mount", false, "attaching mounts by the new mount calls", "5.7"},
    {"sb_pivotroot", false, "changing the root", "5.7"},
    {"userns_create", false, "creating user namespaces", "6.1", "create a user namespace"},
    {"bpf", false, "loading BPF programs", "5.7", "load a BPF program"},
    {"socket_setsockopt", false, "attaching socket filters", "5.7 with CONFIG_SECURITY_NETWORK",
     "attach a socket filter"},
    {"uring_override_creds", false, "other credentials in io_uring", "5.16"},
    {"task_kill", false, "signalling the protected process", "5.7"},
    {"file_send_sigiotask", false, "signalling the protected process by its input", "5.7"},
    {"task_setrlimit", false, "limits of the protected process", "5.7"},
};

// How much of a rule is not enforced without a hook.
enum class Lost { kNothing, kPart, kAll };

Lost LostWithout(const Hook& hook, absl::string_view rule) {
  if (hook.rules != nullptr && absl::StartsWith(rule, hook.rules)) return Lost::kAll;
  // Hooks on paths ask rules that deny writing; "file /etc/** write,append".
  const bool of_files = absl::StartsWith(rule, "file ") || absl::StartsWith(rule, "file,exec ");
  if (!absl::StartsWith(hook.name, "path_") || !of_files) return Lost::kNothing;
  const absl::string_view access = rule.substr(rule.rfind(' ') + 1);
  return access == "all" || absl::StrContains(access, "write") ? Lost::kPart : Lost::kNothing;
}

void ReadHelpers(const btf* kernel, KernelFeatures& out) {
  const int id = btf__find_by_name_kind(kernel, "bpf_func_id", BTF_KIND_ENUM);
  const btf_type* type = id > 0 ? btf__type_by_id(kernel, static_cast<__u32>(id)) : nullptr;
  if (type == nullptr) return;
  const struct btf_enum* values = btf_enum(type);
  for (int i = 0; i < btf_vlen(type); ++i) {
    const char* name = btf__name_by_offset(kernel, values[i].name_off);
    if (name != nullptr && absl::StartsWith(name, "BPF_FUNC_")) out.helpers.insert(name + 9);
  }
}

// Whether a function takes a struct by value, which programs cannot be attached to before 6.1
// ("type STRUCT is unsupported"): path_chown has kuid_t.
bool TakesStruct(const btf* kernel, const btf_type* prototype) {
  const btf_param* parameters = btf_params(prototype);
  for (int i = 0; i < btf_vlen(prototype); ++i) {
    const int type = btf__resolve_type(kernel, parameters[i].type);
    const btf_type* resolved =
        type > 0 ? btf__type_by_id(kernel, static_cast<__u32>(type)) : nullptr;
    if (resolved != nullptr && btf_is_composite(resolved)) return true;
  }
  return false;
}

void ReadHooks(const btf* kernel, KernelFeatures& out) {
  constexpr absl::string_view kPrefix = "bpf_lsm_";
  const __u32 count = btf__type_cnt(kernel);
  for (__u32 id = 1; id < count; ++id) {
    const btf_type* type = btf__type_by_id(kernel, id);
    if (!btf_is_func(type)) continue;
    const char* name = btf__name_by_offset(kernel, type->name_off);
    if (name == nullptr || !absl::StartsWith(name, kPrefix)) continue;
    const std::string hook = name + kPrefix.size();
    if (!out.AtLeast(6, 1) && TakesStruct(kernel, btf__type_by_id(kernel, type->type))) continue;
    out.hooks.insert(hook);
    if (hook == "path_rename") {
      out.path_rename_arguments = btf_vlen(btf__type_by_id(kernel, type->type));
    }
  }
}

void ReadBtf(const std::string& path, KernelFeatures& out) {
  const std::unique_ptr<btf, void (*)(btf*)> kernel(btf__parse(path.c_str(), nullptr), btf__free);
  if (kernel == nullptr) {
    const int error = errno;
    if (OutOfResources(error)) {
      out.unread.Update(absl::ResourceExhaustedError(
          absl::StrCat("cannot read ", QuotedPath(path), ": ", SystemReason(error))));
    }
    return;
  }
  out.btf = true;
  ReadHelpers(kernel.get(), out);
  ReadHooks(kernel.get(), out);
}

// The nearest directory above `path` that is there.
std::string Existing(std::string path) {
  while (!path.empty() && access(path.c_str(), F_OK) != 0) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    path.resize(slash);
  }
  return path.empty() ? "/" : path;
}

void ReadLsms(const std::string& path, KernelFeatures& out) {
  const absl::StatusOr<std::string> text = ReadFileWhole(path);
  if (!text.ok()) {
    out.lsms_unknown = true;
    if (absl::IsResourceExhausted(text.status())) out.unread.Update(text.status());
    return;
  }
  out.lsms = std::string(absl::StripAsciiWhitespace(*text));
  for (const absl::string_view lsm : absl::StrSplit(out.lsms, ',')) out.lsm_active |= lsm == "bpf";
}

std::string Lacking(const Hook& hook) {
  return absl::StrCat("this kernel has no hook ", hook.name, "; Linux ", hook.since, " does");
}

EnforcerSupport Missing(std::string problem, std::string fix) {
  EnforcerSupport support;
  support.problem = std::move(problem);
  support.fix = std::move(fix);
  return support;
}

// Of "what is wrong; what helps", where the latter may be missing.
EnforcerSupport MissingAs(absl::string_view message, const std::string& other_fix) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(message, absl::MaxSplits("; ", 1));
  return Missing(parts.first, parts.second.empty() ? other_fix : parts.second);
}

std::string WithBpf(const std::string& lsms) {
  return lsms.empty() ? "bpf" : absl::StrCat(lsms, ",bpf");
}

}  // namespace

bool ParseRelease(absl::string_view release, int& major, int& minor) {
  const std::vector<absl::string_view> parts = absl::StrSplit(release, absl::MaxSplits('.', 2));
  if (parts.size() < 2) return false;
  const size_t end = parts[1].find_first_not_of("0123456789");
  return absl::SimpleAtoi(parts[0], &major) && absl::SimpleAtoi(parts[1].substr(0, end), &minor);
}

bool IsPreemptible(absl::string_view version, absl::string_view command_line) {
  const std::vector<absl::string_view> words = absl::StrSplit(version, ' ');
  const auto says = [&](absl::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (says("PREEMPT") || says("PREEMPT_RT")) return true;
  if (!says("PREEMPT_DYNAMIC")) return false;
  absl::string_view chosen;  // the last one counts
  for (absl::string_view word : absl::StrSplit(command_line, absl::ByAnyChar(" \n"))) {
    if (absl::ConsumePrefix(&word, "preempt=")) chosen = word;
  }
  return chosen == "full";
}

KernelFeatures ReadKernelFeatures(const std::string& directory, const KernelFiles& files) {
  KernelFeatures out;
  utsname system{};
  if (uname(&system) == 0) out.release = system.release;
  ParseRelease(out.release, out.major, out.minor);
  const absl::StatusOr<std::string> command_line = ReadFileWhole(files.command_line);
  if (absl::IsResourceExhausted(command_line.status())) out.unread.Update(command_line.status());
  out.preemptible = IsPreemptible(system.version, command_line.ok() ? *command_line : "");
  out.root = geteuid() == 0;
  out.may_load = HasCapability(CAP_SYS_ADMIN);
  ReadBtf(files.btf, out);
  ReadLsms(files.lsms, out);
  struct statfs mounted {};
  out.bpffs = statfs(Existing(directory).c_str(), &mounted) == 0 &&
              static_cast<unsigned long>(mounted.f_type) == BPF_FS_MAGIC;
  const absl::StatusOr<std::string> cgroups = FindCgroupMount(files.mountinfo);
  if (cgroups.ok()) out.cgroup_mount = *cgroups;
  out.cgroup_problem = std::string(cgroups.status().message());
  if (absl::IsResourceExhausted(cgroups.status())) out.unread.Update(cgroups.status());
  return out;
}

const std::vector<std::string>& EssentialHooks() {
  static const auto* hooks = [] {
    auto* names = new std::vector<std::string>;
    for (const Hook& hook : kHooks) {
      if (hook.essential) names->push_back(hook.name);
    }
    return names;
  }();
  return *hooks;
}

std::vector<UnenforcedRule> UnenforcedRules(const BpfArtifact& artifact,
                                            const KernelFeatures& features) {
  std::vector<UnenforcedRule> out;
  for (const RuleOrigin& rule : artifact.rules()) {
    if (rule.action() == "allow") continue;
    for (const Hook& hook : kHooks) {
      if (features.HasHook(hook.name)) continue;
      const Lost lost = LostWithout(hook, rule.text());
      if (lost == Lost::kAll) out.push_back({rule, Lacking(hook)});
      if (lost == Lost::kPart) {
        out.push_back({rule, absl::StrCat(hook.what, ": ", Lacking(hook)), true});
      }
    }
  }
  return out;
}

std::vector<std::string> LimitsOf(const KernelFeatures& features) {
  std::vector<std::string> limits;
  for (const Hook& hook : kHooks) {
    // Before 6.2 path_truncate sees these as well.
    if (hook.name == absl::string_view("file_truncate") && !features.AtLeast(6, 2)) continue;
    if (features.HasHook(hook.name)) continue;
    limits.push_back(absl::StrCat(hook.what, ": ", Lacking(hook)));
  }
  if (!features.HasTaskStorage()) {
    limits.push_back(
        absl::StrCat("confined processes are looked up by address, which is slower: task storage ",
                     features.HasHelper("task_storage_get")
                         ? "of a preemptible kernel needs Linux 6.2, or boot with preempt=voluntary"
                         : "needs Linux 5.11"));
  }
  return limits;
}

EnforcerSupport SupportOf(const KernelFeatures& features, const std::string& directory) {
  if (!features.root || !features.may_load) {
    return Missing("this process may not load BPF programs",
                   "run it as root with CAP_SYS_ADMIN in the initial user namespace");
  }
  if (!features.AtLeast(kOldestMajor, kOldestMinor)) {
    return Missing(absl::StrCat("Linux ", features.release, " is too old"),
                   absl::StrCat("use Linux ", kOldestMajor, ".", kOldestMinor, " or later"));
  }
  if (!features.unread.ok()) {
    return MissingAs(features.unread.message(), "free some memory");
  }
  if (!features.btf) {
    return Missing("the kernel has no BTF that this process can read",
                   "use a kernel with CONFIG_DEBUG_INFO_BTF=y, and mount sysfs at /sys");
  }
  if (features.lsms_unknown) {
    return Missing("the list of active LSMs cannot be read",
                   "mount securityfs: mount -t securityfs none /sys/kernel/security");
  }
  for (const std::string& hook : EssentialHooks()) {
    if (features.HasHook(hook)) continue;
    return Missing(absl::StrCat("the kernel has no BPF hook ", hook),
                   "use a kernel with CONFIG_BPF_LSM=y");
  }
  if (!features.lsm_active) {
    return Missing(
        absl::StrCat("BPF is not an active LSM: lsm=", features.lsms),
        absl::StrCat("boot with lsm=", WithBpf(features.lsms), " on the kernel's command line"));
  }
  if (!features.bpffs) {
    return Missing(absl::StrCat(Quoted(directory), " is not in a BPF file system"),
                   "mount one: mount -t bpf bpf /sys/fs/bpf");
  }
  if (features.cgroup_mount.empty()) {
    return MissingAs(features.cgroup_problem, "mount cgroup v2");
  }
  EnforcerSupport support;
  support.available = true;
  support.limits = LimitsOf(features);
  return support;
}

}  // namespace varmor
