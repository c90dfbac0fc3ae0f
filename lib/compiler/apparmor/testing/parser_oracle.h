// The real AppArmor parser, for tests. Compiles text without loading it into a kernel.
#ifndef LIB_COMPILER_APPARMOR_TESTING_PARSER_ORACLE_H_
#define LIB_COMPILER_APPARMOR_TESTING_PARSER_ORACLE_H_

#include <string>
#include <vector>

namespace varmor {

struct ParserVerdict {
  bool ok = false;
  // What the parser said; for a parser that is missing, that.
  std::string messages;
  // The compiled profile, if it was asked for.
  std::string binary;
};

// `text` is a whole policy file. Blocks until the parser is done. All features of ABI 3.0 are
// compiled, whatever the running kernel has.
ParserVerdict RunAppArmorParser(const std::string& text);
// With the compiled profile: equal texts give equal bytes.
ParserVerdict CompileWithAppArmorParser(const std::string& text);

// The verdicts for many texts, in their order, with as many parsers at work as there are
// processors.
std::vector<ParserVerdict> RunAppArmorParserOnEach(const std::vector<std::string>& texts,
                                                   bool compile = false);

// "" when the parser accepts every one of `texts`; otherwise what it said and the texts it is
// about.
std::string AppArmorParserRefuses(const std::vector<std::string>& texts);

// "profile oracle { RULES }" with tunables/global in front.
std::string ProfileAround(const std::string& rules);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_TESTING_PARSER_ORACLE_H_
