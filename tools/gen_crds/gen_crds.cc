// Prints the custom resource definitions as one YAML stream, or with --update writes them into the
// source tree, runtime/deploy/crds (under `bazel run`).
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "tools/gen_crds/crds.h"

namespace {

int Update() {
  // Set by `bazel run`.
  const char* root = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (root == nullptr) {
    std::cerr << "--update: run as bazel run //tools/gen_crds -- --update\n";
    return 2;
  }
  for (const std::string& plural : varmor::CrdPlurals()) {
    const std::string path = std::string(root) + "/runtime/deploy/crds/" + plural + ".yaml";
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    if (file << varmor::CrdFile(plural, false) << std::flush) continue;
    std::cerr << path << ": cannot be written\n";
    return 3;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string flag = argc == 2 ? argv[1] : "";
  if (flag == "--update") return Update();
  if (argc != 1 && flag != "--cel") {
    std::cerr << "usage: gen_crds [--update|--cel]\n"
                 "  --cel   with the rules that need Kubernetes 1.25\n";
    return 2;
  }
  for (const std::string& plural : varmor::CrdPlurals()) {
    std::cout << "---\n" << varmor::CrdFile(plural, flag == "--cel");
  }
  return std::cout.flush() ? 0 : 3;
}
