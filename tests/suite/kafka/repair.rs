//! `weir quarantine` on Kafka: a repair reaches the host that owns the key, wherever that runs.

use super::application::{Application, SESSION_MS};
use serde_json::{Value, json};
use std::time::Duration;
use weir_tests::{Ended, Project, control, guests, kafka, wait_until};

/// One key that fails for good, another that does not.
fn events() -> Vec<Value> {
    let fails = json!({"fail": {"fatal": ["refused", "no funds"]}});
    vec![
        json!({"key": "bad", "do": [fails]}),
        json!({"key": "good", "do": [{"get": "x"}]}),
        json!({"key": "bad", "do": [{"get": "x"}]}),
    ]
}

fn parked(project: &Project) -> Value {
    wait_until("the key is parked", || control::quarantined(project).len() == 1);
    control::quarantined(project).remove(0)
}

/// A repair that names what it repairs.
fn repair(project: &Project, what: &str, key: &Value) -> Ended {
    let (state, repairs) = (key["state"].as_str().expect("it has a name"), key["repairs"].to_string());
    project.weir(&["quarantine", what, "bad", "--state", state, "--repairs", &repairs])
}

fn dead_letters(application: &Application<'_>) -> usize {
    application.records(&format!("{}.dead-letter", application.name)).len()
}

// [S29] [S30]
#[test]
fn a_repair_reaches_the_host_that_owns_the_key_and_is_taken_once() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "repair", 3);
    let manifest = application.manifest(&guests::probe());
    let (projects, desk) = ([application.host(&manifest), application.host(&manifest)], application.host(&manifest));
    desk.weir(&["topics", "--create"]).expect(0);
    let mut hosts = projects.each_ref().map(Project::start);
    application.produce_json(&events());
    let key = parked(&desk);
    assert_eq!((&key["key"], &key["action"], &key["repairs"]), (&json!("bad"), &json!("script"), &json!(0)));
    assert_eq!(key["failure"], json!({"class": "fatal", "kind": "refused", "message": "no funds"}));
    let text = desk.weir(&["quarantine", "list"]).expect(0).stdout;
    assert!(text.contains("PARTITION") && text.contains("refused: no funds"), "{text}");

    desk.weir(&["quarantine", "retry", "good"]).expect_error(2, &["\"good\" is not quarantined"]);
    desk.weir(&["quarantine", "retry", "bad", "--state", "x"]).expect_error(1, &["names no action state"]);
    repair(&desk, "retry", &key).expect(0);
    wait_until("it failed again", || control::quarantined(&desk).first().is_some_and(|key| key["repairs"] == 1));
    repair(&desk, "retry", &key).expect_error(1, &["it names repair 0, and the next is 1"]);

    // What was answered holds through a kill of whoever answered, and is not done again by who takes over.
    let key = parked(&desk);
    let said = repair(&desk, "discard", &key).expect(0).stdout;
    assert!(said.contains("discarded") && said.contains("bad"), "{said}");
    hosts.iter_mut().for_each(|host| host.kill_in_place());
    assert!(control::quarantined(&desk).is_empty(), "the repair is in the topic");
    std::thread::sleep(Duration::from_millis(SESSION_MS));
    let host = projects[0].start();
    wait_until("its queue is worked off", || control::runs_finished(&desk) == 3);
    assert_eq!((dead_letters(&application), application.outputs()), (1, 2));
    repair(&desk, "discard", &key).expect_error(2, &["is not quarantined"]);
    host.stop().expect(0);
}

// [S29] [S32]
#[test]
fn a_repair_waits_for_an_owner_and_is_withdrawn_where_none_comes() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "withdrawn", 2);
    let project = application.host(&application.manifest(&guests::probe()));
    project.weir(&["topics", "--create"]).expect(0);
    let host = project.start();
    application.produce_json(&events());
    let key = parked(&project);
    host.stop().expect(0);
    let nobody = format!("no host owns partition {} now", key["partition"]);
    repair(&project, "discard", &key).expect_error(1, &[&nobody, "is withdrawn"]);

    // Who asked has been told so: who comes later does not do it.
    let host = project.start();
    wait_until("the other key is done", || control::runs_finished(&project) == 1);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(parked(&project)["repairs"], 0);
    host.stop().expect(0);

    // A host that starts meanwhile finds what was asked before.
    let asking = std::thread::scope(|scope| {
        let asking = scope.spawn(|| repair(&project, "skip", &key));
        std::thread::sleep(Duration::from_secs(3));
        let host = project.start();
        let asked = asking.join().expect("the command ends");
        wait_until("its queue is worked off", || control::runs_finished(&project) == 3);
        host.stop().expect(0);
        asked
    });
    asking.expect(0);
    assert_eq!((dead_letters(&application), application.outputs()), (0, 2));
}
