// For tests: what the real AppArmor parser says about a profile. Nothing is loaded.
#ifndef LIB_COMPILER_EMIT_APP_ARMOR_ORACLE_H_
#define LIB_COMPILER_EMIT_APP_ARMOR_ORACLE_H_

#include <string>
#include <vector>

namespace varmor {

// "" when apparmor_parser accepts every one of `texts`; otherwise its message and the text it is
// about, or that the program is missing: a test that needs it must not pass without it.
std::string AppArmorParserRefuses(const std::vector<std::string>& texts);

}  // namespace varmor

#endif  // LIB_COMPILER_EMIT_APP_ARMOR_ORACLE_H_
