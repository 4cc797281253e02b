//! Every mistake that a manifest or a `--set` can have, and the one line that it gets.

use super::Settings;
use std::path::Path;

const GOOD: &str = r#"name = "quakes"
[source]
file = "quakes.jsonl"
key = "region"
[[component]]
path = "quakes.wasm"
"#;

fn error(text: &str, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(|one| one.to_string()).collect();
    match Settings::parse(text, Path::new("weir.toml"), &overrides) {
        Ok(_) => panic!("no error for\n{text}\n{overrides:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_mistake_in_a_manifest_is_named_with_line_column_and_near_name() {
    let cases = [
        ("[host]\nshard = 2\n", "weir.toml:8:1: unknown field `shard` in [host], did you mean `shards`?"),
        ("  [hosts]\n", "weir.toml:7:4: unknown field `hosts`, did you mean `host`?"),
        (
            "banana = 1\n",
            "weir.toml:7:1: unknown field `banana` in [component], there are: path, build, grant, secrets, config, limits",
        ),
        (
            "[host]\nshards = \"two\"\n",
            "weir.toml:8:10: found string \"two\" where a whole number, 0 or more, is expected",
        ),
        ("[host]\nshards = -1\n", "weir.toml:8:10: found integer `-1` where a whole number, 0 or more, is expected"),
        ("[host]\nshards = 0\n", "weir.toml:8:1: 0 shards: from 1 to 64 can share the partitions"),
        (
            "[host]\nlisten = \"8090\"\n",
            "weir.toml:8:1: \"8090\" is no address to listen on: write IP and port, such as 127.0.0.1:8080",
        ),
        (
            "[host]\non_quarantine_full = \"drop\"\n",
            "weir.toml:8:22: unknown value `drop`, there are: dead-letter, pause",
        ),
        (
            "[limits]\neffect_ms_max = 8000\n",
            "weir.toml:8:1: unknown field `effect_ms_max` in [limits]: it is a component's, write `limits.effect_ms_max` in \
             its [[component]]",
        ),
        (
            "[limits]\ntask_per_run_max = 1\n",
            "weir.toml:8:1: unknown field `task_per_run_max` in [limits], did you mean `tasks_per_run_max`?",
        ),
        ("[limits]\nidle_keys_max = 0\n", "weir.toml:8:1: a limit is 1 at least"),
        ("[sink]\nfile = \"a\"\nstdout = true\n", "weir.toml:9:1: two sinks, `file` and `stdout`: name one"),
        ("[sink]\nfile = \"quakes.jsonl\"\n", "weir.toml:8:1: source and sink are the same file"),
        ("[dead_letter]\nfile = \"quakes.jsonl\"\n", "weir.toml:8:1: source and dead letters are the same file"),
        ("[store]\nkind = \"embeded\"\n", "weir.toml:8:8: unknown value `embeded`, did you mean `embedded`?"),
        ("[store]\ncheckpoint_interval_ms = 0\n", "weir.toml:8:1: an interval is 1 ms at least"),
        (
            "limits.drain_ms_max = 1\n",
            "weir.toml:7:8: unknown field `drain_ms_max` in [component.limits]: it is the host's, write it in [limits]",
        ),
        (
            "limits.memory_bytes = 1\n",
            "weir.toml:7:8: unknown field `memory_bytes` in [component.limits], did you mean `memory_bytes_max`?",
        ),
        ("limits.calls_max = 0\n", "weir.toml:7:8: a limit is 1 at least"),
        (
            "limits.path_bytes_max = 16001\n",
            "weir.toml:7:8: 16000 bytes are the most: key and path together name an entry of the store",
        ),
        (
            "grant.http = [\"https://a.example\", \"b.example\"]\n",
            "weir.toml:7:36: \"b.example\" is no origin: write it as `https://api.example.com`",
        ),
        (
            "config.a = [1]\n",
            "weir.toml:7:12: found something else where a string, a number, true or false is expected",
        ),
        (
            "secrets = [{ origin = \"https://a.example\", header = \"x\", env = \"A\" }]\n",
            "weir.toml:7:14: a secret for https://a.example, which is not granted: add it to grant.http",
        ),
        (
            "grant.http = [\"https://a.example\"]\nsecrets = [{ origin = \"https://a.example\", header = \"x\" }]\n",
            "weir.toml:8:12: a secret is in one place: name `env` or `file`",
        ),
        (
            "[action.page]\nretrys = 1\n",
            "weir.toml:8:1: unknown field `retrys` in [action.page], did you mean `retry`?",
        ),
        (
            "[action.page]\nretry = { attempts = 0 }\n",
            "weir.toml:8:11: retry.attempts is 0: the first attempt counts, so 1 is no retry at all",
        ),
        (
            "[action.page]\nretry = { backoff_ms = 10, backoff_ms_max = 5 }\n",
            "weir.toml:8:28: backoff_ms_max is 5, less than backoff_ms, 10",
        ),
        (
            "[action.page]\nretry = { jitter = 2.0 }\n",
            "weir.toml:8:11: jitter is the part of a wait left to chance, 0 to 1",
        ),
        (
            "[action.page]\non_failure = \"ignore\"\n",
            "weir.toml:8:14: unknown value `ignore`, there are: quarantine, dead-letter, stop",
        ),
        (
            "[action.page]\ninstance_reuse = 0\n",
            "weir.toml:8:1: an instance serves one invocation at least: 1 is a fresh one each time",
        ),
        ("[[component]]\nbuild = \"make\"\n", "weir.toml:7:1: `path` is missing in [component]"),
        ("[host\n", "weir.toml:7:6: unclosed table, expected `]`"),
    ];
    for (more, expected) in cases {
        assert_eq!(error(&format!("{GOOD}{more}"), &[]), expected, "{more}");
    }
}

#[test]
fn a_manifest_that_lacks_or_contradicts_says_so() {
    let cases = [
        ("name = \"quakes\"\n", "", "weir.toml: the application has no name: begin with `name = \"…\"`"),
        (
            "\"quakes\"",
            "\"qua kes\"",
            "weir.toml:1:1: \"qua kes\" can't name an application: use 1 to 200 letters, digits, `.`, `_` and `-`",
        ),
        (
            "file = \"quakes.jsonl\"\n",
            "",
            "weir.toml:2:2: no source: name one of `file`, `stdin`, `listen`, `kafka` in [source]",
        ),
        (
            "key = \"region\"\n",
            "",
            "weir.toml:2:2: key is missing in [source]: name the field of the payload that events are keyed by, such as `key = \"user.id\"`",
        ),
        ("key = \"region\"", "key = \"a..b\"", "weir.toml:4:1: \"a..b\" is no dotted path: a name in it is empty"),
        (
            "key = \"region\"",
            "key = \"region\"\nstdin = true",
            "weir.toml:5:1: two sources, `file` and `stdin`: an application has one, for events are read in one order",
        ),
        (
            "key = \"region\"",
            "key = \"region\"\nstart = \"latest\"",
            "weir.toml:5:1: start is for a Kafka source: files and the inbox are read from their beginning",
        ),
        (
            "[[component]]\npath = \"quakes.wasm\"\n",
            "",
            "weir.toml: no [[component]]: name at least one, such as `path = \"actions.wasm\"`",
        ),
        ("path = \"quakes.wasm\"", "path = \"\"", "weir.toml:6:1: path is empty: name the component's file"),
    ];
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        assert_eq!(error(&GOOD.replace(from, to), &[]), expected, "{from} -> {to}");
    }
}

#[test]
fn a_mistake_in_an_argument_is_named_with_the_argument() {
    let cases = [
        ("host.shard=3", "--set host.shard=3: unknown field `shard` in [host], did you mean `shards`?"),
        ("hosts.shards=3", "--set hosts.shards=3: unknown field `hosts`, did you mean `host`?"),
        ("host.shards=two", "--set host.shards=two: found string \"two\" where a whole number, 0 or more, is expected"),
        ("host.shards=0", "--set host.shards=0: 0 shards: from 1 to 64 can share the partitions"),
        ("host.shards.x=0", "--set host.shards.x=0: found a table where a whole number, 0 or more, is expected"),
        ("name.x=0", "--set name.x=0: name is one value, nothing is below it"),
        ("host={shards=[}", "--set host={shards=[}: its value is no TOML: "),
        ("host.shards", "--set host.shards: write it as path=value, such as host.shards=2"),
        ("=3", "--set =3: its path is no dotted path, such as component.0.config.url"),
        (
            "component.path=a",
            "--set component.path=a: component is a list: name an item by its index, such as component.0",
        ),
        ("component.3.path=a", "--set component.3.path=a: component has 1 items, counted from 0, and so no 3"),
        ("component.1.build=a", "--set component.1.build=a: `path` is missing"),
        (
            "component.0.limit.calls_max=1",
            "--set component.0.limit.calls_max=1: unknown field `limit` in [component], did you mean `limits`?",
        ),
        (
            "store.kind=kafka",
            "--set store.kind=kafka: Kafka source, store and sink go together only (the sink may be left out): name the \
             topic of the input",
        ),
        ("sink.file=quakes.jsonl", "--set sink.file=quakes.jsonl: source and sink are the same file"),
    ];
    for (argument, expected) in cases {
        let message = error(GOOD, &[argument]);
        assert!(message.starts_with(expected), "{argument}\n{message}\n{expected}");
    }
}

#[test]
fn a_manifest_that_is_not_there_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let message = Settings::load(folder.path(), &[]).unwrap_err().to_string();
    assert!(
        message.ends_with(
            "weir.toml: no manifest here: name its folder (`weir run PATH`), or make a project with `weir new`"
        ),
        "{message}"
    );
}
