//! Kinds that no action listens to, told once for the whole host, however many operators meet them.

use std::sync::Mutex;
use weir_core::small::SmallText;

/// Kinds that are told.
const KINDS_MAX: usize = 16;

/// What was told, and whether more are kept quiet.
#[derive(Default)]
struct Told {
    kinds: Vec<SmallText>,
    is_over: bool,
}

/// An operator tells a kind once, and only so many: this is no place where events pass.
static TOLD: Mutex<Told> = Mutex::new(Told { kinds: Vec::new(), is_over: false });

/// Warns of a kind that no action listens to, unless that was done.
pub(super) fn warn_of(kind: &SmallText) {
    if let Some(line) = TOLD.lock().expect("no holder panics").line(kind) {
        tracing::warn!("{line}");
    }
}

impl Told {
    fn line(&mut self, kind: &SmallText) -> Option<String> {
        if self.is_over || self.kinds.contains(kind) {
            return None;
        }
        if self.kinds.len() == KINDS_MAX {
            self.is_over = true;
            return Some(format!("further kinds that no action listens to are not told, beside these {KINDS_MAX}"));
        }
        self.kinds.push(kind.clone());
        Some(format!("no action listens to kind `{}`: its events end at once (see `weir plan`)", &**kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S2]
    #[test]
    fn each_kind_is_told_once_and_so_many_of_them() {
        let mut told = Told::default();
        let kinds: Vec<SmallText> = (0..20).map(|n| format!("kind {n}").into()).collect();
        let lines: Vec<String> = kinds.iter().chain(&kinds).filter_map(|kind| told.line(kind)).collect();
        assert_eq!(lines.len(), 17, "{lines:?}");
        assert_eq!(lines[15], "no action listens to kind `kind 15`: its events end at once (see `weir plan`)");
        assert_eq!(lines[16], "further kinds that no action listens to are not told, beside these 16");
    }
}
