# shellcheck shell=bash disable=SC2034,SC2154
# A part of scripts/kafka: Kafka in the cache, jars and an archive of their classes.

# kafka_2.13 is the broker; kafka-tools has most of the tools, and would bring Connect and a web server.
pom() {
  cat <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>weir</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$version</version>
      <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version>
    </dependency>
  </dependencies>
</project>
POM
}

# To stderr, which is the log of a broker.
log4j2_properties() {
  cat <<'LOG4J'
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d %p %m (%c)%n
rootLogger.level = ${sys:weir.log.level:-warn}
rootLogger.appenderRef.stderr.ref = stderr
LOG4J
}

# What a complete folder of Kafka holds: a file made from another pom, cut off or missing is seen.
describe() {
  pom
  (cd "$1" && stat -c '%n %s' log4j2.properties ./*.jar) 2>/dev/null || true
}

is_fetched() { [ -e "$kafka/complete" ] && [ "$(describe "$kafka")" = "$(cat "$kafka/complete")" ]; }

download() {
  command -v mvn >/dev/null || fail "mvn is missing: install Maven (Debian: apt-get install maven)"
  local folder=$kafka.$$
  say "downloading Kafka $version with Maven into $kafka (45 MB)"
  mkdir -p "$folder"
  pom >"$folder/pom.xml"
  log4j2_properties >"$folder/log4j2.properties"
  # A wrong checksum is an error. Even a quiet Maven writes colours, so that its words are shown only when they are needed.
  if ! mvn --batch-mode --quiet --strict-checksums --file "$folder/pom.xml" \
    org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$folder" >"$folder/maven.log" 2>&1; then
    cat "$folder/maven.log" >&2
    fail "mvn could not download Kafka $version (see above)"
  fi
  compgen -G "$folder/kafka_2.13-$version.jar" >/dev/null || fail "mvn downloaded no kafka_2.13-$version.jar"
  describe "$folder" >"$folder/complete"
  rm -rf "$kafka"
  mv "$folder" "$kafka"
}

# Sets java_version.
find_java() {
  local major advice="install Java 17 or later (Debian: apt-get install default-jre-headless)"
  java_version=$("$java" -version 2>&1) || fail "java is missing: $advice"
  major=$(sed -n 's/.*version "\([0-9]*\).*/\1/p' <<<"$java_version" | head -n 1)
  [ "${major:-0}" -ge 17 ] || fail "java is version ${major:-unknown}: $advice"
}

# Sets classes, and archive: the classes that a broker loads, prepared for this Java, for faster starts.
find_classes() {
  classes=$(printf '%s:' "$kafka"/*.jar)
  archive=$kafka/classes-$(cksum <<<"$java_version $classes" | cut -d ' ' -f 1).jsa
}

# Runs a broker once. An empty archive says that this Java makes none.
make_archive() {
  local folder=$kafka/once.$$ made=$kafka/once.$$.jsa java_options=()
  local brokers=1 base="" tls="" sasl="" acl="" more_settings=()
  local stop_seconds_max=60 # It is written while the broker stops.
  say "making $archive, once"
  mkdir -p "$folder"
  make_cluster
  java_options=(-XX:ArchiveClassesAtExit="$made")
  start_brokers 1
  signal_brokers TERM 1
  if [ -s "$made" ]; then mv "$made" "$archive"; else : >"$archive"; fi
  rm -rf "$folder"
}

fetch() {
  find_java
  mkdir -p "$cache"
  exec 9>"$cache/kafka.lock"
  flock 9
  is_fetched || download
  find_classes
  [ -e "$archive" ] || make_archive
  exec 9>&-
  java_options=()
  [ ! -s "$archive" ] || java_options=(-XX:SharedArchiveFile="$archive")
}
