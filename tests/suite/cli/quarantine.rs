//! `weir quarantine`: what failed for good is seen and repaired, on a running host and on a stopped store.

use serde_json::{Value, json};
use weir_tests::{Manifest, Project, control, guests};

/// One key that fails for good, another that does not.
fn events() -> Vec<Value> {
    let fails = json!({"fail": {"fatal": ["refused", "no funds"]}});
    vec![
        json!({"key": "bad", "do": [fails]}),
        json!({"key": "good", "do": [{"get": "x"}]}),
        json!({"key": "bad", "do": [{"get": "x"}]}),
    ]
}

fn quarantined_project() -> Project {
    let project = Project::with_events(&Manifest::new(&guests::probe()), &events());
    project.run().expect(3);
    project
}

// [S29]
#[test]
fn the_list_says_what_failed_and_what_waits() {
    let project = quarantined_project();
    let keys = control::quarantined(&project);
    assert_eq!(keys.len(), 1);
    let key = &keys[0];
    assert_eq!((&key["key"], &key["action"], &key["pending"]), (&json!("bad"), &json!("script"), &json!(1)));
    assert_eq!(key["failure"], json!({"class": "fatal", "kind": "refused", "message": "no funds"}));
    let text = project.weir(&["quarantine", "list"]).expect(0).stdout;
    assert!(text.contains("refused: no funds"), "{text}");
    let detail = control::key(&project, "bad");
    assert_eq!((&detail["quarantined"], &detail["quarantine"]["state"]), (&json!(true), &key["state"]));
}

// [S29]
#[test]
fn a_discarded_run_becomes_a_dead_letter_and_its_key_goes_on() {
    let project = quarantined_project();
    let said = project.weir(&["quarantine", "discard", "bad"]).expect(0).stdout;
    assert!(said.contains("script") && said.contains("bad"), "{said}");
    project.run().expect(0);
    assert!(control::quarantined(&project).is_empty());
    assert_eq!(project.dead_letters().lines.len(), 1);
    assert_eq!(project.output().lines.len(), 2, "one of each key");
}

// [S29]
#[test]
fn a_skipped_task_ends_without_effect_and_a_retried_one_fails_again() {
    let project = quarantined_project();
    project.weir(&["quarantine", "retry", "bad"]).expect(0);
    project.run().expect(3);
    assert_eq!(control::quarantined(&project)[0]["repairs"], 1);
    project.weir(&["quarantine", "skip", "bad"]).expect(0);
    project.run().expect(0);
    assert_eq!(project.dead_letters().lines.len(), 0);
}

// [S29]
#[test]
fn a_key_of_a_stopped_store_that_was_repaired_is_shown_as_quarantined_no_longer() {
    for repair in ["retry", "skip", "discard"] {
        let project = quarantined_project();
        let shown = || {
            let listed = control::keys(&project).into_iter().find(|key| key["key"] == "bad").expect("it is listed");
            (listed["quarantined"].clone(), control::key(&project, "bad")["quarantined"].clone())
        };
        assert_eq!(shown(), (json!(true), json!(true)));
        project.weir(&["quarantine", repair, "bad"]).expect(0);
        assert_eq!(shown(), (json!(false), json!(false)), "{repair}");
    }
}

// [S29]
#[test]
fn a_repair_of_what_no_longer_stands_is_refused() {
    let project = quarantined_project();
    let state = control::quarantined(&project)[0]["state"].as_str().expect("it has a name").to_owned();
    let repair = ["quarantine", "retry", "bad", "--state", &state, "--repairs", "0"];
    project.weir(&["quarantine", "retry", "good"]).expect_error(2, &["\"good\" is not quarantined"]);
    project.weir(&["quarantine", "retry", "bad", "--state", "x"]).expect_error(1, &["names no action state"]);
    project.weir(&repair).expect(0);
    project.run().expect(3);
    project.weir(&repair).expect_error(1, &["repair"]);
}

// [S29]
#[test]
fn a_running_host_is_repaired_while_it_runs() {
    let project = Project::new(&Manifest::new(&guests::probe()).listening());
    let mut host = project.start();
    let url = host.origin();
    for event in events() {
        let key = event["key"].as_str().expect("it is text");
        assert_eq!(weir_tests::post(&url, key.as_bytes(), None, &event.to_string()).expect("posted").status, 202);
    }
    weir_tests::wait_until("the key is quarantined", || control::quarantined(&project).len() == 1);
    project.weir(&["quarantine", "discard", "bad", "--json"]).expect(0);
    weir_tests::wait_until("its queue is worked off", || control::runs_finished(&project) == 3);
    assert!(control::quarantined(&project).is_empty());
    host.stop().expect(0);
    assert_eq!(project.dead_letters().lines.len(), 1);
}
