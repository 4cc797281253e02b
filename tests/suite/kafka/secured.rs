//! Brokers with TLS, users and rights: who is let in, and the one line that those get who are not.

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};
use weir_kafka::KafkaSettings;
use weir_tests::kafka::{self, Cluster, manifest, unique};
use weir_tests::{Ended, Project, guests, wait_until};

/// The properties of a client that is let in.
fn properties(cluster: &Cluster, mechanism: &str) -> Vec<(String, String)> {
    let values = [
        ("security.protocol", "SASL_SSL"),
        ("ssl.ca.location", cluster.value("CA")),
        ("sasl.mechanism", mechanism),
        ("sasl.username", cluster.value("USER")),
        ("sasl.password", cluster.value("PASSWORD")),
    ];
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Runs `weir topics` with these properties, some of them changed.
fn topics(project: &Project, properties: &[(String, String)], changes: &[(&str, &str)], more: &[&str]) -> Ended {
    let mut properties = properties.to_vec();
    for (name, value) in changes {
        properties.retain(|(own, _)| own != name);
        properties.push(((*name).to_owned(), (*value).to_owned()));
    }
    let sets =
        properties.iter().flat_map(|(name, value)| ["--set".to_owned(), format!("kafka.client.\"{name}\"={value}")]);
    let sets: Vec<String> = sets.collect();
    let arguments: Vec<&str> =
        ["topics"].into_iter().chain(more.iter().copied()).chain(sets.iter().map(|set| &**set)).collect();
    project.weir(&arguments)
}

fn kafka_settings(cluster: &Cluster, application: &str, user: &str) -> KafkaSettings {
    let mut settings = KafkaSettings::new(application, cluster.bootstrap(), &format!("{application}-in"));
    settings.client = properties(cluster, "SCRAM-SHA-256").into_iter().collect();
    settings.client.insert("sasl.username".to_owned(), cluster.value(&format!("{user}USER")).to_owned());
    settings.client.insert("sasl.password".to_owned(), cluster.value(&format!("{user}PASSWORD")).to_owned());
    settings
}

/// The properties of a client, as a manifest has them.
fn inline(settings: &KafkaSettings) -> String {
    let pairs = settings.client.iter().map(|(name, value)| format!("{name:?} = {value:?}"));
    pairs.collect::<Vec<_>>().join(", ")
}

// [D20]
#[test]
fn a_user_is_let_in_by_scram_and_by_plain_over_tls() {
    let Some(cluster) = kafka::secured() else { return };
    let name = unique("let-in");
    cluster.create_topic(&format!("{name}-in"), 2, &[]);
    let project = Project::new(&manifest(&name, cluster.bootstrap(), "a.wasm".as_ref()));
    topics(&project, &properties(cluster, "SCRAM-SHA-256"), &[], &["--create"]).expect(0);
    let text = topics(&project, &properties(cluster, "PLAIN"), &[], &[]).expect(0).stdout;
    assert!(text.contains("all is well"), "{text}");
}

// [D20]
#[test]
fn who_is_not_let_in_gets_one_line_within_the_timeout() {
    let Some(cluster) = kafka::secured() else { return };
    let project = Project::new(&manifest("refused", cluster.bootstrap(), "a.wasm".as_ref()));
    let other_host = cluster.bootstrap().replace("127.0.0.1", "localhost");
    let other_host = format!("kafka.bootstrap_servers={other_host}");
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], i32, &'a str);
    let cases: [Case<'_>; 6] = [
        (&[("sasl.password", "wrong")], &[], 2, "the broker does not let the user in (Authentication failed"),
        (
            &[("sasl.password", "wrong"), ("sasl.mechanism", "PLAIN")],
            &[],
            2,
            "the broker does not let the user in (Authentication failed",
        ),
        (
            &[("sasl.mechanism", "SCRAM-SHA-512")],
            &[],
            2,
            "the broker has other SASL mechanisms (PLAIN,SCRAM-SHA-256): change \"sasl.mechanism\"",
        ),
        (&[("ssl.ca.location", "other.pem")], &[], 2, "its certificate can't be trusted"),
        (&[], &["--set", &other_host], 2, "its certificate is for another host"),
        (&[("security.protocol", "PLAINTEXT")], &[], 1, "the broker closes the connection at once"),
    ];
    project.write("other.pem", OTHER_CA);
    for (changes, more, code, words) in cases {
        let more = [&["--set", "kafka.connect_timeout_ms=3000"], more].concat();
        let start = Instant::now();
        let ended = topics(&project, &properties(cluster, "SCRAM-SHA-256"), changes, &more);
        assert!(start.elapsed() < Duration::from_secs(8), "{changes:?} took {:?}", start.elapsed());
        let error = ended.expect_error(code, &["connect to Kafka at ", words]);
        assert!(!error.contains(cluster.value("PASSWORD")), "{error}");
    }
}

// [D20]
#[test]
fn a_right_that_is_missing_is_named_with_its_topic_group_or_transactional_id() {
    let Some(cluster) = kafka::secured() else { return };
    let name = unique("rights");
    let input = format!("{name}-in");
    cluster.create_topic(&input, 1, &[]);
    let limited = kafka_settings(cluster, &name, "LIMITED_");
    let nothing = weir_kafka::topics::describe(&limited).unwrap();
    let problems: Vec<&String> = nothing.all_problems().collect();
    let expected = format!("topic {input}: user limited may not see it: allow Read and DescribeConfigs");
    assert_eq!(problems[0], &expected);
    let group = format!("group {name}: user limited may not see it: allow Read");
    assert!(problems.iter().any(|problem| problem.starts_with(&group)), "{problems:?}");
    let error = weir_kafka::connect::check_transactional_id(&limited, &format!("{name}-1")).unwrap_err();
    let expected = format!("begin with transactional id {name}-1: user limited may not: allow Write and Describe on");
    assert!(error.is_refusal() && error.to_string().starts_with(&expected), "{error}");

    // What may be read may not be written, and is not made.
    let allow = ["kafka-acls", "--add", "--allow-principal", "User:limited", "--resource-pattern-type", "prefixed"];
    let read = ["--operation", "Read", "--operation", "DescribeConfigs", "--topic", &name];
    cluster.tool(&[&allow[..], &read].concat());
    cluster.tool(&[&allow[..], &["--operation", "Read", "--group", &name]].concat());
    let words =
        format!("make topic {name}.dead-letter: user limited may not: allow Create on topics that begin with {name}");
    // A right that was given holds a little later.
    wait_until(&words, || {
        let error = weir_kafka::ensure(&limited).unwrap_err();
        error.is_refusal() && error.to_string().starts_with(&words)
    });
    weir_kafka::ensure(&kafka_settings(cluster, &name, "")).unwrap();
    let report = weir_kafka::topics::describe(&limited).unwrap();
    let problems: Vec<String> = report.all_problems().cloned().collect();
    let expected = |part: &str| format!("topic {name}.{part}: user limited may not Write: allow Write");
    assert_eq!(problems, ["dead-letter", "action-state", "keyed-state", "control"].map(expected));

    // A host that finds its topics needs no more than this.
    cluster.tool(&[&allow[..], &["--operation", "Write", "--topic", &name]].concat());
    wait_until("all topics may be written", || weir_kafka::ensure(&limited).is_ok());
    let mut manifest = manifest(&name, cluster.bootstrap(), &guests::probe()).sink(None);
    manifest.more.push_str(&format!("client = {{ {} }}\n", inline(&limited)));
    let expected =
        [&format!("begin with transactional id {name}-")[..], "user limited may not: allow Write and Describe"];
    Project::new(&manifest).run().expect_error(2, &expected);
    cluster.tool(&[&allow[..], &["--operation", "Write", "--transactional-id", &name]].concat());
    let transactional_id = format!("{name}-1");
    wait_until("transactions may be begun", || {
        weir_kafka::connect::check_transactional_id(&limited, &transactional_id).is_ok()
    });
}

/// A broker that speaks no TLS, or whose certificate is no good: it answers, and nobody gets in.
fn broker_without_tls() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("take a port");
    let address = listener.local_addr().expect("it has one");
    std::thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    address
}

// [S26] [D20]
#[test]
fn a_broker_that_lets_nobody_in_does_not_end_a_host_that_others_serve() {
    let Some(cluster) = kafka::secured() else { return };
    let name = unique("one-bad");
    let input = format!("{name}-in");
    cluster.create_topic(&input, 4, &[]);
    let bootstrap = format!("{},{}", cluster.bootstrap(), broker_without_tls());
    let mut manifest = manifest(&name, &bootstrap, &guests::probe()).sink(None);
    manifest.more.push_str(&format!("client = {{ {} }}\n", inline(&kafka_settings(cluster, &name, ""))));
    let project = Project::new(&manifest);
    // Each client asks one of the two first, by chance.
    let mut host = project.start_with(&["--set", "host.shards=4"]);
    (0..4).for_each(|partition| drop(host.wait_for_log(&format!("partition {partition} is taken over"))));
    let producer: BaseProducer = cluster.client().create().expect("make a producer");
    producer.send(BaseRecord::to(&input).key("k").payload(r#"{"do":[{"count":"n"}]}"#)).expect("the queue has room");
    producer.flush(Duration::from_secs(30)).expect("it arrives");
    wait_until("its key is in a checkpoint", || project.weir(&["inspect", "keys"]).stdout.contains("idle"));
    let ended = host.stop().expect(0);
    assert!(ended.stderr.contains("SSL handshake failed"), "nobody asked it:\n{}", ended.stderr);
}

/// What the operations page says that those need who look and who repair, and nothing more; each that is missing is named.
// [D20]
#[test]
fn who_inspects_and_who_repairs_needs_less_than_a_host_and_is_told_what() {
    let Some(cluster) = kafka::secured() else { return };
    let name = unique("desk");
    cluster.create_topic(&format!("{name}-in"), 1, &[]);
    let project_of = |user: &str| {
        let mut manifest = manifest(&name, cluster.bootstrap(), &guests::probe()).sink(None);
        manifest.more.push_str(&format!("client = {{ {} }}\n", inline(&kafka_settings(cluster, &name, user))));
        Project::new(&manifest)
    };
    let (project, desk) = (project_of(""), project_of("LIMITED_"));
    let producer: BaseProducer = cluster.client().create().expect("make a producer");
    let input = format!("{name}-in");
    let event = r#"{"do":[{"fail":{"fatal":["refused","no funds"]}}]}"#;
    producer.send(BaseRecord::to(&input).key("bad").payload(event)).expect("the queue has room");
    producer.flush(Duration::from_secs(30)).expect("it arrives");
    let mut host = project.start();
    host.wait_for_log("failed for good, key quarantined");

    let allow = |operation: &str, resource: [&str; 2]| {
        let words = ["kafka-acls", "--add", "--allow-principal", "User:limited", "--operation", operation];
        cluster.tool(&[&words[..], &resource].concat());
    };
    let looks = ["inspect", "keys"];
    // A right that was given holds a little later.
    let lacks = |arguments: &[&str], what: &str, right: &str| {
        let words = [format!("{name}{what}: user limited may not"), format!(": allow {right}")];
        wait_until(&words[0], || {
            let ended = desk.weir(arguments).expect(2);
            words.iter().all(|word| ended.stderr.contains(word))
        });
    };
    lacks(&looks, "-in", "Describe");
    allow("Describe", ["--topic", &input]);
    for state in [".action-state", ".keyed-state"] {
        lacks(&looks, state, "Read");
        allow("Describe", ["--topic", &format!("{name}{state}")]);
        lacks(&looks, state, "Read");
        allow("Read", ["--topic", &format!("{name}{state}")]);
    }
    lacks(&looks, "", "Describe, or Read");
    allow("Describe", ["--group", &name]);
    wait_until("its key is in a checkpoint", || desk.weir(&looks).stdout.contains("quarantined"));
    for (more, shows) in [
        (&["inspect", "key", "bad"][..], "refused"),
        (&["inspect", "states"], "quarantine"),
        (&["quarantine", "list"], "refused"),
    ] {
        assert!(desk.weir(more).expect(0).stdout.contains(shows), "{more:?}");
    }

    let (repairs, control) = (["quarantine", "skip", "bad"], format!("{name}.control"));
    lacks(&repairs, ".control", "Read and Write");
    allow("Write", ["--topic", &control]);
    lacks(&repairs, ".control", "Read");
    allow("Read", ["--topic", &control]);
    wait_until("it is skipped", || desk.weir(&repairs).stdout.contains("skipped"));
    host.stop().expect(0);
}

/// The certificate of a CA that signed nothing; its key is thrown away.
const OTHER_CA: &str = "-----BEGIN CERTIFICATE-----\n\
    MIIBdjCCARygAwIBAgITKFzYXAvJUKGpIC8ovtV25wrXyzAKBggqhkjOPQQDAjAQ\n\
    MQ4wDAYDVQQDDAVvdGhlcjAgFw0yNjExMjcwNzM4MzlaGA8yMTI2MTEwMzA3Mzgz\n\
    OVowEDEOMAwGA1UEAwwFb3RoZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR/\n\
    uMIontEt72hG1J9isgLYb5RxnEVgeOS5cOi0TGoEYucXBgcTURqoakcLwQa6ljZp\n\
    kFIjQVPm8aA077EEVTVQo1MwUTAdBgNVHQ4EFgQUxX4rSb6tJlVxj/MRX4ByZrSL\n\
    ZZMwHwYDVR0jBBgwFoAUxX4rSb6tJlVxj/MRX4ByZrSLZZMwDwYDVR0TAQH/BAUw\n\
    AwEB/zAKBggqhkjOPQQDAgNIADBFAiEAwxf/LRs8UrwIRYkclcCHOsJQzVn4HjOP\n\
    mckX2zG/MYgCIHOHGoLvZe6SbA45d2HBo81Uo57z92iT1tvxnE4hn0+d\n\
    -----END CERTIFICATE-----\n";
