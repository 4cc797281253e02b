//! Lines on standard input that are no events: they are in the inbox by then, and can't be mended there.

use weir_tests::{Manifest, Project, guests};

// [S1]
#[test]
fn a_bad_line_on_standard_input_stops_the_host_until_it_is_set_aside() {
    let project = Project::new(&Manifest::new(&guests::tally()).source("stdin = true\nkey = \"key\""));
    let mut weir = project.start();
    weir.write("{\"key\":\"a\"}\nnonsense\n{\"key\":\"a\"}\n");
    weir.wait().expect_error(1, &["inbox event 1", "not JSON", "set-aside"]);
    project.run().expect_error(1, &["inbox event 1"]);

    project.run_with(&["--set", "source.on_bad_event=set-aside"]).expect(0);
    let counts: Vec<_> = project.output().payloads_of("a").iter().map(|payload| payload["n"].clone()).collect();
    assert_eq!(counts, [1, 2]);
    assert_eq!(project.dead_letters().lines[0]["text"], "nonsense");
}
