// Diagnostics as text, JSON, SARIF and GitHub annotations.
#ifndef TOOLS_VARMOR_DIAGNOSTIC_FORMATS_H_
#define TOOLS_VARMOR_DIAGNOSTIC_FORMATS_H_

#include <string>
#include <vector>

#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/load/load_policy.h"
#include "tools/varmor/json_document.h"

namespace varmor {

// FormatDiagnostic of each, with coloured severities when `color` is set.
std::string DiagnosticsAsText(const Diagnostics& diagnostics, bool color);

// {severity, code, file, line, column, field, problem, fix}; what is unknown is left out.
rapidjson::Value DiagnosticAsJson(JsonBuilder& json, const Diagnostic& diagnostic);

// A SARIF 2.1.0 log of one run. Columns count code points there and in the annotations: `sources`
// has the lines to count in.
std::string DiagnosticsAsSarif(const Diagnostics& diagnostics,
                               const std::vector<PolicySource>& sources);

// GitHub's workflow commands, one line each: "::error
// file=a.yaml,line=3,col=1,title=code::message".
std::string DiagnosticsAsGithub(const Diagnostics& diagnostics,
                                const std::vector<PolicySource>& sources);

}  // namespace varmor

#endif  // TOOLS_VARMOR_DIAGNOSTIC_FORMATS_H_
