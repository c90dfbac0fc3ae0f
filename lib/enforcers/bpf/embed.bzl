"""embed_bytes: files become functions of a C++ source, so that a binary needs no files at run time."""

def embed_bytes(name, header, functions, **kwargs):
    """A C++ library with one function for each file.

    Args:
      name: the cc_library.
      header: declares `absl::string_view NAME();` in namespace varmor, for each name of `functions`.
      functions: name of a function -> label of its file.
      **kwargs: for the cc_library.
    """
    cmd = "{ echo '#include \"%s/%s\"'; echo 'namespace varmor {'; " % (native.package_name(), header)
    for function, label in functions.items():
        cmd += (
            "echo 'static constexpr char k%s[] ='; " % function +
            "od -An -v -tx1 $(location %s) | sed 's/ /\\\\x/g; s/^/\"/; s/$$/\"/'; " % label +
            "echo ';'; " +
            "echo 'absl::string_view %s() { return {k%s, sizeof(k%s) - 1}; }'; " % (function, function, function)
        )
    cmd += "echo '}'; } > $@"
    native.genrule(
        name = name + "_source",
        srcs = functions.values(),
        outs = [name + ".cc"],
        cmd = cmd,
        testonly = kwargs.get("testonly", False),
    )
    native.cc_library(
        name = name,
        srcs = [name + ".cc"],
        hdrs = [header],
        deps = ["@com_google_absl//absl/strings"],
        **kwargs
    )
