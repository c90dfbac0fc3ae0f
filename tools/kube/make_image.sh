#!/bin/bash
# Makes an image of a directory, for containerd: what `docker save` writes, without Docker.
#
# usage: tools/kube/make_image.sh NAME ROOT OUT.tar [COMMAND [ARG]...]
#     tools/kube/make_image.sh localhost/busybox:1 root busybox.tar sh
#     ctr -n k8s.io images import busybox.tar
#
# Owners of files become root. A pod uses it with imagePullPolicy: Never.
set -euo pipefail
[ $# -ge 3 ] && [ -d "$2" ] || { sed -n '4,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
name=$1 root=$(realpath "$2") out=$(realpath -m "$3")
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -C "$root" --owner=0 --group=0 --numeric-owner --sort=name --mtime=@0 -cf "$work/layer.tar" .
python3 - "$work" "$name" "$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)" "$@" <<'END'
import json, sys
work, name, digest, command = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
config = {
    "architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin:/sbin:/usr/bin"], "Entrypoint": command},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]}, "history": [{"created_by": "make_image.sh"}],
}
json.dump(config, open(work + "/config.json", "w"))
json.dump([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}], open(work + "/manifest.json", "w"))
END
tar -C "$work" -cf "$out" manifest.json config.json layer.tar
