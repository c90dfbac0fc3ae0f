// A certificate and its key, as text.
#ifndef RUNTIME_HTTP_TLS_PAIR_H_
#define RUNTIME_HTTP_TLS_PAIR_H_

#include <string>

namespace varmor {

// PEM. The certificate may be a chain, the leaf first; the key is PKCS#8 or the older form of its
// kind.
struct TlsPair {
  std::string certificate;
  std::string key;
};

}  // namespace varmor

#endif  // RUNTIME_HTTP_TLS_PAIR_H_
