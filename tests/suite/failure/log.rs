//! What the log says of failed attempts.

use serde_json::json;
use weir_tests::{Manifest, Project, control, guests};

/// The host's lines about what one event of the key `bad` came to, and the project.
fn lines_of(limits: &str, steps: &serde_json::Value) -> (Vec<String>, Project) {
    let retry = "retry = { attempts = 2, backoff_ms = 5, jitter = 0.0 }";
    let manifest = Manifest::new(&guests::probe()).component(limits).with(&format!("[action.script]\n{retry}"));
    let project = Project::with_events(&manifest, &[json!({"key": "bad", "do": steps})]);
    let log = project.run().expect(3).stderr;
    let lines = log.lines().filter(|line| line.contains(" failed")).map(|line| line[13..].to_owned());
    (lines.collect(), project)
}

// [S28] [S29]
#[test]
fn a_line_says_whose_it_is_as_those_of_the_guest_do() {
    let (lines, project) = lines_of("", &json!([{"fail": {"retryable": ["busy", "not now"]}}]));
    let expected = [
        "WARN  [script bad #0] attempt 1 failed, next in 5 ms: busy: not now (retryable)",
        "ERROR [script bad #0] failed for good, key quarantined: busy: not now (retryable)",
    ];
    assert_eq!(lines, expected);
    let text = project.weir(&["inspect", "key", "bad"]).expect(0).stdout;
    assert!(text.contains("script: busy: not now (retryable), 2 attempts\n"), "{text}");
}

// [S28]
#[test]
fn a_panic_is_one_line_and_nothing_is_said_twice() {
    let (lines, project) = lines_of("", &json!([{"outside": {"panic": "no such region"}}]));
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in &lines {
        assert!(line.contains(": trap: panicked at ") && line.contains(": no such region"), "{line}");
        assert!(!line.contains("\\n") && !line.contains("unreachable") && !line.contains("(trap)"), "{line}");
    }
    assert_eq!(control::quarantined(&project)[0]["failure"]["class"], "trap");

    let (lines, _) = lines_of("limits.wall_ms_max = 50", &json!([{"outside": "loop-forever"}]));
    assert!(lines[0].contains("ms: timeout: ") && !lines[0].contains("(timeout)"), "{lines:?}");
}

// [S11]
#[test]
fn a_value_over_its_limit_is_named_by_its_path() {
    let (lines, project) = lines_of("", &json!([{"set-bytes": ["huge", 2_000_000]}]));
    let limit = "limit: set \"huge\": 2000002 bytes are over limits.value_bytes_max (1048576)";
    assert!(lines.iter().all(|line| line.ends_with(limit)), "{lines:?}");
    let one = "[action.script]\nretry.attempts = 1";
    project.deploy(&Manifest::new(&guests::probe()).with(one));
    project.weir(&["quarantine", "retry", "bad"]).expect(0);
    project.run().expect(3);
    let text = project.weir(&["inspect", "key", "bad"]).expect(0).stdout;
    assert!(text.contains(&format!("script: {limit}, 1 attempt\n")), "{text}");
}

// [S29]
#[test]
fn a_long_failure_is_cut_in_the_log_and_whole_in_the_record() {
    let message = "x".repeat(200_000);
    let (lines, project) = lines_of("", &json!([{"fail": {"fatal": ["refused", message]}}]));
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let cut = "x… (199017 more bytes in the record)";
    assert!(line.len() < 1_200 && line.ends_with(cut), "{line}");
    assert_eq!(control::quarantined(&project)[0]["failure"]["message"], message);
}
