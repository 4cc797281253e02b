# shellcheck shell=bash disable=SC2034,SC2154
# A part of scripts/kafka: the processes of a cluster.

ready_seconds_max=60
stop_seconds_max=10

# Runs a command in a session of its own that holds nothing of this script's: no terminal, no pipe, no lock.
detached() {
  local log=$1 descriptor
  shift
  (
    for descriptor in /proc/self/fd/*; do
      descriptor=${descriptor##*/}
      if [ "$descriptor" -gt 2 ]; then eval "exec $descriptor>&-"; fi
    done
    exec setsid "$@"
  ) </dev/null >>"$log" 2>&1 &
}

launch() {
  local home=$folder/broker-$1
  log_sizes[$1]=$(stat -c %s "$home/log")
  detached "$home/log" "$java" -Xmx128m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError -XX:-UsePerfData "${java_options[@]}" \
    -Dlog4j2.configurationFile="$kafka/log4j2.properties" -Dweir.log.level=info \
    -cp "$classes" kafka.Kafka "$home/server.properties"
  starting+=($!)
  echo $! >"$home/pid"
}

pid_of() { cat "$folder/broker-$1/pid" 2>/dev/null || true; }

# A process of that id may be another's by now.
is_alive() {
  local pid arguments
  pid=$(pid_of "$1")
  [ -n "$pid" ] && arguments=$(tr '\0' ' ' <"/proc/$pid/cmdline") || return 1
  [[ $arguments == *" $folder/broker-$1/server.properties "* ]]
} 2>/dev/null

# Whether the log says so since the last launch.
has_logged() { tail -c +$((log_sizes[$1] + 1)) "$folder/broker-$1/log" | grep -F "$2" >/dev/null; }

# A started broker has found its controller, and is known to it.
is_ready() { has_logged "$1" "Kafka Server started" && is_open "$(client_port "$1")"; }

await_ready() {
  local log=$folder/broker-$1/log
  until is_ready "$1"; do
    if ! kill -0 "$(pid_of "$1")" 2>/dev/null; then
      fail "broker $1 did not start: $(last_error "$log") (see $log)"
    fi
    [ "$SECONDS" -lt "$ready_deadline" ] || fail "broker $1 was not ready within $ready_seconds_max s (see $log)"
    sleep 0.1
  done
}

# Starts brokers together, as one alone may find no majority.
start_brokers() {
  local n
  log_sizes=()
  ready_deadline=$((SECONDS + ready_seconds_max))
  for n in "$@"; do launch "$n"; done
  for n in "$@"; do await_ready "$n"; done
  starting=()
}

# Signals brokers and waits until they are gone.
signal_brokers() {
  local signal=$1 n deadline=$((SECONDS + stop_seconds_max))
  shift
  for n in "$@"; do
    if is_alive "$n"; then kill -s "$signal" "$(pid_of "$n")" 2>/dev/null || true; fi
  done
  for n in "$@"; do
    while is_alive "$n"; do
      if [ "$SECONDS" -ge "$deadline" ]; then kill -s KILL "$(pid_of "$n")" 2>/dev/null || true; fi
      sleep 0.05
    done
  done
}
