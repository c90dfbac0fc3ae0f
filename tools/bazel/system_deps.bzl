"""Third-party repositories from Debian's packages. Nothing is downloaded."""

load(":system_repository.bzl", "system_repository")

def system_deps():
    # Rule sets. @platforms is part of bazel-bootstrap.
    native.local_repository(name = "rules_cc", path = "tools/bazel/rules_cc")
    native.local_repository(name = "rules_java", path = "/usr/share/bazel/rules/java")
    native.local_repository(name = "remote_coverage_tools", path = "tools/bazel/remote_coverage_tools")
    native.local_repository(name = "rules_proto", path = "/usr/share/bazel/rules/proto")
    native.local_repository(name = "bazel_skylib", path = "/usr/share/bazel/tools/skylib")

    system_repository(
        name = "com_google_absl",
        apt = ["libabsl-dev"],
        aliases = {
            "absl/algorithm": ["algorithm", "container"],
            "absl/base": ["base", "core_headers", "dynamic_annotations", "endian", "log_severity"],
            "absl/cleanup": ["cleanup"],
            "absl/container": [
                "btree",
                "fixed_array",
                "flat_hash_map",
                "flat_hash_set",
                "inlined_vector",
                "node_hash_map",
                "node_hash_set",
            ],
            "absl/debugging": ["failure_signal_handler", "leak_check", "stacktrace", "symbolize"],
            "absl/flags": ["commandlineflag", "config", "flag", "marshalling", "parse", "reflection", "usage"],
            "absl/functional": ["any_invocable", "bind_front", "function_ref"],
            "absl/hash": ["hash"],
            "absl/memory": ["memory"],
            "absl/meta": ["type_traits"],
            "absl/numeric": ["bits", "int128"],
            "absl/random": ["bit_gen_ref", "distributions", "random", "seed_sequences"],
            "absl/status": ["status", "statusor"],
            "absl/strings": ["cord", "str_format", "strings"],
            "absl/synchronization": ["synchronization"],
            "absl/time": ["time"],
            "absl/types": ["any", "compare", "optional", "span", "variant"],
            "absl/utility": ["utility"],
        },
        build_file = "//tools/bazel/third_party:absl.BUILD",
        default_target = "absl",
        headers = ["absl/base/config.h"],
        lib_prefixes = ["absl_"],
    )

    system_repository(
        name = "com_google_protobuf",
        apt = ["libprotobuf-dev", "protobuf-compiler"],
        build_file = "//tools/bazel/third_party:protobuf.BUILD",
        headers = ["google/protobuf/message.h"],
        libs = ["protobuf", "protobuf-lite"],
        links = {"include/google/protobuf": "/usr/include/google/protobuf"},
        programs = {"protoc": "protoc"},
    )

    system_repository(
        name = "com_googlesource_code_re2",
        apt = ["libre2-dev"],
        build_file = "//tools/bazel/third_party:re2.BUILD",
        headers = ["re2/re2.h"],
        libs = ["re2"],
    )

    # GoogleTest is compiled from the sources in Debian's package, so that it
    # gets the same options (sanitizers, -std) as the code under test.
    native.new_local_repository(
        name = "com_google_googletest",
        build_file = "//tools/bazel/third_party:googletest.BUILD",
        path = "/usr/src/googletest",
    )

    system_repository(
        name = "com_github_google_benchmark",
        apt = ["libbenchmark-dev"],
        build_file = "//tools/bazel/third_party:benchmark.BUILD",
        headers = ["benchmark/benchmark.h"],
        libs = ["benchmark", "benchmark_main"],
    )

    system_repository(
        name = "libseccomp",
        apt = ["libseccomp-dev"],
        build_file = "//tools/bazel/third_party:libseccomp.BUILD",
        headers = ["seccomp.h"],
        libs = ["seccomp"],
    )

    system_repository(
        name = "yaml_cpp",
        apt = ["libyaml-cpp-dev"],
        build_file = "//tools/bazel/third_party:yaml_cpp.BUILD",
        headers = ["yaml-cpp/yaml.h"],
        libs = ["yaml-cpp"],
    )

    system_repository(
        name = "openssl",
        apt = ["libssl-dev"],
        build_file = "//tools/bazel/third_party:openssl.BUILD",
        headers = ["openssl/ssl.h"],
        libs = ["ssl", "crypto"],
    )

    system_repository(
        name = "zlib",
        apt = ["zlib1g-dev"],
        build_file = "//tools/bazel/third_party:zlib.BUILD",
        headers = ["zlib.h"],
        libs = ["z"],
    )

    system_repository(
        name = "rapidjson",
        apt = ["rapidjson-dev"],
        build_file = "//tools/bazel/third_party:rapidjson.BUILD",
        headers = ["rapidjson/reader.h"],
    )

    system_repository(
        name = "libbpf",
        apt = ["libbpf-dev", "libelf-dev", "zlib1g-dev"],
        build_file = "//tools/bazel/third_party:libbpf.BUILD",
        headers = ["bpf/libbpf.h"],
        libs = ["bpf", "elf"],
    )

    # For the daemons (runtime/).
    system_repository(
        name = "com_github_grpc_grpc",
        apt = ["libgrpc++-dev", "libgrpc-dev", "libc-ares-dev", "protobuf-compiler-grpc"],
        build_file = "//tools/bazel/third_party:grpc.BUILD",
        files = {
            "//tools/bazel/third_party:cc_grpc_library.bzl": "bazel/cc_grpc_library.bzl",
            "//tools/bazel/third_party:empty.BUILD": "bazel/BUILD.bazel",
        },
        headers = ["grpcpp/grpcpp.h"],
        libs = ["grpc++", "grpc", "address_sorting", "upb", "cares", "gpr"],
        programs = {"grpc_cpp_plugin": "grpc_cpp_plugin"},
    )

    system_repository(
        name = "curl",
        apt = ["libcurl4-openssl-dev"],
        build_file = "//tools/bazel/third_party:curl.BUILD",
        headers = ["curl/curl.h"],
        libs = ["curl"],
    )

    system_repository(
        name = "boost",
        apt = ["libboost-dev"],
        build_file = "//tools/bazel/third_party:boost.BUILD",
        headers = ["boost/beast.hpp"],
    )

    system_repository(
        name = "nlohmann_json",
        apt = ["nlohmann-json3-dev"],
        build_file = "//tools/bazel/third_party:nlohmann_json.BUILD",
        headers = ["nlohmann/json.hpp"],
    )

    # Compiles BPF programs; gcc has no such target in Debian 12.
    system_repository(
        name = "bpf_tools",
        apt = ["clang"],
        build_file = "//tools/bazel/third_party:bpf_tools.BUILD",
        programs = {"clang": "clang"},
    )
