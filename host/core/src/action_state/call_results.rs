//! The call results of one action.

use super::CallResult;

/// Call results by position. Most actions have a few, recorded in order: they lie in a row, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallResults(Vec<(u32, CallResult)>);

impl CallResults {
    /// The result at a position.
    pub fn get(&self, position: u32) -> Option<&CallResult> {
        let at = self.find(position).ok()?;
        Some(&self.0[at].1)
    }

    /// Puts the result at a position, over what was there.
    pub fn insert(&mut self, position: u32, result: CallResult) {
        match self.find(position) {
            Ok(at) => self.0[at].1 = result,
            Err(at) => {
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (position, result));
            }
        }
    }

    /// Takes the result at a position away.
    pub fn remove(&mut self, position: u32) -> Option<CallResult> {
        let at = self.find(position).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Takes the results from a position on away.
    pub fn split_off(&mut self, from: u32) -> Self {
        Self(self.0.split_off(self.0.partition_point(|(position, _)| *position < from)))
    }

    /// Puts all of others in.
    pub fn extend(&mut self, others: Self) {
        for (position, result) in others.0 {
            self.insert(position, result);
        }
    }

    /// Takes all away.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The results with their positions, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, &CallResult)> {
        self.0.iter().map(|(position, result)| (*position, result))
    }

    /// The results, in order, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut CallResult> {
        self.0.iter_mut().map(|(_, result)| result)
    }

    /// Those from a position on, in order.
    pub fn starting_at(&self, from: u32) -> impl DoubleEndedIterator<Item = (u32, &CallResult)> {
        let first = self.0.partition_point(|(position, _)| *position < from);
        self.0[first..].iter().map(|(position, result)| (*position, result))
    }

    /// The results in order.
    pub fn values(&self) -> impl Iterator<Item = &CallResult> {
        self.0.iter().map(|(_, result)| result)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, position: u32) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if *last < position => Err(self.0.len()),
            _ => self.0.binary_search_by_key(&position, |(position, _)| *position),
        }
    }
}

impl FromIterator<(u32, CallResult)> for CallResults {
    fn from_iter<I: IntoIterator<Item = (u32, CallResult)>>(results: I) -> Self {
        let mut all = Self::default();
        for (position, result) in results {
            all.insert(position, result);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action_state::CallStatus;
    use crate::json::Json;
    use std::collections::BTreeMap;

    fn result(at: u64) -> CallResult {
        CallResult {
            function_id: "f".into(),
            arguments_digest: [0; 32],
            status: CallStatus::Succeeded(Json::null()),
            retryable: false,
            completed_at_ms: at,
        }
    }

    proptest::proptest! {
        // [P15]
        #[test]
        fn results_are_found_by_position_in_whatever_order_they_come(
            steps in proptest::collection::vec((0..3u8, 0..6u32), 0..20),
        ) {
            let (mut results, mut model) = (CallResults::default(), BTreeMap::new());
            for (at, (step, position)) in steps.into_iter().enumerate() {
                match step {
                    0 => {
                        let removed = results.remove(position);
                        proptest::prop_assert_eq!(removed, model.remove(&position));
                    }
                    1 if at % 5 == 4 => {
                        let (off, other) = (results.split_off(position), model.split_off(&position));
                        proptest::prop_assert_eq!(off, other.into_iter().collect());
                    }
                    _ => {
                        results.insert(position, result(at as u64));
                        model.insert(position, result(at as u64));
                    }
                }
                for position in 0..6 {
                    proptest::prop_assert_eq!(results.get(position), model.get(&position));
                    let from: Vec<_> = results.starting_at(position).map(|(position, _)| position).collect();
                    proptest::prop_assert_eq!(from, model.range(position..).map(|(position, _)| *position).collect::<Vec<_>>());
                }
                proptest::prop_assert_eq!((results.len(), results.is_empty()), (model.len(), model.is_empty()));
            }
        }
    }
}
