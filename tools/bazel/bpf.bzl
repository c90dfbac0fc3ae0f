"""bpf_object: C source -> BPF object, as libbpf loads it."""

# clang -target bpf knows no multiarch directory, where <asm/types.h> is.
_ARCH = {
    "aarch64": ("arm64", "aarch64-linux-gnu"),
    "k8": ("x86", "x86_64-linux-gnu"),
}

def _bpf_object_impl(ctx):
    arch, triple = _ARCH[ctx.var["TARGET_CPU"]]
    obj = ctx.actions.declare_file(ctx.label.name + ".bpf.o")
    args = ctx.actions.args()
    args.add_all(["-target", "bpf", "-mcpu=v3", "-g", "-O2", "-Wall", "-Wextra", "-Werror"])
    args.add("-D__TARGET_ARCH_" + arch)
    args.add("-fdebug-compilation-dir=.")
    args.add_all(["-idirafter", "/usr/include/" + triple])
    args.add_all(["-iquote", "."])
    args.add_all(ctx.attr.copts)
    args.add_all(["-c", ctx.file.src, "-o", obj])
    ctx.actions.run(
        arguments = [args],
        executable = ctx.executable._clang,
        inputs = [ctx.file.src] + ctx.files.hdrs,
        mnemonic = "BpfCompile",
        outputs = [obj],
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset([obj]), runfiles = ctx.runfiles([obj]))]

bpf_object = rule(
    implementation = _bpf_object_impl,
    doc = "NAME.bpf.o, for the data of tests and for embedding. Runs in the sandbox.",
    attrs = {
        "copts": attr.string_list(doc = "further options of clang"),
        "hdrs": attr.label_list(allow_files = [".h", ".bpf.c"], doc = "what the source includes"),
        "src": attr.label(mandatory = True, allow_single_file = [".bpf.c"]),
        "_clang": attr.label(
            default = "@bpf_tools//:clang",
            allow_single_file = True,
            cfg = "exec",
            executable = True,
        ),
    },
)
