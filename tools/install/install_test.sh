#!/bin/bash
# The library in other people's hands: installs it, builds the programs of docs/library.md outside of
# this repository, with pkg-config and CMake, in C++ and C, shared and static, and runs them.
# Needs g++, pkg-config, cmake, make and man: tools/setup.sh test.
set -euo pipefail

page=$PWD/docs/library.md
interface=$PWD/tools/install/consumers/interface.cc
work=$TEST_TMPDIR
prefix="$work/pre fix"

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
step() { echo "== $*"; }
for program in g++ gcc pkg-config cmake make man readelf; do
  command -v "$program" >/dev/null || fail "$program is missing: run tools/setup.sh test"
done

step "install into a directory with a space in its name"
tools/install/install_files.sh --prefix "$prefix"
manifest="$prefix/share/doc/varmor/install_manifest.txt"
diff <(cd "$prefix" && find . ! -type d -printf '%P\n' | LC_ALL=C sort) \
  <(while IFS= read -r line; do echo "${line#"$prefix/"}"; done <"$manifest" | LC_ALL=C sort) ||
  fail "the manifest and the files differ"

step "install below DESTDIR, as packages do"
DESTDIR="$work/stage" tools/install/install_files.sh --prefix /usr --libdir lib/x86_64-linux-gnu
[ -e "$work/stage/usr/lib/x86_64-linux-gnu/libvarmor.so" ] || fail "no library below DESTDIR"
if grep -v '^/usr/' "$work/stage/usr/share/doc/varmor/install_manifest.txt"; then
  fail "the manifest names paths with DESTDIR"
fi
[ "$(PKG_CONFIG_PATH="$work/stage/usr/lib/x86_64-linux-gnu/pkgconfig" pkg-config --variable=includedir varmor |
  xargs -d '\n' realpath)" = "$(realpath "$work/stage/usr/include")" ] ||
  fail "varmor.pc does not find the headers from another libdir"
rm -rf "$work/stage"

step "refuse what cannot be meant"
for arguments in "" "--prefix" "--prefix /x --libdir ../y" "--prefix /x extra"; do
  # shellcheck disable=SC2086  # words on purpose
  if tools/install/install_files.sh $arguments 2>/dev/null; then fail "accepted: $arguments"; fi
done

step "names, versions, and nothing of the build in them"
soname=$(readelf -d "$prefix/lib/libvarmor.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
version=$(sed -n 's/.*kVersion\[\] = "\(.*\)";/\1/p' "$prefix/include/varmor/version.h")
[ "$soname" = "libvarmor.so.${version%%.*}" ] || fail "SONAME $soname, version $version"
[ "$(readlink "$prefix/lib/$soname")" = "libvarmor.so.$version" ] || fail "$soname points elsewhere"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
[ "$(pkg-config --modversion varmor)" = "$version" ] || fail "varmor.pc has another version"
for file in "$prefix/lib/libvarmor.so" "$prefix/bin/varmor"; do
  if readelf -d "$file" | grep -E 'R(UN)?PATH'; then fail "$file has a path of the build"; fi
done
if grep -rnE '#include "(lib|proto)/' "$prefix/include"; then fail "headers include paths of the tree"; fi

step "manual pages and completions"
for manual in "$prefix"/share/man/man1/*.1; do
  warnings=$(LC_ALL=C MANROFFSEQ='' MANWIDTH=80 man --warnings -l "$manual" 2>&1 >/dev/null)
  [ -z "$warnings" ] || fail "$manual: $warnings"
done
for command in $("$prefix/bin/varmor" help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
  [ "$command" = help ] || [ -e "$prefix/share/man/man1/varmor-$command.1" ] ||
    fail "no manual page for \"$command\""
done
bash -n "$prefix/share/bash-completion/completions/varmor"

step "programs of the page"
mkdir "$work/src"
cd "$work/src"
# A line that is a file's name and a colon, or ends in one, names the block that follows.
awk -v quote='`' '
  /^```/ { if (inside) { inside = 0; close(name); name = "" } else if (name != "") { inside = 1 } next }
  inside { print > name; next }
  match($0, quote "[A-Za-z_.]+" quote ":$") { name = substr($0, RSTART + 1, RLENGTH - 3); next }
  NF { name = "" }' "$page"
ls embed.cc decide.cc embed.c CMakeLists.txt >/dev/null || fail "docs/library.md lacks a program"
cp "$interface" .
cat >policy.yaml <<'EOF'
apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web, namespace: shop}
spec:
  target: {kind: Deployment, name: web}
  policy:
    enforcer: AppArmorBPFSeccomp
    mode: EnhanceProtect
    enhanceProtect:
      hardeningRules: [disallow-create-user-ns, disallow-write-core-pattern]
EOF
mkdir "$work/tool"
"$prefix/bin/varmor" compile -f policy.yaml -o "$work/tool" --no-parser-check

run() { # run PROGRAM [ARGUMENT]: in an empty directory, with nothing but the installed library
  local program=$1
  shift
  rm -rf "$work/empty" && mkdir "$work/empty"
  (cd "$work/empty" && env -i LD_LIBRARY_PATH="$prefix/lib" "$program" "$@" <"$work/src/policy.yaml")
}
same_seccomp() {
  run "$1" | cmp - "$work/tool/varmor-shop-web.seccomp.json" || fail "$1 and the tool differ"
}
needs() { readelf -d "$1" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p'; }
flags() { eval "words=($(pkg-config "$@"))"; }
linked() { # linked PROGRAM shared|static
  case $2 in
    shared) needs "$1" | grep -qx "$soname" || fail "$1 does not use $soname" ;;
    static) ! needs "$1" | grep -q varmor || fail "$1 uses a shared libvarmor" ;;
  esac
}

step "g++ with pkg-config, shared"
flags --cflags --libs varmor
strict=(-std=c++17 -O0 -Wall -Wextra -Werror)
g++ "${strict[@]}" embed.cc "${words[@]}" -o embed_shared
linked embed_shared shared
same_seccomp "$work/src/embed_shared"
g++ "${strict[@]}" decide.cc "${words[@]}" -o decide_shared
run "$work/src/decide_shared" 'write /proc/sys/kernel/core_pattern' |
  grep -q '^deny .*spec\.policy\.enhanceProtect\.hardeningRules\[1\]' || fail "decide.cc does not name the rule"
g++ "${strict[@]}" interface.cc "${words[@]}" -o interface_shared
run "$work/src/interface_shared"
g++ -std=c++17 -M interface.cc "${words[@]}" | tr -s ' \\' '\n' | grep '^/' | grep -vE '^/usr/|^fix/' |
  grep -v "^${prefix%% *}" && fail "headers from elsewhere"

step "a library of another minor version is refused, not misunderstood"
series=${version%.*}
mkdir "$work/other"
echo "VARMOR_C_${version%%.*} { }; VARMOR_CXX_${series%.*}.99 { };" >other.map
gcc -shared -x c /dev/null -Wl,-soname,"$soname" -Wl,--version-script=other.map -o "$work/other/$soname"
if env -i LD_LIBRARY_PATH="$work/other" ./embed_shared <policy.yaml 2>other.log; then fail "it ran"; fi
grep -q "version .VARMOR_CXX_$series' not found" other.log || fail "$(cat other.log)"

step "g++ with pkg-config, static"
flags --static --cflags --libs varmor
g++ "${strict[@]}" -static embed.cc "${words[@]}" -o embed_static 2>static.log || fail "$(cat static.log)"
linked embed_static static
same_seccomp "$work/src/embed_static"

step "C99, shared and static"
c99=(-std=c99 -Wall -Wextra -Werror -pedantic)
flags --cflags --libs varmor
gcc "${c99[@]}" embed.c "${words[@]}" -o c_shared
flags --static --cflags --libs varmor
gcc "${c99[@]}" -c embed.c "${words[@]}" -o embed.o 2>static.log || fail "$(cat static.log)"
g++ -static embed.o "${words[@]}" -o c_static 2>static.log || fail "$(cat static.log)"
for program in c_shared c_static; do
  linked $program ${program#c_}
  run "$work/src/$program"
  for file in "$work/empty"/*; do
    cmp "$file" "$work/tool/${file##*/}" || fail "$program and the tool differ"
  done
  [ "$(cd "$work/empty" && echo *)" = "$(cd "$work/tool" && ls | grep -v report | xargs)" ] ||
    fail "$program wrote other files than the tool"
  [ "$(run "$work/src/$program" 'write /proc/sys/kernel/core_pattern')" = deny ] ||
    fail "$program decides otherwise"
done

step "CMake, shared and static"
for kind in shared static; do
  mkdir "cmake_$kind"
  cp embed.cc "cmake_$kind"
  if [ $kind = static ]; then
    sed 's/varmor::varmor)/varmor::varmor_static)/' CMakeLists.txt >cmake_$kind/CMakeLists.txt
  else
    cp CMakeLists.txt cmake_$kind
  fi
  cmake -S cmake_$kind -B cmake_$kind/build -DCMAKE_PREFIX_PATH="$prefix" >cmake.log 2>&1 || fail "$(cat cmake.log)"
  cmake --build cmake_$kind/build >cmake.log 2>&1 || fail "$(cat cmake.log)"
  linked cmake_$kind/build/embed $kind
  same_seccomp "$work/src/cmake_$kind/build/embed"
done
for wanted in 0.2 1.0 0.1.99; do
  mkdir "cmake_$wanted"
  sed "s/varmor 0.1/varmor $wanted/" CMakeLists.txt >"cmake_$wanted/CMakeLists.txt"
  if cmake -S "cmake_$wanted" -B "cmake_$wanted/build" -DCMAKE_PREFIX_PATH="$prefix" >cmake.log 2>&1; then
    fail "find_package(varmor $wanted) takes $version"
  fi
  grep -q 'considered but not accepted' cmake.log || fail "$(cat cmake.log)"
done

step "every header stands alone"
flags --cflags varmor
while IFS= read -r header; do
  echo "#include \"$header\"" | g++ -std=c++17 -Wall -Werror -fsyntax-only -x c++ "${words[@]}" - ||
    fail "$header does not compile alone"
done < <(cd "$prefix/include" && find varmor -name '*.h' ! -name '*.pb.h')

step "remove what the manifest lists"
xargs -d '\n' rm -f <"$manifest"
left=$(find "$prefix" ! -type d)
[ -z "$left" ] || fail "left behind: $left"
echo "all programs build and run"
