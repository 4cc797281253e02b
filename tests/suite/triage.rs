//! examples/triage: an agent is killed in mid-conversation, and resumes without asking the model again.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use weir_tests::languages::not_run;
use weir_tests::polyglot::Example;
use weir_tests::{Output, assert_same_by_key, files, post, wait_until};

/// The origin that the example's manifest names.
const ORIGIN: &str = "http://127.0.0.1:8097";

/// The example's model, its shop and their ledger; gone when dropped.
struct World {
    process: Child,
    origin: String,
}

impl World {
    /// Whether what the world is written in is there.
    fn can_be() -> bool {
        let asked = Command::new("python3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    }

    fn start() -> Self {
        let script = files::root().join("examples/triage/world.py");
        let mut command = Command::new("python3");
        command.arg(script).args(["--port", "0"]).stdout(Stdio::piped());
        let mut process = command.spawn().expect("start python3: install Python 3.10 or later");
        let mut first = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut first).expect("the world names its origin");
        Self { process, origin: first.trim().to_owned() }
    }

    fn ask_for(&self, what: &str) {
        let answered = post::post_path(&self.origin, what, None, "");
        assert_eq!(answered.expect("the world answers").status, 200, "{what}");
    }

    fn ledger(&self) -> Ledger {
        let (_, text) = post::get(&format!("{}/ledger", self.origin), None).expect("the world answers");
        Ledger(serde_json::from_str(&text).expect("a ledger is JSON"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the world was asked so far.
struct Ledger(Value);

/// A turn of a conversation: whose, the ticket's text, and its number.
type Turn = (String, String, u64);

impl Ledger {
    fn is_holding(&self) -> bool {
        self.0["holding"] == true
    }

    /// The turns in the order in which they were asked, with their idempotency keys.
    fn turns(&self) -> Vec<(Turn, String)> {
        let text = |turn: &Value, name: &str| turn[name].as_str().expect("a turn has it").to_owned();
        let turns = self.0["turns"].as_array().expect("a list").iter();
        let number = |turn: &Value| turn["turn"].as_u64().expect("turns are counted");
        turns.map(|turn| ((text(turn, "user"), text(turn, "ticket"), number(turn)), text(turn, "key"))).collect()
    }

    fn times(&self) -> BTreeMap<Turn, u32> {
        let mut times = BTreeMap::new();
        for (turn, _) in self.turns() {
            *times.entry(turn).or_default() += 1;
        }
        times
    }

    fn count(&self, name: &str) -> u64 {
        let value = &self.0[name];
        value.as_array().map_or_else(|| value.as_u64().expect("a count"), |list| list.len() as u64)
    }
}

/// Turns whose answers stood in the log when this was asked: those before the last of each conversation, for no request
/// leaves the host before all that it follows from is durable [S33].
fn recorded(ledger: &Ledger) -> BTreeSet<Turn> {
    let mut last: BTreeMap<String, Turn> = BTreeMap::new();
    let mut before = BTreeSet::new();
    for (turn, _) in ledger.turns() {
        before.extend(last.insert(turn.0.clone(), turn));
    }
    before
}

// [S12] [S13] [S18] [S33] [S36]
#[test]
fn killed_agent_resumes_without_asking_the_model_again() {
    let example = Example::read("triage");
    if example.languages.is_empty() {
        return;
    }
    if !World::can_be() {
        return not_run("the example's world needs python3: install Python 3.10 or later");
    }
    let calm = World::start();
    let project = example.project("tickets.jsonl", &[(ORIGIN, &calm.origin)]);
    project.run().expect(0);
    let expected = Output::read(&project.path("verdicts.jsonl"));
    let tickets = example.file("tickets.jsonl").lines().count();
    assert_eq!(expected.lines.len(), tickets * example.languages.len());
    let turns = calm.ledger().times();
    assert!(turns.values().all(|times| *times == 1), "nobody was killed: {turns:?}");

    let mut spared = 0;
    for hold in (2..turns.len()).step_by(3) {
        let world = World::start();
        let project = example.project("tickets.jsonl", &[(ORIGIN, &world.origin)]);
        world.ask_for(&format!("hold/{hold}"));
        let host = project.start();
        wait_until("the model thinks", || world.ledger().is_holding());
        assert!(host.kill().was_killed());
        let recorded = recorded(&world.ledger());
        world.ask_for("release");
        project.run().expect(0);

        let ledger = world.ledger();
        let again = ledger.times();
        for turn in &recorded {
            assert_eq!(again[turn], 1, "its answer was recorded before the kill at turn {hold}: {turn:?}");
        }
        let keys: BTreeSet<(Turn, String)> = ledger.turns().into_iter().collect();
        assert_eq!(keys.len(), turns.len(), "one idempotency key a turn, however often it was asked");
        assert_eq!(again.keys().collect::<Vec<_>>(), turns.keys().collect::<Vec<_>>(), "the same conversations");
        assert_eq!(ledger.count("refunds"), calm.ledger().count("refunds"), "each refund once");
        let found = Output::read(&project.path("verdicts.jsonl"));
        assert_same_by_key(&found.by_key_without_ids(), &expected.by_key_without_ids());
        spared += recorded.len();
    }
    assert!(spared > turns.len() / 2, "{spared} recorded turns is too few to have shown anything");
}
