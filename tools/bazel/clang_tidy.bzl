"""clang_tidy: an aspect that runs clang-tidy on every source of this workspace.

    bazel build --config=clang-tidy //...
"""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "CPP_COMPILE_ACTION_NAME")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

_EXTENSIONS = ("cc", "cpp", "cxx")

# gcc's, unknown to clang.
_DROP = ["-fno-canonical-system-headers", "-Wno-free-nonheap-object"]

def _clang_tidy_impl(target, ctx):
    if CcInfo not in target or ctx.label.workspace_name:
        return []
    if "no_clang_tidy" in getattr(ctx.rule.attr, "tags", []):
        return []
    sources = [
        f
        for src in getattr(ctx.rule.attr, "srcs", [])
        for f in src.files.to_list()
        if f.is_source and f.extension in _EXTENSIONS
    ]
    if not sources:
        return []

    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    variables = cc_common.create_compile_variables(
        cc_toolchain = toolchain,
        feature_configuration = features,
        user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + ctx.rule.attr.copts,
    )
    flags = [
        f
        for f in cc_common.get_memory_inefficient_command_line(
            action_name = CPP_COMPILE_ACTION_NAME,
            feature_configuration = features,
            variables = variables,
        )
        if f not in _DROP
    ]

    context = target[CcInfo].compilation_context
    args = ctx.actions.args()
    args.add_all(flags)
    args.add_all(context.defines, before_each = "-D")
    args.add_all(context.local_defines, before_each = "-D")
    args.add_all(context.quote_includes, before_each = "-iquote")
    args.add_all(context.includes, before_each = "-I")
    args.add_all(context.system_includes, before_each = "-isystem")
    args.add("-w")  # the compiler's own warnings are the build's business

    reports = []
    for src in sources:
        report = ctx.actions.declare_file("%s.%s.clang-tidy" % (ctx.label.name, src.basename))
        ctx.actions.run_shell(
            arguments = [src.path, report.path, ctx.file._config.path, args],
            # $PWD differs in every sandbox: keep it out of the report.
            command = """
                src=$1 report=$2 config=$3; shift 3
                if ! clang-tidy --quiet --config-file="$config" "$src" -- "$@" >"$report" 2>"$report.err"; then
                    sed "s|$PWD/||g" "$report" >&2; grep -v 'warnings generated' "$report.err" >&2; exit 1
                fi""",
            inputs = depset([src, ctx.file._config], transitive = [context.headers]),
            mnemonic = "ClangTidy",
            outputs = [report],
            progress_message = "clang-tidy " + src.short_path,
            use_default_shell_env = True,
        )
        reports.append(report)
    return [OutputGroupInfo(clang_tidy = depset(reports))]

clang_tidy = aspect(
    implementation = _clang_tidy_impl,
    attrs = {
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
        "_config": attr.label(default = "//:.clang-tidy", allow_single_file = True),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
