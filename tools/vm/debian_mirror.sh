# shellcheck shell=bash
# For scripts that fetch packages of other Debian releases, with lists of their own.

# debian_mirror: the mirror that this machine uses already. Fails where /etc/apt names none.
debian_mirror() {
  local file found
  for file in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    found=$(sed -nE 's#^(URIs:|deb( \[[^]]*\])?) +([^ ]*/debian)/?( .*)?$#\3#p' "$file" | head -n 1)
    [ -z "$found" ] || { echo "$found"; return; }
  done
  echo "no Debian mirror in /etc/apt, from which packages could be fetched: add a line or file of sources" >&2
  return 1
}
