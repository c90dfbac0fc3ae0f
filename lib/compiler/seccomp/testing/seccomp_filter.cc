#include "lib/compiler/seccomp/testing/seccomp_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "rapidjson/document.h"

// libseccomp 2.5.4 forgets memory when it refuses a rule. LeakSanitizer asks for this by name.
extern "C" const char* __lsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "leak:libseccomp.so\n";
}

namespace varmor {
namespace {

using Json = rapidjson::Value;

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

absl::Status Refused(absl::string_view what, int result) {
  return absl::FailedPreconditionError(absl::StrCat(what, ": ", std::strerror(-result)));
}

const char* Text(const Json& json, const char* key) {
  return json.HasMember(key) ? json[key].GetString() : "";
}

absl::StatusOr<uint32_t> ActionOf(absl::string_view word, const Json& json, const char* errno_key) {
  const uint32_t value = json.HasMember(errno_key) ? json[errno_key].GetUint() : EPERM;
  if (word == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(value);
  if (word == "SCMP_ACT_TRACE") return SCMP_ACT_TRACE(value);
  if (json.HasMember(errno_key)) {
    return absl::FailedPreconditionError(absl::StrCat("crun: errno beside ", word));
  }
  if (word == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
  if (word == "SCMP_ACT_KILL" || word == "SCMP_ACT_KILL_THREAD") return SCMP_ACT_KILL_THREAD;
  if (word == "SCMP_ACT_KILL_PROCESS") return SCMP_ACT_KILL_PROCESS;
  if (word == "SCMP_ACT_LOG") return SCMP_ACT_LOG;
  if (word == "SCMP_ACT_NOTIFY") return SCMP_ACT_NOTIFY;
  if (word == "SCMP_ACT_TRAP") return SCMP_ACT_TRAP;
  return absl::FailedPreconditionError(absl::StrCat("action ", word));
}

absl::StatusOr<scmp_arg_cmp> ConditionOf(const Json& arg) {
  const struct {
    const char* word;
    scmp_compare op;
  } kOperators[] = {{"SCMP_CMP_NE", SCMP_CMP_NE},
                    {"SCMP_CMP_LT", SCMP_CMP_LT},
                    {"SCMP_CMP_LE", SCMP_CMP_LE},
                    {"SCMP_CMP_EQ", SCMP_CMP_EQ},
                    {"SCMP_CMP_GE", SCMP_CMP_GE},
                    {"SCMP_CMP_GT", SCMP_CMP_GT},
                    {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
  scmp_arg_cmp condition = {};
  condition.arg = arg["index"].GetUint();
  if (condition.arg > 5) return absl::FailedPreconditionError("index");
  condition.datum_a = arg["value"].GetUint64();
  condition.datum_b = arg.HasMember("valueTwo") ? arg["valueTwo"].GetUint64() : 0;
  for (const auto& known : kOperators) {
    if (absl::string_view(Text(arg, "op")) != known.word) continue;
    condition.op = known.op;
    return condition;
  }
  return absl::FailedPreconditionError(absl::StrCat("operator ", Text(arg, "op")));
}

absl::Status AddCall(scmp_filter_ctx context, uint32_t action, int number,
                     const std::vector<scmp_arg_cmp>& conditions) {
  std::set<unsigned> indexes;
  for (const scmp_arg_cmp& condition : conditions) indexes.insert(condition.arg);
  const auto add = [&](unsigned count, const scmp_arg_cmp* list) {
    const int result = seccomp_rule_add_array(context, action, number, count, list);
    return result == 0 ? absl::OkStatus() : Refused("rule", result);
  };
  if (indexes.size() == conditions.size()) {
    return add(static_cast<unsigned>(conditions.size()), conditions.data());
  }
  for (const scmp_arg_cmp& condition : conditions) {
    if (absl::Status status = add(1, &condition); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status AddEntry(scmp_filter_ctx context, uint32_t default_action, const Json& entry) {
  const absl::StatusOr<uint32_t> action = ActionOf(Text(entry, "action"), entry, "errnoRet");
  if (!action.ok()) return action.status();
  if (*action == default_action) return absl::OkStatus();
  std::vector<scmp_arg_cmp> conditions;
  if (entry.HasMember("args")) {
    for (const Json& arg : entry["args"].GetArray()) {
      const absl::StatusOr<scmp_arg_cmp> condition = ConditionOf(arg);
      if (!condition.ok()) return condition.status();
      conditions.push_back(*condition);
    }
  }
  for (const Json& name : entry["names"].GetArray()) {
    const int number = seccomp_syscall_resolve_name(name.GetString());
    if (number == __NR_SCMP_ERROR) continue;
    if (absl::Status status = AddCall(context, *action, number, conditions); !status.ok()) {
      return absl::FailedPreconditionError(absl::StrCat(name.GetString(), ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

uint32_t TokenOf(absl::string_view architecture) {
  absl::ConsumePrefix(&architecture, "SCMP_ARCH_");
  return seccomp_arch_resolve_name(absl::AsciiStrToLower(architecture).c_str());
}

absl::Status AddArchitectures(scmp_filter_ctx context, const Json& json) {
  if (!json.HasMember("architectures")) return absl::OkStatus();
  for (const Json& word : json["architectures"].GetArray()) {
    const uint32_t token = TokenOf(word.GetString());
    if (token == 0) return absl::FailedPreconditionError("architecture");
    const int result = seccomp_arch_add(context, token);
    // The native one is there already.
    if (result != 0 && result != -EEXIST) return Refused("architecture", result);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ClassicBpfInstruction>> Export(scmp_filter_ctx context) {
  const int file = memfd_create("filter", MFD_CLOEXEC);
  if (file < 0) return absl::InternalError("memfd_create");
  const int result = seccomp_export_bpf(context, file);
  const off_t bytes = lseek(file, 0, SEEK_END);
  std::vector<ClassicBpfInstruction> program(static_cast<size_t>(bytes) /
                                             sizeof(ClassicBpfInstruction));
  static_assert(sizeof(ClassicBpfInstruction) == 8, "the layout of struct sock_filter");
  const ssize_t got = pread(file, program.data(), static_cast<size_t>(bytes), 0);
  close(file);
  if (result != 0) return Refused("export", result);
  if (got != bytes) return absl::InternalError("pread");
  return program;
}

std::string OutcomeText(uint32_t value) {
  const uint32_t data = value & SECCOMP_RET_DATA;
  switch (value & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_KILL_PROCESS:
      return "KILL_PROCESS";
    case SECCOMP_RET_KILL_THREAD:
      return "KILL_THREAD";
    case SECCOMP_RET_TRAP:
      return "TRAP";
    case SECCOMP_RET_ERRNO:
      return absl::StrCat("ERRNO(", data, ")");
    case SECCOMP_RET_USER_NOTIF:
      return "NOTIFY";
    case SECCOMP_RET_TRACE:
      return absl::StrCat("TRACE(", data, ")");
    case SECCOMP_RET_LOG:
      return "LOG";
    case SECCOMP_RET_ALLOW:
      return "ALLOW";
    default:
      return absl::StrCat("0x", absl::Hex(value));
  }
}

}  // namespace

absl::StatusOr<SeccompFilter> SeccompFilter::Build(absl::string_view json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) {
    return absl::InvalidArgumentError("not JSON");
  }
  const absl::StatusOr<uint32_t> action =
      ActionOf(Text(document, "defaultAction"), document, "defaultErrnoRet");
  if (!action.ok()) return action.status();
  const Context context(seccomp_init(*action));
  if (context == nullptr) return absl::FailedPreconditionError("default action");
  if (absl::Status status = AddArchitectures(context.get(), document); !status.ok()) return status;
  if (document.HasMember("syscalls")) {
    for (const Json& entry : document["syscalls"].GetArray()) {
      if (absl::Status status = AddEntry(context.get(), *action, entry); !status.ok()) {
        return status;
      }
    }
  }
  absl::StatusOr<std::vector<ClassicBpfInstruction>> program = Export(context.get());
  if (!program.ok()) return program.status();
  absl::StatusOr<ClassicBpf> bpf = ClassicBpf::FromProgram(*std::move(program));
  if (!bpf.ok()) return bpf.status();
  return SeccompFilter(*std::move(bpf));
}

std::string SeccompFilter::DecideNumber(absl::string_view architecture, int number,
                                        const std::vector<uint64_t>& args) const {
  SeccompData data;
  data.number = number;
  // x32 programs show the AUDIT_ARCH of x86_64 and a bit in the number.
  data.arch = architecture == "SCMP_ARCH_X32" ? uint32_t{AUDIT_ARCH_X86_64} : TokenOf(architecture);
  for (size_t i = 0; i < args.size() && i < data.args.size(); ++i) data.args[i] = args[i];
  return OutcomeText(bpf_.Run(data));
}

std::string SeccompFilter::Decide(absl::string_view architecture, const std::string& name,
                                  const std::vector<uint64_t>& args) const {
  const int number = seccomp_syscall_resolve_name_arch(TokenOf(architecture), name.c_str());
  if (number < 0) return "no such syscall";
  return DecideNumber(architecture, number, args);
}

}  // namespace varmor
