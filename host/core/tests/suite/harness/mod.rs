//! A host in miniature: source, log, checkpoints and scripted guests around one operator, one step at a time.

mod guest;
mod log;
mod recovery;
mod world;

pub use guest::{Ended, Guest, Script, json, status, summary};
pub use log::Log;
pub use recovery::Disk;
pub use world::World;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use weir_core::event::ActionName;
use weir_core::failure::Failure;
use weir_core::limits::{InvocationLimits, OperatorLimits};
use weir_core::plan::{ActionPolicy, Plan, PlannedAction};

/// An application: actions in declared order, and what each does.
#[derive(Clone, Default)]
pub struct App {
    pub actions: Vec<PlannedAction>,
    pub scripts: BTreeMap<String, Script>,
    pub limits: OperatorLimits,
}

pub fn name(text: &str) -> ActionName {
    ActionName::new(text).expect("the test writes names")
}

pub fn fatal(message: &str) -> Failure {
    Failure::fatal("refused", message)
}

pub fn retryable(message: &str) -> Failure {
    Failure::retryable("busy", message)
}

impl App {
    /// With one more action.
    pub fn action(
        mut self,
        action: &str,
        listens_to: &[&str],
        script: impl Fn(&mut Guest<'_>) -> Result<(), Ended> + 'static,
    ) -> Self {
        self.actions.push(PlannedAction {
            name: name(action),
            listens_to: listens_to.iter().map(|kind| (*kind).to_owned()).collect(),
            component: 0,
            component_digest: Arc::from("c0"),
            policy: ActionPolicy::default(),
            limits: Arc::new(InvocationLimits::default()),
        });
        self.scripts.insert(action.to_owned(), Rc::new(script));
        self
    }

    /// With another policy for the last action.
    pub fn policy(mut self, change: impl FnOnce(&mut ActionPolicy)) -> Self {
        change(&mut self.actions.last_mut().expect("an action was declared").policy);
        self
    }

    /// With other limits for the operator.
    pub fn limits(mut self, change: impl FnOnce(&mut OperatorLimits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub fn plan(&self) -> Arc<Plan> {
        Arc::new(Plan::new(self.actions.clone()).expect("the test declares each action once"))
    }

    pub fn start(self) -> World {
        World::start(self)
    }
}

/// Two chained actions: add one, then double [P1].
pub fn add_then_double() -> App {
    App::default()
        .action("add", &["input"], |guest| {
            let sum = guest.number() + 1;
            guest.emit("added", sum)
        })
        .action("double", &["added"], |guest| {
            let product = guest.number() * 2;
            guest.emit("output", product)
        })
}
