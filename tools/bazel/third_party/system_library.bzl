"""cc_library for an installed library."""

load("@rules_cc//cc:defs.bzl", "cc_library")

def system_library(name, stamp, shared = [], static = [], deps = [], linkopts = []):
    """Declares an installed library.

    Args:
      name: target name.
      stamp: changes when the library does. It goes into every compiler and
          linker command line (as a macro and a directory that nobody looks at),
          as Bazel does not track files in /usr.
      shared: linker flags for the shared objects ("-lfoo"), linked by default.
      static: linker flags for the archives ("-l:libfoo.a"), linked with
          --define=deps=static; their order does not matter.
      deps: other system libraries.
      linkopts: linker flags in both cases.
    """
    as_needed = ["-Wl,--push-state,--as-needed"] + shared + ["-Wl,--pop-state"] if shared else []
    group = ["-Wl,--start-group"] + static + ["-Wl,--end-group"] if static else as_needed
    cc_library(
        name = name,
        defines = ["SYSTEM_" + stamp],
        linkopts = select({
            "@//tools/bazel:static_deps": group,
            "//conditions:default": as_needed,
        }) + linkopts + ["-L/nonexistent/" + stamp],
        visibility = ["//visibility:public"],
        deps = deps,
    )
