//! `weir dev`: what it shows of a run, that it leaves alone what the manifest names, and that it goes on at changes.

use serde_json::json;
use weir_tests::{Manifest, Project, Weir, guests, wait_until};

/// The block that tells of this key's event.
fn block<'t>(shown: &'t str, head: &str) -> &'t str {
    let from = shown.find(head).unwrap_or_else(|| panic!("no {head:?} in:\n{shown}"));
    let rest = &shown[from..];
    let end = rest.match_indices('\n').find(|(at, _)| !rest[at + 1..].starts_with(' '));
    &rest[..end.map_or(rest.len(), |(at, _)| at + 1)]
}

#[test]
fn a_run_is_shown_and_nothing_of_it_stays() {
    let events = [json!({"key": "a"}), json!({"key": "b"}), json!({"key": "a"})];
    let project = Project::with_events(&Manifest::new(&guests::tally()), &events);
    let shown = project.weir(&["dev", "--once"]).expect(0).stdout;
    let expected = "tally a #1  input {\"key\":\"a\"}
  reads   count = 1
  reads   total = 2
  call    quote {\"key\":\"a\"} → 2
  writes  count = 2
  writes  total = 4
  output  {\"n\":2,\"total\":4}
  done in ";
    assert!(block(&shown, "tally a #1").starts_with(expected), "{shown}");
    assert!(block(&shown, "tally a #0").contains("  reads   count: nothing is there\n"), "{shown}");
    assert!(shown.ends_with("3 actions, 3 outputs\n"), "{shown}");
    assert!(!shown.contains('\x1b'), "no colour in a pipe");
    // It begins anew each time, and leaves no file.
    let again = project.weir(&["dev", "--once"]).expect(0).stdout;
    assert!(block(&again, "tally a #0").contains("nothing is there"), "{again}");
    let mut files: Vec<_> =
        std::fs::read_dir(project.folder()).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["in.jsonl", "weir.toml"]);
}

#[test]
fn failures_calls_requests_and_logs_are_shown() {
    let steps = json!([
        {"set": ["a", {"deep": [1]}]}, {"get": "none"}, {"remove": "a"}, {"get": "a.b..c", },
    ]);
    let caught = json!([
        {"call": ["quote", {"n": 1}, {"ok": 5}]}, {"catch": {"http": ["GET", "http://127.0.0.1:1/x", null]}},
        {"log": ["warn", "mind the gap"]}, {"emit": ["first", {"n": 2}]},
    ]);
    let events = [json!({"key": "bad", "do": steps}), json!({"key": "good", "do": caught})];
    let manifest = Manifest::new(&guests::probe()).granting("http://127.0.0.1:1");
    let project = Project::with_events(&manifest, &events);
    let ended = project.weir(&["dev", "--once"]).expect(3);
    let bad = block(&ended.stdout, "script bad #0");
    for line in [
        "  writes  a = {\"deep\":[1]}\n",
        "  reads   none: nothing is there\n",
        "  removes a\n",
        "  failed in ",
        ": memory/invalid-path: ",
    ] {
        assert!(bad.contains(line), "{line}:\n{bad}");
    }
    // What the host says tells what becomes of it, and not again why.
    let said = ended.stderr.lines().find(|line| line.contains("failed, quarantine")).expect("what becomes of it");
    assert!(said.ends_with("failed, quarantine") && !ended.stderr.contains("invalid-path"), "{}", ended.stderr);
    let good = block(&ended.stdout, "script good #0");
    for line in [
        "  call    quote {\"n\":1} → 5\n",
        "  request GET http://127.0.0.1:1/x → ",
        "  log     WARN mind the gap\n",
        "  emits   first {\"n\":2}\n",
    ] {
        assert!(good.contains(line), "{line}:\n{good}");
    }
    assert!(
        block(&ended.stdout, "first good #0").contains("  first {\"n\":2}\n")
            || ended.stdout.contains("first good #0  first {\"n\":2}"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.ends_with("2 actions, 2 outputs, 1 failed attempt, 1 quarantined key\n"), "{}", ended.stdout);
}

#[test]
fn a_change_is_built_and_run_and_what_can_not_be_built_is_told() {
    let manifest = Manifest::new("made.wasm".as_ref()).component("build = \"sh build.sh\"");
    let project = Project::with_events(&manifest, &[json!({"key": "a"})]);
    let build =
        |guest: &std::path::Path| format!("cp {:?} made.wasm\ndate +%N >generated.txt\n", guest.display().to_string());
    project.write("build.sh", build(&guests::tally()));
    std::fs::create_dir(project.path("src")).expect("make a folder");
    let mut dev = Weir::start(project.folder(), &["dev"]);
    let shows = |dev: &Weir, what: &str, times: usize| {
        wait_until(what, || dev.stdout().matches(what).count() >= times);
    };
    shows(&dev, "tally a #0", 1);

    // Events alone: nothing is built.
    project.append_events(&[json!({"key": "b"})]);
    shows(&dev, "tally b #0", 1);

    project.write("build.sh", "echo a mistake; exit 1\n");
    dev.wait_for_log("a mistake");
    dev.wait_for_log("error: `sh build.sh` failed");
    wait_until("it waits", || dev.stderr().trim_end().ends_with("waiting for changes; Ctrl-C ends"));
    project.write("src/notes.txt", "a broken build is made again");
    dev.wait_for_log("changed: src/notes.txt");
    wait_until("it fails again", || dev.stderr().matches("error: `sh build.sh` failed").count() == 2);
    project.write("build.sh", build(&guests::tally()) + "# mended\n");
    shows(&dev, "tally b #0", 2);

    // A manifest that does not read is told, too.
    let text = project.read("weir.toml");
    project.write("weir.toml", "nonsense");
    dev.wait_for_log("error: weir.toml");
    project.write("weir.toml", text.replace("\"test\"", "\"other\""));
    shows(&dev, "tally b #0", 3);

    let ended = dev.stop().expect(0);
    // What builds write each time anew does not start the next one for ever.
    let builds = ended.stderr.matches("building").count();
    assert!((5..=10).contains(&builds), "{builds} builds:\n{}", ended.stderr);
}

#[test]
fn a_host_that_listens_is_started_again_with_the_change() {
    let project = Project::new(&Manifest::new(&guests::tally()).listening());
    std::fs::create_dir(project.path("tmp")).expect("make a folder");
    let mut command = Weir::command(project.folder(), &["dev", "--no-build"]);
    command.env("TMPDIR", project.path("tmp"));
    let mut dev = Weir::spawn(command);
    let origin = dev.origin();
    Weir::start(project.folder(), &["send", "a", "{\"key\": \"a\"}", "--url", &origin]).wait().expect(0);
    wait_until("the event is shown", || dev.stdout().contains("tally a #0"));
    project.write("notes.txt", "changed");
    wait_until("it listens again", || dev.stderr().matches("events are taken at").count() == 2);
    dev.stop().expect(0);
    let left: Vec<_> = std::fs::read_dir(project.path("tmp")).expect("it is there").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_was_built_before_does_not_go_on_while_a_build_is_broken() {
    let manifest = Manifest::new("made.wasm".as_ref()).listening().component("build = \"sh build.sh\"");
    let project = Project::new(&manifest);
    let build = format!("cp {:?} made.wasm\n", guests::tally().display().to_string());
    project.write("build.sh", &build);
    let mut dev = Weir::start(project.folder(), &["dev"]);
    let origin = dev.origin();
    let send = || Weir::start(project.folder(), &["send", "a", "{\"key\": \"a\"}", "--url", &origin]).wait();
    send().expect(0);
    project.write("build.sh", "exit 1\n");
    dev.wait_for_log("error: `sh build.sh` failed");
    send().expect(1);
    project.write("build.sh", build + "# mended\n");
    wait_until("it listens again", || dev.stderr().matches("events are taken at").count() == 2);
    dev.stop().expect(0);
}

#[test]
fn builds_that_write_other_files_each_time_come_to_an_end() {
    let manifest = Manifest::new("made.wasm".as_ref()).component("build = \"sh build.sh\"");
    let project = Project::with_events(&manifest, &[json!({"key": "a"})]);
    let guest = guests::tally().display().to_string();
    project.write("build.sh", format!("cp {guest:?} made.wasm\nsleep 0.1; date >log-$(date +%s%N).txt\n"));
    let dev = Weir::start(project.folder(), &["dev"]);
    wait_until("it waits", || dev.stderr().contains("waiting for changes"));
    assert_eq!(dev.stderr().matches("building").count(), 3, "{}", dev.stderr());
    dev.stop().expect(0);
}

#[test]
fn a_stop_does_not_wait_for_a_build_and_starts_no_run() {
    let manifest = Manifest::new("made.wasm".as_ref()).component("build = \"echo begun >begun; sleep 30\"");
    let project = Project::with_events(&manifest, &[json!({"key": "a"})]);
    let dev = Weir::start(project.folder(), &["dev"]);
    wait_until("it builds", || project.path("begun").exists());
    let ended = dev.stop().expect(0);
    assert_eq!(ended.stdout, "");
}

#[test]
fn what_runs_on_kafka_alone_is_refused() {
    let manifest = "name = \"k\"\nsource.kafka = { topic = \"in\" }\nsink.kafka = { topic = \"out\" }\nstore.kind = \"kafka\"\n\
                    [kafka]\nbootstrap_servers = \"127.0.0.1:1\"\n[[component]]\npath = \"a.wasm\"\n";
    let project = Project::empty();
    project.write("weir.toml", manifest);
    // Before anything is built, and without waiting for changes.
    for arguments in [&["dev"][..], &["dev", "--once"], &["dev", "--once", "--no-build"]] {
        project.weir(arguments).expect_error(2, &["weir dev", "Kafka"]);
    }
}
