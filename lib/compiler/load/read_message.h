// Reads a protobuf message out of a document: JSON names as keys, and the options of
// proto/field_options.proto for what a type alone does not say.
#ifndef LIB_COMPILER_LOAD_READ_MESSAGE_H_
#define LIB_COMPILER_LOAD_READ_MESSAGE_H_

#include "google/protobuf/message.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/load/document.h"

namespace varmor {

// Fills `message`, which is empty, from `root`. Unknown keys, wrong types, numbers out of range,
// words outside `one_of` and missing required keys are errors; keys of older schema generations are
// notes. Diagnostics have field paths from `root` on, and a place only where the path would not
// lead to it (a key). Keys that stand twice are read once: the parser has reported them.
//
// False when there was an error; `message` then holds what could be read.
bool ReadMessage(const DocumentNode& root, google::protobuf::Message* message,
                 Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_LOAD_READ_MESSAGE_H_
