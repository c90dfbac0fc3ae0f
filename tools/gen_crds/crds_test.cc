#include "tools/gen_crds/crds.h"

#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/pointer.h"

namespace varmor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

const rapidjson::Value* At(const rapidjson::Value& value, const char* pointer) {
  return rapidjson::Pointer(pointer).Get(value);
}

TEST(CrdsTest, FilesInTheTreeAreUpToDate) {
  for (const std::string& plural : CrdPlurals()) {
    EXPECT_TRUE(ReadFile("runtime/deploy/crds/" + plural + ".yaml") == CrdFile(plural, false))
        << plural << ".yaml is stale; run: bazel run //tools/gen_crds -- --update";
  }
}

TEST(CrdsTest, RulesOfNewerServersComeOnlyWhenAskedFor) {
  EXPECT_THAT(CrdFile("varmorpolicies", false), Not(HasSubstr("x-kubernetes-validations")));
  EXPECT_THAT(CrdFile("varmorpolicies", true),
              HasSubstr("has(self.target.name) != has(self.target.selector)"));
  for (const char* plural : {"armorprofiles", "armorprofilemodels"}) {
    EXPECT_EQ(CrdFile(plural, true), CrdFile(plural, false));
  }
}

// What makes a schema structural: a type at every place, but where anything goes.
void ExpectStructural(const rapidjson::Value& schema, const std::string& path) {
  ASSERT_TRUE(schema.IsObject()) << path;
  const bool anything = schema.HasMember("x-kubernetes-preserve-unknown-fields");
  EXPECT_TRUE(schema.HasMember("type") || anything) << path;
  for (const char* key : {"$ref", "anyOf", "oneOf", "allOf", "not"}) {
    EXPECT_FALSE(schema.HasMember(key)) << path << " has " << key;
  }
  if (schema.HasMember("properties")) {
    for (const auto& member : schema["properties"].GetObject()) {
      ExpectStructural(member.value, path + "." + member.name.GetString());
    }
  }
  if (schema.HasMember("required")) {
    for (const auto& key : schema["required"].GetArray()) {
      EXPECT_TRUE(schema["properties"].HasMember(key)) << path << " " << key.GetString();
    }
  }
  if (schema.HasMember("items")) ExpectStructural(schema["items"], path + "[]");
  if (schema.HasMember("additionalProperties")) {
    ExpectStructural(schema["additionalProperties"], path + "{}");
  }
}

TEST(CrdsTest, SchemasAreStructural) {
  for (const std::string& plural : CrdPlurals()) {
    const rapidjson::Document crd = Crd(plural, true);
    const rapidjson::Value* schema = At(crd, "/spec/versions/0/schema/openAPIV3Schema");
    ASSERT_NE(schema, nullptr);
    ExpectStructural(*schema, plural);
  }
}

// A member that the schema does not know is dropped by the server without a word where this is not
// said; the webhook could not complain about it.
void ExpectKeepsUnknown(const rapidjson::Value& schema, const std::string& path) {
  if (schema.HasMember("properties")) {
    EXPECT_TRUE(schema.HasMember("x-kubernetes-preserve-unknown-fields")) << path;
    for (const auto& member : schema["properties"].GetObject()) {
      ExpectKeepsUnknown(member.value, path + "." + member.name.GetString());
    }
  }
  if (schema.HasMember("items")) ExpectKeepsUnknown(schema["items"], path + "[]");
}

TEST(CrdsTest, MisspeltKeysOfAPolicyReachTheWebhook) {
  for (const char* plural : {"varmorpolicies", "varmorclusterpolicies"}) {
    const rapidjson::Document crd = Crd(plural, false);
    const rapidjson::Value* spec =
        At(crd, "/spec/versions/0/schema/openAPIV3Schema/properties/spec");
    ASSERT_NE(spec, nullptr);
    ExpectKeepsUnknown(*spec, "spec");
  }
}

TEST(CrdsTest, ConstraintsOfTheSchemaAreThere) {
  const rapidjson::Document crd = Crd("varmorpolicies", false);
  const std::string policy =
      "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/policy/properties";
  const auto at = [&](const std::string& path) -> const rapidjson::Value& {
    const rapidjson::Value* found = At(crd, (policy + path).c_str());
    EXPECT_NE(found, nullptr) << path;
    static const rapidjson::Value none;
    return found == nullptr ? none : *found;
  };
  EXPECT_STREQ(at("/enforcer/pattern").GetString(),
               "^(?i:AppArmor|BPF|Seccomp|NetworkProxy){1,4}$");
  EXPECT_EQ(at("/mode/enum").Size(), 5u);
  EXPECT_EQ(at("/modelingOptions/properties/duration/minimum").GetInt(), 1);
  EXPECT_EQ(at("/defenseInDepth/properties/appArmor/properties/profileType/enum").Size(), 2u);
  EXPECT_EQ(at("/defenseInDepth/properties/appArmor/properties/customProfile/maxLength").GetInt(),
            512 << 10);
  EXPECT_EQ(
      at("/enhanceProtect/properties/appArmorRawRules/items/properties/rules/maxLength").GetInt(),
      32 << 10);
  const std::string bpf = "/enhanceProtect/properties/bpfRawRules/properties";
  EXPECT_EQ(at(bpf + "/files/items/properties/permissions/minItems").GetInt(), 1);
  EXPECT_EQ(at(bpf + "/mounts/items/properties/flags/minItems").GetInt(), 1);
  EXPECT_EQ(
      at(bpf + "/network/properties/egress/properties/toDestinations/items/properties/ports/items/"
               "properties/port/maximum")
          .GetInt(),
      65535);
  // Older forms are not declared, and kept for the reader.
  EXPECT_EQ(At(crd, (policy + bpf + "/network/properties/egresses").c_str()), nullptr);
}

}  // namespace
}  // namespace varmor
