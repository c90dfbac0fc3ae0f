/* Who acts: from the task to its subject and the profile in force. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_SUBJECT_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_SUBJECT_H_

#include "lib/enforcers/bpf/programs/maps.h"

/* Cgroups above a task's that are asked for a subject. */
#define VARMOR_CGROUP_DEPTH 16

/* A confined task, or not: profile is null. */
struct varmor_self {
  __u64 subject;
  __u32 number;
  __u32 slot;
  __u32 pod;
  const struct varmor_profile *profile;
};

static __always_inline struct task_struct *current_task(void) {
  if (use_task_storage) return (struct task_struct *)bpf_get_current_task_btf();
  return (struct task_struct *)bpf_get_current_task();
}

/* The record of a task; null when it has none, or when the kernel cannot tell at the moment. */
static __always_inline struct varmor_task *task_record(struct task_struct *task) {
  if (use_task_storage) return bpf_task_storage_get(&tasks, task, 0, 0);
  __u64 address = (__u64)task;
  return bpf_map_lookup_elem(&tasks_by_address, &address);
}

static __always_inline struct varmor_task *make_record(struct task_struct *task,
                                                       const struct varmor_task *value) {
  if (use_task_storage) {
    struct varmor_task zero = {};
    struct varmor_task *record =
        bpf_task_storage_get(&tasks, task, &zero, BPF_LOCAL_STORAGE_GET_F_CREATE);
    /* Looking for a record may fail for a moment where there is one: whoever is inside stays so. */
    if (record && !(record->flags & VARMOR_TASK_INSIDE)) *record = *value;
    return record;
  }
  __u64 address = (__u64)task;
  bpf_map_update_elem(&tasks_by_address, &address, value, BPF_ANY);
  return bpf_map_lookup_elem(&tasks_by_address, &address);
}

static __always_inline const struct varmor_control *the_control(void) {
  return array_entry(&control, 0);
}

static __always_inline __u64 cgroup_of(struct task_struct *task) {
  return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
}

/* Whether the task is in the namespace in which container runtimes run. */
static __always_inline int in_host_namespace(struct task_struct *task,
                                             const struct varmor_control *settings) {
  return BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum) == settings->host_mount_namespace;
}

/* A way up from a cgroup. */
struct varmor_ascent {
  __u64 group;
  /* Until this cgroup none counts; 0: all do. */
  __u64 from;
  __u64 found;
};

static long ascend(__u32 round, void *context) {
  struct varmor_ascent *ascent = context;
  struct cgroup *group = (struct cgroup *)ascent->group;
  __u64 id;
  if (!group) return 1;
  id = BPF_CORE_READ(group, kn, id);
  if (id == ascent->from) ascent->from = 0;
  if (ascent->from == 0 && bpf_map_lookup_elem(&subjects, &id)) {
    ascent->found = id;
    return 1;
  }
  ascent->group = (__u64)BPF_CORE_READ(group, self.parent);
  return 0;
}

/* The id of the subject that a cgroup, by its address, or one above it is; 0 for none. Unless 0,
 * `from` is the id of one of them, and what is below that one does not count. */
__noinline __u64 subject_above(__u64 address, __u64 from) {
  struct varmor_ascent ascent = {.group = address, .from = from};
  VARMOR_LOOP(VARMOR_CGROUP_DEPTH, ascend, &ascent);
  return ascent.found;
}

static __always_inline __u64 subject_by_cgroup(struct task_struct *task) {
  return subject_above((__u64)BPF_CORE_READ(task, cgroups, dfl_cgrp), 0);
}

/* The subject that a task without the flag INSIDE belongs to all the same: it executed its program
 * in this cgroup, or in one above, before the subject was known. Slow, once for each generation. */
static __noinline int find_subject_again(struct task_struct *task, struct varmor_task *record) {
  const struct varmor_control *settings = the_control();
  __u64 id;
  if (!settings || !record) return 0;
  record->generation = settings->generation;
  id = subject_above((__u64)BPF_CORE_READ(task, cgroups, dfl_cgrp), record->cgroup);
  if (id == 0) return 0;
  record->cgroup = id;
  record->flags |= VARMOR_TASK_INSIDE;
  return 1;
}

/* First sight of a task that started before the programs did. */
static __noinline struct varmor_task *adopt_task(struct task_struct *task) {
  const struct varmor_control *settings = the_control();
  struct varmor_task record = {};
  if (!settings) return 0;
  if (!in_host_namespace(task, settings)) record.cgroup = cgroup_of(task);
  record.generation = settings->generation - 1;
  return make_record(task, &record);
}

/* Fills `self` from a subject; 0 when nothing is in force for it. */
static __always_inline int take_profile(struct varmor_self *self,
                                        const struct varmor_subject *subject) {
  __u32 *slot;
  self->number = subject->profile;
  self->pod = subject->pod;
  slot = array_entry(&slots, self->number);
  if (!slot || *slot == 0) return 0;
  self->slot = *slot;
  self->profile = profile_in(self->slot);
  return self->profile != 0;
}

/* The subject of a task, 0 if it has none: that is not inside one. */
static __always_inline __u64 subject_of(struct task_struct *task) {
  const struct varmor_control *settings;
  struct varmor_task *record = task_record(task);
  if (!record) {
    record = adopt_task(task);
    if (!record) {
      /* Neither found nor made: the cgroup has to do, and who is in it counts as inside. */
      settings = the_control();
      if (!settings || in_host_namespace(task, settings)) return 0;
      return subject_by_cgroup(task);
    }
  }
  if (record->flags & VARMOR_TASK_INSIDE) return record->cgroup;
  if (record->cgroup == 0) return 0;
  settings = the_control();
  if (!settings || record->generation == settings->generation) return 0;
  return find_subject_again(task, record) ? record->cgroup : 0;
}

/* Whether the current task is confined; then `self` says by what. */
static __always_inline int confined(struct varmor_self *self) {
  const struct varmor_subject *subject;
  self->profile = 0;
  self->subject = subject_of(current_task());
  if (self->subject == 0) return 0;
  subject = bpf_map_lookup_elem(&subjects, &self->subject);
  return subject && take_profile(self, subject);
}

/* The same for a task that is about to execute a program: entering counts. */
static __always_inline int confined_after_exec(struct varmor_self *self) {
  struct task_struct *task = current_task();
  const struct varmor_control *settings;
  const struct varmor_subject *subject;
  self->profile = 0;
  self->subject = subject_of(task);
  if (self->subject != 0) {
    subject = bpf_map_lookup_elem(&subjects, &self->subject);
    if (subject) return take_profile(self, subject);
  }
  settings = the_control();
  if (!settings) return 0;
  self->subject = subject_by_cgroup(task);
  subject = bpf_map_lookup_elem(&subjects, &self->subject);
  if (!subject) return 0;
  if (!(subject->flags & VARMOR_SUBJECT_ANY_NAMESPACE) && in_host_namespace(task, settings)) {
    return 0;
  }
  return take_profile(self, subject);
}

/* The task has executed a program: it enters the subject of its cgroup. */
static __always_inline void enter_subject(void) {
  struct task_struct *task = current_task();
  const struct varmor_control *settings = the_control();
  struct varmor_task *record = task_record(task);
  struct varmor_task value = {};
  const struct varmor_subject *subject;
  __u64 id;
  int on_host;
  if (!settings) return;
  if (record && (record->flags & VARMOR_TASK_INSIDE) &&
      bpf_map_lookup_elem(&subjects, &record->cgroup)) {
    return;
  }
  on_host = in_host_namespace(task, settings);
  id = subject_by_cgroup(task);
  subject = bpf_map_lookup_elem(&subjects, &id);
  if (subject && (!on_host || (subject->flags & VARMOR_SUBJECT_ANY_NAMESPACE))) {
    value.cgroup = id;
    value.flags = VARMOR_TASK_INSIDE;
  } else {
    value.cgroup = on_host ? 0 : cgroup_of(task);
    value.generation = settings->generation;
  }
  if (record) {
    *record = value;
  } else {
    make_record(task, &value);
  }
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_SUBJECT_H_ */
