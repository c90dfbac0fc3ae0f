/* The enforcer's own code from the question that a hook puts to the answer, the event and the
 * counters, in programs of a type that loads without BPF LSM: BPF_PROG_TEST_RUN runs one, which
 * answers what stands in map "question". Built from the programs themselves; the loader leaves the
 * hooks out. Compiled twice, as they are. */
#include "lib/enforcers/bpf/programs/varmor.bpf.c"
/* The question needs what the programs include. */
#include "lib/enforcers/bpf/testing/judge/judge_oracle.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(struct judge_question));
} question SEC(".maps");

/* The question, and who asks it; null when no profile is in force. */
static __always_inline struct judge_question *begin(struct varmor_self *self) {
  struct judge_question *q = array_entry(&question, 0);
  if (!q) return 0;
  q->answer = 0;
  self->profile = 0;
  self->subject = q->subject_id;
  return take_profile(self, &q->subject) ? q : 0;
}

/* Puts a text into a room as if it had been walked to. */
static __always_inline int place(struct varmor_scratch *room, const char *text, __u32 length) {
  *(volatile __u32 *)&room->begin = VARMOR_PATH_BUFFER;
  if (length > VARMOR_PATH_BYTES_MAX) return 0;
  bpf_probe_read_kernel(room->after, VARMOR_PATH_BUFFER, text);
  return copy_source(room->index, length);
}

static __always_inline void give_back(struct judge_question *q, struct varmor_scratch *room) {
  __u32 begin = *(volatile __u32 *)&room->begin;
  if (begin > VARMOR_PATH_BUFFER) return;
  q->length = VARMOR_PATH_BUFFER - begin;
  bpf_probe_read_kernel(q->text, VARMOR_PATH_BUFFER, room->buffer + begin);
}

SEC("raw_tp")
int judge_path(void *context) {
  struct varmor_self self;
  struct judge_question *q = begin(&self);
  struct varmor_scratch *room;
  if (!q) return 1;
  if (!has_rules(&self, (int)q->tables, q->default_class)) return 0;
  room = claim_scratch();
  if (!room) return 1;
  start_job(&room->job, &self, (__u8)q->event_class, (__u16)q->operation, q->bits,
            q->default_class);
  if (place(room, q->text, q->length)) {
    tally_path(room->index, q->tables, 0);
  } else {
    room->job.reason = VARMOR_REASON_UNRESOLVED;
  }
  if (q->device != 0 && has_disk_rules(self.profile)) tally_device(&self, q->device, &room->job);
  if (q->other_length != 0 && place(room, q->other, q->other_length)) {
    tally_path(room->index, q->tables, 1);
  }
  q->answer = finish_file(&self, room, (int)q->tables, q->default_class);
  release_scratch(room);
  return 0;
}

SEC("raw_tp")
int judge_mount(void *context) {
  struct varmor_self self;
  struct judge_question *q = begin(&self);
  struct varmor_scratch *room;
  if (!q) return 1;
  /* sb_mount asks about the source, sb_kern_mount about the device. */
  if (q->device == 0 && !has_mount_rules(&self)) return 0;
  room = start_mount(&self, (__u16)q->operation, q->flags, q->fstype);
  if (!room) return 1;
  if (place(room, q->text, q->length)) {
    tally_mount(room->index);
  } else if (has_mount_rules(&self)) {
    room->job.reason = VARMOR_REASON_UNRESOLVED;
  }
  if (q->device != 0 && is_disk(&self, q->device)) {
    tally_verdict(&room->job.tally, &self.profile->disk_mount);
  }
  q->answer = finish_mount(room);
  return 0;
}

SEC("raw_tp")
int judge_socket_call(void *context) {
  struct varmor_self self;
  struct judge_question *q = begin(&self);
  if (!q) return 1;
  q->answer = judge_socket(&self, (int)q->family, (int)q->type, (int)q->protocol);
  return 0;
}

SEC("raw_tp")
int judge_egress(void *context) {
  struct varmor_self self;
  struct varmor_sockaddr read = {};
  __u8 as_ipv6[16] = {};
  struct judge_question *q = begin(&self);
  if (!q) return 1;
  if (!read_address(q->address, (int)q->address_length, (int)q->family, &read, as_ipv6)) return 0;
  q->answer = judge_address(&self, as_ipv6, &read, (__u16)q->operation);
  return 0;
}

SEC("raw_tp")
int judge_capable(void *context) {
  struct varmor_self self;
  struct judge_question *q = begin(&self);
  if (!q) return 1;
  q->answer = judge_capability(&self, q->bits, q->options);
  return 0;
}

SEC("raw_tp")
int judge_ptrace(void *context) {
  struct varmor_self self;
  struct judge_question *q = begin(&self);
  if (!q) return 1;
  q->answer = judge_tracing(&self, q->bits, q->options != 0, 4711, (__u16)q->operation);
  return 0;
}

SEC("raw_tp")
int judge_operation_call(void *context) {
  struct varmor_self self;
  struct judge_question *q = begin(&self);
  if (!q) return 1;
  q->answer = judge_operation(&self, q->bits, (__u16)q->operation, 0);
  return 0;
}

/* The source of a bind from the caller's root, which is the namespace's. */
SEC("raw_tp")
int join_source(void *context) {
  struct judge_question *q = array_entry(&question, 0);
  struct varmor_scratch *room = claim_scratch();
  if (!q || !room) return 1;
  bpf_probe_read_kernel(room->after, VARMOR_PATH_BUFFER, q->text);
  q->answer = put_source(room->index, q->length);
  give_back(q, room);
  release_scratch(room);
  return 0;
}

SEC("raw_tp")
int join_name(void *context) {
  struct judge_question *q = array_entry(&question, 0);
  struct varmor_scratch *room = claim_scratch();
  if (!q || !room) return 1;
  bpf_probe_read_kernel(room->after, VARMOR_PATH_BUFFER, q->text);
  q->answer = room_of_name(room->index, q->length);
  give_back(q, room);
  release_scratch(room);
  return 0;
}

SEC("raw_tp")
int read_mount_flags(void *context) {
  struct judge_question *q = array_entry(&question, 0);
  if (!q) return 1;
  q->flags = mount_operation(q->flags) | (q->flags & VARMOR_MOUNT_OPTIONS);
  return 0;
}
