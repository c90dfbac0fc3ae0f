#include "lib/compiler/lint/lint_broad.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/apparmor/statement_parts.h"
#include "lib/compiler/lint/lint_table.h"

namespace varmor {
namespace {

using Effect = Claim::Effect;

// Files that programs rely on, whatever they are for.
struct NeededFile {
  char access;
  absl::string_view path;
  // What is lost.
  absl::string_view loss;
};

constexpr NeededFile kNeededFiles[] = {
    {'r', "/usr/lib/x86_64-linux-gnu/libc.so.6", "shared libraries"},
    {'r', "/lib/x86_64-linux-gnu/libc.so.6", "shared libraries"},
    {'r', "/usr/lib64/libc.so.6", "shared libraries"},
    {'r', "/usr/lib64/ld-linux-x86-64.so.2", "shared libraries"},
    {'r', "/lib/ld-musl-x86_64.so.1", "shared libraries"},
    {'r', "/etc/ld.so.cache", "the places of shared libraries"},
    {'r', "/etc/resolv.conf", "the addresses of name servers"},
    {'r', "/etc/nsswitch.conf", "how names are looked up"},
    {'r', "/etc/passwd", "names of users"},
    {'r', "/dev/null", "/dev/null"},
    {'w', "/dev/null", "/dev/null"},
    {'r', "/dev/urandom", "random numbers"},
    {'r', "/proc/1/status", "what a process knows about itself"},
    {'r', "/proc/1/maps", "what a process knows about itself"},
    {'r', "/proc/meminfo", "the size of the memory"},
    {'w', "/proc/1/task/1/comm", "setting the names of threads"},
};

// Without these no program gets as far as main(), or from there to its end.
constexpr absl::string_view kNeededSyscalls[] = {
    "brk",    "close",      "exit_group", "fstat", "futex",        "mmap",         "mprotect",
    "munmap", "newfstatat", "openat",     "read",  "rt_sigaction", "rt_sigreturn", "write"};

// System calls that do the same; a refusal of some of them is no obstacle.
struct SyscallGroup {
  absl::string_view what;
  std::vector<absl::string_view> names;
};

const std::vector<SyscallGroup>& SyscallGroups() {
  static const auto& groups = *new std::vector<SyscallGroup>{
      {"change permissions", {"chmod", "fchmod", "fchmodat", "fchmodat2"}},
      {"change owners", {"chown", "fchown", "fchownat", "lchown"}},
      {"remove files", {"unlink", "unlinkat"}},
      {"rename files", {"rename", "renameat", "renameat2"}},
      {"make links", {"link", "linkat"}},
      {"make symbolic links", {"symlink", "symlinkat"}},
      {"make directories", {"mkdir", "mkdirat"}},
      {"make device files", {"mknod", "mknodat"}},
      {"load kernel modules", {"init_module", "finit_module"}},
      {"load another kernel", {"kexec_file_load", "kexec_load"}},
      {"set the clock", {"clock_settime", "clock_settime64", "settimeofday"}},
      {"mount file systems", {"mount", "move_mount"}},
  };
  return groups;
}

bool IsRaw(const Claim& claim) { return !claim.builtin && !claim.base; }

// The rule, as its report begins.
std::string Subject(const Claim& claim) {
  return claim.text.empty() ? "the rule" : Quoted(claim.text);
}

// Where a claim's rule stands; the claims of a rule have one key.
auto KeyOf(const Claim& claim) {
  return std::make_tuple(claim.origin.field, claim.place.line, claim.place.column);
}

// A pattern that spells the file's name means it.
bool NamesFile(const PathSet& paths, absl::string_view path) {
  const absl::string_view name = path.substr(path.rfind('/') + 1);
  return paths.exact || absl::StrContains(paths.text, name.substr(0, name.find('.')));
}

// What a denial takes away beside what it is about, without repetitions.
struct Losses {
  const Claim* rule = nullptr;
  std::vector<std::string> paths;
  std::set<absl::string_view> seen;
};

void AddLosses(const Claim& claim, const PathClaim& path, Losses& losses) {
  losses.rule = &claim;
  for (const NeededFile& needed : kNeededFiles) {
    if (needed.access != path.access || !path.paths.Matches(needed.path)) continue;
    if (NamesFile(path.paths, needed.path) || !losses.seen.insert(needed.loss).second) continue;
    losses.paths.push_back(needed.loss == needed.path
                               ? std::string(needed.path)
                               : absl::StrCat(needed.path, " (", needed.loss, ")"));
  }
}

bool IsEveryProgram(const PathClaim& path, LintBudget& budget) {
  static const PathSet& all = *new PathSet(AppArmorPathSet("/{[^/],[^/]**[^/]}"));
  return path.access == 'x' && CoversPaths({&path.paths}, all, budget);
}

void ReportLosses(const Losses& losses, Diagnostics& findings) {
  if (losses.paths.empty()) return;
  std::vector<std::string> shown = losses.paths;
  if (shown.size() > 3) {
    shown.resize(3);
    shown.push_back(absl::StrCat(losses.paths.size() - 3, " more"));
  }
  AddFinding("breaks-programs", losses.rule->origin.field,
             absl::StrCat(Subject(*losses.rule),
                          " also denies what programs rely on: ", absl::StrJoin(shown, ", ")),
             "name the directories that matter instead", findings, losses.rule->place);
}

void FindBrokenPrograms(const Claims& claims, LintBudget& budget, Diagnostics& findings) {
  std::map<std::tuple<std::string, int, int>, Losses> rules;
  std::set<std::tuple<std::string, int, int>> every_program;
  for (const Claim& claim : claims.list) {
    const auto* path = std::get_if<PathClaim>(&claim.what);
    if (path == nullptr || !IsRaw(claim) || claim.effect != Effect::kDeny || path->owner) continue;
    AddLosses(claim, *path, rules[KeyOf(claim)]);
    if (!IsEveryProgram(*path, budget) || !every_program.insert(KeyOf(claim)).second) continue;
    AddFinding("breaks-programs", claim.origin.field,
               absl::StrCat(Subject(claim),
                            " denies every program, also the one that the container is for"),
               claim.target.empty() ? "name the programs that must not run"
                                    : "name the programs that this one must not run",
               findings, claim.place);
  }
  for (const auto& [key, losses] : rules) ReportLosses(losses, findings);
}

void FindNeededSyscalls(const Claims& claims, Diagnostics& findings) {
  std::map<std::string, std::vector<std::string>> refused;
  for (const Claim& claim : claims.list) {
    const auto* syscall = std::get_if<SyscallClaim>(&claim.what);
    if (syscall == nullptr || !IsRaw(claim) || claim.effect != Effect::kDeny) continue;
    const bool always = std::any_of(syscall->conditions.begin(), syscall->conditions.end(),
                                    [](const ArgConjunction& all) { return all.empty(); });
    const bool needed = std::find(std::begin(kNeededSyscalls), std::end(kNeededSyscalls),
                                  syscall->name) != std::end(kNeededSyscalls);
    if (always && needed) refused[claim.origin.field].push_back(Quoted(syscall->name));
  }
  for (const auto& [field, names] : refused) {
    AddFinding("breaks-programs", field,
               absl::StrCat("the rule refuses ", absl::StrJoin(names, ", "),
                            ", which every program needs"),
               "remove the name, or add args that say which calls are meant", findings);
  }
}

// ---- name resolution

constexpr uint16_t kDnsPort = 53;

bool HasPort(const BpfEgress& rule, uint16_t port) {
  return rule.ports.empty() ||
         std::any_of(rule.ports.begin(), rule.ports.end(), [port](const PortRange& range) {
           return range.first <= port && port <= range.last;
         });
}

// Every address of IPv4, which is mapped into IPv6, or of IPv6.
bool IsEverywhere(const BpfPrefix& prefix) {
  if (prefix.bits == 0) return true;
  if (prefix.bits != 96) return false;
  const auto& a = prefix.address;
  return std::all_of(a.begin(), a.begin() + 10, [](uint8_t byte) { return byte == 0; }) &&
         a[10] == 0xff && a[11] == 0xff;
}

bool Holds(uint64_t mask, int number) { return mask == 0 || (mask >> number & 1) != 0; }

// UDP over IP, and not TCP as well: a rule against all of the network is meant so.
bool IsOnlyUdp(const BpfSocket& rule) {
  constexpr int kInet = 2, kStream = 1, kDgram = 2, kTcp = 6, kUdp = 17;  // linux/in.h, socket.h
  if (!Holds(rule.domains, kInet)) return false;
  const bool udp = Holds(rule.types, kDgram) && Holds(rule.protocols, kUdp);
  const bool tcp = Holds(rule.types, kStream) && Holds(rule.protocols, kTcp);
  return udp && !tcp;
}

bool IsOnlyUdp(const AppArmorStatement& statement) {
  if (statement.kind != AppArmorStatement::Kind::kNetwork) return false;
  const std::vector<std::string> words = PartsOf(statement).words;
  const auto has = [&](absl::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  const bool of_inet = words.size() == 1 || has("inet");
  return of_inet && (has("udp") || has("dgram"));
}

void FindBrokenResolution(const Claims& claims, Diagnostics& findings) {
  for (const Claim& claim : claims.list) {
    if (!IsRaw(claim) || claim.effect != Effect::kDeny) continue;
    std::string problem;
    if (const auto* egress = std::get_if<const BpfEgress*>(&claim.what)) {
      const std::vector<BpfPrefix>& prefixes = (*egress)->prefixes;
      if (HasPort(**egress, kDnsPort) &&
          std::any_of(prefixes.begin(), prefixes.end(), IsEverywhere)) {
        problem = "the rule denies port 53 of every address, name servers included";
      }
    } else if (const auto* socket = std::get_if<const BpfSocket*>(&claim.what)) {
      if (IsOnlyUdp(**socket)) problem = "the rule denies UDP, over which names are resolved";
    } else if (const auto* statement = std::get_if<StatementClaim>(&claim.what)) {
      if (IsOnlyUdp(*statement->statement)) {
        problem = absl::StrCat(Subject(claim), " denies UDP, over which names are resolved");
      }
    }
    if (problem.empty()) continue;
    AddFinding("breaks-name-resolution", claim.origin.field, problem,
               "leave port 53 out, or silence this if the program needs no names", findings,
               claim.place);
  }
}

// ---- reports

void FindNoise(const Claims& claims, Diagnostics& findings) {
  constexpr absl::string_view kLibraries[] = {"/usr/lib/x86_64-linux-gnu/libc.so.6",
                                              "/usr/lib64/libc.so.6", "/lib/ld-musl-x86_64.so.1"};
  std::set<std::tuple<std::string, int, int>> seen;
  for (const Claim& claim : claims.list) {
    const auto* path = std::get_if<PathClaim>(&claim.what);
    if (path == nullptr || !IsRaw(claim) || !claim.audit || claim.effect == Effect::kDeny ||
        path->access != 'r' || path->paths.exact) {
      continue;
    }
    const bool all =
        std::all_of(std::begin(kLibraries), std::end(kLibraries), [&](absl::string_view library) {
          return path->paths.Matches(library) && !NamesFile(path->paths, library);
        });
    if (!all || !seen.insert(KeyOf(claim)).second) continue;
    AddFinding("audits-everything", claim.origin.field,
               absl::StrCat(Subject(claim), " reports every shared library that any program reads"),
               "name the directories that matter instead", findings, claim.place);
  }
}

// ---- twins of system calls

void FindIncompleteGroups(const Claims& claims, Diagnostics& findings) {
  std::set<std::string> refused;
  for (const Claim& claim : claims.list) {
    const auto* syscall = std::get_if<SyscallClaim>(&claim.what);
    if (syscall != nullptr && claim.effect == Effect::kDeny) refused.insert(syscall->name);
  }
  std::set<std::pair<std::string, absl::string_view>> seen;
  for (const Claim& claim : claims.list) {
    const auto* syscall = std::get_if<SyscallClaim>(&claim.what);
    if (syscall == nullptr || !IsRaw(claim) || claim.effect != Effect::kDeny) continue;
    for (const SyscallGroup& group : SyscallGroups()) {
      const auto& names = group.names;
      if (std::find(names.begin(), names.end(), syscall->name) == names.end()) continue;
      std::vector<std::string> missing;
      for (const absl::string_view name : names) {
        if (refused.count(std::string(name)) == 0) missing.push_back(Quoted(name));
      }
      if (missing.empty() || !seen.insert({claim.origin.field, group.what}).second) continue;
      AddFinding("incomplete-syscall-group", claim.origin.field,
                 absl::StrCat("the rule refuses ", Quoted(syscall->name), ", and programs can ",
                              group.what, " with ", absl::StrJoin(missing, ", "), " all the same"),
                 "refuse them too", findings);
    }
  }
}

}  // namespace

void LintBroadDenials(const CompileResult& result, const Claims& claims, LintBudget& budget,
                      Diagnostics& findings) {
  FindNoise(claims, findings);
  if (result.rules->complain) return;  // nothing is blocked
  FindBrokenPrograms(claims, budget, findings);
  FindBrokenResolution(claims, findings);
  const bool block_list = result.rules->seccomp.has_value() &&
                          result.rules->seccomp->base == SeccompRules::Base::kBlockList;
  if (!block_list) return;
  FindNeededSyscalls(claims, findings);
  FindIncompleteGroups(claims, findings);
}

}  // namespace varmor
