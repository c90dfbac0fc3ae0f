"""What becomes of the library outside Bazel: one archive, and a tree of headers."""

def _merged_archive_impl(ctx):
    archives = []
    for linker_input in ctx.attr.library[CcInfo].linking_context.linker_inputs.to_list():
        for library in linker_input.libraries:
            archive = library.pic_static_library or library.static_library
            if archive:
                archives.append(archive)
    output = ctx.outputs.out
    script = ctx.actions.declare_file(ctx.label.name + ".mri")
    lines = ["create " + output.path] + ["addlib " + a.path for a in archives] + ["save", "end", ""]
    ctx.actions.write(script, "\n".join(lines))
    ctx.actions.run_shell(
        command = "ar -M < '%s'" % script.path,
        inputs = archives + [script],
        outputs = [output],
        mnemonic = "MergeArchives",
        progress_message = "Merging %d archives into %s" % (len(archives), output.short_path),
    )
    return [DefaultInfo(files = depset([output]), runfiles = ctx.runfiles(files = [output]))]

merged_archive = rule(
    doc = "All objects that a library consists of, in one archive.",
    implementation = _merged_archive_impl,
    attrs = {
        "library": attr.label(mandatory = True, providers = [CcInfo]),
        "out": attr.output(mandatory = True),
    },
)

def _header_tree_impl(ctx):
    wanted = {}
    for dep in ctx.attr.libraries:
        for header in dep[CcInfo].compilation_context.direct_public_headers:
            wanted[header.short_path] = header
    output = ctx.actions.declare_directory(ctx.label.name)
    arguments = ctx.actions.args()
    arguments.add(output.path)
    for path in sorted(wanted):
        arguments.add("%s=%s" % (path, wanted[path].path))
    ctx.actions.run(
        executable = ctx.executable._lay_out,
        arguments = [arguments],
        inputs = wanted.values(),
        outputs = [output],
        mnemonic = "HeaderTree",
    )
    return [DefaultInfo(files = depset([output]), runfiles = ctx.runfiles(files = [output]))]

header_tree = rule(
    doc = "A directory with the libraries' own headers, as they are installed.",
    implementation = _header_tree_impl,
    attrs = {
        "libraries": attr.label_list(mandatory = True, providers = [CcInfo]),
        "_lay_out": attr.label(
            default = "//tools/install:header_tree_py",
            executable = True,
            cfg = "exec",
        ),
    },
)

def _generated_directory_impl(ctx):
    output = ctx.actions.declare_directory(ctx.label.name)
    ctx.actions.run(
        executable = ctx.executable.generator,
        arguments = [output.path],
        outputs = [output],
        mnemonic = "GeneratedDirectory",
    )
    return [DefaultInfo(files = depset([output]), runfiles = ctx.runfiles(files = [output]))]

generated_directory = rule(
    doc = "The directory that a program fills, which is given its path.",
    implementation = _generated_directory_impl,
    attrs = {
        # cfg "target": it is linked with what is installed, and not compiled once more.
        "generator": attr.label(mandatory = True, executable = True, cfg = "target"),
    },
)
