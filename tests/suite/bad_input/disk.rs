//! A disk without room: the host stops and says so, and goes on once there is room.

use serde_json::{Value, json};
use std::process::Command;
use weir_tests::{Manifest, Project, Weir, files, guests};

const EVENTS: u64 = 3000;

fn events() -> Vec<Value> {
    (0..EVENTS)
        .map(|n| json!({"key": format!("k{}", n % 7), "do": [{"count": "n"}, {"set-bytes": ["pad", 3000]}]}))
        .collect()
}

fn project() -> Project {
    Project::with_events(&Manifest::new(&guests::probe()), &events())
}

/// A host that can't make any file longer than so many KiB: the system then refuses the write, as a full disk does.
fn run_with_files_of(project: &Project, kib: u64) -> weir_tests::Ended {
    let mut command = Command::new("bash");
    // The signal that would end the process is ignored, so that the write fails.
    command.args([
        "-c",
        &format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" run"),
        &files::weir().display().to_string(),
    ]);
    command.current_dir(project.folder()).env("XDG_CACHE_HOME", files::cache());
    Weir::spawn(command).wait()
}

// [S26] [S35] [D11]
#[test]
fn a_full_disk_stops_the_host_and_nothing_is_lost() {
    let project = project();
    // The components are compiled before, so that the cache is not what fails.
    project.run_with(&["--set", "store.directory=warm", "--set", "sink.file=warm.jsonl"]).expect(0);
    let expected = weir_tests::Output::read(&project.path("warm.jsonl"));
    let mut refused = 0;
    for kib in [40, 120, 400, 1200] {
        let ended = run_with_files_of(&project, kib);
        if ended.code() != Some(0) {
            let code = ended.code().expect("it exits by itself");
            assert!(code == 1 || code == 2, "{ended:?}");
            ended.expect_error(code, &["File too large"]);
            refused += 1;
        }
    }
    assert!(refused > 0, "some limit is met");
    project.run().expect(0);
    weir_tests::assert_same_by_key(&project.output().by_key(), &expected.by_key());
}
