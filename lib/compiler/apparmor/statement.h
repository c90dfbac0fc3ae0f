// One rule of the AppArmor language (apparmor.d(5)), parsed. Our own parser exists so that nothing
// a policy says reaches a profile as mere text (design decision 7): a statement is printed from its
// parts.
#ifndef LIB_COMPILER_APPARMOR_STATEMENT_H_
#define LIB_COMPILER_APPARMOR_STATEMENT_H_

#include <string>

#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

struct AppArmorStatement {
  enum class Kind {
    kFile,  // also "file," alone and "link"
    kCapability,
    kNetwork,
    kMount,
    kRemount,
    kUmount,
    kPivotRoot,
    kPtrace,
    kSignal,
    kDbus,
    kUnix,
    kRlimit,
    kChangeProfile,
    kChangeHat,
    kUserns,
    kIoUring,
    kMqueue,
    kAll,
    kInclude,  // only where allowed
  };
  Kind kind = Kind::kFile;
  // Qualifiers as written.
  bool audit = false;
  bool deny = false;
  bool explicit_allow = false;
  bool owner = false;

  // The rule without qualifiers and trailing comma, in canonical form: single blanks, path quoted
  // when needed, permission letters in the order "rwalkm" with the exec part last: "/etc/** wl",
  // "capability net_raw", "/bin/bash cx -> child_0".
  std::string body;

  // File rules only. `path` is unquoted, with variables unexpanded ("@{PROC}/mem"), "" for the bare
  // "file," rule. `permissions` has no exec part. `exec` is "" or "x" (denials), "ix", "px", "Px",
  // "cx", "Cx", "ux", "Ux", "pix", "Pix", "cix", "Cix", "pux", "PUx", "cux", "CUx". `target` is
  // what follows "->" of an exec or link rule.
  std::string path;
  std::string permissions;
  std::string exec;
  std::string target;

  // Where it begins in the text it was parsed from.
  TextPlace place;
};

// The statement as a profile has it: "audit deny owner /etc/** wl,".
std::string ToString(const AppArmorStatement& statement);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_STATEMENT_H_
