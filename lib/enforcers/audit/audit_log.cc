#include "lib/enforcers/audit/audit_log.h"

#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

constexpr int kReceiveBytes = 4 << 20;

}  // namespace

AuditLog::~AuditLog() {
  if (fd_ >= 0) close(fd_);
}

absl::Status AuditLog::Open() {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
  sockaddr_nl log = {};
  log.nl_family = AF_NETLINK;
  log.nl_groups = 1u << (AUDIT_NLGRP_READLOG - 1);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&log), sizeof log) != 0) {
    const char* const reason =
        errno == EPROTONOSUPPORT ? "this kernel has none" : std::strerror(errno);
    if (fd >= 0) close(fd);
    return absl::UnavailableError(absl::StrCat("cannot read audit records: ", reason));
  }
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof kReceiveBytes);
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
  return absl::OkStatus();
}

std::vector<std::string> AuditLog::Read(int wait_ms, size_t limit) {
  std::vector<std::string> records;
  if (fd_ < 0) return records;
  pollfd wait = {fd_, POLLIN, 0};
  while (records.size() < limit && poll(&wait, 1, wait_ms) > 0) {
    alignas(nlmsghdr) char buffer[16384];
    sockaddr_nl sender = {};
    socklen_t sender_size = sizeof sender;
    const ssize_t size = recvfrom(fd_, buffer, sizeof buffer, MSG_DONTWAIT,
                                  reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size < 0 && errno == ENOBUFS) {
      ++overruns_;
      continue;
    }
    if (size < static_cast<ssize_t>(NLMSG_HDRLEN)) break;
    if (sender.nl_pid != 0) continue;
    nlmsghdr head;
    std::memcpy(&head, buffer, sizeof head);
    // The kernel sends one record at a time, and its length does not count the head.
    absl::string_view text(buffer + NLMSG_HDRLEN, static_cast<size_t>(size) - NLMSG_HDRLEN);
    while (!text.empty() && (text.back() == '\0' || text.back() == '\n')) text.remove_suffix(1);
    records.push_back(absl::StrCat("type=", head.nlmsg_type, " ", text));
  }
  return records;
}

}  // namespace varmor
