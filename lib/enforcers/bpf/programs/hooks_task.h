/* Hooks about capabilities, tracing, and the enforcer itself. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_TASK_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_TASK_H_

#include "lib/enforcers/bpf/programs/hooks_net.h"

/* The kernel acts for somebody else: an overlay works on its layers with the credentials of who
 * mounted it. io_uring's threads never do. */
static __always_inline int on_behalf_of_another(void) {
  struct task_struct *task = current_task();
  if (BPF_CORE_READ(task, cred) == BPF_CORE_READ(task, real_cred)) return 0;
  return (BPF_CORE_READ(task, flags) & PF_IO_WORKER) == 0;
}

static __always_inline int judge_capability(const struct varmor_self *self, __u32 bit,
                                            unsigned int options) {
  struct varmor_job job;
  const struct varmor_profile *profile = self->profile;
  start_job(&job, self, VARMOR_EVENT_CAPABILITY, VARMOR_OP_CAPABLE, 1, VARMOR_CLASS_CAPABILITY);
  job.wanted = bit;
  /* The kernel only asks what it could do. */
  job.quiet = (options & CAP_OPT_NOAUDIT) != 0;
  if (bit < VARMOR_CAPABILITIES_MAX) {
    asm volatile("%0 &= 63" : "+r"(bit));
    job.tally.deny = profile->capability_deny >> bit & 1;
    job.tally.audit = profile->capability_audit >> bit & 1;
    job.tally.allow = profile->capability_allow >> bit & 1;
    job.tally.deny_rule = profile->capability_deny_rule[bit];
    job.tally.audit_rule = profile->capability_audit_rule[bit];
  }
  return conclude(profile, &job, 0);
}

SEC("lsm/capable")
int BPF_PROG(capable, const struct cred *cred, struct user_namespace *user_ns, int number,
             unsigned int options) {
  struct varmor_self self;
  if (!confined(&self)) return 0;
  if (on_behalf_of_another()) return 0;
  return judge_capability(&self, (__u32)number, options);
}

/* Credentials of another time, registered with io_uring, would pass for the kernel acting for
 * somebody else. */
SEC("lsm/uring_override_creds")
int BPF_PROG(uring_override_creds, const struct cred *new_credentials) {
  struct varmor_self self;
  struct varmor_job job;
  if (!confined(&self)) return 0;
  if (self.profile->capability_deny == 0 &&
      (self.profile->default_deny & VARMOR_CLASS_CAPABILITY) == 0)
    return 0;
  start_job(&job, &self, VARMOR_EVENT_PROTECTION, VARMOR_OP_CAPABLE, 0, 0);
  job.reason = VARMOR_REASON_PROTECTION;
  return conclude(self.profile, &job, 0);
}

/* One side of an act of tracing. */
static __noinline int judge_tracing(const struct varmor_self *self, __u32 permission, int same,
                                    __u32 other, __u16 operation) {
  struct varmor_job job;
  if (!self || !self->profile) return 0;
  start_job(&job, self, VARMOR_EVENT_PTRACE, operation, permission, same ? 0 : VARMOR_CLASS_PTRACE);
  job.detail = other;
  job.extra[0] = same != 0;
  tally_decision(&job.tally, permission,
                 same ? &self->profile->ptrace_same : &self->profile->ptrace_other);
  return conclude(self->profile, &job, 0);
}

static __always_inline int self_of_subject(struct varmor_self *self, __u64 subject) {
  const struct varmor_subject *found;
  self->profile = 0;
  self->subject = subject;
  if (subject == 0) return 0;
  found = bpf_map_lookup_elem(&subjects, &subject);
  return found && take_profile(self, found);
}

/* `tracer` is about to trace or read `tracee`. Tracers that are not confined are the host's. */
static __always_inline int check_tracing(struct task_struct *tracer, struct task_struct *tracee,
                                         int reads, __u16 operation) {
  struct varmor_self self;
  __u64 tracer_subject = subject_of(tracer), tracee_subject;
  __u32 tracer_process, tracee_process;
  int same, denied = 0;
  if (tracer_subject == 0) return 0;
  tracee_subject = subject_of(tracee);
  same = tracer_subject == tracee_subject;
  tracer_process = BPF_CORE_READ(tracer, tgid);
  tracee_process = BPF_CORE_READ(tracee, tgid);
  if (self_of_subject(&self, tracer_subject)) {
    const struct varmor_control *settings = the_control();
    denied = judge_tracing(&self, reads ? VARMOR_PTRACE_READ : VARMOR_PTRACE_TRACE, same,
                           tracee_process, operation);
    if (denied) return denied;
    if (settings && settings->protected_process != 0 &&
        settings->protected_process == tracee_process)
      return refuse(&self, 0, operation);
  }
  if (tracee_subject != 0 && self_of_subject(&self, tracee_subject)) {
    denied = judge_tracing(&self, reads ? VARMOR_PTRACE_READ_BY : VARMOR_PTRACE_TRACED_BY, same,
                           tracer_process, operation);
  }
  return denied;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(ptrace_access_check, struct task_struct *child, unsigned int mode) {
  return check_tracing(current_task(), child, (mode & PTRACE_MODE_READ) != 0, VARMOR_OP_PTRACE);
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(ptrace_traceme, struct task_struct *parent) {
  return check_tracing(parent, current_task(), 0, VARMOR_OP_TRACEME);
}

SEC("lsm/task_kill")
int BPF_PROG(task_kill, struct task_struct *task, void *info, int signal) {
  struct varmor_self self;
  const struct varmor_control *settings = the_control();
  if (!settings || settings->protected_process == 0 || signal == 0) return 0;
  if (task->tgid != (int)settings->protected_process) return 0;
  if (!confined(&self)) return 0;
  return refuse(&self, (__u32)signal, VARMOR_OP_KILL);
}

/* A signal for input that is ready, to whom somebody has made the owner of a file: who that was
 * nobody tells, so the agent gets none. */
SEC("lsm/file_send_sigiotask")
int BPF_PROG(file_send_sigiotask, struct task_struct *task, void *owner, int signal) {
  const struct varmor_control *settings = the_control();
  if (!settings || settings->protected_process == 0) return 0;
  return answer_of(task->tgid == (int)settings->protected_process);
}

/* Limits on time, memory or files, of which a process dies or fails. */
SEC("lsm/task_setrlimit")
int BPF_PROG(task_setrlimit, struct task_struct *task, unsigned int resource) {
  struct varmor_self self;
  const struct varmor_control *settings = the_control();
  if (!settings || settings->protected_process == 0) return 0;
  if (task->tgid != (int)settings->protected_process) return 0;
  if (!confined(&self)) return 0;
  return refuse(&self, resource, VARMOR_OP_PRLIMIT);
}

/* include/uapi/linux/bpf.h. By number, any program, map or link of the machine could be had. */
SEC("lsm/bpf")
int BPF_PROG(bpf, int command) {
  struct varmor_self self;
  switch (command) {
    case BPF_PROG_LOAD:
      return check_operation(VARMOR_OPERATION_LOAD_BPF_PROGRAM, VARMOR_OP_BPF, BPF_PROG_LOAD);
    case BPF_PROG_GET_FD_BY_ID:
    case BPF_MAP_GET_FD_BY_ID:
    case BPF_LINK_GET_FD_BY_ID:
    case BPF_OBJ_GET:
      if (!confined(&self)) return 0;
      return refuse(&self, (__u32)command, VARMOR_OP_BPF);
    default:
      return 0;
  }
}

SEC("lsm/userns_create")
int BPF_PROG(userns_create, const struct cred *credentials) {
  return check_operation(VARMOR_OPERATION_CREATE_USER_NAMESPACE, VARMOR_OP_USER_NAMESPACE, 0);
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_TASK_H_ */
