// varmor_seccomp_demo PROFILE.json -- COMMAND...
//
// Runs a command under an OCI seccomp profile without a container: installs the filter on itself,
// as a runtime would, and becomes the command.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/seccomp/parse_oci_seccomp.h"
#include "lib/enforcers/seccomp/install_profile.h"

namespace varmor {
namespace {

// Of the varmor tool: usage or invalid input; a fault of the system.
constexpr int kUsage = 2;
constexpr int kFault = 3;

int Run(int argc, char** argv) {
  if (argc < 4 || std::string(argv[2]) != "--") {
    std::cerr << "usage: varmor_seccomp_demo PROFILE.json -- COMMAND...\n";
    return kUsage;
  }
  std::ifstream file(argv[1], std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    std::cerr << argv[1] << ": cannot read\n";
    return kUsage;
  }
  Diagnostics diagnostics;
  const ParsedSeccomp parsed = ParseOciSeccomp(text.str(), "", diagnostics);
  for (Diagnostic diagnostic : diagnostics.list()) {
    diagnostic.file = argv[1];
    diagnostic.place = diagnostic.inside;
    std::cerr << FormatDiagnostic(diagnostic);
  }
  if (diagnostics.HasErrors()) return kUsage;
  if (const absl::Status status = InstallSeccompProfile(parsed.profile); !status.ok()) {
    std::cerr << "varmor_seccomp_demo: " << status.message() << "\n";
    return kFault;
  }
  execvp(argv[3], argv + 3);
  std::cerr << argv[3] << ": " << std::strerror(errno) << "\n";
  return kFault;
}

}  // namespace
}  // namespace varmor

int main(int argc, char** argv) { return varmor::Run(argc, argv); }
