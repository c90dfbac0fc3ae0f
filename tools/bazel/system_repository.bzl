"""system_repository: an external repository made of an installed -dev package.

The repository contains
  BUILD.bazel      the checked-in file named by build_file
  system.bzl       SHARED and STATIC, what to link, and STAMP, which changes with
                   the version of the installed packages
  PKG/BUILD.bazel  aliases to //:TARGET, so that the labels of the upstream
                   project's own Bazel build keep working
Headers are not listed: /usr/include is a built-in include directory of the
detected C++ toolchain, so Bazel accepts inclusions from it as they are.
"""

def _fail(rctx, what):
    fail("%s: %s\n  install it with: apt-get install %s" %
         (rctx.name, what, " ".join(rctx.attr.apt)))

def _lib_dirs(rctx):
    dirs = []
    r = rctx.execute(["gcc", "-print-multiarch"])
    if r.return_code == 0 and r.stdout.strip():
        dirs.append("/usr/lib/" + r.stdout.strip())
    return dirs + ["/usr/lib64", "/usr/lib"]

def _find(rctx, dirs, basename):
    for d in dirs:
        p = rctx.path(d + "/" + basename)
        if p.exists:
            return p
    return None

def _system_repository_impl(rctx):
    dirs = _lib_dirs(rctx)

    for h in rctx.attr.headers:
        if not rctx.path("/usr/include/" + h).exists and not _find(
            rctx,
            [d.replace("/usr/lib/", "/usr/include/") for d in dirs],
            h,
        ):
            _fail(rctx, "no header /usr/include/%s" % h)

    libs = list(rctx.attr.libs)
    for prefix in rctx.attr.lib_prefixes:
        for d in dirs:
            p = rctx.path(d)
            if not p.exists:
                continue
            found = sorted([f.basename for f in p.readdir() if f.basename.startswith("lib" + prefix) and f.basename.endswith(".so")])
            if found:
                libs += [f[3:-3] for f in found]
                break

    shared, static = [], []
    for lib in libs:
        so = _find(rctx, dirs, "lib%s.so" % lib)
        a = _find(rctx, dirs, "lib%s.a" % lib)
        if not so and not a:
            _fail(rctx, "no lib%s.so or lib%s.a" % (lib, lib))
        shared.append("-l" + lib)
        if a:
            static.append("-l:lib%s.a" % lib)

    versions = rctx.execute(["dpkg-query", "-W"] + rctx.attr.apt).stdout
    stamp = "%s_%s" % (rctx.name, str(hash(versions)).replace("-", "m"))
    rctx.file("system.bzl", "SHARED = %s\n\nSTATIC = %s\n\nSTAMP = %s\n" % (repr(shared), repr(static), repr(stamp)))
    rctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % rctx.name)

    for dest, program in rctx.attr.programs.items():
        path = rctx.which(program)
        for d in ["/usr/sbin/", "/sbin/"]:
            if not path and rctx.path(d + program).exists:
                path = rctx.path(d + program)
        if not path:
            _fail(rctx, "no program " + program)
        rctx.symlink(path, dest)
    for dest, target in rctx.attr.links.items():
        rctx.symlink(target, dest)
    for label, dest in rctx.attr.files.items():
        rctx.symlink(label, dest)
    rctx.symlink(rctx.attr.build_file, "BUILD.bazel")
    for pkg, targets in rctx.attr.aliases.items():
        lines = ["package(default_visibility = [\"//visibility:public\"])\n"]
        for t in targets:
            name, _, actual = t.partition("=")
            lines.append("alias(name = \"%s\", actual = \"//:%s\")\n" % (name, actual or rctx.attr.default_target))
        rctx.file(pkg + "/BUILD.bazel", "\n".join(lines))

system_repository = repository_rule(
    implementation = _system_repository_impl,
    attrs = {
        "aliases": attr.string_list_dict(doc = "package -> target names ('name' or 'name=root target')"),
        "apt": attr.string_list(mandatory = True, doc = "Debian packages that provide it"),
        "build_file": attr.label(mandatory = True),
        "default_target": attr.string(),
        "files": attr.label_keyed_string_dict(doc = "checked-in file -> path in the repository"),
        "headers": attr.string_list(doc = "headers that must exist, under /usr/include"),
        "lib_prefixes": attr.string_list(doc = "take every library whose name starts so"),
        "libs": attr.string_list(doc = "libraries, in link order"),
        "links": attr.string_dict(doc = "path in the repository -> system path"),
        "programs": attr.string_dict(doc = "path in the repository -> program on PATH"),
    },
    environ = ["PATH"],
    local = True,
    configure = True,
)
