#!/bin/bash
# Puts what //tools/install has built where --prefix says. tools/install.sh builds and calls it;
# install_test.sh calls it with what its own build made. Runs in the directory of its runfiles.
#
# usage: install_files.sh --prefix DIR [--libdir DIR]
# DESTDIR in the environment is put before every path, for packagers.
set -euo pipefail

prefix= libdir=lib
while [ $# -gt 0 ]; do
  case $1 in
    --prefix | --libdir)
      [ $# -ge 2 ] || { echo "install: $1 needs a value" >&2; exit 2; }
      if [ "$1" = --prefix ]; then prefix=$2; else libdir=$2; fi
      shift 2
      ;;
    --prefix=*) prefix=${1#*=} && shift ;;
    --libdir=*) libdir=${1#*=} && shift ;;
    *)
      echo "install: unknown argument \"$1\"" >&2
      echo "usage: tools/install.sh --prefix DIR [--libdir DIR]    (and DESTDIR, for packages)" >&2
      exit 2
      ;;
  esac
done
case $prefix in
  /*) ;;
  "") echo "install: where to? give --prefix DIR" >&2 && exit 2 ;;
  *) prefix=${BUILD_WORKING_DIRECTORY:-$PWD}/$prefix ;;
esac
while [ "${prefix%/}" != "$prefix" ]; do prefix=${prefix%/}; done
case $libdir in
  /* | *..* | "") echo "install: --libdir is a path below the prefix, such as lib/x86_64-linux-gnu" >&2 && exit 2 ;;
esac

root=${DESTDIR:-}$prefix
built=tools/install
version=$(sed -n 's/.*kVersion\[\] = "\(.*\)";/\1/p' $built/include/varmor/version.h)
[ -n "$version" ] || { echo "install: no version in version.h" >&2; exit 1; }
soname=libvarmor.so.${version%%.*}

manifest=()
put() { # put MODE SOURCE PATH: one file, and its line in the manifest
  install -D -m "$1" "$2" "$root/$3"
  manifest+=("$prefix/$3")
}
link() { # link TARGET PATH
  ln -sfn "$1" "$root/$2"
  manifest+=("$prefix/$2")
}
# From the directory $1 up to the prefix, "../..": the installed tree can be moved.
up() { sed 's|[^/]\+|..|g' <<<"$1"; }
fill() { # fill TEMPLATE PATH: with the version and the directories
  local directory=${2%/*} text
  text=$(mktemp)
  sed -e "s|@VERSION@|$version|g" -e "s|@LIBDIR@|$libdir|g" -e "s|@SONAME@|$soname|g" \
    -e "s|@UP@|$(up "$directory")|g" "$1" >"$text"
  put 644 "$text" "$2"
  rm -f "$text"
}

while IFS= read -r header; do
  put 644 "$built/include/$header" "include/$header"
done < <(cd $built/include && find -L . -type f -printf '%P\n' | LC_ALL=C sort)

put 644 $built/libvarmor.a "$libdir/libvarmor.a"
put 755 $built/libvarmor.so "$libdir/libvarmor.so.$version"
link "libvarmor.so.$version" "$libdir/$soname"
link "$soname" "$libdir/libvarmor.so"
fill $built/varmor.pc.in "$libdir/pkgconfig/varmor.pc"
for file in Config ConfigVersion; do
  fill $built/varmor$file.cmake.in "$libdir/cmake/varmor/varmor$file.cmake"
done

put 755 tools/varmor/varmor bin/varmor
for page in $built/man/*.1; do
  put 644 "$page" "share/man/man1/${page##*/}"
done
script=$(mktemp)
trap 'rm -f "$script"' EXIT
tools/varmor/varmor completion bash >"$script" && put 644 "$script" share/bash-completion/completions/varmor
tools/varmor/varmor completion zsh >"$script" && put 644 "$script" share/zsh/site-functions/_varmor
tools/varmor/varmor completion fish >"$script" && put 644 "$script" share/fish/vendor_completions.d/varmor.fish

for file in LICENSE README.md docs/*.md; do
  put 644 "$file" "share/doc/varmor/${file##*/}"
done
for file in proto/*.proto; do
  put 644 "$file" "share/varmor/$file"
done

manifest+=("$prefix/share/doc/varmor/install_manifest.txt")
printf '%s\n' "${manifest[@]}" | LC_ALL=C sort >"$root/share/doc/varmor/install_manifest.txt"
chmod 644 "$root/share/doc/varmor/install_manifest.txt"
echo "installed varmor $version, ${#manifest[@]} files, under $root"
echo "  to remove it: xargs -d '\\n' rm -f <\"$root/share/doc/varmor/install_manifest.txt\""
