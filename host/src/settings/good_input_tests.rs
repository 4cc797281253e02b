//! What a well-formed manifest comes to.

use super::*;
use std::path::Path;
use weir_core::invocation::OnDivergence;
use weir_core::plan::OnFailure;

const WHOLE: &str = r#"
name = "quakes"
[host]
shards = 2
listen = "127.0.0.1:8090"
on_quarantine_full = "pause"
[limits]
tasks_per_run_max = 7
[source]
file = "quakes.jsonl"
key = "region"
kind = "type"
timestamp = "time"
on_bad_event = "set-aside"
[sink]
file = "alerts.jsonl"
[dead_letter]
file = "dead.jsonl"
[store]
kind = "embedded"
directory = "state"
checkpoint_interval_ms = 50
[[component]]
path = "quakes.wasm"
build = "make"
grant.http = ["https://hooks.example.com"]
secrets = [{ origin = "https://hooks.example.com/", header = "Authorization", prefix = "Bearer ", env = "HOOK" }]
config.threshold = "4.5"
config.count = 3
limits.memory_bytes_max = 67108864
[[component]]
path = "/abs/other.wasm"
[action.alert]
retry = { attempts = 3, backoff_ms = 100, backoff_ms_max = 1000, jitter = 0.5, repeat_open_calls = true }
on_failure = "dead-letter"
on_divergence = "execute"
instance_reuse = 10
"#;

const SMALL: &str = "name = \"a\"\n[source]\nstdin = true\nkey = \"k\"\n[[component]]\npath = \"a.wasm\"\n";

fn settings(text: &str, overrides: &[&str]) -> Settings {
    let overrides: Vec<String> = overrides.iter().map(|one| one.to_string()).collect();
    Settings::parse(text, Path::new("app/weir.toml"), &overrides).unwrap()
}

#[test]
fn a_whole_manifest_is_read() {
    let settings = settings(WHOLE, &[]);
    assert_eq!(settings.name, "quakes");
    assert_eq!(settings.host.shards, 2);
    assert_eq!(settings.host.on_quarantine_full, OnQuarantineFull::Pause);
    assert_eq!(settings.limits.operator.tasks_per_run_max, 7);
    assert_eq!(settings.source.from, Source::File("app/quakes.jsonl".into()));
    assert_eq!(settings.source.timestamp.as_ref().map(FieldPath::to_string).as_deref(), Some("time"));
    assert_eq!(settings.source.on_bad_event, OnBadEvent::SetAside);
    assert_eq!(settings.sink, Sink::File("app/alerts.jsonl".into()));
    assert_eq!(settings.dead_letters, DeadLetters::File("app/dead.jsonl".into()));
    assert_eq!(settings.store.directory, Path::new("app/state"));
    let first = &settings.components[0];
    assert_eq!((first.path.to_str(), first.build.as_deref()), (Some("app/quakes.wasm"), Some("make")));
    assert_eq!(first.config["threshold"], "4.5");
    assert_eq!(first.config["count"], "3");
    assert_eq!(first.secrets[0].header, "authorization");
    assert_eq!(first.secrets[0].place, SecretPlace::Environment("HOOK".into()));
    assert_eq!(settings.components[1].path, Path::new("/abs/other.wasm"));
    let alert = settings.action("alert");
    assert_eq!((alert.policy.retry.attempts, alert.policy.retry.repeat_open_calls), (3, true));
    assert_eq!(alert.policy.on_failure, OnFailure::DeadLetter);
    assert_eq!(alert.policy.on_divergence, OnDivergence::Execute);
    assert_eq!(settings.action("other"), ActionSettings::default());
}

#[test]
fn a_small_manifest_gets_the_defaults() {
    let settings = settings(SMALL, &[]);
    assert_eq!(settings.sink, Sink::Nowhere);
    assert_eq!(settings.dead_letters, DeadLetters::File("app/dead-letters.jsonl".into()));
    assert_eq!(settings.store.directory, Path::new("app/.weir"));
    assert_eq!(settings.store.kind, StoreKind::Embedded);
    assert_eq!(settings.limits, HostLimits::default());
    assert_eq!(settings.components[0].limits, weir_core::limits::InvocationLimits::default());
}

#[test]
fn an_argument_overrides_and_its_paths_are_relative_to_the_current_folder() {
    let settings = settings(
        WHOLE,
        &[
            "source.listen=localhost:8080",
            "sink.file=out/alerts.jsonl",
            "store={directory=\"here\"}",
            "component.0.config.url=http://a.example/?x=1",
            "component.0.config.threshold=4.50",
            "component.1.grant.http.0=https://b.example",
            "action.page.retry.attempts=9",
            "name=\"other\"",
        ],
    );
    assert_eq!(settings.source.from, Source::Listen("127.0.0.1:8080".parse().unwrap()));
    assert_eq!(settings.sink, Sink::File("out/alerts.jsonl".into()));
    assert_eq!(settings.store.directory, Path::new("here"));
    assert_eq!(settings.store.checkpoint_interval_ms, 1_000);
    assert_eq!(settings.components[0].path, Path::new("app/quakes.wasm"));
    assert_eq!(settings.components[0].config["url"], "http://a.example/?x=1");
    assert_eq!(settings.components[0].config["threshold"], "4.50");
    assert_eq!(settings.components[1].granted_origins[0].as_str(), "https://b.example");
    assert_eq!(settings.action("page").policy.retry.attempts, 9);
    assert_eq!(settings.name, "other");
}

#[test]
fn a_source_without_its_file_can_be_named_by_argument() {
    let settings = settings(SMALL, &["source.file=in.jsonl", "sink.stdout=true"]);
    assert_eq!(settings.source.from, Source::File("in.jsonl".into()));
    assert_eq!(settings.sink, Sink::Stdout);
}
