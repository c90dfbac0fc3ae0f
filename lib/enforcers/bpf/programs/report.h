/* From what the rules say to the answer of a hook and an event. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_REPORT_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_REPORT_H_

#include "lib/enforcers/bpf/programs/scratch.h"
#include "lib/enforcers/bpf/programs/subject.h"

/* What several records say together about the bits asked for. */
struct varmor_tally {
  __u32 deny;
  __u32 audit;
  __u32 allow;
  __u16 deny_rule;
  __u16 audit_rule;
};

/* The question. */
struct varmor_ask {
  const struct varmor_self *self;
  __u8 event_class;
  __u8 quiet;
  __u16 operation;
  /* Bits of the tally that are asked for. */
  __u32 bits;
  /* varmor_event.wanted. */
  __u32 wanted;
  /* VARMOR_CLASS_* whose default counts; 0: only rules deny. */
  __u32 default_class;
  __u64 detail;
};

static __always_inline struct varmor_tally empty_tally(void) {
  struct varmor_tally tally = {0, 0, 0, VARMOR_NO_RULE, VARMOR_NO_RULE};
  return tally;
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

/* What the event says beyond the question. */
struct varmor_outcome {
  __u8 action;
  __u8 pad;
  __u16 rule;
  __u16 reason;
  __u8 extra[16];
};

static __always_inline void fill_event(struct varmor_event *event, const struct varmor_ask *ask,
                                       const struct varmor_outcome *outcome) {
  __u64 id = bpf_get_current_pid_tgid();
  __u64 *dropped = array_entry(&drops, ask->event_class);
  __builtin_memset(event, 0, sizeof(*event));
  event->version = VARMOR_PROGRAMS_ABI;
  event->event_class = ask->event_class;
  event->action = outcome->action;
  event->rule = outcome->rule;
  event->subject = ask->self->subject;
  event->profile = ask->self->number;
  event->slot = ask->self->slot;
  event->tgid = id >> 32;
  event->pid = (__u32)id;
  event->uid = (__u32)bpf_get_current_uid_gid();
  event->wanted = ask->wanted;
  event->boot_ns = bpf_ktime_get_boot_ns();
  event->detail = ask->detail;
  bpf_get_current_comm(event->comm, sizeof(event->comm));
  if (dropped) event->drops = (__u32)*dropped;
  event->operation = ask->operation;
  event->reason = outcome->reason;
  __builtin_memcpy(event->extra, outcome->extra, sizeof(event->extra));
}

/* Sends an event; with the path in `scratch` when that is not null. */
static __noinline int send_event(const struct varmor_ask *ask, const struct varmor_outcome *outcome,
                                 struct varmor_scratch *room) {
  struct varmor_event event;
  long failed;
  fill_event(&event, ask, outcome);
  if (room) {
    __u32 begin = *(volatile __u32 *)&room->begin;
    __u32 length;
    char *start;
    if (begin > VARMOR_PATH_BUFFER) begin = VARMOR_PATH_BUFFER;
    length = VARMOR_PATH_BUFFER - begin;
    event.length = (__u16)length;
    /* begin == VARMOR_PATH_BUFFER: no text, and the header stands at the end. */
    start = room->header_room + begin;
    __builtin_memcpy(start, &event, sizeof(event));
    length += sizeof(event);
    asm volatile("%0 &= 8191" : "+r"(length));
    if (length > VARMOR_PATH_BUFFER + sizeof(event)) length = VARMOR_PATH_BUFFER + sizeof(event);
    failed = bpf_ringbuf_output(&events, start, length, 0);
  } else {
    failed = bpf_ringbuf_output(&events, &event, sizeof(event), 0);
  }
  if (failed) count_drop(ask->event_class);
  return 0;
}

/* The answer: 0 or -EPERM. Counts and reports. `reason` is one of varmor_event_reason when something
 * other than the rules denies, else 0. */
static __always_inline int conclude(const struct varmor_ask *ask, const struct varmor_tally *tally,
                                    __u32 reason, struct varmor_outcome *outcome,
                                    struct varmor_scratch *room) {
  const struct varmor_profile *profile = ask->self->profile;
  int complain = (profile->flags & VARMOR_PROFILE_COMPLAIN) != 0;
  int by_default =
      (profile->default_deny & ask->default_class) != 0 && tally->allow != ask->bits;
  int denied = tally->deny != 0 || reason != 0 || by_default;
  if (!denied && tally->audit == 0) return 0;
  outcome->rule = VARMOR_NO_RULE;
  if (reason != 0) {
    outcome->reason = (__u16)reason;
  } else if (tally->deny != 0) {
    outcome->rule = tally->deny_rule;
  } else if (by_default) {
    outcome->reason = VARMOR_REASON_DEFAULT;
  } else {
    outcome->rule = tally->audit_rule;
  }
  count_hit(ask->self->slot, outcome->rule);
  if (!denied) {
    outcome->action = VARMOR_EVENT_AUDIT;
  } else {
    outcome->action = complain ? VARMOR_EVENT_ALLOWED : VARMOR_EVENT_DENIED;
  }
  /* A rule that denies without auditing is quiet. */
  if (!ask->quiet && (tally->audit != 0 || reason != 0 || (by_default && tally->deny == 0))) {
    send_event(ask, outcome, room);
  }
  return denied && !complain ? -EPERM : 0;
}

/* The same for what has no path: bits of `wanted` are one bit. */
static __always_inline int conclude_verdict(const struct varmor_ask *ask,
                                            const struct varmor_tally *tally,
                                            struct varmor_outcome *outcome) {
  return conclude(ask, tally, 0, outcome, 0);
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_REPORT_H_ */
