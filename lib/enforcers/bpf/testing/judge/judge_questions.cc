#include "lib/enforcers/bpf/testing/judge/judge_questions.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/enforcers/bpf/testing/judge/judge_profiles.h"

namespace varmor {
namespace {

// Paths that the words of policies are about.
constexpr const char* kPaths[] = {"/etc/passwd",
                                  "/etc/shadow",
                                  "/etc",
                                  "/etc/ssl/x",
                                  "/bin/sh",
                                  "/usr/bin/bash",
                                  "/usr/bin/wget",
                                  "/bin/busybox",
                                  "/proc/kcore",
                                  "/proc/1/mem",
                                  "/proc/mem",
                                  "/proc/sys/kernel/core_pattern",
                                  "/proc/sysrq-trigger",
                                  "/proc/1/mountinfo",
                                  "/sys/fs/cgroup/a/release_agent",
                                  "/sys/firmware/x",
                                  "/sys/kernel/security/x",
                                  "/run/containerd/containerd.sock",
                                  "/usr/lib/libc.so",
                                  "/a/x/b",
                                  "/b/c1",
                                  "/tmp/xx",
                                  "/tmp/xax",
                                  "/dev/sda",
                                  "/a b",
                                  "/root/.ssh/id_rsa",
                                  "proc",
                                  "/usr/sbin/runc",
                                  "/"};

constexpr uint32_t kFamilyUnspecified = 0, kFamilyInet = 2, kFamilyInet6 = 10;

std::string Hex(uint64_t number) { return absl::StrCat(absl::Hex(number)); }

// Two names of one object: what either denies or audits counts, what the second allows does not.
BpfVerdict JoinOther(const BpfVerdict& name, const BpfVerdict& other, bool enforces) {
  const bool other_denies = other.would_deny && other.rule >= 0;
  BpfVerdict out = name;
  out.would_deny = name.would_deny || other_denies;
  out.deny = out.would_deny && enforces;
  const bool denied_by_rule = (name.would_deny && name.rule >= 0) || other_denies;
  // A verdict that denies names the rules that deny, even where another one audits.
  if (denied_by_rule) {
    int rule = name.would_deny && name.rule >= 0 ? name.rule : 0xFFFF;
    if (other_denies) rule = std::min(rule, other.rule);
    out.rule = rule;
  } else if (!out.would_deny && other.audit) {
    out.rule = name.audit ? std::min(name.rule, other.rule) : other.rule;
  }
  out.audit = name.audit || other.audit;
  return out;
}

}  // namespace

// Mostly a path of few names; now and then one that a policy is about, or an odd or long one.
std::string JudgeQuestions::Text() {
  std::string path = random_.Path();
  const uint32_t how = random_.Pick(60);
  if (how >= 40) path = kPaths[random_.Pick(std::size(kPaths))];
  switch (how) {
    case 0:
      return path.substr(0, random_.Pick(static_cast<uint32_t>(path.size() + 1)));
    case 1:
      return absl::StrCat(path, std::string(1, static_cast<char>(1 + random_.Pick(255))));
    case 2: {
      // Around what the loops and the buffer bear.
      const size_t size = (random_.Pick(2) == 0 ? 1797 : 4092) + random_.Pick(6);
      const std::string more(size - path.size(), random_.Pick(2) == 0 ? 'a' : '/');
      return random_.Pick(2) == 0 ? path + more : more + path;
    }
    default:
      return path;
  }
}

uint32_t JudgeQuestions::Device() {
  const uint32_t how = random_.Pick(12);
  if (how < std::size(kDiskDevices)) return kDiskDevices[how];
  return how < 5 ? 7u << 20 | how : 0;  // a loop device; none
}

// Writes a text to a question; one that does not fit only by its length.
void JudgeQuestions::Put(const std::string& text, uint32_t& length, char* to) {
  length = static_cast<uint32_t>(text.size());
  if (text.size() <= VARMOR_PATH_BYTES_MAX) std::memcpy(to, text.data(), text.size());
}

JudgeCase JudgeQuestions::Next() {
  switch (random_.Pick(16)) {
    case 0:
    case 1:
    case 2:
      return Mount();
    case 3:
    case 4:
      return Socket();
    case 5:
    case 6:
    case 7:
      return Egress();
    case 8:
      return Capability();
    case 9:
      return Tracing();
    case 10:
      return Operation();
    default:
      return Path();
  }
}

JudgeCase JudgeQuestions::Path() {
  JudgeCase out;
  judge_question& q = oracle_.NewQuestion();
  out.program = "judge_path";
  out.text = Text();
  const bool by_default = image_.image().profile.default_deny != 0;
  const uint32_t how = random_.Pick(8);
  const uint32_t device = how < 4 ? Device() : 0;
  const bool disk =
      std::find(std::begin(kDiskDevices), std::end(kDiskDevices), device) != std::end(kDiskDevices);
  const auto decide = [&](const std::string& path) {
    if (how < 4) return image_.DecideFile(path, q.bits, disk);
    return how < 6 ? image_.DecideExec(path) : image_.DecideAncestor(path);
  };
  q.event_class = how == 4 || how == 5 ? VARMOR_EVENT_EXEC : VARMOR_EVENT_FILE;
  q.device = device;
  if (how < 4) {
    q.operation = VARMOR_OP_OPEN + random_.Pick(VARMOR_OP_UNIX_CONNECT - VARMOR_OP_OPEN + 1);
    q.bits = (1 + random_.Pick(7)) << 1;
    q.default_class = VARMOR_CLASS_FILE;
  } else if (how < 6) {
    q.tables = 1;
    q.bits = VARMOR_ACCESS_EXEC;
    // Mapping a file is judged by what rules deny only.
    q.default_class = random_.Pick(4) == 0 && !by_default ? 0 : VARMOR_CLASS_EXEC;
    q.operation = q.default_class == 0 ? VARMOR_OP_MAP_EXECUTABLE : VARMOR_OP_EXEC;
  } else {
    q.operation = random_.Pick(2) == 0 ? VARMOR_OP_RENAME : VARMOR_OP_UMOUNT;
    q.bits = VARMOR_ACCESS_ANCESTOR;
  }
  Put(out.text, q.length, q.text);
  out.want = decide(out.text);
  const varmor_profile& profile = image_.image().profile;
  const bool asked = (profile.default_deny & q.default_class) != 0 ||
                     (q.tables == 0 ? profile.file_tables : profile.exec_tables) != 0;
  out.unresolved = asked && out.text.size() > VARMOR_PATH_BYTES_MAX;
  out.name = absl::StrCat("path \"", absl::CEscape(out.text.substr(0, 80)), "\" (", out.text.size(),
                          ") kind ", how, " bits ", Hex(q.bits), " device ", Hex(device));
  if (out.text.size() <= VARMOR_PATH_BYTES_MAX && random_.Pick(6) == 0) {
    const std::string other = random_.Path();
    Put(other, q.other_length, q.other);
    // The simulator has no such question; with a default it does not say what rules alone would.
    if (by_default && how < 6) {
      q.other_length = 0;
    } else {
      BpfVerdict second = how < 4 ? image_.DecideFile(other, q.bits, false) : decide(other);
      out.want = JoinOther(out.want, second,
                           (image_.image().profile.flags & VARMOR_PROFILE_COMPLAIN) == 0);
      out.longest = std::max(out.text.size(), other.size());
      out.text = other;
      absl::StrAppend(&out.name, " also \"", other, "\"");
    }
  }
  out.event.event_class = static_cast<uint8_t>(q.event_class);
  out.event.operation = static_cast<uint16_t>(q.operation);
  out.event.wanted = q.bits;
  return out;
}

JudgeCase JudgeQuestions::Mount() {
  static constexpr const char* kTypes[] = {
      "proc",       "none",       "tmpfs", "cgroup",           "cgroup2", "securityfs",
      "security_x", "fuse.sshfs", "fuse",  "sixteen_bytes_xy", "devtmpfs"};
  JudgeCase out;
  judge_question& q = oracle_.NewQuestion();
  out.program = "judge_mount";
  out.text = Text();
  const std::string type = kTypes[random_.Pick(std::size(kTypes))];
  q.operation = VARMOR_OP_MOUNT + random_.Pick(6);
  q.flags = random_.MountOps();
  if (random_.Pick(4) == 0) q.flags |= uint64_t{1} << random_.Pick(40);
  std::memcpy(q.fstype, type.c_str(), type.size() + 1);
  // Only a new mount has a device.
  q.device = (q.flags & kMountNew) != 0 ? Device() : 0;
  Put(out.text, q.length, q.text);
  const bool disk = std::find(std::begin(kDiskDevices), std::end(kDiskDevices), q.device) !=
                    std::end(kDiskDevices);
  const std::string seen = type.substr(0, std::min<size_t>(type.find('.'), 15));
  const varmor_profile& profile = image_.image().profile;
  out.unresolved = (profile.default_deny != 0 || profile.mount_tables != 0) &&
                   out.text.size() > VARMOR_PATH_BYTES_MAX;
  out.want = image_.DecideMount(out.text, seen, q.flags, disk);
  out.event.event_class = VARMOR_EVENT_MOUNT;
  out.event.operation = static_cast<uint16_t>(q.operation);
  out.event.detail = q.flags;
  std::memcpy(out.event.extra, seen.data(), seen.size());
  out.name =
      absl::StrCat("mount \"", absl::CEscape(out.text.substr(0, 80)), "\" (", out.text.size(), ") ",
                   seen, " ops ", Hex(q.flags), " device ", Hex(q.device));
  return out;
}

JudgeCase JudgeQuestions::Socket() {
  static constexpr uint32_t kFamilies[] = {0, 1, 2, 2, 2, 10, 10, 16, 17, 38, 45, 63, 64, 80, ~0u};
  static constexpr uint32_t kProtocols[] = {0,   1,   2,   6,   17,  58,    132,
                                            136, 255, 256, 262, 263, 65536, ~0u};
  JudgeCase out;
  judge_question& q = oracle_.NewQuestion();
  out.program = "judge_socket_call";
  q.family = kFamilies[random_.Pick(std::size(kFamilies))];
  q.type = random_.Pick(30) == 0 ? 16 + random_.Pick(100) : random_.Pick(12);
  q.protocol = kProtocols[random_.Pick(std::size(kProtocols))];
  out.want = image_.DecideSocket(q.family, q.type, q.protocol);
  out.event.event_class = VARMOR_EVENT_SOCKET;
  out.event.operation = VARMOR_OP_SOCKET;
  out.event.wanted = q.family;
  out.event.detail = uint64_t{q.protocol} << 32 | q.type;
  out.name = absl::StrCat("socket ", q.family, " ", q.type, " ", q.protocol);
  return out;
}

JudgeCase JudgeQuestions::Egress() {
  JudgeCase out;
  judge_question& q = oracle_.NewQuestion();
  out.program = "judge_egress";
  const std::array<uint8_t, 16> address = random_.Address();
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  const bool mapped = std::equal(std::begin(kMapped), std::end(kMapped), address.begin());
  const auto port =
      static_cast<uint16_t>(random_.Pick(8) == 0 ? random_.Pick(65536) : random_.Port());
  const bool own = random_.Pick(4) == 0;
  // An address of the old kind goes to both kinds of sockets, one without a family to its own.
  const bool old_kind = mapped && random_.Pick(2) == 0;
  q.family = old_kind && random_.Pick(2) == 0 ? kFamilyInet : kFamilyInet6;
  uint32_t written = old_kind ? kFamilyInet : kFamilyInet6;
  if (q.family == written && random_.Pick(4) == 0) written = kFamilyUnspecified;
  q.address[0] = static_cast<uint8_t>(written);
  q.address[2] = static_cast<uint8_t>(port >> 8);
  q.address[3] = static_cast<uint8_t>(port);
  if (old_kind) {
    std::copy(address.begin() + 12, address.end(), q.address + 4);
    q.address_length = 16;
  } else {
    std::copy(address.begin(), address.end(), q.address + 8);
    q.address_length = random_.Pick(2) == 0 ? 28 : 24;
  }
  // Whatever stands where nobody looks.
  if (old_kind) std::memset(q.address + 8, static_cast<int>(random_.Pick(256)), 8);
  q.operation = random_.Pick(2) == 0 ? VARMOR_OP_CONNECT : VARMOR_OP_SENDMSG;
  out.event.event_class = VARMOR_EVENT_EGRESS;
  out.event.operation = static_cast<uint16_t>(q.operation);
  out.event.wanted = port;
  std::copy(address.begin(), address.end(), out.event.extra);
  out.want = image_.DecideEgress(address, port, own);
  out.name = absl::StrCat(
      "egress ",
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(address.data()), 16)),
      " port ", port, own ? " own" : "", " written as ", written);
  out.own = own;
  return out;
}

JudgeCase JudgeQuestions::Capability() {
  JudgeCase out;
  judge_question& q = oracle_.NewQuestion();
  out.program = "judge_capable";
  q.bits = random_.Pick(20) == 0 ? 64 + random_.Pick(200) : random_.Pick(64);
  q.options = random_.Pick(4) == 0 ? 2 : 0;
  out.quiet = q.options != 0;
  out.want = image_.DecideCapability(static_cast<int>(q.bits));
  out.event.event_class = VARMOR_EVENT_CAPABILITY;
  out.event.operation = VARMOR_OP_CAPABLE;
  out.event.wanted = q.bits;
  out.name = absl::StrCat("capability ", q.bits, out.quiet ? " quiet" : "");
  return out;
}

JudgeCase JudgeQuestions::Tracing() {
  JudgeCase out;
  judge_question& q = oracle_.NewQuestion();
  out.program = "judge_ptrace";
  q.bits = 2u << random_.Pick(4);
  q.options = random_.Pick(2);
  q.operation = random_.Pick(2) == 0 ? VARMOR_OP_PTRACE : VARMOR_OP_TRACEME;
  out.want = image_.DecidePtrace(q.bits, q.options != 0);
  out.event.event_class = VARMOR_EVENT_PTRACE;
  out.event.operation = static_cast<uint16_t>(q.operation);
  out.event.wanted = q.bits;
  out.event.detail = 4711;
  out.event.extra[0] = static_cast<uint8_t>(q.options);
  out.name = absl::StrCat("ptrace ", q.bits, q.options != 0 ? " same" : "");
  return out;
}

JudgeCase JudgeQuestions::Operation() {
  static constexpr uint32_t kHooks[] = {VARMOR_OP_USER_NAMESPACE, VARMOR_OP_BPF,
                                        VARMOR_OP_SETSOCKOPT};
  JudgeCase out;
  judge_question& q = oracle_.NewQuestion();
  out.program = "judge_operation_call";
  const uint32_t number = 1 + random_.Pick(3);
  q.bits = 1u << number;
  q.operation = kHooks[number - 1];
  out.want = image_.DecideOperation(number);
  out.event.event_class = VARMOR_EVENT_OPERATION;
  out.event.operation = static_cast<uint16_t>(q.operation);
  out.event.wanted = number;
  out.name = absl::StrCat("operation ", number);
  return out;
}

}  // namespace varmor
