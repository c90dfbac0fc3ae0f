// varmor version: what this binary is made of.
#include <google/protobuf/stubs/common.h>
#include <openssl/crypto.h>

#include <string>

#include "absl/base/config.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/version.h"
#include "rapidjson/document.h"
#include "rapidjson/rapidjson.h"
#include "tools/varmor/command.h"
#include "tools/varmor/exit_code.h"
#include "tools/varmor/json_document.h"

namespace varmor {
namespace {

struct Library {
  const char* name;
  std::string version;
};

std::vector<Library> Libraries() {
  return {
      {"abseil", absl::StrCat(ABSL_LTS_RELEASE_VERSION, ".", ABSL_LTS_RELEASE_PATCH_LEVEL)},
      {"protobuf", google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION)},
      {"rapidjson", RAPIDJSON_VERSION_STRING},
  };
}

int Run(const Arguments& arguments, Console& console) {
  const int rules = static_cast<int>(BuiltinCatalogue().rules().size());
  if (arguments.Get("format", "text") == "json") {
    rapidjson::Document document(rapidjson::kObjectType);
    JsonBuilder json(document);
    json.Add(document, "version", kVersion);
    json.Add(document, "bpfAbi", static_cast<int>(VARMOR_BPF_ABI));
    json.Add(document, "builtinRules", rules);
    rapidjson::Value libraries(rapidjson::kObjectType);
    for (const Library& library : Libraries()) json.Add(libraries, library.name, library.version);
    json.Add(document, "libraries", std::move(libraries));
    console.Out(PrintJson(document));
    return kExitClean;
  }
  console.Out(absl::StrCat("varmor ", kVersion, "\n"));
  console.Out(absl::StrFormat("%-15s%d\n", "BPF layout", VARMOR_BPF_ABI));
  console.Out(absl::StrFormat("%-15s%d\n", "built-in rules", rules));
  for (const Library& library : Libraries()) {
    console.Out(absl::StrFormat("%-15s%s\n", library.name, library.version));
  }
  return kExitClean;
}

}  // namespace

Command VersionCommand() {
  Command command;
  command.spec.name = "version";
  command.spec.summary = "show the versions of the tool, its data and its libraries";
  command.spec.description =
      "The number of the BPF layout says which agents can load a compiled NAME.bpf.pb.";
  FlagSpec format;
  format.name = "format";
  format.value = "FORMAT";
  format.help = "how to print (default text)";
  format.choices = {"text", "json"};
  command.spec.flags = {format};
  command.spec.examples = {{"varmor version --format json", "for scripts"}};
  command.run = Run;
  return command;
}

}  // namespace varmor
