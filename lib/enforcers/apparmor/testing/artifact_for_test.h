// AppArmor artifacts written down in a test.
#ifndef LIB_ENFORCERS_APPARMOR_TESTING_ARTIFACT_FOR_TEST_H_
#define LIB_ENFORCERS_APPARMOR_TESTING_ARTIFACT_FOR_TEST_H_

#include <string>
#include <vector>

#include "lib/compiler/simulate/decide.h"
#include "proto/artifact.pb.h"

namespace varmor {

// "profile NAME { file, network, ... RULES }": what is not denied is allowed.
std::string TextForTest(const std::string& name, const std::string& rules);

// An artifact with that text.
AppArmorArtifact ArtifactForTest(const std::string& name, const std::string& rules);

// One with this text, whatever it is.
AppArmorArtifact ArtifactOfText(const std::string& name, const std::string& text);

// One in which running `target` leads to the child `child`, which has `rules`.
AppArmorArtifact ArtifactWithChild(const std::string& name, const std::string& target,
                                   const std::string& child, const std::string& rules);

ArtifactSet SetOf(const AppArmorArtifact& artifact);

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_TESTING_ARTIFACT_FOR_TEST_H_
