//! Scripted guests: closures over an invocation, as a component would call it.

use std::cell::RefCell;
use std::rc::Rc;
use weir_core::action_state::CallPut;
use weir_core::failure::Failure;
use weir_core::invocation::{
    Abort, CallMode, GuestEnd, Invocation, NextStep, Outcome, RequestOutcome, RequestStep, RequestSummary,
};
use weir_core::json::Json;
use weir_core::memory::Scope;

/// How a script ends early.
#[derive(Debug)]
pub enum Ended {
    Failed(Failure),
    Aborted(Abort),
    Trapped,
    TimedOut,
    /// The host goes away in the midst of it: what was handed to the log by then is there.
    CutOff,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Abort> for Ended {
    fn from(abort: Abort) -> Self {
        Self::Aborted(abort)
    }
}

impl Ended {
    pub fn into_guest_end(self) -> Option<GuestEnd> {
        match self {
            Self::Failed(failure) => Some(GuestEnd::Returned(Err(failure))),
            Self::Aborted(abort) => Some(GuestEnd::Aborted(abort)),
            Self::Trapped => Some(GuestEnd::Trapped("unreachable executed".to_owned())),
            Self::TimedOut => Some(GuestEnd::TimedOut("ran longer than limits.wall_ms_max".to_owned())),
            Self::CutOff => None,
        }
    }
}

pub type Script = Rc<dyn Fn(&mut Guest<'_>) -> Result<(), Ended>>;

/// The world outside, which sees each effect: `function id`, and the call's id.
#[derive(Clone, Default)]
pub struct Outside {
    pub effects: Rc<RefCell<Vec<(String, String)>>>,
}

impl Outside {
    pub fn functions(&self) -> Vec<String> {
        self.effects.borrow().iter().map(|(function, _)| function.clone()).collect()
    }

    pub fn ids(&self) -> Vec<String> {
        self.effects.borrow().iter().map(|(_, id)| id.clone()).collect()
    }
}

/// What a script works with.
pub struct Guest<'a> {
    pub invocation: &'a mut Invocation,
    pub outside: Outside,
    pub puts: Vec<CallPut>,
    pub now_ms: u64,
}

pub fn json(text: &str) -> Json {
    Json::parse(text).expect("the test writes JSON")
}

impl Guest<'_> {
    /// The payload as a number.
    pub fn number(&self) -> i64 {
        self.invocation.task().event.payload.as_str().parse().expect("the test sent a number")
    }

    pub fn emit(&mut self, kind: &str, payload: impl ToString) -> Result<(), Ended> {
        self.invocation.emit(kind, &payload.to_string())?;
        Ok(())
    }

    pub fn set(&mut self, path: &str, value: impl ToString) -> Result<(), Ended> {
        self.invocation.memory_set(Scope::ShortTerm, path, &value.to_string())?.expect("memory takes it");
        Ok(())
    }

    pub fn get(&self, path: &str) -> Option<String> {
        let value = self.invocation.memory_get(Scope::ShortTerm, path).expect("a good path");
        value.map(|json| json.as_str().to_owned())
    }

    pub fn set_sensory(&mut self, path: &str, value: impl ToString) -> Result<(), Ended> {
        self.invocation.memory_set(Scope::Sensory, path, &value.to_string())?.expect("memory takes it");
        Ok(())
    }

    pub fn get_sensory(&self, path: &str) -> Option<String> {
        let value = self.invocation.memory_get(Scope::Sensory, path).expect("a good path");
        value.map(|json| json.as_str().to_owned())
    }

    fn hand_over(&mut self) {
        let puts = self.invocation.take_puts();
        self.puts.extend(puts);
    }

    /// A request leaves the host: what was deferred goes to the log before it.
    pub fn wait(&mut self) {
        let puts = self.invocation.take_puts_before_waiting();
        self.puts.extend(puts);
    }

    /// An effect is made.
    pub fn effect(&mut self, function: &str, id: &str) {
        self.outside.effects.borrow_mut().push((function.to_owned(), id.to_owned()));
    }

    /// A plain durable call computed in place, whose body counts as an effect.
    pub fn call(&mut self, function: &str, arguments: &str, outcome: Outcome) -> Result<Outcome, Ended> {
        let begun = self.invocation.begin(function, arguments, CallMode::Plain, self.now_ms)?;
        self.hand_over();
        match begun.step {
            NextStep::Replay(outcome) => Ok(outcome),
            NextStep::Reconcile { .. } => unreachable!("a plain call is not reconciled"),
            NextStep::Execute => {
                self.effect(function, &begun.id);
                let instead = self.invocation.complete(begun.position, outcome.clone(), self.now_ms)?;
                self.hand_over();
                Ok(instead.map_or(outcome, Err))
            }
        }
    }

    /// A reconcilable call: `Err` of the effect means that the host goes away in its midst.
    pub fn reconcilable(
        &mut self,
        function: &str,
        arguments: &str,
        effect: Option<Outcome>,
        reconciled: Option<Outcome>,
    ) -> Result<Outcome, Ended> {
        let begun = self.invocation.begin(function, arguments, CallMode::Reconcilable, self.now_ms)?;
        self.hand_over();
        let found = match begun.step {
            NextStep::Replay(outcome) => return Ok(outcome),
            NextStep::Reconcile { not_before_ms } => {
                assert!(self.now_ms >= not_before_ms, "the harness reconciles when the effect has ended");
                self.effect(&format!("reconcile {function}"), &begun.id);
                reconciled
            }
            NextStep::Execute => None,
        };
        let outcome = match found {
            Some(outcome) => outcome,
            None => {
                let url = format!("http://outside/{function}");
                let steps = self.invocation.begin_requests(&[summary("POST", &url)], self.now_ms)?;
                assert!(matches!(steps[..], [RequestStep::InOpenCall { cut_at_ms: Some(_) }]), "{steps:?}");
                self.wait();
                self.effect(function, &begun.id);
                effect.ok_or(Ended::CutOff)?
            }
        };
        let instead = self.invocation.complete(begun.position, outcome.clone(), self.now_ms)?;
        self.hand_over();
        Ok(instead.map_or(outcome, Err))
    }

    /// Requests sent together, outside an open call: method, URL, and how each ends.
    pub fn requests(&mut self, requests: &[(&str, &str, RequestOutcome)]) -> Result<Vec<Outcome>, Ended> {
        let summaries: Vec<_> = requests.iter().map(|(method, url, _)| summary(method, url)).collect();
        let steps = self.invocation.begin_requests(&summaries, self.now_ms)?;
        self.wait();
        let mut outcomes = Vec::new();
        for (step, (method, url, ended)) in steps.into_iter().zip(requests) {
            outcomes.push(match step {
                RequestStep::Replay(outcome) => outcome,
                RequestStep::InOpenCall { .. } => ended.outcome.clone(),
                RequestStep::Execute { position, id } => {
                    if ended.left_host {
                        self.effect(&format!("{method} {url}"), &id);
                    }
                    let instead = self.invocation.complete_request(position, ended.clone(), self.now_ms)?;
                    instead.map_or(ended.outcome.clone(), Err)
                }
            });
            self.hand_over();
        }
        Ok(outcomes)
    }

    /// One request.
    pub fn request(&mut self, method: &str, url: &str, ended: RequestOutcome) -> Result<Outcome, Ended> {
        Ok(self.requests(&[(method, url, ended)])?.remove(0))
    }
}

/// A request to `http://host/path?query` without body.
pub fn summary<'a>(method: &'a str, url: &'a str) -> RequestSummary<'a> {
    let authority = url.find("://").expect("the test writes URLs") + 3;
    let path_at = url[authority..].find('/').map_or(url.len(), |at| authority + at);
    let (origin, path) = url.split_at(path_at);
    RequestSummary { method, url, origin, path: path.split('?').next().unwrap_or(path), body: b"" }
}

/// An answer of this status.
pub fn status(status: u16) -> RequestOutcome {
    RequestOutcome {
        outcome: Ok(json(&format!("{{\"status\":{status}}}"))),
        counts_as_retryable: matches!(status, 408 | 425 | 429 | 500..),
        left_host: true,
    }
}
