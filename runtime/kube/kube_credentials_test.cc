#include "runtime/kube/kube_credentials.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"

namespace varmor {
namespace {

using ::testing::HasSubstr;

class KubeCredentialsTest : public ::testing::Test {
 protected:
  KubeCredentialsTest() {
    KubeConfig config;
    config.ca.text = "the CA";
    config.token.file = directory_ / "token";
    PutFile(config.token.file, "first\n");
    credentials_ =
        std::make_unique<KubeCredentials>(config, absl::Minutes(1), [this] { return now_; });
  }

  TemporaryDirectory directory_;
  absl::Time now_ = absl::UnixEpoch();
  std::unique_ptr<KubeCredentials> credentials_;
};

TEST_F(KubeCredentialsTest, ReadsFilesAgainAfterThePeriod) {
  EXPECT_EQ(credentials_->Current().token, "first");
  EXPECT_EQ(credentials_->Current().ca, "the CA");
  PutFile(directory_ / "token", "second");
  now_ += absl::Seconds(59);
  EXPECT_EQ(credentials_->Current().token, "first");
  now_ += absl::Seconds(1);
  EXPECT_EQ(credentials_->Current().token, "second");
}

TEST_F(KubeCredentialsTest, ReadsAtOnceWhenTheyWereRefused) {
  EXPECT_EQ(credentials_->Current().token, "first");
  PutFile(directory_ / "token", "second");
  credentials_->Expire();
  EXPECT_EQ(credentials_->Current().token, "second");
}

TEST_F(KubeCredentialsTest, KeepsWhatItKnowsWhenAFileIsGoneAndSaysSo) {
  ASSERT_TRUE(credentials_->Reload().ok());
  for (const char* bad : {"", "two\nlines"}) {
    PutFile(directory_ / "token", bad);
    now_ += absl::Minutes(2);
    EXPECT_EQ(credentials_->Current().token, "first");
    EXPECT_THAT(std::string(credentials_->problem().message()), HasSubstr("token"));
  }
  PutFile(directory_ / "token", "second");
  now_ += absl::Minutes(2);
  EXPECT_EQ(credentials_->Current().token, "second");
  EXPECT_TRUE(credentials_->problem().ok());
}

TEST_F(KubeCredentialsTest, AFileThatIsMissingAtTheStartIsAnError) {
  KubeConfig config;
  config.ca.file = directory_ / "no-ca.crt";
  KubeCredentials credentials(config, absl::Minutes(1), [this] { return now_; });
  EXPECT_THAT(std::string(credentials.Reload().message()), HasSubstr("no-ca.crt"));
}

}  // namespace
}  // namespace varmor
