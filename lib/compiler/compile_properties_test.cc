// What holds for every policy: the order of rules means nothing, another denial allows nothing
// more, converting changes nothing, and neither do threads. Compared by meaning, with Diff.
#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "lib/compiler/artifacts_of.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/convert/convert_policy.h"
#include "lib/compiler/convert/emit_yaml.h"
#include "lib/compiler/convert/message_document.h"
#include "lib/compiler/diff/diff.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/compiler/policy_maker.h"

namespace varmor {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Inputs tried; of most something is refused, and what is left has to be many.
constexpr int kPolicies = 3000;
constexpr int kEnough = 100;

std::string Yaml(const PolicyObject& object) {
  return EmitYaml(*MessageToDocument(object, nullptr));
}

CompileResult CompileText(const std::string& text) {
  LoadOptions load;
  load.lenient = true;
  const LoadResult loaded = LoadPolicies({{"policy.yaml", text}}, load);
  CompileOptions options;
  options.lenient = true;
  if (loaded.policies.size() != 1) return CompileResult();
  return Compile(loaded.policies[0], options, BuiltinCatalogue()).value();
}

bool HasArtifacts(const CompileResult& result) {
  return result.app_armor.has_value() || result.bpf.has_value() || result.seccomp.has_value();
}

std::string Bytes(const CompileResult& result) {
  return absl::StrCat(result.app_armor.has_value() ? result.app_armor->SerializeAsString() : "",
                      "|", result.bpf.has_value() ? result.bpf->SerializeAsString() : "", "|",
                      result.seccomp.has_value() ? result.seccomp->SerializeAsString() : "");
}

// Policies that compile, the same at every run.
std::vector<PolicyObject> Policies() {
  std::mt19937 random(20);
  std::vector<PolicyObject> policies;
  for (int i = 0; i < kPolicies; ++i) {
    std::vector<uint8_t> bytes(400);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 250);
    ByteSource source(bytes.data(), bytes.size());
    PolicyObject object = MakePolicy(source);
    if (HasArtifacts(CompileText(Yaml(object)))) policies.push_back(std::move(object));
  }
  return policies;
}

const std::vector<PolicyObject>& AllPolicies() {
  static const auto& policies = *new std::vector<PolicyObject>(Policies());
  return policies;
}

std::string Describe(const DiffResult& diff) {
  std::string text;
  for (const Change& change : diff.changes) {
    absl::StrAppend(&text, change.enforcer, " ", static_cast<int>(change.kind), " ", change.what,
                    ": ", change.example.ShortDebugString(), "\n");
  }
  for (const std::string& line : diff.undecided) absl::StrAppend(&text, line, "\n");
  return text;
}

// Shuffles every list of rules. Words of one rule and lines of a text stay as they are.
void Shuffle(std::mt19937& random, Message* message) {
  const Reflection& reflection = *message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(*message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->is_map()) continue;
    if (field->is_repeated()) {
      for (int i = reflection.FieldSize(*message, field) - 1; i > 0; --i) {
        reflection.SwapElements(message, field, i, static_cast<int>(random() % (i + 1)));
      }
    }
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      Shuffle(random, reflection.MutableMessage(message, field));
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(*message, field); ++i) {
      Shuffle(random, reflection.MutableRepeatedMessage(message, field, i));
    }
  }
}

TEST(CompilePropertiesTest, EnoughPoliciesCompile) {
  int enforcers[3] = {0, 0, 0};
  for (const PolicyObject& policy : AllPolicies()) {
    const CompileResult result = CompileText(Yaml(policy));
    enforcers[0] += result.app_armor.has_value();
    enforcers[1] += result.bpf.has_value();
    enforcers[2] += result.seccomp.has_value();
  }
  for (const int count : enforcers) EXPECT_GE(count, kEnough);
}

TEST(CompilePropertiesTest, OrderOfRulesMeansNothing) {
  std::mt19937 random(1);
  for (const PolicyObject& policy : AllPolicies()) {
    PolicyObject shuffled = policy;
    Shuffle(random, &shuffled);
    const std::string text = Yaml(policy);
    const std::string other = Yaml(shuffled);
    const CompileResult before = CompileText(text);
    const CompileResult after = CompileText(other);
    ASSERT_TRUE(HasArtifacts(after)) << other;
    const absl::StatusOr<DiffResult> diff = Diff(ArtifactsOf(before), ArtifactsOf(after), {});
    ASSERT_TRUE(diff.ok()) << diff.status();
    ASSERT_TRUE(diff->same()) << Describe(*diff) << text << "---\n" << other;
  }
}

TEST(CompilePropertiesTest, NothingDiffersFromItself) {
  for (const PolicyObject& policy : AllPolicies()) {
    const CompileResult result = CompileText(Yaml(policy));
    const absl::StatusOr<DiffResult> diff = Diff(ArtifactsOf(result), ArtifactsOf(result), {});
    ASSERT_TRUE(diff.ok()) << diff.status();
    ASSERT_TRUE(diff->same()) << Describe(*diff) << Yaml(policy);
  }
}

// One more denial, of each kind that a policy of the mode can have.
std::vector<PolicyObject> WithAnotherDenial(const PolicyObject& policy, std::mt19937& random) {
  std::vector<PolicyObject> out;
  if (policy.spec().policy().mode() != "EnhanceProtect") return out;
  const auto with = [&](const auto& change) {
    PolicyObject object = policy;
    change(object.mutable_spec()->mutable_policy()->mutable_enhance_protect());
    out.push_back(std::move(object));
  };
  with([&](EnhanceProtect* rules) {
    const std::vector<BuiltinRule>& all = BuiltinCatalogue().rules();
    std::vector<std::string> ids;
    for (const BuiltinRule& rule : all) {
      if (rule.category() == BuiltinRule::HARDENING) ids.push_back(rule.id());
    }
    rules->add_hardening_rules(ids[random() % ids.size()]);
  });
  with([&](EnhanceProtect* rules) {
    rules->add_app_armor_raw_rules()->set_rules("deny /srv/** rw, deny capability chown,");
  });
  with([&](EnhanceProtect* rules) {
    BpfFileRule& file = *rules->mutable_bpf_raw_rules()->add_files();
    file.mutable_qualifiers()->add_words("deny");
    file.set_pattern("/srv/**");
    file.add_permissions("read");
  });
  with([&](EnhanceProtect* rules) {
    LinuxSyscall& call = *rules->add_syscall_raw_rules();
    call.add_names("personality");
    call.set_action("SCMP_ACT_ERRNO");
  });
  return out;
}

TEST(CompilePropertiesTest, AnotherDenialAllowsNothingMore) {
  std::mt19937 random(2);
  int compared = 0;
  for (const PolicyObject& policy : AllPolicies()) {
    const CompileResult before = CompileText(Yaml(policy));
    for (const PolicyObject& more : WithAnotherDenial(policy, random)) {
      const CompileResult after = CompileText(Yaml(more));
      if (!HasArtifacts(after)) continue;  // a rule twice, or one that no enforcer can carry out
      const absl::StatusOr<DiffResult> diff = Diff(ArtifactsOf(before), ArtifactsOf(after), {});
      ASSERT_TRUE(diff.ok()) << diff.status();
      ++compared;
      for (const Change& change : diff->changes) {
        // AppArmor lets a name be linked when it would give no more access than the file has
        // already: denying access to the name may be what makes that true.
        if (change.example.file().access() == FileEvent::LINK) continue;
        ASSERT_NE(change.kind, Change::Kind::kNewlyAllowed)
            << Describe(*diff) << Yaml(policy) << "---\n"
            << Yaml(more);
      }
    }
  }
  EXPECT_GE(compared, kEnough);
}

TEST(CompilePropertiesTest, AConvertedPolicyMeansTheSame) {
  for (const PolicyObject& policy : AllPolicies()) {
    const std::string text = Yaml(policy);
    LoadOptions load;
    load.lenient = true;
    const LoadResult loaded = LoadPolicies({{"policy.yaml", text}}, load);
    std::vector<std::string> remarks;
    const std::string converted = ConvertPolicy(loaded.policies.at(0), &remarks);
    const CompileResult before = CompileText(text);
    const CompileResult after = CompileText(converted);
    ASSERT_TRUE(HasArtifacts(after)) << converted;
    const absl::StatusOr<DiffResult> diff = Diff(ArtifactsOf(before), ArtifactsOf(after), {});
    ASSERT_TRUE(diff.ok()) << diff.status();
    ASSERT_TRUE(diff->same()) << Describe(*diff) << text << "---\n" << converted;
  }
}

TEST(CompilePropertiesTest, ThreadsGetTheSameBytes) {
  const size_t count = std::min<size_t>(AllPolicies().size(), 64);
  std::vector<std::vector<std::string>> bytes(4);
  std::vector<std::thread> threads;
  for (std::vector<std::string>& mine : bytes) {
    threads.emplace_back([&mine, count] {
      for (size_t i = 0; i < count; ++i) mine.push_back(Bytes(CompileText(Yaml(AllPolicies()[i]))));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<std::string>& other : bytes) EXPECT_EQ(other, bytes[0]);
}

}  // namespace
}  // namespace varmor
