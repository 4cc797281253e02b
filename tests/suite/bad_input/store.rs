//! Folders that the store can't be in.

use serde_json::{Value, json};
use weir_tests::{Manifest, Project, guests};

fn manifest() -> Manifest {
    Manifest::new(&guests::tally())
}

fn events(count: u64) -> Vec<Value> {
    (0..count).map(|n| json!({"key": "a", "n": n})).collect()
}

/// A project with a store that has taken two events.
fn project() -> Project {
    let project = Project::with_events(&manifest(), &events(2));
    project.run().expect(0);
    project
}

/// That nothing is lost: the store, as it was, goes on with the third event.
#[track_caller]
fn goes_on(project: &Project) {
    project.write_events(&events(3));
    project.run().expect(0);
    let counts: Vec<Value> = project.output().payloads().iter().map(|payload| payload["n"].clone()).collect();
    assert_eq!(counts, [1, 2, 3]);
}

fn change_stamp(project: &Project, name: &str, value: Value) -> String {
    let text = project.read(".weir/stamp.json");
    let mut stamp: Value = serde_json::from_str(&text).expect("the stamp is JSON");
    stamp[name] = value;
    project.write(".weir/stamp.json", stamp.to_string());
    text
}

#[test]
fn another_applications_store_is_refused() {
    let project = project();
    let mut other = manifest();
    other.name = "other".to_owned();
    project.deploy(&other);
    for command in [&["run"][..], &["inspect", "keys"], &["quarantine", "list"]] {
        let words = ["belongs to application \"test\", not \"other\"", "set `name`"];
        project.weir(command).expect_error(2, &words);
    }
    project.deploy(&manifest());
    goes_on(&project);
}

#[test]
fn a_store_of_a_later_release_is_refused() {
    let project = project();
    let stamp = change_stamp(&project, "version", json!(2));
    project.run().expect_error(2, &["its format is version 2, this host knows up to 1", "use a later weir"]);
    project.write(".weir/stamp.json", stamp);
    goes_on(&project);
}

// [S20]
#[test]
fn a_store_with_another_number_of_partitions_is_refused() {
    let project = project();
    let stamp = change_stamp(&project, "partitions", json!(16));
    project.run().expect_error(2, &["it has 16 partitions, not 64"]);
    project.write(".weir/stamp.json", stamp);
    goes_on(&project);
}

#[test]
fn a_store_in_use_is_refused_and_its_host_goes_on() {
    let project = Project::new(&manifest().listening());
    let mut weir = project.start();
    let origin = weir.origin();
    let holder = format!("in use by process {}", weir.id());
    project.run().expect_error(2, &[&holder, "stop that host"]);
    let answered = weir_tests::post(&origin, b"a", None, "{}").expect("it still answers");
    assert_eq!(answered.status, 202);
    // A stop may come before what is durable is run.
    weir_tests::wait_until("it took effect", || project.output().lines.len() == 1);
    weir.stop().expect(0);
}

#[test]
fn a_stamp_that_is_none_is_refused() {
    let project = project();
    let stamp = project.read(".weir/stamp.json");
    project.write(".weir/stamp.json", "{");
    project.run().expect_error(2, &["stamp.json is no stamp", "restore the directory from a copy"]);
    project.write(".weir/stamp.json", stamp);
    goes_on(&project);
}

#[test]
fn a_folder_that_cannot_be_made_is_refused() {
    let project = Project::with_events(&manifest(), &events(3));
    project.write("taken", "a file");
    for directory in ["taken", "taken/below"] {
        let set = format!("store.directory={directory}");
        project.run_with(&["--set", &set]).expect_error(2, &["open store", "taken", "give a directory"]);
    }
    goes_on(&project);
}

#[test]
fn a_store_fed_from_another_source_is_refused() {
    let project = project();
    let listening = ["--set", "source={listen=\"127.0.0.1:0\"}"];
    project.run_with(&listening).expect_error(2, &["was fed from another source (file)", "store.directory"]);
    goes_on(&project);
}

#[test]
fn a_folder_of_somebody_else_loses_nothing_and_a_look_makes_no_store() {
    let project = Project::with_events(&manifest(), &events(3));
    std::fs::create_dir_all(project.path("papers/data")).expect("make a folder");
    project.write("papers/data/thesis.txt", "years of work");
    let set = ["--set", "store.directory=papers"];
    project.run_with(&set).expect_error(2, &["open store papers", "no stamp.json", "give another directory"]);
    for command in [&["inspect", "keys"][..], &["quarantine", "list"]] {
        project.weir(&[command, &set].concat()).expect_error(2, &["no store at papers"]);
    }
    assert_eq!(project.read("papers/data/thesis.txt"), "years of work");
    assert!(!project.path("papers/stamp.json").exists());
}

// [S1]
#[test]
fn an_inbox_of_lines_is_not_read_as_posts() {
    let project = Project::new(&manifest().source("stdin = true\nkey = \"key\""));
    let mut host = project.start();
    host.write("{\"key\":\"a\"}\n");
    weir_tests::wait_until("the line took effect", || project.output().lines.len() == 1);
    host.kill();
    project.deploy(&manifest().listening());
    project.run().expect_error(2, &["was fed from another source (stdin)", "store.directory"]);
}
