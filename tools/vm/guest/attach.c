// attach OBJECT DIR: loads a BPF object, attaches its programs, and pins the links (DIR/NAME) and
// the programs (DIR/NAME_prog). For the suites that test the test bed; the enforcer has a loader of
// its own.
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int Fail(const char* what, const char* name) {
  fprintf(stderr, "attach: %s %s: %s\n", what, name, strerror(errno));
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 3) return fprintf(stderr, "usage: attach OBJECT DIR\n"), 2;
  struct bpf_object* object = bpf_object__open_file(argv[1], NULL);
  if (object == NULL || bpf_object__load(object) != 0) return Fail("cannot load", argv[1]);
  if (mkdir(argv[2], 0700) != 0 && errno != EEXIST) return Fail("cannot make", argv[2]);
  struct bpf_program* program;
  bpf_object__for_each_program(program, object) {
    const char* name = bpf_program__name(program);
    char path[256];
    struct bpf_link* link = bpf_program__attach(program);
    if (link == NULL) return Fail("cannot attach", name);
    snprintf(path, sizeof(path), "%s/%s", argv[2], name);
    if (bpf_link__pin(link, path) != 0) return Fail("cannot pin", path);
    snprintf(path, sizeof(path), "%s/%s_prog", argv[2], name);
    if (bpf_program__pin(program, path) != 0) return Fail("cannot pin", path);
  }
  return 0;
}
