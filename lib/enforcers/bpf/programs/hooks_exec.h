/* Hooks about programs, and about who is whose child. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_EXEC_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_EXEC_H_

#include "lib/enforcers/bpf/programs/path.h"

/* The name that was given, where rules deny it: on images whose sh is a link to busybox only the name
 * tells. Relative names count by their last component, put below the root. */
static __noinline int judge_invoked_name(struct varmor_ask *ask, const char *name) {
  struct varmor_tally tally = empty_tally();
  struct varmor_outcome outcome = {};
  struct varmor_scratch *room;
  char first = 0;
  long length;
  int result = 0;
  if (table_count(ask->self->profile, VARMOR_TABLES_EXEC) == 0) return 0;
  room = claim_scratch();
  if (!room) return conclude(ask, &tally, VARMOR_REASON_BUSY, &outcome, 0);
  /* Behind the path's room, then moved to its end. */
  length = bpf_probe_read_kernel_str(room->after, VARMOR_PATH_BUFFER, name);
  if (length > 1 && length <= VARMOR_PATH_BUFFER) {
    __u32 bytes = (__u32)length - 1;
    __u32 begin = VARMOR_PATH_BUFFER - bytes;
    asm volatile("%0 &= 4095" : "+r"(bytes));
    asm volatile("%0 &= 4095" : "+r"(begin));
    bpf_probe_read_kernel(&room->buffer[begin], bytes, room->after);
    *(volatile __u32 *)&room->begin = begin;
    first = room->after[0];
    if (first != '/') {
      __u32 at = VARMOR_PATH_BUFFER;
      for (int i = 0; i < 256; i++) {
        __u32 previous = at - 1;
        asm volatile("%0 &= 4095" : "+r"(previous));
        if (at <= begin || room->buffer[previous] == '/') break;
        at--;
      }
      at--;
      asm volatile("%0 &= 4095" : "+r"(at));
      room->buffer[at] = '/';
      *(volatile __u32 *)&room->begin = at;
    }
    if (tally_path(ask->self, room, VARMOR_TABLES_EXEC, VARMOR_ACCESS_EXEC, &tally)) {
      result = conclude(ask, &tally, 0, &outcome, room);
    }
  }
  release_scratch(room);
  return result;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(bprm_check_security, struct linux_binprm *bprm) {
  struct varmor_self self;
  struct varmor_ask ask = {};
  int denied;
  if (!confined_after_exec(&self)) return 0;
  ask.self = &self;
  ask.event_class = VARMOR_EVENT_EXEC;
  ask.operation = VARMOR_OP_EXEC;
  ask.bits = ask.wanted = VARMOR_ACCESS_EXEC;
  ask.default_class = VARMOR_CLASS_EXEC;
  denied = judge_file(&ask, bprm->file->f_path.mnt, bprm->file->f_path.dentry, VARMOR_TABLES_EXEC);
  if (denied) return denied;
  ask.operation = VARMOR_OP_EXEC_NAME;
  ask.default_class = 0;
  return judge_invoked_name(&ask, bprm->filename);
}

SEC("lsm/bprm_committed_creds")
int BPF_PROG(bprm_committed_creds, struct linux_binprm *bprm) {
  enter_subject();
  return 0;
}

SEC("lsm/task_alloc")
int BPF_PROG(task_alloc, struct task_struct *task) {
  struct varmor_task *record = task_record(current_task());
  if (record) {
    struct varmor_task copy = *record;
    copy.mounting = 0;
    make_record(task, &copy);
  }
  return 0;
}

/* Only where records are kept by address. */
SEC("lsm/task_free")
int BPF_PROG(task_free, struct task_struct *task) {
  __u64 address = (__u64)task;
  bpf_map_delete_elem(&tasks_by_address, &address);
  return 0;
}

/* Mapping a file as program text: the way to run it through the dynamic loader. Rules that deny
 * executing it count, the default does not. */
static __always_inline int check_mapping(struct file *file) {
  struct varmor_self self;
  struct varmor_ask ask = {};
  if (!file || !confined(&self)) return 0;
  if (table_count(self.profile, VARMOR_TABLES_EXEC) == 0) return 0;
  ask.self = &self;
  ask.event_class = VARMOR_EVENT_EXEC;
  ask.operation = VARMOR_OP_MAP_EXECUTABLE;
  ask.bits = ask.wanted = VARMOR_ACCESS_EXEC;
  return judge_file(&ask, file->f_path.mnt, file->f_path.dentry, VARMOR_TABLES_EXEC);
}

SEC("lsm/mmap_file")
int BPF_PROG(mmap_file, struct file *file, unsigned long reqprot, unsigned long prot) {
  if ((prot & PROT_EXEC) == 0) return 0;
  return check_mapping(file);
}

SEC("lsm/file_mprotect")
int BPF_PROG(file_mprotect, struct vm_area_struct *vma, unsigned long reqprot, unsigned long prot) {
  if ((prot & PROT_EXEC) == 0 || (vma->vm_flags & VM_EXEC)) return 0;
  return check_mapping(vma->vm_file);
}

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_EXEC_H_ */
