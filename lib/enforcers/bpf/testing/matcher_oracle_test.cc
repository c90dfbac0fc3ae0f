// The kernel answers as the simulator does: paths through the tables of real artifacts, by the
// bounded loop and by bpf_loop, and addresses and ports through the tries.
//
// VARMOR_KERNEL_CASES=N (--test_env) asks about N paths and as many addresses, for each object.
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/automaton/path_matcher.h"
#include "lib/compiler/simulate/decide_bpf.h"
#include "lib/compiler/simulate/testing/bpf_random_rules.h"
#include "lib/enforcers/bpf/testing/matcher_oracle_loader.h"

namespace varmor {
namespace {

// In a bounded loop the verifier bears no more; path_match.h.
constexpr size_t kBoundedSteps = 1800;

int Cases() {
  const char* text = std::getenv("VARMOR_KERNEL_CASES");
  int cases = 0;
  return text != nullptr && absl::SimpleAtoi(text, &cases) ? cases : 100000;
}

struct Variant {
  const char* name;
  const char* object;
  size_t steps;
};

constexpr Variant kVariants[] = {
    {"BoundedLoop", "lib/enforcers/bpf/testing/matcher_oracle.bpf.o", kBoundedSteps},
    {"BpfLoop", "lib/enforcers/bpf/testing/matcher_oracle_loop.bpf.o", VARMOR_PATH_BYTES_MAX},
};

// The tables of an artifact and their pages.
struct Tables {
  explicit Tables(const BpfArtifact& artifact) {
    for (const BpfMap& map : artifact.maps()) {
      if (map.name() == "profile") {
        std::memcpy(&profile, map.entries(0).value().data(), sizeof(profile));
      }
      if (map.name() != "pages") continue;
      pages.resize(map.max_entries());
      for (const BpfMapEntry& entry : map.entries()) {
        uint32_t index = 0;
        std::memcpy(&index, entry.key().data(), sizeof(index));
        std::memcpy(&pages[index], entry.value().data(), sizeof(pages[index]));
      }
    }
    const auto add = [this](const varmor_path_table* tables, uint32_t count) {
      all.insert(all.end(), tables, tables + count);
    };
    add(profile.file, profile.file_tables);
    add(profile.exec, profile.exec_tables);
    add(profile.mount, profile.mount_tables);
  }

  varmor_profile profile{};
  std::vector<PathPage> pages;
  std::vector<varmor_path_table> all;
};

class MatcherOracleTest : public testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    absl::StatusOr<MatcherOracle> oracle = MatcherOracle::Load(GetParam().object);
    if (absl::IsPermissionDenied(oracle.status()) || absl::IsUnimplemented(oracle.status())) {
      GTEST_SKIP() << "NOT COMPARED WITH THE KERNEL, which refuses: " << oracle.status();
    }
    ASSERT_TRUE(oracle.ok()) << oracle.status();
    oracle_.emplace(*std::move(oracle));
  }

  // A path that few tables expect: random, now and then as long as the loops and the buffer allow.
  std::string Path(RandomRules& random) {
    std::string path = random.Path();
    switch (random.Pick(40)) {
      case 0:
        return path.substr(0, random.Pick(static_cast<uint32_t>(path.size() + 1)));
      case 1:
        return absl::StrCat(path, std::string(1, static_cast<char>(1 + random.Pick(255))), "\xff");
      case 2: {
        const size_t size = GetParam().steps - 2 + random.Pick(5);
        if (size <= path.size()) return path;
        const std::string more(size - path.size(), random.Pick(2) == 0 ? 'a' : '/');
        return random.Pick(2) == 0 ? path + more : more + path;
      }
      default:
        return path;
    }
  }

  std::optional<MatcherOracle> oracle_;
};

TEST_P(MatcherOracleTest, PathsMatchInTheKernelAsInUserSpace) {
  const int wanted = Cases();
  int cases = 0, matches = 0, unresolved = 0;
  for (uint32_t seed = 0; cases < wanted; ++seed) {
    RandomRules random(seed);
    const BpfArtifact artifact = EmitRules(random.Make());
    const Tables tables(artifact);
    if (tables.all.empty()) continue;
    ASSERT_TRUE(oracle_->SetArtifact(artifact).ok());
    for (int i = 0; i < 400; ++i) {
      const std::string path = Path(random);
      if (path.size() > VARMOR_PATH_BYTES_MAX) continue;
      const uint32_t room = static_cast<uint32_t>(VARMOR_PATH_BUFFER - path.size());
      const uint32_t begin = random.Pick(2) == 0 ? room : random.Pick(room + 1);
      for (const varmor_path_table& table : tables.all) {
        uint32_t want = MatchPath(tables.pages, table, path);
        const absl::StatusOr<uint32_t> got = oracle_->Match(table, path, begin);
        ASSERT_TRUE(got.ok()) << got.status();
        // A bounded loop gives no answer for what is alive after its last step.
        if (*got == VARMOR_PATH_UNRESOLVED && path.size() > GetParam().steps) {
          want = VARMOR_PATH_UNRESOLVED;
        }
        ASSERT_EQ(*got, want) << "seed " << seed << ", path of " << path.size() << " bytes \""
                              << absl::CEscape(path.substr(0, 80)) << "\"";
        ++cases;
        matches += want != 0 && want != VARMOR_PATH_UNRESOLVED;
        unresolved += want == VARMOR_PATH_UNRESOLVED;
      }
    }
  }
  EXPECT_GT(matches, cases / 20);
  EXPECT_EQ(unresolved > 0, GetParam().steps < VARMOR_PATH_BYTES_MAX);
  std::cout << "oracle: " << cases << " (table, path) cases in the kernel by " << GetParam().name
            << ", " << matches << " of them matches, " << unresolved
            << " without an answer; all as in user space\n";
}

// What bpf_map_abi.h says about joining and defaults, once more.
void ExpectFinished(const BpfVerdict& got, const varmor_verdict& raw, const varmor_profile& profile,
                    const std::string& event) {
  const bool by_default =
      (profile.default_deny & VARMOR_CLASS_EGRESS) != 0 && raw.allow == 0 && raw.deny == 0;
  const bool would_deny = raw.deny != 0 || by_default;
  EXPECT_EQ(got.would_deny, would_deny) << event;
  EXPECT_EQ(got.deny, would_deny && (profile.flags & VARMOR_PROFILE_COMPLAIN) == 0) << event;
  EXPECT_EQ(got.audit, raw.audit != 0 || by_default) << event;
  uint16_t rule = VARMOR_NO_RULE;
  if (raw.deny != 0) {
    rule = raw.deny_rule;
  } else if (!by_default) {
    rule = raw.audit != 0 ? raw.audit_rule : raw.allow_rule;
  }
  EXPECT_EQ(got.rule, rule == VARMOR_NO_RULE ? -1 : int{rule}) << event;
}

TEST_P(MatcherOracleTest, TriesAnswerInTheKernelAsInTheSimulator) {
  const int wanted = Cases();
  int cases = 0, denied = 0;
  for (uint32_t seed = 0; cases < wanted; ++seed) {
    RandomRules random(seed);
    const BpfArtifact artifact = EmitRules(random.Make());
    const BpfSimulator image = BpfSimulator::Load(artifact).value();
    const Tables tables(artifact);
    ASSERT_TRUE(oracle_->SetArtifact(artifact).ok());
    for (int i = 0; i < 500; ++i, ++cases) {
      const std::array<uint8_t, 16> address = random.Address();
      const auto port =
          static_cast<uint16_t>(random.Pick(8) == 0 ? random.Pick(65536) : random.Port());
      const bool own = random.Pick(4) == 0;
      const absl::StatusOr<varmor_verdict> raw = oracle_->Egress(address, port, own);
      ASSERT_TRUE(raw.ok()) << raw.status();
      const BpfVerdict want = image.DecideEgress(address, port, own);
      denied += want.would_deny;
      ExpectFinished(want, *raw, tables.profile, absl::StrCat("seed ", seed, " port ", port));
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(denied, cases / 20);
  std::cout << "oracle: " << cases << " look-ups in the kernel's tries, " << denied
            << " of them denials; all as in the simulator\n";
}

INSTANTIATE_TEST_SUITE_P(Objects, MatcherOracleTest, testing::ValuesIn(kVariants),
                         [](const testing::TestParamInfo<Variant>& info) {
                           return std::string(info.param.name);
                         });

TEST(MatcherOracleLoadTest, AMissingObjectIsNoRefusalOfTheKernel) {
  const absl::StatusOr<MatcherOracle> oracle = MatcherOracle::Load("does-not-exist.bpf.o");
  EXPECT_EQ(oracle.status().code(), absl::StatusCode::kInternal) << oracle.status();
}

}  // namespace
}  // namespace varmor
