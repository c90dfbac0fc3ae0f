// Prints docs/rules.md, or with --update writes it into the source tree (under `bazel run`).
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "lib/compiler/catalogue/catalogue.h"
#include "tools/gen_rule_reference/rule_reference.h"

namespace {

int Update(const std::string& page) {
  // Set by `bazel run`.
  const char* root = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (root == nullptr) {
    std::cerr << "--update: run as bazel run //tools/gen_rule_reference -- --update\n";
    return 2;
  }
  const std::string path = std::string(root) + "/docs/rules.md";
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (file << page << std::flush) return 0;
  std::cerr << path << ": cannot be written\n";
  return 3;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string page = varmor::RuleReference(varmor::BuiltinCatalogue());
  if (argc == 2 && std::string(argv[1]) == "--update") return Update(page);
  if (argc != 1) {
    std::cerr << "usage: gen_rule_reference [--update]\n";
    return 2;
  }
  std::cout << page;
  return std::cout.flush() ? 0 : 3;
}
