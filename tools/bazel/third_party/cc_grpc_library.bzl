"""cc_grpc_library with the signature of gRPC's own rule."""

load("@rules_cc//cc:defs.bzl", "cc_library")
load("@rules_proto//proto:defs.bzl", "ProtoInfo")

def _grpc_sources_impl(ctx):
    info = ctx.attr.proto[ProtoInfo]
    root = "" if info.proto_source_root == "." else info.proto_source_root + "/"
    headers, sources, imports = [], [], []
    for src in info.direct_sources:
        # The path that other .proto files import this one by.
        imp = src.path[len(root):] if src.path.startswith(root) else src.short_path
        imports.append(imp)
        stem = ctx.attr.out_dir + "/" + imp[:-len(".proto")]
        headers.append(ctx.actions.declare_file(stem + ".grpc.pb.h"))
        sources.append(ctx.actions.declare_file(stem + ".grpc.pb.cc"))
    out = headers[0].path[:-len(imports[0][:-len(".proto")] + ".grpc.pb.h") - 1]

    args = ctx.actions.args()
    args.add(ctx.executable._plugin, format = "--plugin=protoc-gen-grpc=%s")
    args.add("--grpc_out=" + ("generate_mock_code=true:" if ctx.attr.generate_mocks else "") + out)
    args.add_all(info.transitive_proto_path, format_each = "-I%s")
    args.add_all(imports)
    ctx.actions.run(
        arguments = [args],
        executable = ctx.executable._protoc,
        inputs = info.transitive_sources,
        mnemonic = "GrpcGenerate",
        outputs = headers + sources,
        tools = [ctx.executable._plugin],
    )
    return [
        DefaultInfo(files = depset(headers + sources)),
        OutputGroupInfo(hdrs = depset(headers), srcs = depset(sources)),
    ]

_grpc_sources = rule(
    implementation = _grpc_sources_impl,
    attrs = {
        "generate_mocks": attr.bool(),
        "out_dir": attr.string(mandatory = True),
        "proto": attr.label(mandatory = True, providers = [ProtoInfo]),
        "_plugin": attr.label(
            allow_single_file = True,
            cfg = "exec",
            default = "@com_github_grpc_grpc//:grpc_cpp_plugin",
            executable = True,
        ),
        "_protoc": attr.label(
            allow_single_file = True,
            cfg = "exec",
            default = "@com_google_protobuf//:protoc",
            executable = True,
        ),
    },
)

def cc_grpc_library(name, srcs, deps, grpc_only = True, **kwargs):
    """C++ gRPC stubs of one proto_library.

    Args:
      name: target name.
      srcs: one proto_library.
      deps: the cc_proto_library of it.
      grpc_only: must be True.
      **kwargs: passed on to cc_library.
    """
    if len(srcs) != 1 or not grpc_only:
        fail("cc_grpc_library wants one proto_library in srcs, and grpc_only = True")
    out_dir = "_grpc/" + name
    _grpc_sources(
        name = name + "_srcs",
        out_dir = out_dir,
        proto = srcs[0],
        tags = ["manual"],
    )
    native.filegroup(name = name + "_h", srcs = [name + "_srcs"], output_group = "hdrs", tags = ["manual"])
    native.filegroup(name = name + "_cc", srcs = [name + "_srcs"], output_group = "srcs", tags = ["manual"])
    cc_library(
        name = name,
        srcs = [name + "_cc"],
        hdrs = [name + "_h"],
        includes = [out_dir],
        deps = deps + ["@com_github_grpc_grpc//:grpc++"],
        **kwargs
    )
