#include "tools/reliability/checks.h"

#include <time.h>

#include <cstdio>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace varmor {
namespace {

void Print(absl::string_view word, absl::string_view text) {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  std::cout << word
            << absl::StrFormat(" [%d.%02d] ", now.tv_sec, static_cast<int>(now.tv_nsec / 10000000))
            << text << std::endl;
}

}  // namespace

void Checks::Expect(bool good, absl::string_view name, absl::string_view counts) {
  (good ? passed_ : failed_)++;
  Print(good ? "ok  " : "FAIL", absl::StrCat(name, ": ", counts));
}

void Checks::ExpectRefused(const absl::Status& status, absl::string_view words,
                           absl::string_view name) {
  Expect(!status.ok() && absl::StrContains(status.message(), words), name,
         status.ok() ? "not refused"
                     : absl::StrCat(absl::StatusCodeToString(status.code()), ", ",
                                    absl::string_view(status.message()).substr(0, 300)));
}

bool Checks::Need(const absl::Status& status, absl::string_view step) {
  if (status.ok()) return true;
  Expect(false, step, status.ToString());
  return false;
}

void Checks::Skip(absl::string_view name, absl::string_view why) {
  ++skipped_;
  Print("skip", absl::StrCat(name, ": ", why));
}

int Checks::Finish() const {
  std::cout << passed_ << " passed, " << failed_ << " failed";
  if (skipped_ > 0) std::cout << ", " << skipped_ << " skipped";
  std::cout << std::endl;
  return failed_ == 0 ? 0 : 1;
}

}  // namespace varmor
