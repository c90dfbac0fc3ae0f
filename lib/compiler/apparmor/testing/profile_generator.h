// Random AppArmor profiles, and paths that their patterns match or just miss. For tests that
// compare with the real parser.
#ifndef LIB_COMPILER_APPARMOR_TESTING_PROFILE_GENERATOR_H_
#define LIB_COMPILER_APPARMOR_TESTING_PROFILE_GENERATOR_H_

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

namespace varmor {

struct GeneratedProfile {
  // A whole policy file, its profile called as asked for.
  std::string text;
  // "ch0": names of child profiles, without the parent's.
  std::vector<std::string> children;
  // Path patterns of all rules, unquoted, with variables in.
  std::vector<std::string> patterns;
};

struct ProfileOptions {
  std::string name = "oracle";
  int max_rules = 12;
  // One exec mode per profile for patterns; otherwise exec rules conflict often.
  bool avoid_conflicts = true;
  bool children = true;
  // Rules that the AppArmor parser refuses now and then, and unusual spelling.
  bool risky = false;
};

// The same seed, the same profiles, on every machine.
class ProfileGenerator {
 public:
  explicit ProfileGenerator(uint32_t seed) : random_(seed) {}

  GeneratedProfile Profile(const ProfileOptions& options);
  // The text with one mistake, or what may be one.
  std::string Damaged(std::string text);
  // A path that one of the patterns matches, or nearly.
  std::string PathNear(const std::vector<std::string>& patterns);

  // 0 to bound - 1. (Distributions of the standard library differ between implementations.)
  uint32_t Below(uint32_t bound) { return random_() % bound; }
  bool OneIn(uint32_t n) { return Below(n) == 0; }
  std::string Pick(std::initializer_list<const char*> words) {
    return *(words.begin() + Below(words.size()));
  }
  std::string Pick(const std::vector<std::string>& words) { return words[Below(words.size())]; }

 private:
  std::string Body(const ProfileOptions& options, GeneratedProfile& profile, int rules);
  std::string Rule(GeneratedProfile& profile);
  std::string Qualifiers(bool owner);
  std::string Pattern(GeneratedProfile& profile);
  std::string Quoted(std::string pattern);
  std::string FileRule(GeneratedProfile& profile, bool deny);
  std::string ExecPart(bool deny);
  std::string LinkRule(GeneratedProfile& profile);
  std::string MountRule(GeneratedProfile& profile);
  std::string IpcRule();
  std::string PlainRule(GeneratedProfile& profile);
  std::string Label();
  std::string List(std::initializer_list<const char*> words, uint32_t most);
  std::string Match(const std::string& pattern, size_t& at, int depth);
  std::string Mutated(std::string path);

  std::mt19937 random_;
  ProfileOptions options_;
  std::string exec_mode_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_TESTING_PROFILE_GENERATOR_H_
