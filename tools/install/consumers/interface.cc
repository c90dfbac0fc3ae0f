// Refers to every function of the C++ interface, so that linking shows which is missing.
#include <cstdio>

#include "varmor/artifact/bpf_map_abi.h"
#include "varmor/artifact/check_bpf_image.h"
#include "varmor/artifacts_of.h"
#include "varmor/bind/bind_app_armor.h"
#include "varmor/bind/bind_bpf.h"
#include "varmor/catalogue/catalogue.h"
#include "varmor/compile.h"
#include "varmor/diagnostic/diagnostic.h"
#include "varmor/diff/diff.h"
#include "varmor/emit/bpf_json.h"
#include "varmor/load/document.h"
#include "varmor/load/load_policy.h"
#include "varmor/simulate/decide.h"
#include "varmor/simulate/event_text.h"
#include "varmor/simulate/verdict.h"
#include "varmor/varmor.h"
#include "varmor/version.h"

namespace {

template <typename... Functions>
bool AllThere(Functions... functions) {
  return ((functions != nullptr) && ...);
}

}  // namespace

int main() {
  const bool functions = AllThere(
      &varmor::Compile, &varmor::CheckProfileNames, &varmor::LoadPolicies, &varmor::LoadMessage,
      &varmor::Locate, &varmor::ParseDocuments, &varmor::FindNode, &varmor::BuiltinCatalogue,
      &varmor::NormaliseRuleName, &varmor::Catalogue::FromRules, &varmor::Catalogue::Find,
      &varmor::Catalogue::Names, &varmor::Catalogue::AppArmorStatements, &varmor::ArtifactsOf,
      &varmor::BindAppArmor, &varmor::UnboundText, &varmor::HasHoles, &varmor::BindBpf,
      &varmor::CheckBpfImage, &varmor::BpfArtifactToJson, &varmor::ParseBpfArtifact,
      &varmor::SeverityName, &varmor::FormatDiagnostic, &varmor::NearestWord, &varmor::Quoted,
      &varmor::Diagnostics::Error, &varmor::Diagnostics::Warning, &varmor::Diagnostics::StrictError,
      &varmor::Diagnostics::Add, &varmor::Diagnostics::HasErrors, &varmor::Diagnostics::SortByPlace,
      &varmor::Simulator::Load, &varmor::Simulator::Decide, &varmor::VerdictWord,
      &varmor::ParseEventText, &varmor::EventText, &varmor::ParseViolationLine, &varmor::Diff,
      &varmor_compile);
  // Messages: made, copied, moved, printed, and known by reflection.
  varmor::PolicyObject policy;
  policy.mutable_metadata()->set_name("web");
  varmor::PolicyObject copy = policy;
  const varmor::PolicyObject moved = std::move(copy);
  varmor::BpfArtifact bpf;
  bpf.add_holes(varmor::DISK_DEVICES);
  varmor::Event event;
  varmor::BuiltinRule rule;
  varmor::NodeFacts facts;
  facts.add_disk_devices()->set_name("sda");
  const bool messages = moved.metadata().name() == "web" &&
                        moved.GetDescriptor()->FindFieldByName("metadata") != nullptr &&
                        varmor::HoleKind_Name(bpf.holes(0)) == "DISK_DEVICES" &&
                        !facts.DebugString().empty() && event.ByteSizeLong() == 0 &&
                        rule.IsInitialized() && sizeof(varmor_profile) > 0;
  const bool version = std::string(varmor::kVersion) == varmor_version();
  if (!functions || !messages || !version) std::printf("not as expected\n");
  return functions && messages && version ? 0 : 1;
}
