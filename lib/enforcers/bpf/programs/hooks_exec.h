/* Hooks about programs, and about who is whose child. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_EXEC_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_HOOKS_EXEC_H_

#include "lib/enforcers/bpf/programs/path.h"

/* Puts the name given to execve into a room as a path. Relative names count by their last
 * component, put below the root. 0: there is no name to judge. */
__noinline int room_of_name(__u32 room_index, __u32 bytes) {
  struct varmor_scratch *room = array_entry(&scratch, room_index);
  __u32 begin, at;
  if (!room || bytes == 0 || bytes >= VARMOR_PATH_BUFFER) return 0;
  begin = VARMOR_PATH_BUFFER - bytes;
  asm volatile("%0 &= 4095" : "+r"(begin));
  asm volatile("%0 &= 4095" : "+r"(bytes));
  bpf_probe_read_kernel(&room->buffer[begin], bytes, room->after);
  *(volatile __u32 *)&room->begin = begin;
  if (room->after[0] == '/') return 1;
  at = VARMOR_PATH_BUFFER;
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
  return 1;
}

/* The name that was given, where rules deny it: on images whose sh is a link to busybox only the
 * name tells. */
static __always_inline int judge_invoked_name(const struct varmor_self *self, const char *name) {
  struct varmor_scratch *room;
  long length;
  int result = 0;
  if (table_count(self->profile, VARMOR_TABLES_EXEC) == 0) return 0;
  room = claim_scratch();
  if (!room) return no_room(self, VARMOR_EVENT_EXEC, VARMOR_OP_EXEC_NAME, VARMOR_ACCESS_EXEC);
  start_job(&room->job, self, VARMOR_EVENT_EXEC, VARMOR_OP_EXEC_NAME, VARMOR_ACCESS_EXEC, 0);
  length = bpf_probe_read_kernel_str(room->after, VARMOR_PATH_BUFFER, name);
  if (length > 1 && room_of_name(room->index, (__u32)length - 1)) {
    tally_path(room->index, VARMOR_TABLES_EXEC, 0);
    result = conclude_room(room->index);
  }
  release_scratch(room);
  return result;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(bprm_check_security, struct linux_binprm *bprm) {
  struct varmor_self self;
  int denied, same = 0;
  if (!confined_after_exec(&self)) return 0;
  denied = judge_file(&self, bprm->file->f_path.mnt, bprm->file->f_path.dentry, VARMOR_TABLES_EXEC,
                      VARMOR_EVENT_EXEC, VARMOR_OP_EXEC, VARMOR_ACCESS_EXEC, VARMOR_CLASS_EXEC,
                      bprm->filename, &same);
  if (denied || same) return denied;
  return judge_invoked_name(&self, bprm->filename);
}

SEC("lsm/bprm_committed_creds")
int BPF_PROG(bprm_committed_creds, struct linux_binprm *bprm) {
  enter_subject();
  return 0;
}

#define EAGAIN 11

static __always_inline void count_fork(__u64 id) {
  struct varmor_subject *subject = bpf_map_lookup_elem(&subjects, &id);
  if (subject) __sync_fetch_and_add(&subject->forks, 1);
}

SEC("lsm/task_alloc")
int BPF_PROG(task_alloc, struct task_struct *task) {
  struct varmor_task *record = task_record(current_task());
  struct varmor_task copy;
  /* No record, or one that cannot be looked up for a moment: only making one tells which. */
  if (!record) record = adopt_task(current_task());
  if (!record) return -EAGAIN;
  copy = *record;
  copy.mounting = 0;
  copy.permitted = 0;
  copy.bind = 0;
  /* A child of whom nobody knows that it is confined is not. */
  if (!make_record(task, &copy) && (copy.flags & VARMOR_TASK_INSIDE)) return -EAGAIN;
  if (copy.flags & VARMOR_TASK_INSIDE) count_fork(copy.cgroup);
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
  if (!file || !confined(&self)) return 0;
  if (table_count(self.profile, VARMOR_TABLES_EXEC) == 0) return 0;
  return judge_file(&self, file->f_path.mnt, file->f_path.dentry, VARMOR_TABLES_EXEC,
                    VARMOR_EVENT_EXEC, VARMOR_OP_MAP_EXECUTABLE, VARMOR_ACCESS_EXEC, 0, 0, 0);
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
