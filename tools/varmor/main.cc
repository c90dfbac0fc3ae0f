// The tool: one binary for people and automation. Commands are in *_command.cc.
#include <string>
#include <vector>

#include "tools/varmor/command.h"
#include "tools/varmor/console.h"

int main(int argc, char** argv) {
  varmor::PrepareStandardStreams();
  varmor::Console console;
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  return console.Finish(varmor::RunTool(words, console));
}
