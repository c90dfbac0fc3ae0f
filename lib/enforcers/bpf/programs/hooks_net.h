/* Hooks about sockets. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_NET_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_NET_H_

#include "lib/enforcers/bpf/programs/report.h"
#include "lib/enforcers/bpf/programs/subject.h"

static __always_inline int judge_socket(const struct varmor_self *self, int family, int type,
                                        int protocol) {
  struct varmor_job job;
  const struct varmor_socket_domain *row;
  void *sockets, *verdicts;
  __u32 domain = (__u32)family, class;
  start_job(&job, self, VARMOR_EVENT_SOCKET, VARMOR_OP_SOCKET, 1, VARMOR_CLASS_SOCKET);
  job.wanted = (__u32)family;
  job.detail = (__u64)(__u32)protocol << 32 | (__u32)type;
  if (domain >= VARMOR_SOCKET_DOMAINS) domain = VARMOR_SOCKET_DOMAINS - 1;
  sockets = slot_map(&slot_sockets, self->slot);
  verdicts = slot_map(&slot_socket_verdicts, self->slot);
  if (sockets && verdicts && (__u32)type < VARMOR_SOCKET_TYPES) {
    row = array_entry(sockets, domain);
    class = varmor_protocol_class((__u32)family, (__u32)type, (__u32)protocol);
    if (row && class < VARMOR_PROTOCOL_CLASSES) {
      __u32 index = (__u32)type * VARMOR_PROTOCOL_CLASSES + class;
      asm volatile("%0 &= 127" : "+r"(index));
      const struct varmor_verdict *verdict = array_entry(verdicts, (&row->verdict[0][0])[index]);
      if (verdict) tally_verdict(&job.tally, verdict);
    }
  }
  return conclude(self->profile, &job, 0);
}

SEC("lsm/socket_create")
int BPF_PROG(socket_create, int family, int type, int protocol, int kern) {
  struct varmor_self self;
  if (kern || !confined(&self)) return 0;
  return judge_socket(&self, family, type, protocol);
}

/* Joins what set `set` says about a port, in network order. */
static __always_inline void tally_port(const struct varmor_self *self, __u32 set,
                                       const __u8 port[2], struct varmor_tally *tally) {
  struct varmor_port_key key = {.prefixlen = 48};
  void *ports = slot_map(&slot_ports, self->slot);
  const struct varmor_verdict *verdict;
  if (!ports) return;
  key.set[0] = set >> 24;
  key.set[1] = set >> 16;
  key.set[2] = set >> 8;
  key.set[3] = set;
  key.port[0] = port[0];
  key.port[1] = port[1];
  verdict = bpf_map_lookup_elem(ports, &key);
  if (verdict) tally_verdict(tally, verdict);
}

/* An address of a call: the family, then what include/uapi/linux/in.h and in6.h say. */
struct varmor_sockaddr {
  __u16 family;
  __u8 port[2];
  __u8 rest[24];
};

/* Writes the address as IPv6, IPv4 mapped; 0 for other families and addresses that are too short.
 */
static __always_inline int read_address(const void *address, int length, int socket_family,
                                        struct varmor_sockaddr *read, __u8 as_ipv6[16]) {
  __u16 family;
  if (length < 8 || bpf_probe_read_kernel(read, 8, address) != 0) return 0;
  /* Raw sockets of both kinds and UDP of the old one take an address without a family for theirs.
   */
  family = read->family == AF_UNSPEC ? (__u16)socket_family : read->family;
  if (family == AF_INET) {
    as_ipv6[10] = as_ipv6[11] = 0xff;
    __builtin_memcpy(as_ipv6 + 12, read->rest, 4);
    return 1;
  }
  if (family != AF_INET6 || length < 24) return 0;
  if (bpf_probe_read_kernel(read, 24, address) != 0) return 0;
  /* After the flow label. */
  __builtin_memcpy(as_ipv6, read->rest + 4, 16);
  return 1;
}

static __noinline int judge_address(const struct varmor_self *self, const __u8 address[16],
                                    const struct varmor_sockaddr *read, __u16 operation) {
  struct varmor_job job;
  struct varmor_address_key key = {.prefixlen = 128};
  void *addresses;
  const __u32 *set;
  if (!self || !address || !read || !self->profile) return 0;
  start_job(&job, self, VARMOR_EVENT_EGRESS, operation, 1, VARMOR_CLASS_EGRESS);
  job.wanted = (__u32)read->port[0] << 8 | read->port[1];
  __builtin_memcpy(key.address, address, 16);
  __builtin_memcpy(job.extra, address, 16);
  addresses = slot_map(&slot_addresses, self->slot);
  set = addresses ? bpf_map_lookup_elem(addresses, &key) : 0;
  if (set) tally_port(self, *set, read->port, &job.tally);
  if (self->profile->pod_self_set != 0 && self->pod != 0) {
    struct varmor_pod_address own = {.pod = self->pod};
    __builtin_memcpy(own.address, address, 16);
    if (bpf_map_lookup_elem(&pod_addresses, &own)) {
      tally_port(self, self->profile->pod_self_set, read->port, &job.tally);
    }
  }
  return conclude(self->profile, &job, 0);
}

/* include/linux/socket.h: a protocol that falls back to TCP, whose calls name addresses of TCP's.
 */
#define AF_SMC 43

static __always_inline int check_address(struct socket *sock, const void *address, int length,
                                         __u16 operation) {
  struct varmor_self self;
  struct varmor_sockaddr read = {};
  __u8 as_ipv6[16] = {};
  struct sock *sk;
  int family;
  if (!confined(&self)) return 0;
  sk = sock->sk;
  if (!sk) return 0;
  family = sk->__sk_common.skc_family;
  if (family != AF_INET && family != AF_INET6 && family != AF_SMC) return 0;
  if (operation == VARMOR_OP_CONNECT) {
    /* Taking a connection apart. */
    __u16 first = 0;
    bpf_probe_read_kernel(&first, 2, address);
    if (first == AF_UNSPEC) return 0;
  }
  if (!read_address(address, length, family, &read, as_ipv6)) return 0;
  return judge_address(&self, as_ipv6, &read, operation);
}

SEC("lsm/socket_connect")
int BPF_PROG(socket_connect, struct socket *sock, struct sockaddr *address, int length) {
  return check_address(sock, address, length, VARMOR_OP_CONNECT);
}

SEC("lsm/socket_sendmsg")
int BPF_PROG(socket_sendmsg, struct socket *sock, struct msghdr *message) {
  void *address = message->msg_name;
  if (!address) return 0;
  return check_address(sock, address, message->msg_namelen, VARMOR_OP_SENDMSG);
}

/* include/uapi/linux/sctp.h: the calls that name addresses to connect to. */
#define SCTP_SENDMSG_CONNECT 101
#define SCTP_SOCKOPT_CONNECTX 110
#define SCTP_SOCKOPT_CONNECTX_OLD 107
#define SCTP_SOCKOPT_CONNECTX3 111

/* Addresses behind the first one: refused. */
static __noinline int judge_unread_addresses(const struct varmor_self *self) {
  struct varmor_job job;
  if (!self || !self->profile) return -EPERM;
  start_job(&job, self, VARMOR_EVENT_EGRESS, VARMOR_OP_CONNECT, 1, 0);
  job.reason = VARMOR_REASON_UNRESOLVED;
  return conclude(self->profile, &job, 0);
}

/* Several addresses come packed one after the other. Only the first is read: where rules are about
 * addresses, a call with more is refused. */
SEC("lsm/sctp_bind_connect")
int BPF_PROG(sctp_bind_connect, struct sock *sk, int option, struct sockaddr *address, int length) {
  struct varmor_self self;
  struct varmor_sockaddr read = {};
  __u8 as_ipv6[16] = {};
  int denied;
  if (option != SCTP_SENDMSG_CONNECT && option != SCTP_SOCKOPT_CONNECTX &&
      option != SCTP_SOCKOPT_CONNECTX_OLD && option != SCTP_SOCKOPT_CONNECTX3)
    return 0;
  if (!confined(&self)) return 0;
  if (!slot_map(&slot_addresses, self.slot) && self.profile->pod_self_set == 0 &&
      (self.profile->default_deny & VARMOR_CLASS_EGRESS) == 0)
    return 0;
  if (!read_address(address, length, sk->__sk_common.skc_family, &read, as_ipv6)) return 0;
  denied = judge_address(&self, as_ipv6, &read, VARMOR_OP_CONNECT);
  /* struct sockaddr_in and sockaddr_in6 */
  if (denied || length <= (read.family == AF_INET6 ? 28 : 16)) return denied;
  return judge_unread_addresses(&self);
}

/* include/uapi/asm-generic/socket.h */
#define SOL_SOCKET 1
#define SO_ATTACH_FILTER 26
#define SO_ATTACH_BPF 50
#define SO_ATTACH_REUSEPORT_CBPF 51
#define SO_ATTACH_REUSEPORT_EBPF 52

static __always_inline int judge_operation(const struct varmor_self *self, __u32 bit, __u16 hook,
                                           __u64 detail) {
  struct varmor_job job;
  start_job(&job, self, VARMOR_EVENT_OPERATION, hook, bit, 0);
  tally_decision(&job.tally, bit, &self->profile->operations);
  /* The number of the bit: 1, 2 and 3. */
  job.wanted = bit == VARMOR_OPERATION_CREATE_USER_NAMESPACE ? 1
               : bit == VARMOR_OPERATION_LOAD_BPF_PROGRAM    ? 2
                                                             : 3;
  job.detail = detail;
  return conclude(self->profile, &job, 0);
}

static __always_inline int check_operation(__u32 bit, __u16 hook, __u64 detail) {
  struct varmor_self self;
  if (!confined(&self)) return 0;
  return judge_operation(&self, bit, hook, detail);
}

SEC("lsm/socket_setsockopt")
int BPF_PROG(socket_setsockopt, struct socket *sock, int level, int option) {
  if (level != SOL_SOCKET) return 0;
  if (option != SO_ATTACH_FILTER && option != SO_ATTACH_BPF && option != SO_ATTACH_REUSEPORT_CBPF &&
      option != SO_ATTACH_REUSEPORT_EBPF)
    return 0;
  return check_operation(VARMOR_OPERATION_ATTACH_SOCKET_FILTER, VARMOR_OP_SETSOCKOPT,
                         (__u64)(__u32)option);
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_NET_H_ */
