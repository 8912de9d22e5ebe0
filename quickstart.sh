#!/usr/bin/env bash
# See Drover work on this machine: builds it, starts Redis, a controller and an agent with HAProxy, brings up the
# example stack (deploy/examples/shop), puts load on it, shows what happens, and lets it scale back.
#
#   ./quickstart.sh         all of that; the first run also installs and builds (some minutes), later ones take seconds
#   ./quickstart.sh down    removes everything that it started: containers, networks, processes, images, state
#
# Debian 12, as root (Docker needs it). Without a terminal it prints plain lines. Environment: LOAD_SECONDS (45).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
PATH=$PATH:/usr/sbin:/sbin

state=/var/tmp/drover-quickstart
bin=$PWD/build/release/bin
redis_port=17379 grpc_port=17400 http_port=17401 web_port=18080
load_seconds=${LOAD_SECONDS:-45}
stack_file=deploy/examples/shop/compose.yaml
export DROVER_ADDR=http://127.0.0.1:$http_port
export REDIS_PORT=$redis_port WEB_PORT=$web_port
redis_url=redis://127.0.0.1:$redis_port/0
tty=
if [[ -t 1 && ${TERM:-dumb} != dumb ]]; then tty=1; fi

say() { printf '%s%s%s\n' "${tty:+$'\e[1m'}" "$*" "${tty:+$'\e[0m'}"; }
die() { echo "quickstart: $*" >&2; exit 1; }

wait_for() { # wait_for SECONDS COMMAND...
  local tries=$(($1 * 10)); shift
  while ((tries-- > 0)); do if "$@" >/dev/null 2>&1; then return 0; fi; sleep 0.1; done
  return 1
}

# ---- processes: each has NAME.pid in the state folder ------------------------------------------------

is_ours() { # is_ours NAME PROGRAM: the process of NAME.pid lives and is PROGRAM
  local pid
  pid=$(cat "$state/$1.pid" 2>/dev/null) || return 1
  [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "${2:0:15}" ]]
}

stop_process() { # stop_process NAME PROGRAM
  if is_ours "$1" "$2"; then
    local pid; pid=$(<"$state/$1.pid")
    kill "$pid" 2>/dev/null || true
    wait_for 15 test ! -e "/proc/$pid/exe" || kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$state/$1.pid"
}

start_process() { # start_process NAME PROGRAM ARG...
  local name=$1; shift
  if is_ours "$name" "${1##*/}"; then return; fi
  setsid "$@" </dev/null >>"$state/$name.log" 2>&1 &
  echo $! >"$state/$name.pid"
}

fail_with_log() { # fail_with_log NAME WHAT
  echo "quickstart: $2; the end of $state/$1.log:" >&2
  tail -n 15 "$state/$1.log" >&2
  exit 1
}

# ---- up ------------------------------------------------------------------------------------------------

build() {
  scripts/install_deps.sh run
  mkdir -p build
  if [[ ! -e build/release/build.ninja ]]; then
    cmake --preset release >build/release.configure.log 2>&1 || { cat build/release.configure.log >&2; die "cmake failed"; }
  fi
  if [[ ! -x $bin/drover ]]; then say "building (once; about ten minutes on two cores)"; fi
  local targets=(drover-controller drover-agent drover drover-example-web drover-example-worker drover-example-load)
  if [[ $tty ]]; then
    cmake --build --preset release --target "${targets[@]}"
  else
    cmake --build --preset release --target "${targets[@]}" >build/quickstart.build.log 2>&1 ||
      { tail -n 40 build/quickstart.build.log >&2; die "the build failed"; }
  fi
}

# The host's address that containers know as host-gateway.
bridge_address() {
  local bridge
  bridge=$(docker network inspect bridge -f '{{index .Options "com.docker.network.bridge.name"}}')
  ip -4 -br addr show dev "$bridge" | awk '{ sub("/.*", "", $3); print $3 }'
}

# The engine has to answer. Replicas are reached at the bridge's address: from this host only, and past docker-proxy.
write_configs() {
  bridge=$(bridge_address)
  cat >"$state/controller.yaml" <<YAML
state_dir: $state/controller
grpc: {listen: 127.0.0.1:$grpc_port}
http: {listen: 127.0.0.1:$http_port}
xds: {listen: "127.0.0.1:0"}
YAML
  cat >"$state/agent.yaml" <<YAML
controllers: [127.0.0.1:$grpc_port]
name: quickstart
state_dir: $state/agent
advertise_address: $bridge
metrics: {listen: off}
edge: {haproxy: {bind: 127.0.0.1}}
YAML
}

start_all() {
  scripts/dockerd.sh start "$state/dockerd.pid"
  write_configs
  deploy/examples/images.sh
  start_process redis redis-server --port $redis_port --bind 127.0.0.1 "$bridge" --protected-mode no \
    --save '' --appendonly no --dir "$state"
  start_process controller "$bin/drover-controller" --config "$state/controller.yaml"
  wait_for 20 curl -fsS "$DROVER_ADDR/healthz" || fail_with_log controller "the controller does not answer"
  api /v1/version | jq -r '.clusterId // empty' >"$state/cluster"
  start_process agent "$bin/drover-agent" --config "$state/agent.yaml"
  wait_for 20 redis-cli -p $redis_port ping || fail_with_log redis "Redis does not answer"
  wait_for 20 node_up || fail_with_log agent "the agent did not reach the controller"
}

node_up() { curl -fsS "$DROVER_ADDR/v1/nodes" | jq -e '[.nodes[]? | select(.status == "UP")] | length > 0'; }

# ---- the show -------------------------------------------------------------------------------------------

api() { curl -fsS --max-time 2 "$DROVER_ADDR$1" 2>/dev/null || echo '{}'; }

services_text() { # one line a service: name, desired, ready, signal
  api /v1/services?stack=shop | jq -r '
    .services // [] | .[] |
    (.signals // [] | map("\(.name) " + (if .value == null then "unknown" else "\(.value * 10 | round / 10)" end)
      + " (target \(.target // 0)\(if .unit == "%" then " %" else "" end))") | join(", ")) as $signals |
    "\(.name)\t\(.desired // 0)\t\(.ready // 0)\t\(.draining // 0)\t\($signals)"'
}

newest_event() { jq -r --argjson last "$last_event" '[.events // [] | .[] | .id | tonumber] + [$last] | max' <<<"$1"; }

jobs_text() {
  "$bin/examples/drover-example-load" count "$redis_url" 2>/dev/null |
    jq -r '"jobs: \(.waiting) waiting, \(.held) in hand, \(.done) done, \(.repeated) repeated, \(.lost) lost"' || true
}

web_text() {
  jq -r '"requests: \(.requests), \(.failed) failed, \(.rate | round)/s, p50 \(.p50_ms) ms, p99 \(.p99_ms) ms"' \
    "$state/web.json" 2>/dev/null || echo "requests: none yet"
}

decisions=()
drawn=0
show() { # show HEADLINE: one picture of now
  local lines=() fresh=() events line name desired ready draining signals bar
  events=$(api "/v1/events?stack=shop&since=$last_event&limit=1000")
  mapfile -t fresh < <(jq -r '.events // [] | .[] | select(.type == "decision") | .message' <<<"$events")
  last_event=$(newest_event "$events")
  decisions+=("${fresh[@]}")
  if ((${#decisions[@]} > 8)); then decisions=("${decisions[@]: -8}"); fi
  while IFS=$'\t' read -r name desired ready draining signals; do
    printf -v bar '%*s' "$ready" ''
    printf -v line '%-12s %2d wanted, %2d ready %-12s %s' "$name" "$desired" "$ready" "${bar// /#}$( ((draining)) && printf '%*s' "$draining" '' | tr ' ' -)" "$signals"
    lines+=("$line")
  done < <(services_text)
  lines+=("$(web_text)" "$(jobs_text)")
  if [[ $tty ]]; then
    if ((drawn)); then printf '\e[%dA\e[J' "$drawn"; fi
    printf '\e[1m%4d s  %s\e[0m\n' $((SECONDS - shown_at)) "$1"
    printf '  %s\n' "${lines[@]}" "" "decisions:" "${decisions[@]:-(none yet)}" | cut -c "1-${COLUMNS:-$(tput cols 2>/dev/null || echo 110)}"
    drawn=$((${#lines[@]} + 3 + (${#decisions[@]} > 0 ? ${#decisions[@]} : 1)))
  else
    for line in "${fresh[@]}"; do echo "        decision  $line"; done
    printf '%4d s  %s\n' $((SECONDS - shown_at)) "$1"
    printf '        %s\n' "${lines[@]}"
  fi
}

show_until() { # show_until SECONDS HEADLINE [CONDITION]
  local end=$((SECONDS + $1)) headline=$2 pause=2
  shift 2
  if [[ $tty ]]; then pause=0.5; fi
  while ((SECONDS < end)); do
    show "$headline"
    if (($#)) && "$@"; then return 0; fi
    sleep $pause
  done
  (($# == 0))
}

at_min() {
  api /v1/services?stack=shop | jq -e '[.services // [] | .[] | select(.autoscaled)] |
    length > 0 and all((.desired // 0) == (.min // 0) and (.ready // 0) == (.min // 0) and (.draining // 0) == 0)' >/dev/null
}

load() {
  "$bin/examples/drover-example-load" clear "$redis_url" >/dev/null
  rm -f "$state/web.json"
  "$bin/examples/drover-example-load" http "http://127.0.0.1:$web_port/" --rate 120 --connections 16 \
    --seconds "$load_seconds" --live "$state/web.json" >/dev/null 2>>"$state/load.log" &
  load_pids=($!)
  "$bin/examples/drover-example-load" push "$redis_url" --count 200 >/dev/null
  "$bin/examples/drover-example-load" push "$redis_url" --count $((load_seconds * 8)) --rate 10 >/dev/null 2>>"$state/load.log" &
  load_pids+=($!)
}

up() {
  local failed lost repeated
  build
  mkdir -p "$state"
  say "starting Redis, the controller, and an agent with HAProxy"
  start_all
  say "drover up -f $stack_file"
  "$bin/drover" up -f "$stack_file" -d --wait --timeout 60s || die "drover up failed; logs: $state"
  wait_for 20 curl -fsS "http://127.0.0.1:$web_port/" || fail_with_log agent "the web service does not answer on port $web_port"
  shown_at=$SECONDS
  last_event=0
  last_event=$(newest_event "$(api '/v1/events?stack=shop')")
  say "load: 120 requests/s at http://127.0.0.1:$web_port/, 200 jobs at once and then 10 a second"
  load
  show_until "$load_seconds" "under load"
  wait "${load_pids[@]}" || true
  show_until 90 "load has ended: back to the minimum" at_min || say "not yet back at the minimum: drover why shop/web"
  show "done"
  failed=$(jq .failed "$state/web.json")
  "$bin/examples/drover-example-load" count "$redis_url" >"$state/jobs.json" || true
  lost=$(jq .lost "$state/jobs.json") repeated=$(jq .repeated "$state/jobs.json")
  echo
  say "requests failed: $failed of $(jq .requests "$state/web.json"); jobs lost: $lost of $(jq .pushed "$state/jobs.json") (repeated: $repeated)"
  cat <<TEXT

What to try next:
  export DROVER_ADDR=$DROVER_ADDR PATH=$bin:\$PATH
  drover ps                      what runs where
  drover why shop/web            why there are as many as there are
  drover events                  every decision
  drover top                     CPU and memory now
  drover-example-load is in $bin/examples; the stack is $stack_file
Stop it, leaving nothing behind:
  ./quickstart.sh down
TEXT
  [[ $failed == 0 && $lost == 0 ]]
}

# ---- down -----------------------------------------------------------------------------------------------

# HAProxy runs apart from the agent, so that it outlives it, and a keeper starts it again when it ends: ours are
# those with our folder on their command line. The keeper goes first.
stop_haproxy() {
  local program cmdline pid
  for program in drover-agent haproxy; do
    for cmdline in /proc/[0-9]*/cmdline; do
      pid=${cmdline#/proc/} pid=${pid%/cmdline}
      if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$program" ]] && tr '\0' '\n' <"$cmdline" 2>/dev/null | grep -q "^$state/"; then
        kill -TERM "$pid" 2>/dev/null || true
      fi
    done
  done
}

remove_containers() {
  local cluster=$1 ids
  [[ $cluster ]] || return 0
  mapfile -t ids < <(docker ps -aq --filter "label=io.drover.cluster=$cluster")
  if ((${#ids[@]})); then docker rm -f "${ids[@]}" >/dev/null; fi
  mapfile -t ids < <(docker network ls -q --filter "label=io.drover.cluster=$cluster"; docker network ls -q --filter name='^shop_default$')
  if ((${#ids[@]})); then docker network rm "${ids[@]}" >/dev/null 2>&1 || true; fi
}

down() {
  if [[ ! -d $state ]]; then echo "nothing to remove"; return; fi
  if is_ours controller drover-controller && is_ours agent drover-agent; then
    timeout 60 "$bin/drover" down -p shop || true
  fi
  stop_process agent drover-agent
  stop_process controller drover-controller
  stop_haproxy
  stop_process redis redis-server
  if docker version >/dev/null 2>&1; then
    remove_containers "$(cat "$state/cluster" 2>/dev/null || true)"
    docker image rm drover/example-web:1 drover/example-worker:1 >/dev/null 2>&1 || true
  fi
  scripts/dockerd.sh stop "$state/dockerd.pid"
  rm -rf "$state"
  say "removed"
}

case ${1:-up} in
  up) up ;;
  down) down ;;
  -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0" ;;
  *) die "'$1': ./quickstart.sh, or ./quickstart.sh down" ;;
esac
