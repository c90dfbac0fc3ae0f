// A protobuf message as a document: the opposite of load/read_message.h.
#ifndef LIB_COMPILER_CONVERT_MESSAGE_DOCUMENT_H_
#define LIB_COMPILER_CONVERT_MESSAGE_DOCUMENT_H_

#include <memory>

#include "google/protobuf/message.h"
#include "lib/compiler/load/document.h"

namespace varmor {

// The keys are in the order of the schema, those of maps sorted. Fields that say nothing (not
// required and at their default) are left out. A message holds no opaque values, only that they
// were there: they are copied from `original`, the document that `message` was read from.
std::unique_ptr<DocumentNode> MessageToDocument(const google::protobuf::Message& message,
                                                const DocumentNode* original);

}  // namespace varmor

#endif  // LIB_COMPILER_CONVERT_MESSAGE_DOCUMENT_H_
