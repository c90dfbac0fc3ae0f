#include "tools/attack/audit_log.h"

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

// Records are written from within the system call; what is on its way is so in the audit thread.
constexpr int kWaitMs = 50;
constexpr int kReceiveBytes = 4 << 20;

}  // namespace

AuditLog::~AuditLog() {
  if (fd_ >= 0) close(fd_);
}

absl::Status AuditLog::Open() {
  fd_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
  sockaddr_nl log = {};
  log.nl_family = AF_NETLINK;
  log.nl_groups = 1u << (AUDIT_NLGRP_READLOG - 1);
  if (fd_ < 0 || bind(fd_, reinterpret_cast<const sockaddr*>(&log), sizeof log) != 0) {
    const std::string reason = std::strerror(errno);
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
    return absl::UnavailableError(absl::StrCat("reading audit records: ", reason));
  }
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof kReceiveBytes);
  return absl::OkStatus();
}

std::vector<std::string> AuditLog::Read() {
  std::vector<std::string> records;
  if (fd_ < 0) return records;
  pollfd wait = {fd_, POLLIN, 0};
  while (poll(&wait, 1, kWaitMs) > 0) {
    alignas(nlmsghdr) char buffer[16384];
    const ssize_t size = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < static_cast<ssize_t>(NLMSG_HDRLEN)) break;
    nlmsghdr head;
    std::memcpy(&head, buffer, sizeof head);
    // The kernel sends one record at a time, and its length does not count the head.
    records.push_back(absl::StrCat("type=", head.nlmsg_type, " ",
                                   absl::string_view(buffer + NLMSG_HDRLEN, size - NLMSG_HDRLEN)));
  }
  return records;
}

}  // namespace varmor
