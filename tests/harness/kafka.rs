//! Real brokers, which end with the test process however that ends.
//!
//! A test that needs Kafka asks for a cluster and returns where it gets none: that is so where Java or Maven is missing,
//! and a loud line says so. Where the variable `CI` is set it fails instead.

use crate::files;
use crate::manifest::Manifest;
use crate::wait::wait_until;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Starts brokers, says so, and ends them when nobody holds its standard input any more: also when the test process was
/// killed, and also when that was while they started.
const GUARDIAN: &str = r#"
kafka=$1 folder=$2
shift 2
"$kafka" start "$folder/cluster" "$@" </dev/null 2>"$folder/log"
code=$?
# Of a shell of its own: where nobody reads any more, it ends by that.
(echo "exit $code")
exec >/dev/null 2>&1
cat
"$kafka" kill "$folder/cluster"
rm -rf "$folder"
"#;

/// Words of scripts/kafka about what a machine lacks.
const LACKS: [&str; 3] = ["java is missing", "mvn is missing", "mvn could not download"];

/// A cluster of brokers.
pub struct Cluster {
    values: BTreeMap<String, String>,
    /// Those of brokers that were started here.
    own: Option<Own>,
}

/// Brokers that were started here.
struct Own {
    folder: PathBuf,
    guardian: Child,
}

/// The cluster that tests share: plain, one broker. Or the one that `WEIR_KAFKA_BOOTSTRAP` names.
pub fn shared() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    let start = || match std::env::var("WEIR_KAFKA_BOOTSTRAP") {
        Ok(bootstrap) => Some(Cluster { values: [("BOOTSTRAP".to_owned(), bootstrap)].into(), own: None }),
        Err(_) => Cluster::start(&[]),
    };
    SHARED.get_or_init(start).as_ref()
}

/// The cluster that tests of logins and rights share: one broker with TLS, users and rights.
pub fn secured() -> Option<&'static Cluster> {
    static SECURED: OnceLock<Option<Cluster>> = OnceLock::new();
    SECURED.get_or_init(|| Cluster::start(&["--tls", "--sasl", "--acl"])).as_ref()
}

/// A name that no other test and no other run has, so that they can share a cluster.
pub fn unique(test: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{test}-{:x}-{}", since.as_micros(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The manifest of an application that reads the topic `APPLICATION-in` and writes `APPLICATION-out`.
pub fn manifest(application: &str, bootstrap: &str, component: &std::path::Path) -> Manifest {
    let mut manifest = Manifest::new(component)
        .source(&format!("kafka = {{ topic = \"{application}-in\" }}"))
        .sink(Some(&format!("kafka = {{ topic = \"{application}-out\" }}")))
        .with(&format!("[kafka]\nbootstrap_servers = {bootstrap:?}"));
    manifest.name = application.to_owned();
    manifest.store = "kind = \"kafka\"".to_owned();
    manifest
}

impl Cluster {
    /// Starts brokers with options of `scripts/kafka start`; none where Java or Maven is missing.
    pub fn start(options: &[&str]) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("weir-kafka-").tempdir().expect("make a folder").keep();
        let mut guardian = Command::new("sh");
        guardian.args(["-c", GUARDIAN, "sh"]).arg(files::root().join("scripts/kafka")).arg(&folder).args(options);
        guardian.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A signal from the terminal is for the tests; their end is the guardian's signal.
        let mut guardian = guardian.process_group(0).spawn().expect("start sh");
        let mut values = BTreeMap::new();
        let mut succeeded = false;
        for line in BufReader::new(guardian.stdout.take().expect("it is piped")).lines().map_while(Result::ok) {
            if let Some(code) = line.strip_prefix("exit ") {
                succeeded = code == "0";
                break;
            }
            if let Some((name, value)) = line.strip_prefix("WEIR_KAFKA_").and_then(|line| line.split_once('=')) {
                values.insert(name.to_owned(), value.to_owned());
            }
        }
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        let cluster = Self { values, own: Some(Own { folder, guardian }) };
        if succeeded {
            return Some(cluster);
        }
        let lacks = LACKS.iter().any(|words| log.contains(words));
        assert!(lacks && std::env::var_os("CI").is_none(), "no broker starts:\n{log}");
        // Past the test's captured output, for whoever runs the suite.
        let _ = writeln!(std::io::stderr(), "\nSKIPPED, there is no Kafka: {}\n", log.trim());
        None
    }

    /// What `scripts/kafka` printed as `WEIR_KAFKA_NAME`.
    #[track_caller]
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).unwrap_or_else(|| panic!("the cluster has no {name}: {:?}", self.values.keys()))
    }

    /// Its brokers: `host:port`, parted by commas.
    pub fn bootstrap(&self) -> &str {
        self.value("BOOTSTRAP")
    }

    /// Kills broker N, or all, by SIGKILL.
    pub fn kill(&self, broker: Option<u32>) {
        self.script("kill", broker, &[]);
    }

    /// Stops broker N, or all.
    pub fn stop(&self, broker: Option<u32>) {
        self.script("stop", broker, &[]);
    }

    /// Starts what is stopped, and waits until it is ready.
    pub fn restart(&self, broker: Option<u32>) {
        self.script("restart", broker, &[]);
    }

    /// Runs a tool of Kafka as the user who may do everything; what it prints.
    pub fn tool(&self, arguments: &[&str]) -> String {
        self.script("tool", None, arguments)
    }

    fn script(&self, command: &str, broker: Option<u32>, arguments: &[&str]) -> String {
        let own = self.own.as_ref().expect("only brokers that were started here are commanded");
        let mut script = Command::new(files::root().join("scripts/kafka"));
        script.arg(command).arg(own.folder.join("cluster")).args(broker.map(|broker| broker.to_string()));
        let output = script.args(arguments).stdin(Stdio::null()).output().expect("run scripts/kafka");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "scripts/kafka {command} {arguments:?}: {said}{errors}");
        said
    }

    /// What a client needs to be let in, as the user who may do everything.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        if let Some(ca) = self.values.get("CA") {
            config.set("security.protocol", "SASL_SSL").set("ssl.ca.location", ca);
            config.set("sasl.mechanism", "SCRAM-SHA-256");
            config.set("sasl.username", self.value("USER")).set("sasl.password", self.value("PASSWORD"));
        }
        config
    }

    /// Makes a topic; done when it can be used.
    pub fn create_topic(&self, name: &str, partitions: u32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("make a client");
        let topic = NewTopic::new(name, partitions as i32, TopicReplication::Fixed(-1));
        let topic = settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value));
        let wait = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("start a runtime");
        let made = runtime.block_on(admin.create_topics(&[topic], &wait)).expect("the brokers answer");
        for made in made {
            made.expect("the topic is made");
        }
        // The broker itself hears of it a little later.
        wait_until("the topic is known", || {
            let metadata = admin.inner().fetch_metadata(Some(name), Duration::from_secs(10)).expect("brokers answer");
            metadata.topics().iter().all(|topic| {
                let has_leaders = topic.partitions().iter().all(|partition| partition.leader() >= 0);
                topic.partitions().len() == partitions as usize && has_leaders
            })
        });
    }

    /// Deletes topics; those that are not there are none to delete.
    pub fn delete_topics(&self, names: &[&str]) -> Result<(), KafkaError> {
        let admin: AdminClient<DefaultClientContext> = self.client().create()?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("start a runtime");
        let deleted = runtime.block_on(admin.delete_topics(names, &AdminOptions::new()))?;
        let failed = deleted.into_iter().filter_map(Result::err).map(|(_, code)| code);
        let mut failed = failed.filter(|code| *code != RDKafkaErrorCode::UnknownTopicOrPartition);
        failed.next().map_or(Ok(()), |code| Err(KafkaError::AdminOp(code)))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(Own { guardian, .. }) = &mut self.own {
            drop(guardian.stdin.take());
            let _ = guardian.wait();
        }
    }
}
