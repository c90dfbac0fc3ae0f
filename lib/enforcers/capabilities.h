// What the calling thread may do.
#ifndef LIB_ENFORCERS_CAPABILITIES_H_
#define LIB_ENFORCERS_CAPABILITIES_H_

namespace varmor {

// Whether a capability, a CAP_* of <linux/capability.h>, is in force.
bool HasCapability(int capability);

}  // namespace varmor

#endif  // LIB_ENFORCERS_CAPABILITIES_H_
