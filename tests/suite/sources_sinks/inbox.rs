//! What stays in the inbox: nothing that was consumed.

use super::says;
use weir_tests::{Manifest, Project, control, guests, post, wait_until};

// [S1] [S24]
#[test]
fn an_event_that_was_consumed_makes_room_for_another() {
    let manifest = Manifest::new(&guests::probe()).listening().with("[limits]\ninbox_events_max = 4");
    let project = Project::new(&manifest);
    let mut weir = project.start();
    let origin = weir.origin();
    for n in 0..30 {
        wait_until("it is taken", || {
            let answered = post(&origin, b"a", Some(&n.to_string()), &says("a", &n.to_string()).to_string());
            answered.expect("it answers").status == 202
        });
    }
    wait_until("all are run", || control::runs_finished(&project) == 30);
    weir.stop().expect(0);
    let expected: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    assert_eq!(project.output().payloads(), expected);
}
