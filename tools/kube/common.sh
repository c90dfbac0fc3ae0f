# shellcheck shell=bash
# What the scripts of this directory share.

# free_port: a port of 127.0.0.1 that is free now.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# runs PID_FILE PROGRAM: the process of that number is there, is that program, and is not a zombie.
runs() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 1
  tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | head -n 1 | grep -q "\(^\|/\)$2\$"
}

# stop_now PID_FILE PROGRAM: kills it and waits until it is gone. No questions asked: a server that is
# asked to end keeps open watches for a minute.
stop_now() {
  if runs "$1" "$2"; then
    kill -9 "$(cat "$1")"
    while runs "$1" "$2"; do sleep 0.05; done
  fi
  rm -f "$1"
}

# node_pid DIR: the first process of the node's namespaces, by the number that it has outside.
node_pid() {
  local pid
  for pid in $(pgrep -f "^bash -c .* varmor-kube-node $1\$"); do
    # unshare itself waits outside of them.
    if [ "$(readlink "/proc/$pid/ns/pid")" != "$(readlink /proc/self/ns/pid)" ]; then
      echo "$pid"
      return 0
    fi
  done
  return 1
}
