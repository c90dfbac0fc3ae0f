#include "tools/reliability/scene.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "lib/enforcers/bpf/cgroups.h"

namespace varmor {
namespace {

[[noreturn]] void Die(const std::string& what) {
  std::cerr << "reliability: " << what << "\n";
  std::exit(3);
}

}  // namespace

void MakeFiles() {
  namespace fs = std::filesystem;
  const fs::path root = PROBER_DIRECTORY;
  fs::remove_all(root);
  for (const char* name : {"kept", "kept2", "mounted", "nothing", "one", "two"}) {
    fs::create_directories(root / name);
  }
  for (const char* name : {"secret", "secret2", "only-a", "only-b"}) {
    std::ofstream(root / name) << name << "\n";
  }
  for (const char* name : {"denied-program", "allowed-program"}) {
    fs::copy_file(fs::read_symlink("/proc/self/exe").parent_path() / "quit", root / name);
  }
}

std::string CgroupNamed(const std::string& name) {
  const absl::StatusOr<std::string> mount = FindCgroupMount();
  if (!mount.ok()) Die(std::string(mount.status().message()));
  const std::string path = absl::StrCat(*mount, "/", name);
  if (access(path.c_str(), F_OK) == 0) return path;
  const absl::Status made = MakeCgroup(path);
  if (!made.ok()) Die(std::string(made.message()));
  return path;
}

void* SharedMemory(size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) Die("no shared memory");
  return memory;
}

pid_t StartConfined(const std::string& cgroup, const std::vector<std::string>& arguments) {
  std::vector<char*> raw;
  for (const std::string& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);
  const std::string procs = cgroup + "/cgroup.procs";
  const pid_t child = fork();
  if (child != 0) return child;
  const int fd = open(procs.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd == -1 || write(fd, "0", 1) != 1) _exit(120);
  if (unshare(CLONE_NEWNS) != 0) _exit(121);
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(122);
  execvp(raw[0], raw.data());
  _exit(126);
}

int WaitForExit(pid_t child) {
  int status = 0;
  if (child <= 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int RunConfined(const std::string& cgroup, const std::vector<std::string>& arguments) {
  return WaitForExit(StartConfined(cgroup, arguments));
}

int RunConfinedAndRead(const std::string& cgroup, const std::vector<std::string>& arguments,
                       std::string& output) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Die("no pipe");
  const int out = dup(1);
  dup2(ends[1], 1);
  const pid_t child = StartConfined(cgroup, arguments);
  dup2(out, 1);
  close(out);
  close(ends[1]);
  char buffer[4096];
  output.clear();
  for (ssize_t got; (got = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    output.append(buffer, static_cast<size_t>(got));
  }
  close(ends[0]);
  return WaitForExit(child);
}

BpfSubject SubjectOf(const std::string& cgroup, const std::string& profile) {
  BpfSubject subject;
  subject.cgroup = CgroupIdOfPath(cgroup).value_or(0);
  subject.profile = profile;
  return subject;
}

Prober::Prober() {
  const int fd = open(PROBER_PAGE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd == -1 || ftruncate(fd, sizeof(prober_page)) != 0) Die("no page for the prober");
  void* memory = mmap(nullptr, sizeof(prober_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory == MAP_FAILED) Die("no page for the prober");
  page_ = static_cast<prober_page*>(memory);
  process_ = StartConfined(CgroupNamed("relia"), {"relia_prober"});
  if (!AwaitRounds(2)) Die("the prober does not run");
}

Prober::~Prober() {
  page_->stop = 1;
  WaitForExit(process_);
  munmap(page_, sizeof(prober_page));
}

void Prober::Settle(int version) {
  uint32_t phase = page_->phase;
  while (phase % 4 != static_cast<uint32_t>(version)) ++phase;
  page_->phase = phase;
  AwaitRounds(2);
}

void Prober::Move() { page_->phase = page_->phase + 1; }

void Prober::SetUnannounced(bool unannounced) {
  page_->unannounced = unannounced ? 1 : 0;
  AwaitRounds(2);
}

void Prober::Rest(bool rest) { kill(process_, rest ? SIGSTOP : SIGCONT); }

bool Prober::AwaitRounds(uint64_t more) {
  const uint64_t until = page_->rounds + more;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (page_->rounds < until) {
    if (std::chrono::steady_clock::now() > end) return false;
    usleep(500);
  }
  return true;
}

uint64_t Prober::Wrong() const {
  uint64_t wrong = page_->settled.wrong + page_->mixture.wrong;
  for (const prober_count& one : page_->denied) wrong += one.wrong;
  for (const prober_count& one : page_->allowed) wrong += one.wrong;
  return wrong;
}

void Prober::Judge(Checks& checks, const std::string& name, bool versions) {
  AwaitRounds(32);  // programs are tried in every 16th round
  uint64_t denied = 0, got_through = 0, allowed = 0, failed = 0;
  bool all = true;
  for (const prober_count& one : page_->denied) {
    denied += one.tries;
    got_through += one.wrong;
    all &= one.tries > 0;
  }
  for (const prober_count& one : page_->allowed) {
    allowed += one.tries;
    failed += one.wrong;
  }
  const std::string first =
      page_->first_wrong[0] != 0 ? absl::StrCat("; first: ", page_->first_wrong) : "";
  checks.Expect(all && got_through == 0, absl::StrCat(name, ": what is denied stays denied"),
                absl::StrCat(denied, " tries in ", int{PROBER_CLASSES}, " classes, ", got_through,
                             " wrong", first));
  checks.Expect(failed == 0, absl::StrCat(name, ": what is allowed never fails"),
                absl::StrCat(allowed, " tries, ", failed, " wrong", first));
  if (!versions) return;
  const prober_count &settled = page_->settled, &mixture = page_->mixture;
  checks.Expect(settled.tries > 0 && settled.wrong == 0,
                absl::StrCat(name, ": the version that was said to be in force is"),
                absl::StrCat(settled.tries, " pairs, ", settled.wrong, " wrong", first));
  if (page_->phase == 0) return;  // no version has come
  checks.Expect(mixture.tries > 0 && mixture.wrong == 0,
                absl::StrCat(name, ": never a mixture of two versions"),
                absl::StrCat(mixture.tries, " pairs, ", mixture.wrong, " wrong", first));
}

}  // namespace varmor
