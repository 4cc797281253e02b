//! Standard input as the source, by way of the inbox.

use super::says;
use serde_json::Value;
use weir_tests::project::to_lines;
use weir_tests::{Manifest, Project, Random, guests, wait_until};

fn manifest() -> Manifest {
    Manifest::new(&guests::probe()).source("stdin = true\nkey = \"key\"")
}

fn texts(word: &str, count: usize) -> Vec<Value> {
    (0..count).map(|n| Value::String(format!("{word} {n}"))).collect()
}

fn events(word: &str, count: usize) -> Vec<Value> {
    texts(word, count).iter().map(|text| says("a", text.as_str().expect("text"))).collect()
}

// [S1] [S6]
#[test]
fn lines_of_standard_input_are_run_to_their_end() {
    let project = Project::new(&manifest());
    let mut weir = project.start();
    weir.write(&(to_lines(&events("line", 20)).replace('\n', "\r\n\n") + &says("a", "last").to_string()));
    weir.wait().expect(0);
    let mut expected = texts("line", 20);
    expected.push("last".into());
    assert_eq!(project.output().payloads(), expected);
    project.run().expect(0);
    assert_eq!(project.output().payloads(), expected, "an empty input adds nothing");
}

// [S1]
#[test]
fn a_line_is_run_when_it_comes() {
    let project = Project::new(&manifest());
    let mut weir = project.start();
    for (count, event) in events("line", 3).iter().enumerate() {
        weir.write(&to_lines([event]));
        wait_until("the output is there", || project.output().lines.len() == count + 1);
    }
    weir.wait().expect(0);
}

// [S22] [S24]: what waits for a checkpoint stays in memory, so many records do not wait for the clock. Each event of the
// tally makes one, and 16,384 are enough.
#[test]
fn many_records_make_a_checkpoint_before_its_time() {
    let manifest = Manifest::new(&guests::tally()).source("stdin = true\nkey = \"key\"\n[host]\nshards = 1");
    let project = Project::new(&manifest.checkpoints_every_ms(3_600_000));
    let mut weir = project.start();
    let events: Vec<Value> = (0..17_000).map(|n| serde_json::json!({"key": format!("k{}", n % 100), "n": n})).collect();
    weir.write(&to_lines(&events));
    // Their length alone: lines are being written.
    let written = || std::fs::metadata(project.path("out.jsonl")).is_ok_and(|file| file.len() > 0);
    wait_until("outputs left with a checkpoint", written);
    weir.wait().expect(0);
    assert_eq!(project.output().lines.len(), 17_000);
}

// [S1] [S35]
#[test]
fn a_killed_host_goes_on_with_the_lines_it_took_and_then_takes_others() {
    let mut random = Random::new("standard input");
    for round in 0..4 {
        let project = Project::new(&manifest().checkpoints_every_ms(*random.pick(&[1, 30, 60_000])));
        let mut weir = project.start();
        let first = events("first", 400);
        for event in &first[..100] {
            weir.write(&to_lines([event]));
        }
        wait_until("the store is there", || project.path(".weir/stamp.json").exists());
        for event in &first[100..] {
            if random.below(50) == 0 || !weir.try_write(&to_lines([event])) {
                break;
            }
        }
        weir.kill();
        // The last line may be torn: it is cut off by the next start.
        let put_out = std::fs::read_to_string(project.path("out.jsonl")).unwrap_or_default().matches('\n').count();

        let mut weir = project.start();
        weir.write(&to_lines(&events("second", 30)));
        weir.wait().expect(0);
        let payloads = project.output().payloads();
        let taken = payloads.len() - 30;
        assert!(taken >= put_out, "round {round}: what was put out came from lines that were taken");
        assert_eq!(payloads[..taken], texts("first", 400)[..taken], "round {round}: each once, none left out between");
        assert_eq!(payloads[taken..], texts("second", 30));
    }
}
