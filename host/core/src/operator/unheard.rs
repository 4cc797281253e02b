//! Events that no action listens to: they end at once [S2], which a mistyped kind looks like.

use super::{Report, Shared};
use crate::small::SmallText;

/// Kinds that an operator remembers to tell each once; one more tells that there are more.
const UNHEARD_KINDS_MAX: usize = 17;

impl Shared {
    /// No action was matched to an event of this kind.
    pub(super) fn on_unheard(&mut self, kind: &SmallText) {
        self.counters.events_unheard += 1;
        if self.unheard_kinds.len() == UNHEARD_KINDS_MAX || self.unheard_kinds.contains(kind) {
            return;
        }
        // A recorded event was matched against the plan of its time.
        if self.plan.listeners(kind).next().is_none() {
            self.unheard_kinds.push(kind.clone());
            self.report(Report::Unheard(kind.clone()));
        }
    }
}
