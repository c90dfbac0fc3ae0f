# shellcheck shell=sh
# For the shell tests of a suite: `. ./checks.sh`, checks, `finish`. It is copied into every payload.
passed=0 failed=0 skipped=0
said=/tmp/said

uptime_seconds() { cut -d ' ' -f 1 /proc/uptime; }

# ok STATUS NAME: counts one test.
ok() {
  if [ "$1" = 0 ]; then
    passed=$((passed + 1))
    echo "ok   [$(uptime_seconds)] $2"
  else
    failed=$((failed + 1))
    echo "FAIL [$(uptime_seconds)] $2"
  fi
}

# skip NAME WHY: counted and printed, never silent.
skip() {
  skipped=$((skipped + 1))
  echo "skip [$(uptime_seconds)] $1: $2"
}

# expect_ok NAME COMMAND...: it exits 0. What it says is left in $said.
expect_ok() {
  test_name=$1
  shift
  "$@" >$said 2>&1
  test_status=$?
  ok $test_status "$test_name"
  [ $test_status = 0 ] || head -n 5 $said
}

# expect_fail NAME PATTERN COMMAND...: it fails, and says PATTERN.
expect_fail() {
  test_name=$1 test_pattern=$2
  shift 2
  "$@" >$said 2>&1
  test_status=$?
  if [ $test_status != 0 ] && grep -q -e "$test_pattern" $said; then
    ok 0 "$test_name"
  else
    ok 1 "$test_name (exit status $test_status)"
    head -n 5 $said
  fi
}

# eventually SECONDS COMMAND...: tries until it exits 0.
eventually() {
  eventually_until=$(($(cut -d . -f 1 /proc/uptime) + $1))
  shift
  until "$@"; do
    [ "$(cut -d . -f 1 /proc/uptime)" -lt $eventually_until ] || return 1
    usleep 100000
  done
}

# finish: the closing line, and the exit status.
finish() {
  [ $skipped = 0 ] && echo "$passed passed, $failed failed" || echo "$passed passed, $failed failed, $skipped skipped"
  [ $failed = 0 ]
  exit $?
}

# new_rootfs DIR: a container's root of its own, with busybox.
new_rootfs() {
  mkdir -p "$1"
  cp -a /opt/rootfs/. "$1/"
}

# add_program ROOTFS PROGRAM: one of our programs, with the libraries it needs, to ROOTFS/bin.
add_program() {
  cp "$2" "$1/bin/"
  for library in $(/lib64/ld-linux-x86-64.so.2 --list "$2" 2>/dev/null | awk '$2 == "=>" {print $3} $1 ~ /^\// {print $1}'); do
    case $library in
      /lib64/*) mkdir -p "$1/lib64" && cp -L "$library" "$1/lib64/" ;;
      *) mkdir -p "$1/lib/x86_64-linux-gnu" && cp -L "$library" "$1/lib/x86_64-linux-gnu/" ;;
    esac
  done
}

capabilities='["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_KILL","CAP_NET_RAW","CAP_NET_BIND_SERVICE","CAP_SYS_CHROOT","CAP_SYS_PTRACE","CAP_SYS_ADMIN"]'

# bundle DIR ARGS [APPARMOR_PROFILE [SECCOMP_FILE]]: an OCI bundle; ARGS is a JSON list. Variables that change
# it: ROOTFS, capabilities (a JSON list), HOOKS (a JSON object).
bundle() {
  mkdir -p "$1"
  bundle_profile='' bundle_seccomp='' bundle_hooks=''
  [ -z "${3:-}" ] || bundle_profile=",\"apparmorProfile\":\"$3\""
  [ -z "${4:-}" ] || bundle_seccomp=",\"seccomp\":$(cat "$4")"
  [ -z "${HOOKS:-}" ] || bundle_hooks="\"hooks\":$HOOKS,"
  cat >"$1/config.json" <<JSON
{"ociVersion":"1.0.2",
"process":{"terminal":false,"user":{"uid":0,"gid":0},"args":$2,"env":["PATH=/bin"],"cwd":"/","noNewPrivileges":false,
"capabilities":{"bounding":$capabilities,"effective":$capabilities,"permitted":$capabilities}$bundle_profile},
"root":{"path":"${ROOTFS:-/opt/rootfs}","readonly":false},"hostname":"c",
"mounts":[
{"destination":"/proc","type":"proc","source":"proc"},
{"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","strictatime","mode=755"]},
{"destination":"/dev/pts","type":"devpts","source":"devpts","options":["nosuid","noexec","newinstance","ptmxmode=0666","mode=0620"]},
{"destination":"/sys","type":"sysfs","source":"sysfs","options":["nosuid","noexec","nodev","ro"]},
{"destination":"/tmp","type":"tmpfs","source":"tmpfs"}],
$bundle_hooks"linux":{"cgroupsPath":"/${CGROUP:-vmlab}",
"resources":{"memory":{"limit":67108864},"pids":{"limit":64}},
"namespaces":[{"type":"pid"},{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},{"type":"cgroup"}]$bundle_seccomp}}
JSON
}
