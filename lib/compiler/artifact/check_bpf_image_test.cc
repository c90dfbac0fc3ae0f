#include "lib/compiler/artifact/check_bpf_image.h"

#include <cstring>
#include <functional>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/artifact/bpf_map_abi.h"

namespace varmor {
namespace {

template <typename Value>
std::string BytesOf(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

BpfMap& AddMap(BpfArtifact& artifact, const char* name, BpfMap::Kind kind, size_t key, size_t value,
               uint32_t room) {
  BpfMap& map = *artifact.add_maps();
  map.set_name(name);
  map.set_kind(kind);
  map.set_key_size(static_cast<uint32_t>(key));
  map.set_value_size(static_cast<uint32_t>(value));
  map.set_max_entries(room);
  if (kind == BpfMap::LPM_TRIE) map.set_flags(1);
  return map;
}

template <typename Key, typename Value>
void AddEntry(BpfMap& map, const Key& key, const Value& value) {
  BpfMapEntry& entry = *map.add_entries();
  entry.set_key(BytesOf(key));
  entry.set_value(BytesOf(value));
}

// A small image with a map of every kind; nobody has compiled it.
BpfArtifact Valid() {
  BpfArtifact artifact;
  artifact.set_abi(VARMOR_BPF_ABI);
  artifact.add_rules();
  varmor_profile header{};
  header.abi = VARMOR_BPF_ABI;
  header.rule_count = 1;
  header.file_tables = 1;
  header.file[0] = {512, 0, 1, 0};
  AddEntry(AddMap(artifact, "profile", BpfMap::ARRAY, 4, sizeof(header), 1), uint32_t{0}, header);
  AddMap(artifact, "pages", BpfMap::ARRAY, 4, sizeof(varmor_path_page), 1);
  BpfMap& accepts =
      AddMap(artifact, "mount_accepts", BpfMap::ARRAY, 4, sizeof(varmor_mount_accept), 2);
  AddEntry(accepts, uint32_t{1}, varmor_mount_accept{0, 1});
  AddMap(artifact, "mount_rules", BpfMap::ARRAY, 4, sizeof(varmor_mount_rule), 1);
  BpfMap& sockets = AddMap(artifact, "sockets", BpfMap::ARRAY, 4, sizeof(varmor_socket_domain),
                           VARMOR_SOCKET_DOMAINS);
  varmor_socket_domain domain{};
  domain.verdict[1][0] = 1;
  AddEntry(sockets, uint32_t{2}, domain);
  AddMap(artifact, "socket_verdicts", BpfMap::ARRAY, 4, sizeof(varmor_verdict), 2);
  BpfMap& addresses =
      AddMap(artifact, "addresses", BpfMap::LPM_TRIE, sizeof(varmor_address_key), 4, 2);
  AddEntry(addresses, varmor_address_key{0, {}}, uint32_t{1});
  AddEntry(addresses, varmor_address_key{7, {0x20}}, uint32_t{1});
  BpfMap& ports = AddMap(artifact, "ports", BpfMap::LPM_TRIE, sizeof(varmor_port_key),
                         sizeof(varmor_verdict), 1);
  AddEntry(ports, varmor_port_key{44, {0, 0, 0, 1}, {0, 0x50}, {}}, varmor_verdict{});
  AddMap(artifact, "disk_devices", BpfMap::HASH, sizeof(varmor_device_key), 4, 8);
  artifact.set_digest(BpfDigest(artifact));
  return artifact;
}

BpfMap& Map(BpfArtifact& artifact, const std::string& name) {
  for (BpfMap& map : *artifact.mutable_maps()) {
    if (map.name() == name) return map;
  }
  ADD_FAILURE() << "no map " << name;
  return *artifact.add_maps();
}

void EditHeader(BpfArtifact& artifact, const std::function<void(varmor_profile&)>& edit) {
  std::string& bytes = *Map(artifact, "profile").mutable_entries(0)->mutable_value();
  varmor_profile header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  edit(header);
  bytes = BytesOf(header);
}

std::string Problem(BpfArtifact artifact) {
  artifact.set_digest(BpfDigest(artifact));
  const absl::Status status = CheckBpfImage(artifact);
  if (!status.ok()) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  }
  return std::string(status.message());
}

TEST(CheckBpfImageTest, AcceptsAnImageWithEveryKindOfMap) { EXPECT_EQ(Problem(Valid()), ""); }

struct BrokenCase {
  const char* problem;
  std::function<void(BpfArtifact&)> breaks;
};

TEST(CheckBpfImageTest, RefusesWhatWouldLeadALoaderAstray) {
  const BrokenCase cases[] = {
      {"it has ABI 2, this version reads 1: compile the policy again",
       [](BpfArtifact& a) { a.set_abi(2); }},
      {"map profile is missing", [](BpfArtifact& a) { a.clear_maps(); }},
      {"map profile is missing", [](BpfArtifact& a) { Map(a, "profile").clear_entries(); }},
      {"unknown map \"extra\"", [](BpfArtifact& a) { AddMap(a, "extra", BpfMap::HASH, 4, 4, 1); }},
      {"map disk_devices is there twice",
       [](BpfArtifact& a) { *a.add_maps() = Map(a, "disk_devices"); }},
      {"map pages has another kind, size or flag than this version reads",
       [](BpfArtifact& a) { Map(a, "pages").set_value_size(8); }},
      {"map pages has another kind, size or flag than this version reads",
       [](BpfArtifact& a) { Map(a, "pages").set_kind(BpfMap::HASH); }},
      {"map addresses has another kind, size or flag than this version reads",
       [](BpfArtifact& a) { Map(a, "addresses").set_flags(0); }},
      {"map pages has room for 4097 entries; 1 to 4096 are possible",
       [](BpfArtifact& a) { Map(a, "pages").set_max_entries(4097); }},
      {"map pages has room for 0 entries; 1 to 4096 are possible",
       [](BpfArtifact& a) { Map(a, "pages").set_max_entries(0); }},
      {"map addresses has 2 entries and room for 1",
       [](BpfArtifact& a) { Map(a, "addresses").set_max_entries(1); }},
      {"map addresses has an entry of 3 and 4 bytes; want 20 and 4",
       [](BpfArtifact& a) { Map(a, "addresses").mutable_entries(0)->set_key("abc"); }},
      {"map sockets has an entry of 4 and 0 bytes; want 4 and 256",
       [](BpfArtifact& a) { Map(a, "sockets").mutable_entries(0)->clear_value(); }},
      {"map addresses is not sorted, or has a key twice",
       [](BpfArtifact& a) { Map(a, "addresses").mutable_entries()->SwapElements(0, 1); }},
      {"map sockets has a key that is out of range",
       [](BpfArtifact& a) {
         Map(a, "sockets").mutable_entries(0)->set_key(BytesOf(uint32_t{64}));
       }},
      {"map addresses has a key that is out of range",  // host bits
       [](BpfArtifact& a) {
         Map(a, "addresses").mutable_entries(1)->set_key(BytesOf(varmor_address_key{7, {0x21}}));
       }},
      {"map addresses has a key that is out of range",
       [](BpfArtifact& a) {
         Map(a, "addresses").mutable_entries(1)->set_key(BytesOf(varmor_address_key{129, {}}));
       }},
      {"map ports has a key that is out of range",
       [](BpfArtifact& a) {
         Map(a, "ports").mutable_entries(0)->set_key(BytesOf(varmor_port_key{31, {}, {}, {}}));
       }},
      {"map ports has a key that is out of range",  // padding is part of a key
       [](BpfArtifact& a) {
         Map(a, "ports").mutable_entries(0)->set_key(BytesOf(varmor_port_key{32, {}, {}, {0, 1}}));
       }},
      {"the header has ABI 9",
       [](BpfArtifact& a) { EditHeader(a, [](varmor_profile& h) { h.abi = 9; }); }},
      {"the header has another mode than the artifact",
       [](BpfArtifact& a) { a.set_complain(true); }},
      {"the header counts 7 rules, the artifact lists 1",
       [](BpfArtifact& a) { EditHeader(a, [](varmor_profile& h) { h.rule_count = 7; }); }},
      {"a header counts 9 path tables",
       [](BpfArtifact& a) { EditHeader(a, [](varmor_profile& h) { h.exec_tables = 9; }); }},
      {"a path table lies outside of map pages",
       [](BpfArtifact& a) { EditHeader(a, [](varmor_profile& h) { h.file[0].pages = 2; }); }},
      {"a path table lies outside of map pages",
       [](BpfArtifact& a) { EditHeader(a, [](varmor_profile& h) { h.file[0].start = 1 << 14; }); }},
      {"map mount_accepts points outside of map mount_rules",
       [](BpfArtifact& a) {
         Map(a, "mount_accepts").mutable_entries(0)->set_value(BytesOf(varmor_mount_accept{1, 1}));
       }},
      {"map mount_accepts points outside of map mount_rules",
       [](BpfArtifact& a) {
         Map(a, "mount_accepts")
             .mutable_entries(0)
             ->set_value(BytesOf(varmor_mount_accept{0xFFFFFFFF, 2}));
       }},
      {"map sockets points outside of map socket_verdicts",
       [](BpfArtifact& a) { Map(a, "socket_verdicts").set_max_entries(1); }},
      {"map sockets misses families",
       [](BpfArtifact& a) { Map(a, "sockets").set_max_entries(46); }},
  };
  for (const BrokenCase& c : cases) {
    BpfArtifact artifact = Valid();
    c.breaks(artifact);
    EXPECT_EQ(Problem(artifact), std::string("BPF artifact: ") + c.problem);
  }
}

TEST(CheckBpfImageTest, RefusesContentThatItsDigestDoesNotKnow) {
  BpfArtifact artifact = Valid();
  artifact.mutable_maps(0)->mutable_entries(0)->mutable_value()->back() = 1;
  EXPECT_EQ(CheckBpfImage(artifact).message(), "BPF artifact: the digest does not fit the content");
}

}  // namespace
}  // namespace varmor
