/* Uses the shared headers as a BPF program does. Compiled, never run; see bpf_map_abi_c_test.sh. */
#include "lib/compiler/artifact/bpf_map_abi.h"

struct page_array {
  struct varmor_path_page page[4];
};

static const struct varmor_path_page *find_page(const struct page_array *pages, __u32 number) {
  return number < 4 ? &pages->page[number] : 0;
}

#define VARMOR_PATH_PAGES const struct page_array *
#define VARMOR_PATH_FIND_PAGE(pages, number) find_page(pages, number)
#include "lib/compiler/artifact/path_match.h"

__u32 decide(const struct varmor_profile *profile, const struct page_array *pages,
             const char *buffer, const struct varmor_mount_rule *mount, __u64 ops) {
  __u32 i;
  __u32 found = varmor_protocol_class(2, 1, 0);
  for (i = 0; i < VARMOR_PATH_TABLES_MAX; i++) {
    found |= varmor_path_match(pages, &profile->file[i], buffer, 0, 17);
  }
  return found | (__u32)varmor_mount_rule_applies(mount, ops);
}
