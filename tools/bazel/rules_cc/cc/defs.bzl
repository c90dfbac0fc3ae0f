"""rules_cc for Bazel 4.2, where the C++ rules are built in.

Bazel's own @bazel_tools//tools/cpp loads this file, so a build without network
needs some @rules_cc. Debian's bazel-rules-cc 0.0.4 wants Bazel 5 (its
compiler_flag.bzl loads use_cpp_toolchain) and cannot be used with
bazel-bootstrap 4.2.3.
"""

cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_proto_library = native.cc_proto_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
objc_import = native.objc_import
objc_library = native.objc_library
