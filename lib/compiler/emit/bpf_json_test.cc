#include "lib/compiler/emit/bpf_json.h"

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/emit/emit_bpf.h"
#include "lib/compiler/lower/lower_bpf.h"
#include "rapidjson/document.h"

namespace varmor {
namespace {

constexpr Action kDeny = {true, false, false};

BpfArtifact Emit(const BpfRules& rules) {
  Diagnostics diagnostics;
  return EmitBpf(LowerBpf(rules, "varmor-demo-web", diagnostics).value());
}

BpfArtifact Compiled() {
  BpfRules rules;
  rules.files = {{kDeny, kAccessRead, PathPattern::Parse("/etc/**").value(), {"raw", "f"}}};
  rules.disk_devices = {{kDeny, kAccessRead, false, {"raw", "d"}}};
  return Emit(rules);
}

// Every member once; the bytes stand for nothing.
TEST(BpfArtifactToJsonTest, SaysWhatItDoesBeforeTheBytes) {
  BpfArtifact artifact;
  artifact.set_name("varmor-demo-web");
  artifact.set_abi(1);
  artifact.set_digest("abc");
  artifact.set_complain(true);
  RuleOrigin& rule = *artifact.add_rules();
  rule.set_rule("raw");
  rule.set_field("spec.files[0]");
  rule.set_text("file /a\"b read");
  rule.set_action("audit deny");
  BpfTableSummary& table = *artifact.add_tables();
  table.set_kind("file");
  table.set_direction("forward");
  table.set_patterns(1);
  table.set_states(2);
  table.set_classes(3);
  table.set_pages(4);
  table.set_accepts(5);
  artifact.add_holes(DISK_DEVICE_MAP);
  EgressWatch& watch = *artifact.add_egress_watches();
  watch.set_field("spec.w");
  watch.set_namespace_("demo");
  watch.set_selector("app=web");
  watch.set_pods(true);
  BpfMap& map = *artifact.add_maps();
  map.set_name("accepts");
  map.set_kind(BpfMap::LPM_TRIE);
  map.set_key_size(2);
  map.set_value_size(4);
  map.set_max_entries(7);
  map.set_flags(1);
  BpfMapEntry& entry = *map.add_entries();
  entry.set_key(std::string("\x01\x00", 2));
  entry.set_value(std::string("\x00\xAB\x00\x00", 4));
  map.add_entries()->set_value(std::string(4, '\0'));
  EXPECT_EQ(BpfArtifactToJson(artifact), R"json({
  "name": "varmor-demo-web",
  "abi": 1,
  "digest": "abc",
  "mode": "complain",
  "rules": [
    {
      "number": 0,
      "action": "audit deny",
      "does": "file /a\"b read",
      "rule": "raw",
      "field": "spec.files[0]"
    }
  ],
  "tables": [
    {
      "kind": "file",
      "direction": "forward",
      "patterns": 1,
      "states": 2,
      "classes": 3,
      "pages": 4,
      "accepts": 5
    }
  ],
  "holes": [
    "disk_device_map"
  ],
  "egress_watches": [
    {
      "kind": "pods",
      "namespace": "demo",
      "service": "",
      "selector": "app=web",
      "field": "spec.w"
    }
  ],
  "maps": [
    {
      "name": "accepts",
      "kind": "lpm_trie",
      "key_size": 2,
      "value_size": 4,
      "max_entries": 7,
      "flags": 1,
      "entries": [
        {
          "key": "0100",
          "value": "00ab"
        },
        {
          "key": "",
          "value": ""
        }
      ]
    }
  ]
}
)json");
}

TEST(BpfArtifactToJsonTest, IsJsonThatHoldsEveryMapAndEntry) {
  const BpfArtifact artifact = Compiled();
  const std::string text = BpfArtifactToJson(artifact);
  EXPECT_EQ(text, BpfArtifactToJson(Compiled()));
  rapidjson::Document json;
  json.Parse(text.data(), text.size());
  ASSERT_FALSE(json.HasParseError());
  ASSERT_EQ(static_cast<int>(json["maps"].Size()), artifact.maps_size());
  for (int i = 0; i < artifact.maps_size(); ++i) {
    const auto& map = json["maps"][static_cast<rapidjson::SizeType>(i)];
    EXPECT_EQ(map["name"].GetString(), artifact.maps(i).name());
    EXPECT_EQ(static_cast<int>(map["entries"].Size()), artifact.maps(i).entries_size());
  }
  EXPECT_STREQ(json["mode"].GetString(), "enforce");
}

TEST(ParseBpfArtifactTest, ReadsBackWhatWasWritten) {
  const BpfArtifact artifact = Compiled();
  const auto parsed = ParseBpfArtifact(artifact.SerializeAsString());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->SerializeAsString(), artifact.SerializeAsString());
}

TEST(ParseBpfArtifactTest, RefusesWhatIsNoArtifact) {
  EXPECT_EQ(ParseBpfArtifact("\xFF\xFF\xFF").status().message(),
            "not a BPF artifact, or a damaged one");
  EXPECT_EQ(ParseBpfArtifact("").status().message(),
            "BPF artifact: it has ABI 0, this version reads 1: compile the policy again");
  BpfArtifact artifact = Compiled();
  artifact.set_digest(std::string(64, '0'));
  EXPECT_EQ(ParseBpfArtifact(artifact.SerializeAsString()).status().message(),
            "BPF artifact: the digest does not fit the content");
}

// A flipped byte is a message of protobuf, a refused map, a wrong digest, or in a text for people.
TEST(ParseBpfArtifactTest, SurvivesDamage) {
  const std::string bytes = Compiled().SerializeAsString();
  std::mt19937 random(4);
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = bytes;
    for (uint32_t i = 1 + random() % 3; i > 0; --i) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) damaged.resize(random() % damaged.size());
    const auto parsed = ParseBpfArtifact(damaged);
    if (parsed.ok()) {
      EXPECT_EQ(parsed->digest(), BpfDigest(*parsed));
    }
  }
}

}  // namespace
}  // namespace varmor
