// Seccomp: the filter is built beforehand and installed by the command's process itself.
#include <optional>
#include <utility>

#include "absl/memory/memory.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/seccomp/install_profile.h"
#include "rapidjson/document.h"
#include "rapidjson/stringbuffer.h"
#include "rapidjson/writer.h"
#include "tools/varmor/run/run_enforcer.h"

namespace varmor {
namespace {

constexpr char kLogFlag[] = "SECCOMP_FILTER_FLAG_LOG";

// Refusals with an errno are recorded only for filters that ask for it.
std::string WithLogFlag(const std::string& json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) return json;
  auto& allocator = document.GetAllocator();
  if (!document.HasMember("flags")) document.AddMember("flags", rapidjson::kArrayType, allocator);
  rapidjson::Value& flags = document["flags"];
  for (const rapidjson::Value& flag : flags.GetArray()) {
    if (flag.IsString() && flag == kLogFlag) return json;
  }
  flags.PushBack(rapidjson::StringRef(kLogFlag), allocator);
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  document.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

class Seccomp : public RunEnforcer {
 public:
  explicit Seccomp(const RunOptions& options) : report_(options.report) {}

  absl::string_view name() const override { return "Seccomp"; }
  EnforcerSupport Probe() override { return ProbeSeccompFilters(); }

  absl::Status Load(const ArtifactSet& artifacts) override {
    if (artifacts.seccomp == nullptr) return absl::InternalError("there is no seccomp profile");
    SeccompArtifact artifact = *artifacts.seccomp;
    if (report_) artifact.set_json(WithLogFlag(artifact.json()));
    VARMOR_ASSIGN_OR_RETURN(SeccompProgram program, SeccompProgram::Build(artifact));
    program_.emplace(std::move(program));
    return absl::OkStatus();
  }

  absl::Status Confine() override { return program_->Install(NoNewPrivs::kWhenNeeded); }

  absl::Status Unload() override { return absl::OkStatus(); }

 private:
  bool report_;
  std::optional<SeccompProgram> program_;
};

}  // namespace

std::unique_ptr<RunEnforcer> SeccompForRun(const RunOptions& options) {
  return absl::make_unique<Seccomp>(options);
}

}  // namespace varmor
