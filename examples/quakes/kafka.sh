#!/usr/bin/env bash
# The example on Kafka: a broker, the week's earthquakes in a topic, two hosts that share the regions out and are killed
# with -9 in turns, and a table of what came of it. `make demo-kafka` builds all that it needs, and runs it.
#
#   examples/quakes/kafka.sh [OPTION...]
#       --keep             leaves the broker running, to look at the topics; says how to stop it
#       --kills N          kills in all; default: 3
#       --binaries FOLDER  where weir and quakes-demo are; default: target/release
#       --directory FOLDER broker, logs, what hosts can read again; what is in it goes first; default: target/demo-kafka
#
# Needs Java 17 or later, and the first time Maven: see scripts/kafka. However it ends, nothing of it runs on.
set -euo pipefail

example=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$example/../.." && pwd)
binaries=$root/target/release
directory=$root/target/demo-kafka
kills=3
keep=
partitions=6

say() { echo "$*" >&2; }
fail() { say "kafka.sh: $*"; exit 1; }

while [ $# -gt 0 ]; do
  case $1 in
    --keep) keep=yes ;;
    --kills | --binaries | --directory)
      [ $# -ge 2 ] || fail "$1 wants a value"
      case $1 in
        --kills) kills=$2 ;;
        --binaries) binaries=$(cd "$2" && pwd) ;;
        --directory) directory=$2 ;;
      esac
      shift
      ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit ;;
    *) fail "there is no $1: see --help" ;;
  esac
  shift
done
for binary in weir quakes-demo; do
  [ -x "$binaries/$binary" ] || fail "$binaries/$binary is missing: cargo build --release -p weir -p quakes-world"
done
[ -e "$example/quakes.wasm" ] || fail "$example/quakes.wasm is missing: scripts/build-guests quakes"

kafka=$directory/kafka
demo=
clean_up() {
  trap - EXIT INT TERM
  if [ -n "$demo" ]; then
    # A group of its own: the demo and its hosts.
    kill -s KILL -- "-$demo" 2>/dev/null || true
  fi
  if [ -e "$kafka/cluster" ] && [ -z "$keep" ]; then
    "$root/scripts/kafka" kill "$kafka" || true
  fi
}
trap clean_up EXIT
trap 'keep=; exit 130' INT
trap 'keep=; exit 143' TERM

# Empties the folder, if it is this demo's.
if [ -e "$directory" ]; then
  if [ -n "$(ls -A "$directory")" ] && [ ! -e "$directory/.quakes-kafka" ]; then
    fail "$directory is not a folder of this demo; name another --directory"
  fi
  if [ -e "$kafka/cluster" ]; then "$root/scripts/kafka" kill "$kafka" || true; fi
  rm -rf "$directory"
fi
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
kafka=$directory/kafka
echo "Made by kafka.sh, which empties this folder when it starts." >"$directory/.quakes-kafka"

say "starting a broker"
bootstrap=$("$root/scripts/kafka" start "$kafka" | sed -n 's/^WEIR_KAFKA_BOOTSTRAP=//p')
tool() { "$root/scripts/kafka" tool "$kafka" "$@"; }
tool kafka-topics --create --topic earthquakes --partitions "$partitions" >"$directory/topics.log"
"$binaries/weir" topics --create "$example/weir-kafka.toml" --set "kafka.bootstrap_servers=$bootstrap" >>"$directory/topics.log"

say "putting the week into the topic earthquakes, keyed by region"
sed -E 's/.*"region": "([^"]*)".*/\1\t&/' "$example/quakes.jsonl" |
  tool kafka-console-producer --topic earthquakes --property parse.key=true >>"$directory/topics.log" 2>&1

# The demo gets a group of its own, so that it and its hosts can be ended together.
set -m
"$binaries/quakes-demo" --kafka "$bootstrap" --kills "$kills" --weir "$binaries/weir" --example "$example" \
  --directory "$directory/hosts" </dev/null &
demo=$!
set +m
wait "$demo" || fail "the demo failed; the hosts' logs are in $directory/hosts"
demo=

alerts=$directory/alerts.txt
tool kafka-console-consumer --topic alerts --from-beginning --isolation-level read_committed --timeout-ms 5000 \
  --property print.key=true --property print.headers=true >"$alerts" 2>>"$directory/topics.log" || true
count=$(wc -l <"$alerts")
ids=$({ grep -o 'weir-id:[0-9a-f-]*' "$alerts" || true; } | sort -u | wc -l)
due=$(wc -l <"$example/expected.jsonl")
echo "topic alerts: $count records, $ids different ones, due: $due"
[ "$count" = "$due" ] && [ "$ids" = "$due" ] || fail "Weir did not put each alert out once: this is a defect"

weir="$binaries/weir"
manifest="$example/weir-kafka.toml --set kafka.bootstrap_servers=$bootstrap"
cat <<LOOK

Where to look next
  $example/weir-kafka.toml
      the manifest: what differs from weir.toml is where events, state and alerts are
  $alerts
      the alerts, with their keys and headers
  $directory/hosts
      what the hosts said: who took which partition over, and after what
  $root/host/OPERATIONS.md
      topics, sizes, takeovers, upgrades, what each line of a host means
LOOK
if [ -n "$keep" ]; then
  cat <<LOOK
The broker runs on:
  $weir inspect key "Hualian, Taiwan" $manifest
      what Weir remembers of Hualien, read from the topics
  $weir topics $manifest
      the topics
  $root/scripts/kafka stop $kafka
      stops it
LOOK
else
  echo "  $example/kafka.sh --keep"
  echo "      the same, and the broker runs on: look into its topics with weir inspect"
fi
