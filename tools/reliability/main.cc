// The reliability suite of the BPF enforcer; runs in a guest as root (tools/vm/run reliability).
//
// usage: reliability [--full] [--every_call] [--NAME=N]... [PART]...
//   PART: updates takeovers abi kills faults takeover_faults install_faults refusals concurrency
//   events readers identity protection inactive; default: all but inactive.
//   NAME: kills loads updates takeovers seconds hits seed.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "tools/reliability/reliability.h"

namespace varmor {
namespace {

using Part = void (*)(const ReliabilityOptions&, Checks&);

const std::vector<std::pair<std::string, Part>>& Parts() {
  static const auto* parts = new std::vector<std::pair<std::string, Part>>{
      {"updates", CheckUpdates},
      {"takeovers", CheckTakeovers},
      {"abi", CheckOtherAbi},
      {"kills", CheckKills},
      {"faults", CheckFaults},
      {"takeover_faults", CheckTakeoverFaults},
      {"install_faults", CheckInstallFaults},
      {"refusals", CheckRefusals},
      {"concurrency", CheckConcurrency},
      {"events", CheckEvents},
      {"readers", CheckReaders},
      {"identity", CheckIdentity},
      {"protection", CheckProtection},
      {"inactive", CheckInactive},
  };
  return *parts;
}

ReliabilityOptions Full() {
  ReliabilityOptions full;
  full.kills = 200;
  full.updates = 1000;
  full.takeovers = 10;
  full.every_call = true;
  full.seconds = 60;
  full.hits = 100000;
  return full;
}

bool SetNumber(const std::string& argument, ReliabilityOptions& options) {
  const size_t equal = argument.find('=');
  int value = 0;
  if (equal == std::string::npos || !absl::SimpleAtoi(argument.substr(equal + 1), &value) ||
      value < 1) {
    return false;
  }
  const std::map<std::string, int*> places = {
      {"--kills", &options.kills},     {"--loads", &options.loads},
      {"--updates", &options.updates}, {"--takeovers", &options.takeovers},
      {"--seconds", &options.seconds}, {"--hits", &options.hits}};
  const std::string name = argument.substr(0, equal);
  if (name == "--seed") {
    options.seed = static_cast<uint64_t>(value);
    return true;
  }
  const auto place = places.find(name);
  if (place == places.end()) return false;
  *place->second = value;
  return true;
}

int Run(const std::vector<std::string>& arguments) {
  ReliabilityOptions options;
  std::vector<std::pair<std::string, Part>> chosen;
  for (const std::string& argument : arguments) {
    if (argument == "--full") {
      options = Full();
      continue;
    }
    if (argument == "--every_call") {
      options.every_call = true;
      continue;
    }
    if (absl::StartsWith(argument, "--")) {
      if (SetNumber(argument, options)) continue;
    } else {
      const size_t before = chosen.size();
      for (const auto& part : Parts()) {
        if (part.first == argument) chosen.push_back(part);
      }
      if (chosen.size() > before) continue;
    }
    std::cerr << "reliability: unknown argument " << argument << "\n";
    return 2;
  }
  if (chosen.empty()) chosen.assign(Parts().begin(), Parts().end() - 1);
  Checks checks;
  for (const auto& [name, part] : chosen) {
    std::cout << "== " << name << std::endl;
    part(options, checks);
  }
  return checks.Finish();
}

}  // namespace
}  // namespace varmor

int main(int argc, char** argv) { return varmor::Run({argv + 1, argv + argc}); }
