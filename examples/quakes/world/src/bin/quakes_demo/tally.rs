use std::collections::BTreeMap;

use quakes_world::{Ledger, Page};

/// How one endpoint fared against what was due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub due: usize,
    pub twice: usize,
    pub never: usize,
    pub not_due: usize,
}

impl Tally {
    /// Counts by content: a page is the same page if it says the same.
    pub fn count(ledger: &Ledger, endpoint: &str, due: &[Page]) -> Tally {
        let mut left: BTreeMap<String, u32> = BTreeMap::new();
        for page in due {
            left.insert(name(&serde_json::to_value(page).unwrap_or_default()), 0);
        }
        let mut tally = Tally { due: left.len(), ..Tally::default() };
        for effect in ledger.effects_of(endpoint) {
            let body = serde_json::from_str(&effect.body).unwrap_or_default();
            match left.get_mut(&name(&body)) {
                Some(sent) => *sent += effect.sent,
                None => tally.not_due += effect.sent as usize,
            }
        }
        tally.twice = left.values().filter(|sent| **sent > 1).count();
        tally.never = left.values().filter(|sent| **sent == 0).count();
        tally
    }

    /// Each page that is due exactly once, and no other.
    pub fn is_exact(self) -> bool {
        (self.twice, self.never, self.not_due) == (0, 0, 0)
    }
}

/// JSON with its fields in order, so that two programs' ways to write the same are the same.
fn name(body: &serde_json::Value) -> String {
    body.to_string()
}

#[cfg(test)]
mod tests {
    use quakes_world::post::post;
    use quakes_world::{World, WorldSettings};

    use super::*;

    fn page(quake: &str) -> Page {
        Page {
            region: "Somewhere".into(),
            place: "3km N of Somewhere".into(),
            quake: quake.into(),
            time: 1,
            magnitude: Some(4.0),
        }
    }

    #[test]
    fn pages_are_counted_by_content_whatever_the_order_of_fields() {
        let world = World::start(WorldSettings::default()).unwrap();
        let url = format!("{}/page", world.origin());
        let due = [page("a"), page("b"), page("c")];
        let as_struct = |page: &Page| serde_json::to_string(page).unwrap();
        let as_sorted = |page: &Page| serde_json::to_value(page).unwrap().to_string();
        assert_ne!(as_struct(&due[0]), as_sorted(&due[0]));

        for body in [as_struct(&due[0]), as_sorted(&due[0]), as_struct(&due[1]), as_struct(&page("x"))] {
            post(&url, None, &body).unwrap();
        }
        let tally = Tally::count(&world.ledger(), "page", &due);
        assert_eq!(tally, Tally { due: 3, twice: 1, never: 1, not_due: 1 });
        assert!(!tally.is_exact());
        assert!(Tally::count(&world.ledger(), "page", &[]).not_due == 4);
    }
}
