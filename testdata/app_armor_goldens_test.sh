#!/bin/bash
# Every AppArmor text among the goldens is accepted by the real parser (which loads nothing). The features
# file makes it compile every kind of rule, also where the running kernel lacks AppArmor.
set -u
PATH=$PATH:/usr/sbin:/sbin
if ! command -v apparmor_parser >/dev/null; then
  echo "apparmor_parser is missing: tools/setup.sh installs it" >&2
  exit 1
fi
checked=0 refused=0
while IFS= read -r -d '' file; do
  checked=$((checked + 1))
  if ! message=$(apparmor_parser --skip-kernel-load --skip-cache --features-file /etc/apparmor.d/abi/3.0 "$file" 2>&1); then
    refused=$((refused + 1))
    printf '%s\n%s\n' "$file" "$message"
  fi
done < <(find -L testdata/compile -name '*.apparmor' -print0 | sort -z)
echo "$checked profiles, $refused refused"
[ "$checked" -gt 0 ] && [ "$refused" = 0 ]
