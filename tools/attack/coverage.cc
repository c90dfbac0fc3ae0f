#include "tools/attack/coverage.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

struct Row {
  // File, exec, network, mount, capability, ptrace, identity, life cycle, audit, self-protection,
  // behaviour.
  const char* id;
  const char* attack;
  // A case of the matrix under BPF; null: another suite.
  const char* rule;
  // Which ways of it, or which suite.
  const char* where;
};

constexpr Row kRows[] = {
    {"F01", "names beside a denied file", "a file, read and write", ""},
    {"F02", "opening in a copy of the mount that is attached nowhere", "a file, read and write",
     "way open_tree; always refused where there are rules about files"},
    {"F03", "another root", "a file, read and write", "way chroot"},
    {"F04", "/proc/self/root and cwd, a relative name, `..` and `//`, a link",
     "a file, read and write", "ways proc_root, proc_cwd, relative, dotted, symlink"},
    {"F04b", "a bind mount of the directory", nullptr,
     "not closed: [a bind mount gives files other paths](bpf_enforcer.md#what-it-does-not-see)"},
    {"F05", "creating, and nothing is left behind", "a directory's content, written",
     "create; way reading"},
    {"F06", "truncating, removing, making, changing", "a directory's content, written", ""},
    {"F07", "hard links", "other names for protected files", "link"},
    {"F08", "renaming out, of the directory, exchange both ways", "other names for protected files",
     "rename; ways exchange, exchange_back"},
    {"F09", "O_TMPFILE and linkat", "other names for protected files", "create; way tmpfile"},
    {"F10", "two mounts on one directory; 31 and 60 components",
     "files below two mounts, and deep ones", ""},
    {"F11", "memory of processes, also in a second procfs", "memory of processes", "way procfs"},
    {"F12", "start and end of a pattern that overlap (they may)", "a pattern that may overlap", ""},
    {"F13", "a pattern of the last component", "a pattern of the last component", ""},
    {"F14", "two subjects at once on one CPU, fully preemptible", nullptr,
     "`tools/vm/run reliability-preempt`"},
    {"F15", "the first write to a file of an overlay's lower layer",
     "a directory whose files are in an overlay's lower layer", ""},
    {"F16", "connecting to a socket's file", "a socket's file", ""},
    {"E01", "other names for a program, descriptors", "a program",
     "ways proc_root, relative, dotted, symlink, chroot, fexecve, dirfd"},
    {"E02", "as the interpreter of a script", "a program", "way script"},
    {"E03", "a link to a program of many names",
     "a program by its name, which may be a link to another", "ways applet, applet_relative"},
    {"E04", "a program without a name: in memory, deleted", "a list of programs",
     "ways memfd, deleted"},
    {"E05", "by the dynamic loader", "a program", "way loader"},
    {"N01", "IPv4 in IPv6, fast open, datagrams, AF_UNSPEC, io_uring", "an address", ""},
    {"N02", "the edge of a network", "a network", ""},
    {"N03", "the same of IPv6", "a network of IPv6", ""},
    {"N04", "a range of ports, both families", "ports of every address", ""},
    {"N05", "single ports", "single ports", ""},
    {"N06", "the pod's own addresses", "ports of the pod itself", ""},
    {"N07", "the machine itself, under all its names", "the machine itself", ""},
    {"N08", "a protocol, when it is not named; multipath TCP", "a protocol", ""},
    {"N09", "10,000 addresses and networks", "ten thousand addresses",
     "its cost: [performance](performance.md)"},
    {"M01", "mounting procfs: meaningless flags, fsopen, without attaching", "new mounts of procfs",
     "ways flag_512, new_api, detached"},
    {"M02", "mounting cgroups, both versions", "new mounts of cgroups", ""},
    {"M03", "bind mounts: relative, `//`, a link, open_tree", "binds of a directory",
     "ways relative, dotted, symlink, new_api"},
    {"M04", "remounting: fspick, mount_setattr", "remounts", "ways new_api, mount_setattr"},
    {"M05", "unmounting, also lazily", "unmounting", "way new_api"},
    {"M06", "any mount, without a source", "every mount", "way no_source"},
    {"C01", "with all capabilities, all but one, in a user namespace", "capabilities",
     "ways all, all_but_sys_resource, userns, userns_at_once"},
    {"C02", "raw sockets", "capabilities", "net_raw"},
    {"C03", "the runtime executes in a container without CAP_SYS_ADMIN", nullptr,
     "`tools/vm/run reliability -- identity`"},
    {"C04", "making user namespaces", "disallow-create-user-ns", "ways clone, clone3"},
    {"P01", "tracing: attach, seize, traceme, writing memory",
     "tracing, the own container included", "from outside: the machine's own processes"},
    {"P02", "reading other containers' processes", "tracing others", ""},
    {"I01", "namespaces, cgroups, containers inside, daemons", nullptr,
     "`tools/vm/run reliability -- identity`; ways unshare, daemon of every file that is read"},
    {"I01", "the first process, a child, a program in a cgroup below, beside, at the top",
     "moving between cgroups",
     "ways cgroup_child, cgroup_sibling, cgroup_root; first_ and these; before it was confined: "
     "the "
     "machine's own processes"},
    {"I02", "confining the machine", "the machine's own processes", ""},
    {"L01", "kill -9 of the enforcer", nullptr, "`tools/vm/run reliability -- kills`"},
    {"L02", "updates without pause", nullptr, "`tools/vm/run reliability -- updates`"},
    {"L03", "a container before its profile", nullptr,
     "`bazel test //runtime/agent:agent_test`: it waits for its policy, a hook waits for the "
     "enrolment, fail closed kills it; every case here enrols between create and start"},
    {"L04", "bad and oversized updates", nullptr, "`tools/vm/run reliability -- refusals faults`"},
    {"A01", "a reader that sleeps", nullptr, "`tools/vm/run reliability -- events`"},
    {"S01", "BPF objects by number and pin, signals to the enforcer", nullptr,
     "`tools/vm/run reliability -- protection`"},
    {"B01", "recording a workload", nullptr, "not tried: nothing records yet"},
};

}  // namespace

std::vector<std::string> CoveredCases() {
  std::vector<std::string> cases;
  for (const Row& row : kRows) {
    if (row.rule != nullptr) cases.emplace_back(row.rule);
  }
  return cases;
}

std::string CoverageTable(const std::vector<MatrixRow>& rows) {
  std::string text = "| row | attack | where | passed |\n|---|---|---|---|\n";
  for (const Row& row : kRows) {
    absl::StrAppend(&text, "| ", row.id, " | ", row.attack, " | ");
    if (row.rule == nullptr) {
      absl::StrAppend(&text, row.where, " | |\n");
      continue;
    }
    const auto is_of = [&row](const MatrixRow& run) {
      return run.rule == row.rule && run.enforcer == "BPF";
    };
    const auto all = std::count_if(rows.begin(), rows.end(), is_of);
    const auto passed = std::count_if(rows.begin(), rows.end(), [&is_of](const MatrixRow& run) {
      return is_of(run) && run.result == MatrixRow::Result::kPassed;
    });
    absl::StrAppend(&text, row.rule, row.where[0] == '\0' ? "" : ": ", row.where, " | ", passed,
                    " of ", all, " |\n");
  }
  return text;
}

}  // namespace varmor
