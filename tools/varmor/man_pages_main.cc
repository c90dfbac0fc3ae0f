// Writes the manual pages of all commands into a directory: part of the build.
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "tools/varmor/command.h"
#include "tools/varmor/man_page.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: man_pages DIRECTORY\n";
    return 2;
  }
  std::vector<varmor::CommandSpec> commands;
  for (const varmor::Command& command : varmor::AllCommands()) commands.push_back(command.spec);
  for (const varmor::ManPage& page : varmor::ManPages(commands)) {
    const std::string path = std::string(argv[1]) + "/" + page.file;
    std::ofstream file(path, std::ios::binary);
    file << page.text;
    file.close();
    if (!file) {
      std::cerr << "man_pages: cannot write " << path << "\n";
      return 1;
    }
  }
  return 0;
}
