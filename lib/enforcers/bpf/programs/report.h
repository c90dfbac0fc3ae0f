/* From what the rules say to the answer of a hook and an event. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_REPORT_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_REPORT_H_

#include "lib/enforcers/bpf/programs/scratch.h"
#include "lib/enforcers/bpf/programs/subject.h"

static __always_inline void start_job(struct varmor_job *job, const struct varmor_self *self,
                                      __u8 event_class, __u16 operation, __u32 bits,
                                      __u32 default_class) {
  __builtin_memset(job, 0, sizeof(*job));
  job->subject = self->subject;
  job->number = self->number;
  job->slot = self->slot;
  job->event_class = event_class;
  job->operation = operation;
  job->bits = job->wanted = bits;
  job->default_class = default_class;
  job->tally.deny_rule = job->tally.audit_rule = VARMOR_NO_RULE;
}

static __always_inline void tally_verdict(struct varmor_tally *tally,
                                          const struct varmor_verdict *verdict) {
  tally->deny |= verdict->deny;
  tally->audit |= verdict->audit;
  tally->allow |= verdict->allow;
  if (verdict->deny_rule < tally->deny_rule) tally->deny_rule = verdict->deny_rule;
  if (verdict->audit_rule < tally->audit_rule) tally->audit_rule = verdict->audit_rule;
}

static __always_inline void tally_decision(struct varmor_tally *tally, __u32 wanted,
                                           const struct varmor_decision *decision) {
  __u32 deny = decision->deny & wanted, audit = decision->audit & wanted;
  tally->deny |= deny;
  tally->audit |= audit;
  tally->allow |= decision->allow & wanted;
  if ((deny | audit) == 0) return;
#pragma unroll
  for (int bit = 0; bit < 5; bit++) {
    if (deny >> bit & 1 && decision->deny_rule[bit] < tally->deny_rule)
      tally->deny_rule = decision->deny_rule[bit];
    if (audit >> bit & 1 && decision->audit_rule[bit] < tally->audit_rule)
      tally->audit_rule = decision->audit_rule[bit];
  }
}

static __always_inline void count_hit(__u32 slot, __u16 rule) {
  void *inner;
  __u64 *hits;
  if (rule == VARMOR_NO_RULE) return;
  inner = slot_map(&slot_hits, slot);
  if (!inner) return;
  hits = array_entry(inner, rule);
  if (hits) __sync_fetch_and_add(hits, 1);
}

static __always_inline void count_drop(__u32 event_class) {
  __u64 *dropped = array_entry(&drops, event_class);
  if (dropped) __sync_fetch_and_add(dropped, 1);
}

static __always_inline void fill_event(struct varmor_event *event, const struct varmor_job *job,
                                       __u8 action, __u16 rule, __u16 reason) {
  __u64 id = bpf_get_current_pid_tgid();
  __u64 *dropped = array_entry(&drops, job->event_class);
  __builtin_memset(event, 0, sizeof(*event));
  event->version = VARMOR_PROGRAMS_ABI;
  event->event_class = job->event_class;
  event->action = action;
  event->rule = rule;
  event->subject = job->subject;
  event->profile = job->number;
  event->slot = job->slot;
  event->tgid = id >> 32;
  event->pid = (__u32)id;
  event->uid = (__u32)bpf_get_current_uid_gid();
  event->wanted = job->wanted;
  event->boot_ns = bpf_ktime_get_boot_ns();
  event->detail = job->detail;
  bpf_get_current_comm(event->comm, sizeof(event->comm));
  if (dropped) event->drops = (__u32)*dropped;
  event->operation = job->operation;
  event->reason = reason;
  __builtin_memcpy(event->extra, job->extra, sizeof(event->extra));
}

/* What a subject may send of the last quarter of the ring: so many events at once, then one each
 * second. Who floods a ring that nobody reads leaves room for the others. */
#define VARMOR_RESERVE_BURST 32
#define VARMOR_RESERVE_SHIFT 30

/* Whether the subject has to leave what room there is to others. The time up to which it has used
 * up its share, in units of about a second, stands in its entry. */
static __noinline int over_share(const struct varmor_event *event) {
  struct varmor_subject *subject;
  __u64 size, used, id;
  __u32 now, until;
  if (!event) return 0;
  size = bpf_ringbuf_query(&events, BPF_RB_RING_SIZE);
  used = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
  if (used < size - size / 4) return 0;
  id = event->subject;
  subject = bpf_map_lookup_elem(&subjects, &id);
  if (!subject) return 0;
  now = (__u32)(event->boot_ns >> VARMOR_RESERVE_SHIFT);
  until = subject->used_until;
  if (until < now) until = now;
  if (until - now >= VARMOR_RESERVE_BURST) return 1;
  subject->used_until = until + 1;
  return 0;
}

/* Sends an event; with the path in `room` when that is not null. */
static __always_inline void send_event(struct varmor_event *event, struct varmor_scratch *room) {
  long failed;
  if (over_share(event)) {
    count_drop(event->event_class);
    return;
  }
  if (room) {
    __u32 begin = *(volatile __u32 *)&room->begin;
    __u32 length;
    char *start;
    if (begin > VARMOR_PATH_BUFFER) begin = VARMOR_PATH_BUFFER;
    length = VARMOR_PATH_BUFFER - begin;
    event->length = (__u16)length;
    /* begin == VARMOR_PATH_BUFFER: no text, and the header stands at the end. */
    start = room->header_room + begin;
    __builtin_memcpy(start, event, sizeof(*event));
    length += sizeof(*event);
    asm volatile("%0 &= 8191" : "+r"(length));
    if (length > VARMOR_PATH_BUFFER + sizeof(*event)) length = VARMOR_PATH_BUFFER + sizeof(*event);
    failed = bpf_ringbuf_output(&events, start, length, 0);
  } else {
    failed = bpf_ringbuf_output(&events, event, sizeof(*event), 0);
  }
  if (failed) count_drop(event->event_class);
}

/* Sends the event of the job in a room, with the path there. A function of numbers: the verifier
 * goes through it once, and not for every way to decide. */
__noinline int report_room(__u32 room_index, __u32 action, __u32 rule, __u32 reason) {
  struct varmor_scratch *room = array_entry(&scratch, room_index);
  struct varmor_event event;
  if (!room) return 0;
  fill_event(&event, &room->job, (__u8)action, (__u16)rule, (__u16)reason);
  send_event(&event, room);
  return 0;
}

/* 0 or -EPERM, and the verifier sees that it is one of them: a branch where the compiler would
 * compute. */
static __always_inline int answer_of(int denied) {
  asm volatile("" : "+r"(denied));
  return denied ? -EPERM : 0;
}

/* The answer: 0 or -EPERM. Counts and reports. */
static __always_inline int conclude(const struct varmor_profile *profile,
                                    const struct varmor_job *job, struct varmor_scratch *room) {
  struct varmor_event event;
  const struct varmor_tally *tally = &job->tally;
  int complain = (profile->flags & VARMOR_PROFILE_COMPLAIN) != 0;
  int by_default = (profile->default_deny & job->default_class) != 0 && tally->allow != job->bits;
  int denied = tally->deny != 0 || job->reason != 0 || by_default;
  __u16 rule = VARMOR_NO_RULE, reason = (__u16)job->reason;
  if (!denied && tally->audit == 0) return 0;
  if (reason == 0) {
    if (tally->deny != 0) {
      rule = tally->deny_rule;
    } else if (by_default) {
      reason = VARMOR_REASON_DEFAULT;
    } else {
      rule = tally->audit_rule;
    }
  }
  count_hit(job->slot, rule);
  /* A rule that denies without auditing is quiet. */
  if (!job->quiet && (tally->audit != 0 || reason != 0)) {
    __u8 action = !denied    ? VARMOR_EVENT_AUDIT
                  : complain ? VARMOR_EVENT_ALLOWED
                             : VARMOR_EVENT_DENIED;
    if (room) {
      report_room(room->index, action, rule, reason);
    } else {
      fill_event(&event, job, action, rule, reason);
      send_event(&event, 0);
    }
  }
  return answer_of(denied && !complain);
}

/* Against the enforcer itself: refused whatever the profile says, its mode included. */
static __noinline int refuse(const struct varmor_self *self, __u32 what, __u16 operation) {
  struct varmor_job job;
  struct varmor_event event;
  if (!self || !self->profile) return 0;
  start_job(&job, self, VARMOR_EVENT_PROTECTION, operation, 0, 0);
  job.wanted = what;
  fill_event(&event, &job, VARMOR_EVENT_DENIED, VARMOR_NO_RULE, VARMOR_REASON_PROTECTION);
  send_event(&event, 0);
  return -EPERM;
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_REPORT_H_ */
