#!/bin/bash
# Gives definitions to the newer server of custom resources (extensions_up.sh), which kubectl cannot
# ask by itself: it has no list of its groups. Fails for unknown fields and at the first refusal; prints
# warnings, as Kubernetes sends them.
#
# usage: tools/kube/extensions_define.sh DIR FILE...      a file has one definition
set -euo pipefail
[ $# -ge 2 ] && [ -f "$1/extensions.port" ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '$d' >&2; exit 2; }
dir=$1
shift
for file; do
  name=$(sed -n 's/^  name: "\{0,1\}\([a-z.]*\)"\{0,1\}$/\1/p' "$file" | head -n 1)
  code=$(curl -sS --noproxy '*' --max-time 60 --cert "$dir/pki/admin.crt" --key "$dir/pki/admin.key" --cacert "$dir/pki/ca.crt" \
    -X PATCH -H 'Content-Type: application/apply-patch+yaml' --data-binary "@$file" -D "$dir/headers" -o "$dir/answer" -w '%{http_code}' \
    "https://127.0.0.1:$(cat "$dir/extensions.port")/apis/apiextensions.k8s.io/v1/customresourcedefinitions/$name?fieldManager=varmor-test&force=true&fieldValidation=Strict")
  case $code in
    200 | 201) echo "$name: $code" ;;
    *) echo "$name: $code: $(cat "$dir/answer")" >&2; exit 1 ;;
  esac
  grep -i '^warning:' "$dir/headers" || true
done
