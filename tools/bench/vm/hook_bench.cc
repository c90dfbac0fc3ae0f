// hook_bench PROFILES RECORDED [RESULT [PART...]]: what the hooks of the BPF enforcer cost, in
// guest instructions. Runs in a guest whose clock counts instructions (tools/vm/run bench), as
// root.
//
// PROFILES is what bench_profiles wrote, RECORDED what an earlier run wrote to RESULT. With PARTs
// only figures are measured whose name contains one of them.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "bpf/libbpf.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "tools/bench/vm/figures.h"
#include "tools/bench/vm/probing_child.h"
#include "tools/bench/vm/rule_families.h"

namespace varmor {
namespace {

constexpr int kRepetitions = 3;
// Of these the least counts: now and then one holds another task's work.
constexpr int kBatches = 3;

constexpr char kProfile[] = "varmor-vm-bench";
constexpr char kInstructions[] = "instructions";

void Require(const absl::Status& status, const std::string& what) {
  if (status.ok()) return;
  std::cerr << "hook_bench: " << what << ": " << status << "\n";
  std::exit(1);
}

// Calls of a program and the time in it so far.
struct Reading {
  double calls = 0;
  double ns = 0;
};

class Hook {
 public:
  explicit Hook(uint32_t id) : fd_(bpf_prog_get_fd_by_id(id)) {
    if (fd_ < 0) Fail("program by number");
  }
  Reading Read() const {
    bpf_prog_info info{};
    uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd_, &info, &size) != 0) Fail("facts of a program");
    return {static_cast<double>(info.run_cnt), static_cast<double>(info.run_time_ns)};
  }

 private:
  int fd_;
};

// What is measured: a hook, and what makes the kernel call it.
struct Act {
  std::string hook;
  std::string command;
  std::string argument = "-";
  int times = 300;
};

Act Opening(const std::string& path) { return {"file_open", "open", path}; }
Act Executing(const std::string& path) { return {"bprm_check_security", "exec", path, 30}; }
Act Connecting(const std::string& address) { return {"socket_connect", "connect", address}; }
Act Asking() { return {"capable", "capable"}; }
// One symbolic link: self.
Act Following() { return {"inode_follow_link", "open", "/proc/self/status"}; }

class Bench {
 public:
  Bench(std::string profiles, std::vector<std::string> parts)
      : profiles_(std::move(profiles)), parts_(std::move(parts)), enforcer_({}) {
    MakeFiles();
    const std::string mount = FindCgroupMount().value();
    confined_cgroup_ = absl::StrCat(mount, "/confined");
    other_cgroup_ = absl::StrCat(mount, "/other");
    Require(MakeCgroup(confined_cgroup_), "cgroup");
    Require(MakeCgroup(other_cgroup_), "cgroup");
    std::ofstream("/proc/sys/kernel/bpf_stats_enabled") << "1";
    const auto report = enforcer_.Start();
    Require(report.status(), "start");
    std::cout << "programs " << report->version << ", " << report->variant << "\n";
    const auto facts = enforcer_.ProgramFacts();
    Require(facts.status(), "programs");
    uint64_t verified = 0;
    for (const BpfProgramFacts& one : *facts) {
      hooks_.emplace(one.name, Hook(one.id));
      verified += one.verified_instructions;
    }
    std::cout << "instructions the verifier looked at: " << verified << "\n";
  }

  void Run() {
    MeasureEmpty();
    MeasureUnconfined();
    MeasureFamilies();
    MeasureNetwork();
    MeasureCapabilities();
    MeasureSubjects();
  }

  const std::vector<Figure>& figures() const { return figures_; }

 private:
  static void MakeFile(const std::string& path) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::filesystem::copy_file("bin/nothing", path,
                               std::filesystem::copy_options::overwrite_existing);
  }

  static void MakeFiles() {
    MakeFile(kMeasuredPath);
    for (const RuleFamily& family : kRuleFamilies) MakeFile(family.matching_path);
  }

  BpfArtifact Profile(const std::string& name) const {
    BpfArtifact artifact;
    std::ifstream in(absl::StrCat(profiles_, "/", name, ".pb"), std::ios::binary);
    if (!artifact.ParseFromIstream(&in)) Fail(absl::StrCat("profile ", name));
    return artifact;
  }

  bool Wanted(const std::string& figure) const {
    if (parts_.empty()) return true;
    for (const std::string& part : parts_) {
      if (absl::StrContains(figure, part)) return true;
    }
    return false;
  }

  // The profile of what is measured next; in force once something is.
  void Apply(const std::string& name) { next_profile_ = name; }

  void PutInForce() {
    if (next_profile_.empty()) return;
    const std::string name = std::exchange(next_profile_, "");
    const BpfArtifact artifact = Profile(name);
    ArtifactSet set;
    set.bpf = &artifact;
    Require(enforcer_.Apply(set), name);
    if (confined_ != nullptr) return;
    BpfSubject subject;
    subject.cgroup = CgroupIdOfPath(confined_cgroup_).value();
    subject.profile = artifact.name();
    Require(enforcer_.Enroll(subject), "enroll");
    confined_ = std::make_unique<ProbingChild>(confined_cgroup_);
  }

  // One batch: instructions for a call. `denied`: whether all of it has to be, else none.
  double Batch(ProbingChild& child, const Act& act, const Hook& hook, bool denied) {
    const Reading before = hook.Read();
    const long count = child.Do(act.command, act.times, act.argument);
    const Reading after = hook.Read();
    if (count != (denied ? act.times : 0)) {
      std::cerr << "hook_bench: " << act.command << " " << act.argument << ": denied " << count
                << " times of " << act.times << "\n";
      std::exit(1);
    }
    return (after.ns - before.ns) / (after.calls - before.calls);
  }

  void Measure(const std::string& name, ProbingChild& child, const Act& act, const Hook& hook,
               bool denied, double bar = 0) {
    if (!Wanted(name)) return;
    Figure figure{name, {}, bar, kInstructions};
    for (int repetition = 0; repetition < kRepetitions; ++repetition) {
      double least = Batch(child, act, hook, denied);
      for (int i = 1; i < kBatches; ++i) least = std::min(least, Batch(child, act, hook, denied));
      figure.values.push_back(least);
    }
    Add(figure);
  }

  void Measure(const std::string& name, const Act& act, bool denied, double bar = 0) {
    if (!Wanted(name)) return;
    PutInForce();
    Measure(name, *confined_, act, hooks_.at(act.hook), denied, bar);
  }

  void Add(Figure figure) {
    std::cout << figure.name << ": " << figure.least() << " " << figure.unit << ", spread "
              << figure.spread() << " %" << std::endl;
    figures_.push_back(std::move(figure));
  }

  // Attached for as long as this runs.
  void MeasureEmpty() {
    bpf_object* object = bpf_object__open_file("empty.bpf.o", nullptr);
    if (object == nullptr || bpf_object__load(object) != 0) Fail("empty.bpf.o");
    bpf_program* program = bpf_object__find_program_by_name(object, "empty");
    bpf_link* link = bpf_program__attach(program);
    if (link == nullptr) Fail("attach empty.bpf.o");
    bpf_prog_info info{};
    uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) != 0) Fail("empty.bpf.o");
    ProbingChild child("");
    child.Do("open", 2000, kMeasuredPath);  // warms up
    sleep(5);
    Measure("a program that returns at once", child, Opening(kMeasuredPath), Hook(info.id), false);
    bpf_link__destroy(link);
    bpf_object__close(object);
  }

  void MeasureUnconfined() {
    ProbingChild host("");
    ProbingChild other(other_cgroup_);
    for (const Act& act : {Opening(kMeasuredPath), Executing(kMeasuredPath), Connecting("10.9.9.9"),
                           Asking(), Following()}) {
      const double bar = act.command == "exec" ? 0 : 250;
      const Hook& hook = hooks_.at(act.hook);
      Measure(absl::StrCat(act.hook, "/process of the host"), host, act, hook, false, bar);
      Measure(absl::StrCat(act.hook, "/container without a profile"), other, act, hook, false, bar);
    }
  }

  void MeasureFamilies() {
    for (const RuleFamily& family : kRuleFamilies) {
      for (const int rules : kRuleCounts) MeasureFamily(family, rules);
    }
    Apply("audited-64");
    Measure("file_open/shared-beginning, audited/64/match", Opening(kRuleFamilies[1].matching_path),
            true);
    Apply("hardening");
    Measure("file_open/hardening set/no match", Opening(kMeasuredPath), false, 3200);
    Measure("file_open//proc/self/status with the hardening set", Opening("/proc/self/status"),
            false);
    Measure("inode_follow_link/hardening set", Following(), false, 250);
    Measure("bprm_check_security/hardening set/no match", Executing(kMeasuredPath), false, 3200);
  }

  void MeasureFamily(const RuleFamily& family, int rules) {
    const bool early = family.name == kRuleFamilies[0].name;
    Apply(absl::StrCat(family.name, "-", rules));
    const std::string tail = absl::StrCat("/", family.name, "/", rules);
    Measure(absl::StrCat("file_open", tail, "/no match"), Opening(kMeasuredPath), false,
            early ? 2000 : 3200);
    Measure(absl::StrCat("file_open", tail, "/match"), Opening(family.matching_path), true);
    Measure(absl::StrCat("bprm_check_security", tail, "/no match"), Executing(kMeasuredPath), false,
            3200);
    Measure(absl::StrCat("bprm_check_security", tail, "/match"), Executing(family.matching_path),
            true);
    if (rules != kRuleCounts[0]) return;
    Measure(absl::StrCat("socket_connect", tail, "/no rules about it"), Connecting("10.9.9.9"),
            false);
    Measure(absl::StrCat("capable", tail, "/no rules about it"), Asking(), false);
  }

  void MeasureNetwork() {
    for (const int rules : kRuleCounts) {
      Apply(absl::StrCat("addresses-", rules));
      Measure(absl::StrCat("socket_connect/", rules, "/no match"), Connecting("10.9.9.9"), false);
      Measure(absl::StrCat("socket_connect/", rules, "/match"), Connecting("10.1.0.0"), true);
    }
  }

  void MeasureCapabilities() {
    Apply("capabilities-1");
    Measure("capable/1/no match", Asking(), false);
    Apply("capabilities-all");
    Measure("capable/all/match", Asking(), true);
  }

  void EnrollMore(int wanted) {
    for (; enrolled_ < wanted; ++enrolled_) {
      BpfSubject subject;
      // No such cgroup: their own memory would be counted with the subjects'.
      subject.cgroup = (1ull << 40) + static_cast<uint64_t>(enrolled_);
      subject.profile = kProfile;
      Require(enforcer_.Enroll(subject), "enroll");
    }
  }

  void MeasureSubjects() {
    if (!Wanted("container")) return;
    Apply("shared-ends-64");
    PutInForce();
    MeasureUpdate("1 container", 0);
    Apply("shared-ends-64");
    for (const int subjects : {1, 100, 1000, 2000}) {
      const double before = SlabBytes();
      const int more = subjects - enrolled_;
      EnrollMore(subjects);
      if (more >= 1000) {
        Add({"memory for a container more", {(SlabBytes() - before) / more}, 256, "bytes"});
      }
      if (subjects == 1000) {
        MeasureUpdate("1,000 containers", 50);
        Apply("shared-ends-64");
        continue;
      }
      Measure(absl::StrCat("file_open/shared-ends/64/no match, ", subjects, " subjects"),
              Opening(kMeasuredPath), false, 3200);
    }
  }

  // Of the kernel's objects, in whole slabs.
  static double SlabBytes() {
    std::ifstream in("/proc/meminfo");
    std::string word;
    double kib = 0;
    while (in >> word) {
      if (word == "Slab:" && in >> kib) return kib * 1024;
    }
    Fail("/proc/meminfo");
  }

  // From one profile to another and back. Each update waits for nobody: what the one before has
  // left to free is freed. `pursued`: another right behind it, which waits for that.
  void MeasureUpdate(const std::string& containers, double bar) {
    Figure alone{absl::StrCat("update of a profile, ", containers), {}, bar, "ms"};
    Figure pursued{absl::StrCat("update right after another, ", containers), {}, 0, "ms"};
    const BpfArtifact hardening = Profile("hardening"), shared = Profile("shared-ends-64");
    for (int i = 0; i < kRepetitions; ++i) {
      Require(enforcer_.Profiles().status(), alone.name);
      alone.values.push_back(UpdateTo(hardening, alone.name));
      pursued.values.push_back(UpdateTo(shared, pursued.name));
    }
    Add(alone);
    Add(pursued);
  }

  // In milliseconds.
  double UpdateTo(const BpfArtifact& artifact, const std::string& name) {
    ArtifactSet set;
    set.bpf = &artifact;
    const auto begin = std::chrono::steady_clock::now();
    Require(enforcer_.Apply(set), name);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
        .count();
  }

  std::string profiles_, next_profile_;
  std::vector<std::string> parts_;
  BpfEnforcer enforcer_;
  std::string confined_cgroup_, other_cgroup_;
  std::map<std::string, Hook> hooks_;
  std::unique_ptr<ProbingChild> confined_;
  int enrolled_ = 1;
  std::vector<Figure> figures_;
};

int Main(const std::string& profiles, const std::string& recorded_path, const char* result,
         std::vector<std::string> parts) {
  const std::map<std::string, double> recorded = ReadRecorded(recorded_path);
  Bench bench(profiles, std::move(parts));
  bench.Run();
  std::cout << "\n";
  PrintTable(bench.figures(), recorded, std::cout);
  if (result != nullptr) {
    std::ofstream out(result);
    PrintRecord(bench.figures(), out);
  }
  const Checks checks = Check(bench.figures(), recorded, std::cout);
  std::cout << checks.passed << " passed, " << checks.failed << " failed\n";
  return checks.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace varmor

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: hook_bench PROFILES RECORDED [RESULT [PART...]]\n";
    return 2;
  }
  return varmor::Main(argv[1], argv[2], argc > 3 ? argv[3] : nullptr,
                      {argv + std::min(argc, 4), argv + argc});
}
