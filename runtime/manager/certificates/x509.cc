#include "runtime/manager/certificates/x509.h"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"
#include "openssl/bio.h"
#include "openssl/bn.h"
#include "openssl/err.h"
#include "openssl/evp.h"
#include "openssl/pem.h"
#include "openssl/x509.h"
#include "openssl/x509v3.h"

namespace varmor {
namespace {

template <auto function>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    function(object);
  }
};

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, FreeWith<X509_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>>;
using NamePtr = std::unique_ptr<GENERAL_NAME, FreeWith<GENERAL_NAME_free>>;
using AddressPtr = std::unique_ptr<ASN1_OCTET_STRING, FreeWith<ASN1_OCTET_STRING_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
using StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};

// CommonName, RFC 5280 appendix A.1: ub-common-name.
constexpr size_t kCommonNameLimit = 64;
// Below the 20 bytes of RFC 5280, section 4.1.2.2.
constexpr int kSerialBits = 127;

// The newest error of OpenSSL in this thread; forgets all.
std::string OpenSslError() {
  char text[256] = "unknown";
  if (const unsigned long code = ERR_peek_last_error(); code != 0) {
    ERR_error_string_n(code, text, sizeof(text));
  }
  ERR_clear_error();
  return text;
}

absl::Status Fault(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", OpenSslError()));
}

BioPtr Reader(absl::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

absl::StatusOr<std::vector<CertificatePtr>> ParseCertificates(absl::string_view pem) {
  std::vector<CertificatePtr> all;
  const BioPtr bio = Reader(pem);
  while (CertificatePtr certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    all.push_back(std::move(certificate));
  }
  const unsigned long end = ERR_peek_last_error();
  if (ERR_GET_LIB(end) != ERR_LIB_PEM || ERR_GET_REASON(end) != PEM_R_NO_START_LINE) {
    return absl::InvalidArgumentError(
        absl::StrCat("certificate ", all.size() + 1, " is not PEM: ", OpenSslError()));
  }
  ERR_clear_error();
  if (all.empty()) return absl::InvalidArgumentError("no certificate in PEM");
  return all;
}

absl::StatusOr<KeyPtr> ParseKey(absl::string_view pem) {
  const BioPtr bio = Reader(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (key == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("no key in PEM: ", OpenSslError()));
  }
  return key;
}

absl::StatusOr<std::string> PrintCertificate(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), certificate) != 1) return Fault("printing a certificate");
  return TextOf(bio.get());
}

absl::StatusOr<std::string> PrintKey(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Fault("printing a key");
  }
  return TextOf(bio.get());
}

absl::Status AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return Fault(absl::StrCat("adding an extension ", value));
  }
  return absl::OkStatus();
}

bool IsAddress(const std::string& name) {
  return AddressPtr(a2i_IPADDRESS(name.c_str())) != nullptr;
}

absl::Status AddNames(X509* certificate, const std::vector<std::string>& names) {
  const NamesPtr all(GENERAL_NAMES_new());
  for (const std::string& name : names) {
    NamePtr one(a2i_GENERAL_NAME(nullptr, nullptr, nullptr, IsAddress(name) ? GEN_IPADD : GEN_DNS,
                                 name.c_str(), 0));
    if (one == nullptr) return Fault(absl::StrCat("adding the name ", name));
    sk_GENERAL_NAME_push(all.get(), one.release());
  }
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, all.get(), 0, X509V3_ADD_DEFAULT) != 1) {
    return Fault("adding names");
  }
  return absl::OkStatus();
}

// A certificate for `key` without extensions and signature.
absl::StatusOr<CertificatePtr> Draft(EVP_PKEY* key, absl::string_view common_name,
                                     const Validity& validity) {
  CertificatePtr certificate(X509_new());
  const BignumPtr serial(BN_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  if (BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) != 1 ||
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get())) == nullptr ||
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(validity.not_before)) ==
          nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(validity.not_after)) ==
          nullptr ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return Fault("making a certificate");
  }
  return certificate;
}

absl::StatusOr<TlsPair> SignAndPrint(X509* certificate, EVP_PKEY* key, EVP_PKEY* signer) {
  if (X509_sign(certificate, signer, EVP_sha256()) == 0) return Fault("signing a certificate");
  TlsPair pair;
  VARMOR_ASSIGN_OR_RETURN(pair.certificate, PrintCertificate(certificate));
  VARMOR_ASSIGN_OR_RETURN(pair.key, PrintKey(key));
  return pair;
}

absl::StatusOr<KeyPtr> MakeKey() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return Fault("making a key");
  return key;
}

absl::StatusOr<absl::Time> TimeOf(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return Fault("reading a time");
  return absl::FromTM(parts, absl::UTCTimeZone());
}

std::string NameText(const GENERAL_NAME* name) {
  int type = 0;
  const void* value = GENERAL_NAME_get0_value(name, &type);
  const auto* string = static_cast<const ASN1_STRING*>(value);
  if (type == GEN_DNS) {
    return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
                       static_cast<size_t>(ASN1_STRING_length(string)));
  }
  const BioPtr bio(BIO_new(BIO_s_mem()));
  GENERAL_NAME_print(bio.get(), const_cast<GENERAL_NAME*>(name));
  const std::string text = TextOf(bio.get());  // "IP Address:127.0.0.1"
  return text.substr(text.find(':') + 1);
}

std::string Fingerprint(const X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  X509_digest(certificate, EVP_sha256(), digest, &size);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

absl::Status CheckChain(const std::vector<CertificatePtr>& chain,
                        const std::vector<CertificatePtr>& authorities, absl::Time time) {
  const StorePtr store(X509_STORE_new());
  for (const CertificatePtr& authority : authorities) {
    X509_STORE_add_cert(store.get(), authority.get());
  }
  const std::unique_ptr<STACK_OF(X509), FreeStack> others(sk_X509_new_null());
  for (size_t i = 1; i < chain.size(); ++i) sk_X509_push(others.get(), chain[i].get());
  const StoreContextPtr context(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(context.get(), store.get(), chain[0].get(), others.get()) != 1) {
    return Fault("verifying a certificate");
  }
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER);
  X509_STORE_CTX_set_time(context.get(), 0, absl::ToTimeT(time));
  if (X509_verify_cert(context.get()) == 1) return absl::OkStatus();
  const int error = X509_STORE_CTX_get_error(context.get());
  return absl::FailedPreconditionError(absl::StrCat("the certificate is not accepted at ",
                                                    absl::FormatTime(time, absl::UTCTimeZone()),
                                                    ": ", X509_verify_cert_error_string(error)));
}

}  // namespace

absl::StatusOr<TlsPair> MakeAuthority(absl::string_view common_name, const Validity& validity) {
  VARMOR_ASSIGN_OR_RETURN(const KeyPtr key, MakeKey());
  VARMOR_ASSIGN_OR_RETURN(const CertificatePtr certificate,
                          Draft(key.get(), common_name, validity));
  X509* const self = certificate.get();
  X509_set_issuer_name(self, X509_get_subject_name(self));
  VARMOR_RETURN_IF_ERROR(
      AddExtension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
  VARMOR_RETURN_IF_ERROR(AddExtension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign"));
  VARMOR_RETURN_IF_ERROR(AddExtension(self, self, NID_subject_key_identifier, "hash"));
  return SignAndPrint(self, key.get(), key.get());
}

absl::StatusOr<TlsPair> MakeLeaf(const TlsPair& authority, const std::vector<std::string>& names,
                                 const Validity& validity) {
  if (names.empty()) return absl::InvalidArgumentError("a certificate needs a name");
  VARMOR_ASSIGN_OR_RETURN(const std::vector<CertificatePtr> issuers,
                          ParseCertificates(authority.certificate));
  X509* const issuer = issuers[0].get();
  VARMOR_ASSIGN_OR_RETURN(const KeyPtr signer, ParseKey(authority.key));
  if (X509_check_private_key(issuer, signer.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("the authority's key is not that of its certificate");
  }
  VARMOR_ASSIGN_OR_RETURN(const KeyPtr key, MakeKey());
  VARMOR_ASSIGN_OR_RETURN(
      const CertificatePtr certificate,
      Draft(key.get(), absl::string_view(names[0]).substr(0, kCommonNameLimit), validity));
  X509* const leaf = certificate.get();
  X509_set_issuer_name(leaf, X509_get_subject_name(issuer));
  VARMOR_RETURN_IF_ERROR(AddExtension(leaf, issuer, NID_basic_constraints, "critical,CA:FALSE"));
  VARMOR_RETURN_IF_ERROR(AddExtension(leaf, issuer, NID_key_usage, "critical,digitalSignature"));
  VARMOR_RETURN_IF_ERROR(AddExtension(leaf, issuer, NID_ext_key_usage, "serverAuth"));
  VARMOR_RETURN_IF_ERROR(AddExtension(leaf, issuer, NID_subject_key_identifier, "hash"));
  VARMOR_RETURN_IF_ERROR(AddExtension(leaf, issuer, NID_authority_key_identifier, "keyid"));
  VARMOR_RETURN_IF_ERROR(AddNames(leaf, names));
  return SignAndPrint(leaf, key.get(), signer.get());
}

absl::StatusOr<CertificateFacts> ReadCertificate(absl::string_view pem) {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<CertificatePtr> all, ParseCertificates(pem));
  const X509* const first = all[0].get();
  CertificateFacts facts;
  VARMOR_ASSIGN_OR_RETURN(facts.validity.not_before, TimeOf(X509_get0_notBefore(first)));
  VARMOR_ASSIGN_OR_RETURN(facts.validity.not_after, TimeOf(X509_get0_notAfter(first)));
  facts.fingerprint = Fingerprint(first);
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(first, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names.get());
  for (int i = 0; i < count; ++i) {
    facts.names.push_back(NameText(sk_GENERAL_NAME_value(names.get(), i)));
  }
  return facts;
}

absl::Status CheckPair(const TlsPair& pair, absl::string_view authorities,
                       const std::vector<std::string>& names, absl::Time time) {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<CertificatePtr> chain,
                          ParseCertificates(pair.certificate));
  VARMOR_ASSIGN_OR_RETURN(const KeyPtr key, ParseKey(pair.key));
  VARMOR_ASSIGN_OR_RETURN(const std::vector<CertificatePtr> trusted,
                          ParseCertificates(authorities));
  if (X509_check_private_key(chain[0].get(), key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("the key is not that of the certificate");
  }
  VARMOR_RETURN_IF_ERROR(CheckChain(chain, trusted, time));
  for (const std::string& name : names) {
    const int matches = IsAddress(name)
                            ? X509_check_ip_asc(chain[0].get(), name.c_str(), 0)
                            : X509_check_host(chain[0].get(), name.data(), name.size(), 0, nullptr);
    if (matches != 1) {
      return absl::FailedPreconditionError(absl::StrCat("the certificate is not for ", name));
    }
  }
  ERR_clear_error();
  return absl::OkStatus();
}

absl::StatusOr<std::string> JoinCertificates(absl::string_view first, absl::string_view second) {
  std::string joined;
  std::vector<std::string> seen;
  for (const absl::string_view text : {first, second}) {
    VARMOR_ASSIGN_OR_RETURN(const std::vector<CertificatePtr> all, ParseCertificates(text));
    for (const CertificatePtr& each : all) {
      VARMOR_ASSIGN_OR_RETURN(std::string pem, PrintCertificate(each.get()));
      if (std::find(seen.begin(), seen.end(), pem) != seen.end()) continue;
      joined += pem;
      seen.push_back(std::move(pem));
    }
  }
  return joined;
}

}  // namespace varmor
