#!/usr/bin/env bash
# What a newcomer does: clones into an empty folder and types the README's commands (its fenced blocks marked `sh`), in
# their order, those that run the tests excepted. Passes when the demo fleet's first CDR can be read through REST within
# 120 s after the installation.
#
# Usage: test/newcomer.sh [REPOSITORY]   (default: this one; what is committed counts, not what lies in the tree)
# Ports: WATTLOG_OCPP_PORT, WATTLOG_HTTP_PORT, WATTLOG_ADMIN_PORT (29000, 28080, 29464). KEEP=1 keeps the clone.
set -u -o pipefail
exec </dev/null

repository=${1:-$(cd "$(dirname "$0")/.." && pwd)}
export WATTLOG_OCPP_PORT=${WATTLOG_OCPP_PORT:-29000} WATTLOG_HTTP_PORT=${WATTLOG_HTTP_PORT:-28080}
export WATTLOG_ADMIN_PORT=${WATTLOG_ADMIN_PORT:-29464}
install_limit=600
cdr_limit=120
folder=$(mktemp -d)
groups=()

# Each command runs in a session of its own, so that it can be ended with everything that it started, and nothing else.
cleanup() {
  local leader
  for leader in "${groups[@]}"; do kill -TERM -- "-$leader" 2>/dev/null; done
  for leader in "${groups[@]}"; do
    for _ in $(seq 60); do kill -0 -- "-$leader" 2>/dev/null || break; sleep 0.5; done
    kill -KILL -- "-$leader" 2>/dev/null
  done
  if [ "${KEEP:-}" = 1 ]; then echo "kept: $folder"; else rm -rf "$folder"; fi
}
trap cleanup EXIT

fail() {
  echo "newcomer: $1"
  tail -n 40 "$folder"/command-*.log 2>/dev/null
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
}

# The commands of the README, one a line; a block with several lines gives several.
readme_commands() {
  awk '/^```sh[ \t]*$/ { inside = 1; next } /^```/ { inside = 0 } inside && NF && $1 !~ /^#/' "$1" | grep -v 'npm test'
}

# start NUMBER COMMAND: in the background, its words in a file.
start() {
  setsid bash -c "$2" >"$folder/command-$1.log" 2>&1 &
  groups+=($!)
}

# within SECONDS WHAT COMMAND...: until it succeeds.
within() {
  local limit=$1 what=$2 began=$SECONDS
  shift 2
  until "$@"; do
    [ $((SECONDS - began)) -lt "$limit" ] || fail "$what: not within $limit s"
    kill -0 "${groups[0]}" 2>/dev/null || fail "$what: the first command has ended"
    sleep 0.5
  done
  echo "newcomer: $what after $((SECONDS - began)) s"
}

serves() { curl -sf -o /dev/null "http://127.0.0.1:$WATTLOG_ADMIN_PORT/health/ready"; }

has_cdr() {
  curl -sf -H "Authorization: Bearer $(cat "$clone/data/admin-token" 2>/dev/null)" \
    "http://127.0.0.1:$WATTLOG_HTTP_PORT/api/v1/cdrs?limit=1" | grep -q '"energyWh"'
}

clone=$folder/wattlog
git clone --quiet "$repository" "$clone" || fail "the repository cannot be cloned"
cd "$clone" || fail "the clone cannot be entered"
mapfile -t commands < <(readme_commands README.md)
[ "${#commands[@]}" -ge 2 ] || fail "README.md has ${#commands[@]} commands in blocks marked sh, not two"

start 1 "${commands[0]}"
within "$install_limit" "installed and serving (${commands[0]})" serves
for ((i = 1; i < ${#commands[@]}; i++)); do start $((i + 1)) "${commands[$i]}"; done
within "$cdr_limit" "the demo fleet's first CDR (${commands[1]})" has_cdr
echo "1 passed, 0 failed, 0 skipped"
