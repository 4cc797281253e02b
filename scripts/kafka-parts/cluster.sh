# shellcheck shell=bash disable=SC2034,SC2154
# A part of scripts/kafka: the folder of a cluster, its ports, keys, users and settings.
# FOLDER/cluster has its shape, for the script to read again.

brokers=1
base=
tls=
sasl=
acl=
more_settings=()

client_port() { echo $((base + $1 - 1)); }
internal_port() { echo $((base + brokers + $1 - 1)); }
controller_port() { echo $((base + 2 * brokers + $1 - 1)); }
every_broker() { seq 1 "$brokers"; }

# Joins the words of stdin by commas.
commas() { paste -s -d ,; }

bootstrap() {
  local n
  for n in $(every_broker); do echo "127.0.0.1:$(client_port "$n")"; done | commas
}

is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

are_free() {
  local port
  for ((port = $1; port < $1 + 3 * brokers; port++)); do
    if is_open "$port"; then return 1; fi
  done
}

write_cluster() { printf '%s\n' "brokers=$brokers" "base=$base" "tls=$tls" "sasl=$sasl" "acl=$acl" >"$folder/cluster"; }

# Takes a block of ports below those that the kernel gives to clients. The block is this cluster's for as long as
# FOLDER/cluster is there, also while its brokers are stopped.
claim_ports() {
  local claims=${TMPDIR:-/tmp}/weir-kafka-$UID attempt owner
  mkdir -p "$claims"
  exec 8>"$claims/lock"
  flock 8
  for attempt in {1..100}; do
    base=$((10000 + 3 * brokers_max * (RANDOM % 1500)))
    owner=$(cat "$claims/$base" 2>/dev/null || true)
    if [ ! -e "$owner/cluster" ] && are_free "$base"; then break; fi
    base=
  done
  [ -n "$base" ] || fail "found no free ports in $attempt attempts; $claims has whose they are"
  echo "$folder" >"$claims/$base"
  write_cluster
  exec 8>&-
}

random_hex() { od -A n -t x1 -N 16 /dev/urandom | tr -d ' \n'; }

make_certificates() {
  command -v openssl >/dev/null || fail "openssl is missing: install it (Debian: apt-get install openssl)"
  cat >"$folder/openssl.cnf" <<'CONFIG'
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[broker]
basicConstraints = critical, CA:FALSE
subjectAltName = IP:127.0.0.1
CONFIG
  local new=(req -config "$folder/openssl.cnf" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  (
    cd "$folder"
    openssl "${new[@]}" -x509 -extensions authority -days 3650 -subj "/CN=Authority of a test" -keyout ca.key -out ca.pem
    openssl "${new[@]}" -subj "/CN=127.0.0.1" -keyout broker.key -out broker.csr
    openssl x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile openssl.cnf -extensions broker \
      -days 3650 -out broker.crt
    cat broker.key broker.crt ca.pem >broker.pem
    rm -f openssl.cnf ca.key ca.srl broker.key broker.csr broker.crt
  ) >"$folder/openssl.log" 2>&1 || fail "openssl made no certificates: $(tail -n 1 "$folder/openssl.log")"
}

protocol() { if [ -n "$tls" ]; then echo "${sasl:+SASL_}SSL"; else echo "${sasl:+SASL_}PLAINTEXT"; fi; }

# What a client of Kafka's own needs, as user $1 with password $2.
client_properties() {
  echo "bootstrap.servers=$(bootstrap)"
  echo "security.protocol=$(protocol)"
  if [ -n "$tls" ]; then
    echo "ssl.truststore.type=PEM"
    echo "ssl.truststore.location=$folder/ca.pem"
  fi
  if [ -n "$sasl" ]; then
    echo "sasl.mechanism=SCRAM-SHA-256"
    echo "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"$1\" password=\"$2\";"
  fi
}

# Between brokers there is no TLS and no user; nobody else is told of these ports.
listeners() {
  local n=$1
  echo "CLIENT://127.0.0.1:$(client_port "$n"),INTERNAL://127.0.0.1:$(internal_port "$n")"
}

# With fewer than three brokers the first one alone decides; it takes three to be able to lose one.
voters() {
  local n
  for n in $(seq 1 $((brokers < 3 ? 1 : 3))); do echo "$n@127.0.0.1:$(controller_port "$n")"; done | commas
}

server_properties() {
  local n=$1 replicas=$((brokers < 3 ? 1 : 3)) in_sync=$((brokers < 3 ? 1 : 2))
  local roles=broker controller=
  if [ "$n" -le "$replicas" ]; then
    roles=broker,controller
    controller=,CONTROLLER://127.0.0.1:$(controller_port "$n")
  fi
  cat <<PROPERTIES
node.id=$n
process.roles=$roles
controller.quorum.voters=$(voters)
controller.listener.names=CONTROLLER
listeners=$(listeners "$n")$controller
advertised.listeners=$(listeners "$n")
listener.security.protocol.map=CLIENT:$(protocol),INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INTERNAL
log.dirs=$folder/broker-$n/data

default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$replicas
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$in_sync
share.coordinator.state.topic.num.partitions=1

# Tests create their topics, use short sessions, and can wait neither for rebalances nor for a killed broker's session.
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000

# Compaction is seen within seconds, and records with times of long ago stay.
log.initial.task.delay.ms=1000
log.cleaner.backoff.ms=1000
log.cleaner.dedupe.buffer.size=16777216
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=1000
log.retention.ms=-1
PROPERTIES
  if [ -n "$tls" ]; then tls_properties; fi
  if [ -n "$sasl" ]; then sasl_properties; fi
  if [ -n "$acl" ]; then acl_properties; fi
  printf '%s\n' "${more_settings[@]}"
}

tls_properties() {
  echo "listener.name.client.ssl.keystore.type=PEM"
  echo "listener.name.client.ssl.keystore.location=$folder/broker.pem"
}

sasl_properties() {
  local modules=org.apache.kafka.common.security
  echo "listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-256,PLAIN"
  echo "listener.name.client.scram-sha-256.sasl.jaas.config=$modules.scram.ScramLoginModule required;"
  echo "listener.name.client.plain.sasl.jaas.config=$modules.plain.PlainLoginModule required user_admin=\"$password\" user_limited=\"$limited_password\";"
}

# Brokers themselves are ANONYMOUS; no client is, as --acl has --sasl with it.
acl_properties() {
  echo "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"
  echo "super.users=User:admin;User:ANONYMOUS"
}

environment() {
  printf 'WEIR_KAFKA_BOOTSTRAP=%s\n' "$(bootstrap)"
  if [ -n "$tls" ]; then printf 'WEIR_KAFKA_CA=%q\n' "$folder/ca.pem"; fi
  if [ -n "$sasl" ]; then
    printf 'WEIR_KAFKA_%s\n' "USER=admin" "PASSWORD=$password" "LIMITED_USER=limited" "LIMITED_PASSWORD=$limited_password"
  fi
}

# Ports, keys, users, and for each broker its settings and formatted data.
make_cluster() {
  local n password limited_password
  if [ -n "$base" ]; then
    are_free "$base" || fail "of the ports $base to $((base + 3 * brokers - 1)) some are in use"
    write_cluster
  else
    claim_ports
  fi
  password=$(random_hex)
  limited_password=$(random_hex)
  [ -z "$tls" ] || make_certificates
  client_properties admin "$password" >"$folder/admin.properties"
  client_properties limited "$limited_password" >"$folder/limited.properties"
  for n in $(every_broker); do
    mkdir "$folder/broker-$n"
    server_properties "$n" >"$folder/broker-$n/server.properties"
  done
  format
  environment >"$folder/environment"
}

# The line of logs that says most.
last_error() { grep -hE ' (ERROR|FATAL) |Exception|Error' "$@" | tail -n 1; }

# Formats each broker's data for one new cluster, with the users of SCRAM.
format() {
  local n id arguments=() pids=() pid
  id=$(head -c 16 /dev/urandom | base64 | tr '+/=' 'AB ')
  arguments=(format --cluster-id "${id%% *}")
  if [ -n "$sasl" ]; then
    arguments+=(--add-scram "SCRAM-SHA-256=[name=admin,password=$password]")
    arguments+=(--add-scram "SCRAM-SHA-256=[name=limited,password=$limited_password]")
  fi
  for n in $(every_broker); do
    run_java -XX:TieredStopAtLevel=1 kafka.tools.StorageTool "${arguments[@]}" --config "$folder/broker-$n/server.properties" \
      >"$folder/broker-$n/log" 2>&1 &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    wait "$pid" || fail "brokers could not be formatted: $(last_error "$folder"/broker-*/log)"
  done
}

# run_java OPTION... CLASS ARG...: with no word of its own on stdout, as tools write there.
run_java() {
  "$java" -Xlog:disable -Xlog:all=error:stderr -XX:-UsePerfData -XX:+UseSerialGC "${java_options[@]}" \
    -Dlog4j2.configurationFile="$kafka/log4j2.properties" -cp "$classes" "$@"
}
