//! What a component costs at its start, in units for people.

use serde::Serialize;
use std::time::Duration;
use weir_component::LoadedComponent;

/// What the start of a component takes on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct StartCost {
    /// Compiling it, once: now, or when what is kept in the user's cache was compiled.
    compile_ms: f64,
    /// Loading what is kept; null where it was compiled now.
    load_ms: Option<f64>,
    /// A fresh instance, as each invocation gets one.
    instance_us: Option<f64>,
}

impl StartCost {
    /// Measures what can be measured now.
    pub(super) fn measure(component: &LoadedComponent) -> Self {
        let cost = component.compile_cost();
        Self {
            compile_ms: rounded(cost.compile.as_secs_f64() * 1e3),
            load_ms: cost.load.map(|load| rounded(load.as_secs_f64() * 1e3)),
            instance_us: component.measure_instance().map(|instance| rounded(instance.as_secs_f64() * 1e6)),
        }
    }

    /// In a line.
    pub(super) fn to_text(self) -> String {
        let of = |amount: f64, unit: f64| readable(Duration::from_secs_f64(amount * unit));
        let mut text = match self.load_ms {
            Some(load) => format!("compiled once in {}, kept, loaded in {}", of(self.compile_ms, 1e-3), of(load, 1e-3)),
            None => format!("compiled now in {}, once", of(self.compile_ms, 1e-3)),
        };
        if let Some(instance) = self.instance_us {
            text += &format!("; a fresh instance takes {}", of(instance, 1e-6));
        }
        text
    }
}

/// To a tenth: no clock is better.
fn rounded(amount: f64) -> f64 {
    (amount * 10.0).round() / 10.0
}

/// A time with two or three digits.
pub fn readable(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    let (amount, unit) = match micros {
        ..1e3 => (micros, "µs"),
        ..1e6 => (micros / 1e3, "ms"),
        _ => (micros / 1e6, "s"),
    };
    if amount < 10.0 { format!("{amount:.1} {unit}") } else { format!("{amount:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_at_a_glance() {
        let read = |micros: u64| readable(Duration::from_micros(micros));
        assert_eq!(read(3), "3.0 µs");
        assert_eq!(read(115), "115 µs");
        assert_eq!(read(1_540), "1.5 ms");
        assert_eq!(read(16_240_000), "16 s");
    }

    #[test]
    fn what_is_kept_and_what_was_compiled_now_read_differently() {
        let kept = StartCost { compile_ms: 2_400.0, load_ms: Some(3.8), instance_us: Some(115.0) };
        assert_eq!(kept.to_text(), "compiled once in 2.4 s, kept, loaded in 3.8 ms; a fresh instance takes 115 µs");
        let now = StartCost { load_ms: None, instance_us: None, ..kept };
        assert_eq!(now.to_text(), "compiled now in 2.4 s, once");
    }
}
