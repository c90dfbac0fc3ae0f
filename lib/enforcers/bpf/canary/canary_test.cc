// The canary's artifact in the source tree is what its policy compiles to. To bring it up to date:
// varmor compile -o DIR lib/enforcers/bpf/canary/canary.yaml, and copy DIR/*.bpf.pb to
// canary.bpf.pb.
#include <string>

#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/enforcers/bpf/canary/embedded_canary.h"
#include "lib/enforcers/files.h"
#include "proto/artifact.pb.h"

namespace varmor {
namespace {

TEST(CanaryTest, TheArtifactIsWhatThePolicyCompilesTo) {
  const absl::StatusOr<std::string> text = ReadFileWhole("lib/enforcers/bpf/canary/canary.yaml");
  ASSERT_TRUE(text.ok()) << text.status();
  const LoadResult loaded = LoadPolicies({{"canary.yaml", *text}}, {});
  ASSERT_EQ(loaded.policies.size(), 1u);
  const absl::StatusOr<CompileResult> result =
      Compile(loaded.policies.front(), {}, BuiltinCatalogue());
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_TRUE(result->bpf.has_value());
  BpfArtifact embedded;
  const absl::string_view bytes = CanaryArtifact();
  ASSERT_TRUE(embedded.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  EXPECT_EQ(embedded.digest(), result->bpf->digest());
  EXPECT_EQ(embedded.SerializeAsString(), result->bpf->SerializeAsString());
}

}  // namespace
}  // namespace varmor
