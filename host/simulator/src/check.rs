//! What must hold at the end of a history.

use crate::guest::number;
use crate::keyed::{Entries, header};
use crate::ledger::{Ledger, TaskIndex};
use crate::machine::{Host, Line, Machine};
use crate::scenario::{Deploy, KEYS, Scenario};
use crate::world::{Expected, Fate, Reference};
use hashbrown::{HashMap, HashSet};
use weir_core::action_state::{RecordKey, StateKey};
use weir_core::checkpoint::{EntryKey, EntrySpace, Header};
use weir_core::event::{DeadLetter, KIND_OUTPUT, OutputEvent, SourcePosition};
use weir_core::key::Key;
use weir_core::store::log::Position;

/// What a history left when it has come to rest.
pub struct Remains<'a> {
    /// What it was made from.
    pub scenario: &'a Scenario,
    /// What was seen outside.
    pub ledger: &'a Ledger,
    /// The input events that were accepted.
    pub lines: &'a [Line],
    /// Keyed state.
    pub entries: &'a Entries,
    /// What the sink holds.
    pub outputs: &'a [OutputEvent],
    /// What the sink of dead letters holds.
    pub dead_letters: &'a [DeadLetter],
    /// The states at which keys are quarantined.
    pub quarantined: Vec<StateKey>,
}

/// Checks a history that has come to rest; a run without crashes is made for comparison.
pub fn check(machine: &mut Machine) -> Result<(), String> {
    check_log(machine, &quarantined(machine))?;
    let calm = machine.scenario.crashes.is_empty() && machine.scenario.deploy == Deploy::None;
    let told = check_remains(&remains(machine), calm && machine.scenario.sync_fails_at.is_none(), machine.tells())?;
    told.into_iter().for_each(|line| machine.world.tell(|| line));
    Ok(())
}

/// Checks what a history left; `calm` tells that nothing happened in it which a run without crashes would not have.
/// Answers what happened in the run without crashes, where it is to be told.
pub fn check_remains(of: &Remains<'_>, calm: bool, tells: bool) -> Result<Vec<String>, String> {
    check_once(of)?;
    check_inputs(of)?;
    let fates = fates(of)?;
    check_effects(of, &fates)?;
    check_children(of, &fates)?;
    // Which actions an input event meets depends on when the deploy comes: there is no one run to compare with.
    if calm || of.scenario.deploy == Deploy::Plan {
        return Ok(Vec::new());
    }
    compare(of, reference(of, &fates), tells)
}

fn remains(machine: &Machine) -> Remains<'_> {
    Remains {
        scenario: &machine.scenario,
        ledger: &machine.world.ledger,
        lines: if machine.accepted.is_empty() { &machine.lines } else { &machine.accepted },
        entries: &machine.keyed.entries,
        outputs: &machine.keyed.outputs,
        dead_letters: &machine.keyed.dead_letters,
        quarantined: quarantined(machine),
    }
}

fn quarantined(machine: &Machine) -> Vec<StateKey> {
    match &machine.host {
        Host::Up(process) => process.operator.quarantine_reports().into_iter().map(|report| report.state).collect(),
        _ => Vec::new(),
    }
}

/// The log holds what is needed, and nothing for ever.
fn check_log(machine: &Machine, quarantined: &[StateKey]) -> Result<(), String> {
    for (position, key, _) in machine.log.scan(Position(0)) {
        let record = RecordKey::parse(key).map_err(|error| error.to_string())?;
        // Runs that began before a deploy took them for a divergence wait behind the one that is quarantined.
        let waits =
            |state: &StateKey| state.key == record.state.key && state.sequence_number <= record.state.sequence_number;
        if !quarantined.iter().any(waits) {
            return Err(format!("record {record} at {position:?} is left in the log for ever"));
        }
        if position < machine.keyed.marker() {
            return Err(format!("record {record} at {position:?} is before the marker {:?}", machine.keyed.marker()));
        }
    }
    let Host::Up(process) = &machine.host else { return Err("the host does not run at the end".to_owned()) };
    match process.operator.store().keys().find(|key| quarantined.iter().all(|state| state.key != **key)) {
        Some(key) => Err(format!("the index holds key {key:?} for ever")),
        None => Ok(()),
    }
}

/// Each output and dead letter left once, each task's runs in their order.
fn check_once(of: &Remains<'_>) -> Result<(), String> {
    let mut seen = HashSet::new();
    let mut last: HashMap<&Key, u64> = HashMap::new();
    for output in of.outputs {
        if !seen.insert(output.id) {
            return Err(format!("output {} of key {:?} left twice", output.id, output.key));
        }
        let before = last.insert(&output.key, output.sequence_number.0).unwrap_or(0);
        if before > output.sequence_number.0 {
            return Err(format!("outputs of key {:?} are out of order", output.key));
        }
    }
    let mut letters = HashSet::new();
    for letter in of.dead_letters {
        if !letters.insert(letter.input.event.id) {
            return Err(format!("input event {} became two dead letters", letter.input.event.id));
        }
    }
    Ok(())
}

/// Each input event has a sequence number, or was given up.
fn check_inputs(of: &Remains<'_>) -> Result<(), String> {
    for (index, bytes) in KEYS.iter().enumerate() {
        let key = Key::new(bytes);
        let given = of.lines.iter().filter(|line| line.key as usize == index).count() as u64;
        let letters = of.dead_letters.iter().filter(|letter| letter.input.key == key);
        let given_up: HashSet<_> =
            letters.filter(|letter| letter.sequence_number.is_none()).map(|letter| letter.input.position).collect();
        let dropped = given_up.len() as u64;
        let header = header(of.entries, &key);
        if header.next + dropped != given {
            let next = header.next;
            return Err(format!("key {key:?}: {given} input events, {next} have a number, {dropped} were given up"));
        }
        // What a key remembers of input that it dropped would make recovery drop it again.
        let positions = of.lines.iter().filter(|line| line.key as usize == index);
        let remembered = |position| header.dropped_input.iter().any(|dropped| dropped.covers(position));
        if let Some(wrong) = positions
            .map(|line| SourcePosition(line.position))
            .find(|position| remembered(*position) && !given_up.contains(position))
        {
            return Err(format!("key {key:?} remembers that {wrong:?} was dropped, and it was not"));
        }
        if header.completed_below != header.next && of.quarantined.iter().all(|state| state.key != key) {
            return Err(format!("key {key:?} rests at {header:?} and is not quarantined"));
        }
    }
    Ok(())
}

/// What became of each task, and the invocation that completed it.
type Fates = HashMap<TaskIndex, (Fate, Option<usize>)>;

fn fates(of: &Remains<'_>) -> Result<Fates, String> {
    let ledger = of.ledger;
    let mut fates = Fates::new();
    for output in of.outputs {
        let Some(at) = output.payload.as_str().find("\"t\":") else { continue };
        let invocation = number(&output.payload.as_str()[at..], "\"t\":") as usize;
        let task = ledger.invocations[invocation].task;
        if fates.insert(task, (Fate::Completed, Some(invocation))).is_some() {
            return Err(format!("task {} completed twice", ledger.tasks[task].key));
        }
    }
    let discarded: Vec<_> = of
        .dead_letters
        .iter()
        .filter_map(|letter| {
            let (sequence_number, action) = (letter.sequence_number?, letter.action.as_ref()?);
            let tasks = (0..ledger.tasks.len()).filter(|&task| {
                let key = &ledger.tasks[task].key;
                key.key == letter.input.key && key.sequence_number == sequence_number && key.action == action.id()
            });
            tasks.max_by_key(|&task| ledger.facts.failed_for_good_at(task))
        })
        .collect();
    for task in (0..ledger.tasks.len()).filter(|&task| ledger.facts.is_settled(task)) {
        if fates.contains_key(&task) {
            continue;
        }
        let key = &ledger.tasks[task].key;
        let fate = if discarded.contains(&task) {
            Fate::Discarded
        } else if of.quarantined.contains(key) {
            Fate::Quarantined
        } else {
            Fate::Skipped
        };
        if ledger.facts.completed_in(task).is_some() && fate != Fate::Quarantined && of.scenario.deploy != Deploy::Plan
        {
            return Err(format!("task {key} completed, and its output is lost"));
        }
        fates.insert(task, (fate, None));
    }
    Ok(fates)
}

/// No effect was made that the surviving history does not ask for.
fn check_effects(of: &Remains<'_>, fates: &Fates) -> Result<(), String> {
    let ledger = of.ledger;
    for effect in &ledger.effects {
        let record = &ledger.tasks[effect.task];
        if record.releases.len() > 1 {
            // A deploy in between may ask for other calls; what was recorded is guarded by the checks on the way.
            continue;
        }
        let Some((_, completed)) = fates.get(&effect.task) else {
            if of.scenario.deploy == Deploy::Plan {
                // A deploy took the action away, or made a run before this one a divergence.
                continue;
            }
            return Err(format!("effect {:?} of {} which did not survive: an orphan", effect.asked, record.key));
        };
        let last = completed.or(ledger.facts.last(effect.task)).expect("a task with effects was invoked");
        // A deploy that takes an action away may come before its task gets as far as it did before a crash. And who has
        // failed calls made again may get other outcomes, and so other arguments after them.
        let cut_short = completed.is_none() && of.scenario.deploy != Deploy::None;
        let any = cut_short || ledger.facts.has_calls_made_again(effect.task);
        let of_task =
            ledger.invocations.iter().enumerate().filter(|(at, run)| *at == last || any && run.task == effect.task);
        if !of_task.flat_map(|(_, run)| &run.asked).any(|(asked, _)| *asked == effect.asked) {
            return Err(format!(
                "effect {:?} of {} is not asked for in the history that survived: an orphan",
                effect.asked, record.key
            ));
        }
    }
    Ok(())
}

/// The tasks that an event makes are those of the plan with which its action completed [S2].
fn check_children(of: &Remains<'_>, fates: &Fates) -> Result<(), String> {
    let ledger = of.ledger;
    let stopped = |key: &StateKey| {
        fates.iter().any(|(task, (fate, _))| {
            let other = &ledger.tasks[*task].key;
            matches!(fate, Fate::Discarded | Fate::Quarantined)
                && other.key == key.key
                && other.sequence_number == key.sequence_number
        })
    };
    for (task, (fate, invocation)) in fates {
        let (Fate::Completed, Some(invocation)) = (fate, invocation) else { continue };
        let key = &ledger.tasks[*task].key;
        let release = ledger.invocations[*invocation].release;
        for event in ledger.invocations[*invocation].emitted.iter().filter(|event| &*event.kind != KIND_OUTPUT) {
            let plan = &of.scenario.releases[release].plan;
            let matched: Vec<_> = plan.listeners(&event.kind).map(|action| action.name.id()).collect();
            for action in &matched {
                let child = StateKey { event: event.id, action: *action, ..key.clone() };
                let completed = ledger.known_task(&child).and_then(|child| fates.get(&child)?.1);
                if completed.is_some_and(|completed| ledger.invocations[completed].given != event.payload) {
                    return Err(format!("task {child} ran for an event that its action did not emit: an orphan"));
                }
                let settled = ledger.known_task(&child).is_some_and(|child| fates.contains_key(&child));
                if !settled && !stopped(key) {
                    return Err(format!("task {child} was never run, though its event was matched with it"));
                }
            }
            let runs = fates.keys().map(|task| &ledger.tasks[*task].key).filter(|other| other.event == event.id);
            if let Some(extra) = runs.into_iter().find(|other| !matched.contains(&other.action))
                && !ledger.diverged.contains(&key.key)
            {
                return Err(format!("task {extra} was run, though its event was not matched with it"));
            }
        }
    }
    Ok(())
}

fn reference(of: &Remains<'_>, fates: &Fates) -> Reference {
    let ledger = of.ledger;
    let expected = fates.iter().map(|(task, (fate, invocation))| {
        let record = &ledger.tasks[*task];
        let last = invocation.or(ledger.facts.last(*task));
        let (release, statuses) = match last {
            Some(last) => {
                let run = &ledger.invocations[last];
                (run.release, run.asked.iter().map(|(_, status)| *status).collect())
            }
            None => (0, Vec::new()),
        };
        (record.key.clone(), Expected { fate: *fate, release, statuses })
    });
    expected.collect()
}

/// Compares with a run without crashes, in which the world answers the same.
fn compare(of: &Remains<'_>, reference: Reference, tells: bool) -> Result<Vec<String>, String> {
    let given_up: HashSet<_> = of
        .dead_letters
        .iter()
        .filter(|letter| letter.sequence_number.is_none())
        .map(|letter| letter.input.position.0)
        .collect();
    let lines = of.lines.iter().filter(|line| !given_up.contains(&line.position)).copied().collect();
    let mut calm = Machine::without_crashes(of.scenario, lines, reference);
    if tells {
        calm.world.story = Some(vec!["==== the run without crashes".to_owned()]);
    }
    calm.run();
    if let Some(violation) = calm.world.ledger.violation.take() {
        return Err(format!("in the run without crashes: {violation}"));
    }
    let should = remains(&calm);
    for bytes in KEYS {
        let key = Key::new(bytes);
        for (what, look) in
            [("outputs", outputs as fn(&Remains<'_>, &Key) -> Vec<String>), ("dead letters", letters), ("state", state)]
        {
            let (was, should) = (look(of, &key), look(&should, &key));
            if was != should {
                return Err(format!("{what} of key {key:?} are {was:#?}, without crashes {should:#?}"));
            }
        }
    }
    Ok(calm.world.story.take().unwrap_or_default())
}

fn outputs(of: &Remains<'_>, key: &Key) -> Vec<String> {
    let line = |output: &OutputEvent| {
        let OutputEvent { id, sequence_number, action, triggering_event_id, source_timestamp_ms, payload, .. } = output;
        let det = number(payload.as_str(), "\"d\":");
        format!("{sequence_number} {id} {action} {triggering_event_id} {source_timestamp_ms:?} {det}")
    };
    of.outputs.iter().filter(|output| output.key == *key).map(line).collect()
}

fn letters(of: &Remains<'_>, key: &Key) -> Vec<String> {
    let of_key = of.dead_letters.iter().filter(|letter| letter.input.key == *key);
    let run = of_key.filter(|letter| letter.sequence_number.is_some());
    run.map(|letter| format!("{:?} {:?} {:?}", letter.sequence_number, letter.input.event.id, letter.action)).collect()
}

/// Keyed state as far as it does not depend on chance or on when tasks got their ordinals.
fn state(of: &Remains<'_>, key: &Key) -> Vec<String> {
    let prefix = EntryKey::prefix(key);
    let mut lines = Vec::new();
    for ((space, name), value) in of.entries {
        if !name.starts_with(&prefix) {
            continue;
        }
        let text = match space {
            EntrySpace::Header => without_dropped_input(value),
            _ => without_chance(&String::from_utf8_lossy(value)),
        };
        lines.push(match space {
            EntrySpace::Queued | EntrySpace::Pending => format!("{space:?} {text}"),
            _ => format!("{space:?} {name:02x?} {text}"),
        });
    }
    lines
}

/// A header without what it remembers of dropped input: the run without crashes is given none of that.
fn without_dropped_input(header: &[u8]) -> String {
    let header = Header::decode(header).expect("a header was written");
    String::from_utf8_lossy(&Header { dropped_input: Vec::new(), ..header }.encode()).into_owned()
}

/// A text without the numbers that depend on chance.
fn without_chance(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\"n\":") {
        let (head, tail) = rest.split_at(at + 4);
        kept.push_str(head);
        rest = tail.trim_start_matches(|letter: char| letter.is_ascii_digit());
    }
    kept.push_str(rest);
    kept
}
