//! What a running host tells machines: metrics, health, logs; and what it tells nobody.

use quakes_world::Faults;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use weir_tests::post::get;
use weir_tests::torture::Scene;
use weir_tests::{Manifest, Project, Weir, guests, post, wait_until};

/// The samples of a page in the text format of Prometheus, each announced by HELP and TYPE.
fn parse(page: &str) -> BTreeMap<String, f64> {
    let mut announced: Vec<(String, String)> = Vec::new();
    let mut samples = BTreeMap::new();
    for line in page.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, help] => {
                assert!(!help.is_empty(), "{line}");
                announced.push((name.to_owned(), String::new()));
            }
            ["#", "TYPE", name, kind] => {
                assert!(["counter", "gauge"].contains(&kind), "{line}");
                let last = announced.last_mut().expect("HELP comes first");
                assert_eq!(last.0, name);
                last.1 = kind.to_owned();
            }
            _ => {
                let (name, rest) = line.split_once('{').expect("a sample has labels");
                let (labels, value) = rest.split_once("} ").expect("a sample has a value");
                assert!(labels.starts_with("application=\"") && labels.ends_with('"'), "{line}");
                let (last, kind) = announced.last().expect("it is announced");
                assert_eq!(last, name);
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
                let value = value.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
                assert!(samples.insert(name.to_owned(), value).is_none(), "twice: {line}");
            }
        }
    }
    samples
}

fn samples(origin: &str) -> BTreeMap<String, f64> {
    let (status, page) = get(&format!("{origin}/metrics"), None).expect("it answers");
    assert_eq!(status, 200);
    parse(&page)
}

// [S14] [S29]
#[test]
fn metrics_count_what_happens_and_health_tells_of_the_shards() {
    let project =
        Project::new(&Manifest::new(&guests::probe()).listening().with("[host]\nlisten = \"127.0.0.1:0\"\nshards = 2"));
    let mut host = project.start();
    let (events, metrics) = (host.origin(), host.metrics_origin());
    for n in 0..10 {
        let event = json!({"do": [{"count": "n"}, {"get": "n"}]}).to_string();
        assert_eq!(post(&events, format!("k{n}").as_bytes(), None, &event).expect("it answers").status, 202);
    }
    let fails = json!({"do": [{"fail": {"fatal": ["refused", "no"]}}]}).to_string();
    assert_eq!(post(&events, b"bad", None, &fails).expect("it answers").status, 202);
    wait_until("all is counted and durable", || samples(&metrics)["weir_outputs_durable_total"] == 10.0);
    wait_until("the key is parked", || samples(&metrics)["weir_keys_quarantined"] == 1.0);
    let found = samples(&metrics);
    for (name, value) in [
        ("weir_input_events_total", 11.0),
        ("weir_runs_finished_total", 10.0),
        ("weir_actions_completed_total", 10.0),
        ("weir_output_events_total", 10.0),
        ("weir_divergences_total", 0.0),
        ("weir_dead_letters_total", 0.0),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
    assert!(found["weir_checkpoints_total"] >= 1.0);
    let (status, health) = get(&format!("{metrics}/health"), None).expect("it answers");
    let health: Value = serde_json::from_str(&health).expect("it is JSON");
    assert_eq!((status, &health["shards_alive"]), (200, &json!(2)));
    host.stop().expect(0);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("take a port");
    let address = taken.local_addr().expect("it has one").to_string();
    let project = Project::with_events(&Manifest::new(&guests::tally()), []);
    let set = format!("host.listen={address}");
    project.run_with(&["--set", &set]).expect_error(2, &[&address, "host.listen"]);
    let set = format!("source={{listen=\"{address}\"}}");
    let project = Project::new(&Manifest::new(&guests::tally()));
    project.run_with(&["--set", &set]).expect_error(2, &[&address, "source.listen"]);
}

// [S10]
#[test]
fn logs_are_json_with_whose_line_it_is_and_no_secret_is_found_anywhere() {
    const SECRET: &str = "s3cr3t-that-nobody-sees";
    let scene = Scene::new(0, Faults::NONE);
    let origin = scene.world.origin();
    let secrets =
        format!("secrets = [{{ origin = {origin:?}, header = \"Idempotency-Key\", env = \"PROBE_SECRET\" }}]");
    let event = json!({"key": "Hualian, Taiwan", "do": [
        {"log": ["info", "it shakes"]},
        {"outside": {"print": "printed"}},
        {"http": ["POST", format!("{origin}/effect/ask"), 1]},
        {"outside": "environment"},
    ]});
    let manifest = Manifest::new(&guests::probe()).granting(&origin).component(&secrets);
    let project = Project::with_events(&manifest, &[event]);
    let mut command = Weir::command(project.folder(), &["run", "--log", "json", "--log-level", "trace"]);
    command.env("PROBE_SECRET", SECRET);
    let ended = Weir::spawn(command).wait().expect(0);

    let sent = &scene.ledger().requests[0];
    assert_eq!(sent.idempotency_key.as_deref(), Some(SECRET), "it does reach whom it is for");
    let lines = ended.stderr.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
    let guest: Vec<Value> = lines.filter(|line| line["target"] == "guest").collect();
    for words in ["it shakes", "printed"] {
        let line = guest.iter().find(|line| line["message"] == words).unwrap_or_else(|| panic!("no {words}"));
        let whose = (&line["key"], &line["sequence_number"], &line["action"]);
        assert_eq!(whose, (&json!("Hualian, Taiwan"), &json!(0), &json!("script")));
    }
    assert!(!ended.stderr.contains(SECRET) && !ended.stdout.contains(SECRET));
    let mut folders = vec![project.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("list a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                let bytes = std::fs::read(&path).expect("read a file");
                let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
                assert!(!found, "the secret is in {}", path.display());
            }
        }
    }
}
