// What an enforcer remembers of each profile it put somewhere: a directory of small files.
#ifndef LIB_ENFORCERS_RECORD_STORE_H_
#define LIB_ENFORCERS_RECORD_STORE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "lib/enforcers/files.h"

namespace varmor {

// One file for each profile, NAME.textproto. Names are those CheckProfileName accepts.
class RecordStore {
 public:
  // `calls` must outlive the store. The directory must exist when something is written.
  RecordStore(std::string directory, FileCalls& calls)
      : directory_(std::move(directory)), calls_(&calls) {}

  // NOT_FOUND when there is no record; DATA_LOSS when the file holds none.
  absl::Status Read(absl::string_view profile, google::protobuf::Message& record) const;

  absl::Status Write(absl::string_view profile, const google::protobuf::Message& record);
  absl::Status Remove(absl::string_view profile);

  // The profiles with a record, sorted; none when the directory is missing.
  absl::StatusOr<std::vector<std::string>> Profiles() const;

 private:
  std::string PathOf(absl::string_view profile) const;

  std::string directory_;
  FileCalls* calls_;
};

// INVALID_ARGUMENT unless `name` begins with "varmor-" and is made of [A-Za-z0-9._-]: such names
// are ours, and safe as names of files and in the files of the kernel.
absl::Status CheckProfileName(absl::string_view name);

}  // namespace varmor

#endif  // LIB_ENFORCERS_RECORD_STORE_H_
