//! `weir check` and `weir plan`: what is in an application, and what looks wrong with it.

use serde_json::json;
use weir_tests::{Manifest, Project, Weir, guests};

fn project(manifest: Manifest) -> Project {
    Project::with_events(&manifest, [])
}

// [S2]
#[test]
fn plan_shows_the_actions_of_each_kind_in_declared_order() {
    let project = project(Manifest::new(&guests::probe()));
    let plan = project.weir(&["plan", "--json"]).expect(0).json();
    let rows = plan["plan"].as_array().expect("it is a list");
    let actions = |kind: &str| rows.iter().find(|row| row["kind"] == kind).map(|row| row["actions"].clone());
    assert_eq!(actions("input"), Some(json!(["script"])));
    assert_eq!(actions("both"), Some(json!(["first", "second"])));
    let text = project.weir(&["plan"]).expect(0).stdout;
    assert!(text.lines().any(|line| line.split_whitespace().eq(["both", "first,", "second"])), "{text}");
}

#[test]
fn check_tells_what_a_component_is_and_needs() {
    let project = project(Manifest::new(&guests::probe()).granting("https://a.example"));
    let found = project.weir(&["check", "--json"]).expect(0).json();
    let component = &found["components"][0];
    assert!(component["sdk"].as_str().is_some_and(|sdk| sdk.starts_with("rust ")), "{component}");
    assert_eq!(component["granted_origins"], json!(["https://a.example"]));
    assert!(component["size_bytes"].as_u64().is_some_and(|size| size > 1_000));
    let imports: Vec<&str> =
        component["imports"].as_array().expect("a list").iter().filter_map(|one| one.as_str()).collect();
    assert!(imports.iter().any(|import| import.starts_with("weir:action/http@")), "{imports:?}");
    assert_eq!(component["language"], "Rust");
    assert_eq!(component["needed_grants"], json!([{"grant": "http", "certain": true}]));
    for (what, least, most) in [("compile_ms", 1.0, 600_000.0), ("instance_us", 0.1, 1_000_000.0)] {
        let time = component["start"][what].as_f64().unwrap_or_else(|| panic!("{what}: {component}"));
        assert!((least..most).contains(&time), "{what}: {time}");
    }
    assert_eq!(component["actions"][0], json!({"name": "script", "listens_to": ["input", "script", "again"]}));
    assert_eq!(found["problems"], json!([]));
    let text = project.weir(&["check"]).expect(0).stdout;
    for words in
        ["all is well", "https://a.example", " Rust, ", "needs grant.http", "a fresh instance takes ", " of WASI, "]
    {
        assert!(text.contains(words), "{words}:\n{text}");
    }
    // What it took to compile it is kept with what was compiled.
    let again = project.weir(&["check", "--json"]).expect(0).json();
    assert!(again["components"][0]["start"]["load_ms"].as_f64().is_some_and(|time| time > 0.0), "{again}");
}

#[test]
fn check_warns_of_what_runs_and_is_perhaps_not_meant() {
    let manifest = Manifest::new(&guests::tally()).source("file = \"absent.jsonl\"\nkey = \"key\"").sink(None);
    let project = project(manifest);
    let text = project.weir(&["check", "--set", "store.kind=memory"]).expect(0).stdout;
    for words in ["absent.jsonl is not there", "no [sink]", "nothing survives a restart"] {
        assert!(text.lines().any(|line| line.starts_with("warning: ") && line.contains(words)), "{words}:\n{text}");
    }
}

#[test]
fn kinds_that_reach_no_action_are_named() {
    let tally = project(Manifest::new(&guests::tally()));
    let found = tally.weir(&["check", "--json"]).expect(0).json();
    assert_eq!(found["problems"], json!([]), "tally listens to input");
    let quakes = project(Manifest::new(&guests::quakes()).granting("http://127.0.0.1:1"));
    let text = quakes.weir(&["check"]).expect(0).stdout;
    assert!(text.contains("no action listens to `input`"), "{text}");
}

// [S10]
#[test]
fn a_secret_is_named_and_never_shown() {
    let secrets =
        "secrets = [{ origin = \"https://a.example\", header = \"Authorization\", env = \"WEIR_TEST_SECRET\" }]";
    let project = project(Manifest::new(&guests::probe()).granting("https://a.example").component(secrets));
    let missing = project.weir(&["check"]).expect(0).stdout;
    assert!(missing.contains("set the environment variable WEIR_TEST_SECRET"), "{missing}");
    project.run().expect_error(2, &["WEIR_TEST_SECRET"]);
    for arguments in [&["check"][..], &["check", "--json"], &["run", "--log-level", "trace"]] {
        let mut command = Weir::command(project.folder(), arguments);
        command.env("WEIR_TEST_SECRET", "hunter2hunter2");
        let ended = Weir::spawn(command).wait().expect(0);
        assert!(!(ended.stdout + &ended.stderr).contains("hunter2"));
    }
}
