#include "lib/enforcers/record_store.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"
#include "proto/facts.pb.h"

namespace varmor {
namespace {

TEST(RecordStoreTest, WhatIsWrittenIsRead) {
  const TemporaryDirectory directory;
  FileCalls calls;
  RecordStore store(directory.path(), calls);
  DiskDevice record;
  record.set_name("a \"quoted\"\nname\x01\xff");
  ASSERT_EQ(store.Write("varmor-b", record), absl::OkStatus());
  ASSERT_EQ(store.Write("varmor-a", record), absl::OkStatus());
  PutFile(directory / "something-else.textproto", "");
  DiskDevice read;
  ASSERT_EQ(store.Read("varmor-b", read), absl::OkStatus());
  EXPECT_EQ(read.name(), record.name());
  EXPECT_EQ(store.Profiles().value(), (std::vector<std::string>{"varmor-a", "varmor-b"}));
  ASSERT_EQ(store.Remove("varmor-b"), absl::OkStatus());
  EXPECT_EQ(store.Read("varmor-b", read).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store.Remove("varmor-b").code(), absl::StatusCode::kNotFound);
}

TEST(RecordStoreTest, ADamagedRecordIsDataLoss) {
  const TemporaryDirectory directory;
  FileCalls calls;
  const RecordStore store(directory.path(), calls);
  for (const char* text : {"nam", "name: 7", "no_such_field: 1", "\xff\x00"}) {
    PutFile(directory / "varmor-a.textproto", text);
    DiskDevice read;
    EXPECT_EQ(store.Read("varmor-a", read),
              absl::DataLossError(absl::StrCat("\"", directory / "varmor-a.textproto",
                                               "\" holds no record of a profile")));
  }
}

TEST(RecordStoreTest, WithoutADirectoryThereAreNoProfiles) {
  FileCalls calls;
  EXPECT_EQ(RecordStore("/no/such/directory", calls).Profiles().value(),
            std::vector<std::string>());
}

TEST(CheckProfileNameTest, OnlyNamesOfOursThatAreSafe) {
  for (const char* name : {"varmor-a", "varmor-cluster-ns.x-p_1", "varmor-"}) {
    EXPECT_EQ(CheckProfileName(name), absl::OkStatus()) << name;
  }
  for (const std::string& name :
       {std::string("web"), std::string(""), std::string("varmor"), std::string("varmor-a/b"),
        std::string("varmor-a//child"), std::string("varmor-a b"), std::string("varmor-a\n"),
        std::string("varmor-\0", 8), "varmor-" + std::string(200, 'a')}) {
    EXPECT_EQ(CheckProfileName(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(CheckProfileName("../etc"),
            absl::InvalidArgumentError("\"../etc\" is no name of a profile: they begin with "
                                       "\"varmor-\", are made of [A-Za-z0-9._-] and have at most "
                                       "200 bytes"));
}

}  // namespace
}  // namespace varmor
