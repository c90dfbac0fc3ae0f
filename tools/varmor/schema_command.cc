// varmor schema: JSON schemas for editors and automation.
#include "lib/compiler/catalogue/catalogue.h"
#include "tools/varmor/command.h"
#include "tools/varmor/exit_code.h"
#include "tools/varmor/json_document.h"
#include "tools/varmor/policy_schema.h"

namespace varmor {
namespace {

int Run(const Arguments& arguments, Console& console) {
  console.Out(PrintJson(PolicySchema(arguments.Get("kind"), BuiltinCatalogue())));
  return kExitClean;
}

}  // namespace

Command SchemaCommand() {
  Command command;
  CommandSpec& spec = command.spec;
  spec.name = "schema";
  spec.summary = "print the JSON schema of a kind";
  spec.description =
      "JSON schema, draft 07, as editors use it to complete and check YAML. It knows keys, types,\n"
      "words and rule names; `varmor check` knows the rest.";
  FlagSpec kind;
  kind.name = "kind";
  kind.value = "KIND";
  kind.help = "which schema (default: either kind of policy)";
  kind.choices = SchemaKinds();
  spec.flags = {kind};
  spec.examples = {{"varmor schema > varmor.schema.json",
                    "then, first in a policy: # yaml-language-server: $schema=varmor.schema.json"}};
  command.run = Run;
  return command;
}

}  // namespace varmor
