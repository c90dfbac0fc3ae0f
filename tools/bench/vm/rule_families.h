// The rules that are measured: patterns that share more or less with the path that is opened.
#ifndef TOOLS_BENCH_VM_RULE_FAMILIES_H_
#define TOOLS_BENCH_VM_RULE_FAMILIES_H_

namespace varmor {

// 49 bytes, 7 components. No family's rules match it.
inline constexpr char kMeasuredPath[] = "/opt/app/data/cache/objects/ab/cdef0123456789.bin";

struct RuleFamily {
  const char* name;
  const char* what;
  // A rule's pattern: begin, its number in four digits, end.
  const char* begin;
  const char* end;
  // What the first rule matches.
  const char* matching_path;
};

inline constexpr RuleFamily kRuleFamilies[] = {
    {"first-component", "`/aNNNN/b/**/c`", "/a", "/b/**/c", "/a0000/b/cache/objects/ab/c"},
    {"shared-beginning", "`/opt/app/data/cache/objects/ab/cNNNN`, 32 bytes as in the path",
     "/opt/app/data/cache/objects/ab/c", "", "/opt/app/data/cache/objects/ab/c0000"},
    {"shared-ends", "`/opt/app/**/xNNNN456789.bin`, alike at both ends", "/opt/app/**/x",
     "456789.bin", "/opt/app/data/cache/objects/ab/x0000456789.bin"},
    {"suffix", "`/**/cNNNN`", "/**/c", "", "/opt/app/data/cache/objects/ab/c0000"},
};

inline constexpr int kRuleCounts[] = {1, 64, 512, 4096, 10000};

}  // namespace varmor

#endif  // TOOLS_BENCH_VM_RULE_FAMILIES_H_
