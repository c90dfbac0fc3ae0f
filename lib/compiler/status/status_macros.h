// VARMOR_RETURN_IF_ERROR and VARMOR_ASSIGN_OR_RETURN. Named like Abseil's later ones, so that they
// can be deleted once the oldest supported Abseil has them.
#ifndef LIB_COMPILER_STATUS_STATUS_MACROS_H_
#define LIB_COMPILER_STATUS_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define VARMOR_RETURN_IF_ERROR(expr)                                                    \
  do {                                                                                  \
    if (absl::Status varmor_status = (expr); !varmor_status.ok()) return varmor_status; \
  } while (false)

#define VARMOR_STATUS_CONCAT_INNER(a, b) a##b
#define VARMOR_STATUS_CONCAT(a, b) VARMOR_STATUS_CONCAT_INNER(a, b)

#define VARMOR_ASSIGN_OR_RETURN(lhs, expr) \
  VARMOR_ASSIGN_OR_RETURN_IMPL(VARMOR_STATUS_CONCAT(varmor_statusor_, __LINE__), lhs, expr)

#define VARMOR_ASSIGN_OR_RETURN_IMPL(statusor, lhs, expr) \
  auto statusor = (expr);                                 \
  if (!statusor.ok()) return statusor.status();           \
  lhs = std::move(statusor).value()

#endif  // LIB_COMPILER_STATUS_STATUS_MACROS_H_
