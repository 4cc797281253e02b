//! The shortest history that still fails: the scenario is made smaller, step by step, as long as it does.

use crate::history::History;
use crate::scenario::{Deploy, Scenario};

/// The smallest history found that fails, starting from one that does.
pub fn shrink<H: History>(history: H, mistake: Option<H::Mistake>) -> H {
    let mut smallest = history;
    let mut steps = smallest.clone().run(mistake).steps;
    loop {
        let mut better = None;
        for smaller in smallest.smaller() {
            let outcome = smaller.clone().run(mistake);
            let same_size = smaller.size() >= smallest.size();
            if outcome.violation.is_some() && (!same_size || outcome.steps < steps) {
                better = Some((smaller, outcome.steps));
                break;
            }
        }
        let Some(found) = better else { return smallest };
        (smallest, steps) = found;
    }
}

/// Lines of a story that are told.
const LINES_MAX: usize = 3_000;

/// What a history is and, step by step, what happened in it.
pub fn tell<H: History>(history: H, mistake: Option<H::Mistake>) -> String {
    let mut text = format!("{history}\n");
    let (outcome, story) = history.story(mistake);
    let told = story.len().min(LINES_MAX);
    story[..told].iter().for_each(|line| text += &format!("{line}\n"));
    if story.len() > told {
        text += &format!("and {} lines more\n", story.len() - told);
    }
    text + &format!("{} steps: {}", outcome.steps, outcome.violation.as_deref().unwrap_or("nothing is wrong"))
}

/// What is wrong with a history, told by the shortest one found that is wrong, too; none: nothing is.
/// `what` names the history: by its seed, and by what was done to it.
pub fn explain<H: History>(history: H, mistake: Option<H::Mistake>, what: &str) -> Option<String> {
    let violation = history.clone().run(mistake).violation?;
    let shortest = tell(shrink(history, mistake), mistake);
    Some(format!("{what} is wrong: {violation}\n\nthe shortest history found that is wrong:\n{shortest}"))
}

/// Scenarios a little smaller than this one, those that take away most first.
pub(crate) fn smaller(of: &Scenario) -> Vec<Scenario> {
    let mut found = Vec::new();
    let mut with = |change: &dyn Fn(&mut Scenario)| {
        let mut scenario = of.clone();
        change(&mut scenario);
        found.push(scenario);
    };
    for at in 0..of.events.len() {
        with(&|scenario| {
            scenario.events.remove(at);
        });
    }
    for at in 0..of.crashes.len() {
        with(&|scenario| {
            scenario.crashes.remove(at);
        });
    }
    if of.sync_fails_at.is_some() {
        with(&|scenario| scenario.sync_fails_at = None);
    }
    if of.stdin {
        with(&|scenario| scenario.stdin = false);
    }
    if of.deploy == Deploy::None {
        with_smaller_application(of, &mut found);
    } else {
        with(&|scenario| scenario.deploy = Deploy::None);
    }
    let mut with = |change: &dyn Fn(&mut Scenario)| {
        let mut scenario = of.clone();
        change(&mut scenario);
        found.push(scenario);
    };
    for at in 0..of.crashes.len() {
        for (part, of) in [(0, 1), (1, 2), (3, 4), (9, 10)] {
            with(&|scenario| scenario.crashes[at].after = scenario.crashes[at].after * part / of);
        }
        with(&|scenario| scenario.crashes[at].after = scenario.crashes[at].after.saturating_sub(1));
    }
    found
}

/// Actions and their ops taken away one by one.
fn with_smaller_application(of: &Scenario, found: &mut Vec<Scenario>) {
    let application = &of.releases[0];
    for at in (0..application.actions.len()).rev() {
        let mut actions = application.actions.clone();
        actions.remove(at);
        push(of, actions, found);
        for op in 0..application.actions[at].script.len() {
            let mut actions = application.actions.clone();
            let mut script = Vec::clone(&actions[at].script);
            script.remove(op);
            actions[at].script = std::sync::Arc::new(script);
            push(of, actions, found);
        }
    }
}

fn push(of: &Scenario, actions: Vec<crate::application::Action>, found: &mut Vec<Scenario>) {
    let application = crate::application::Application::of(actions);
    found.push(Scenario { releases: [application.clone(), application], ..of.clone() });
}
