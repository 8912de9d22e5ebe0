#!/usr/bin/env bash
# Sees to it that a Docker engine answers.
#   scripts/dockerd.sh start [PIDFILE]   starts one where none answers; its process id goes to PIDFILE
#   scripts/dockerd.sh stop PIDFILE      ends the one that `start` started with this PIDFILE
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
log=${TMPDIR:-/tmp}/drover-dockerd.log

answers() { docker version >/dev/null 2>&1; }

wait_for() { # wait_for SECONDS COMMAND...
  local tries=$(($1 * 10)); shift
  while ((tries-- > 0)); do if "$@"; then return 0; fi; sleep 0.1; done
  return 1
}

start() {
  if answers; then return; fi
  if ((EUID != 0)); then
    echo "dockerd.sh: no Docker engine answers (docker version); start one, or run this as root" >&2
    return 1
  fi
  if [[ -d /run/systemd/system ]]; then
    systemctl start docker || true
  else
    setsid dockerd </dev/null >"$log" 2>&1 &
    if [[ ${1:-} ]]; then echo $! >"$1"; fi
  fi
  if ! wait_for 60 answers; then
    echo "dockerd.sh: dockerd does not answer after 60 s; the end of its log ($log):" >&2
    tail -n 15 "$log" >&2 || true
    return 1
  fi
  echo "started dockerd"
}

stop() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 0
  if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == dockerd ]]; then
    kill "$pid"
    wait_for 30 test ! -e "/proc/$pid/exe" || true
  fi
  rm -f "$1"
}

case ${1:-} in
  start) start "${2:-}" ;;
  stop) stop "${2:?dockerd.sh stop PIDFILE}" ;;
  *) echo "usage: dockerd.sh start [PIDFILE] | stop PIDFILE" >&2; exit 2 ;;
esac
