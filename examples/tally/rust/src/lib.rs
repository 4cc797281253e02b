//! Counts, adds up and doubles, in the branch `rust` of each key's memory.

use weir_sdk::prelude::*;

#[derive(Deserialize)]
struct Event {
    amount: i64,
}

#[derive(Serialize)]
struct Tally {
    language: &'static str,
    count: u64,
    total: i64,
    doubled: i64,
}

#[action("input", name = "tally-rust")]
fn tally(event: Event, ctx: &Context) -> Result {
    let amount = event.amount;
    let count = ctx.memory().update("rust.count", |count: u64| count + 1)?;
    let total = ctx.memory().update("rust.total", |total: i64| total + amount)?;
    let doubled = ctx.durable("double", &amount, |_| Ok(amount * 2))?;
    ctx.output(&Tally { language: "rust", count, total, doubled })
}

weir_sdk::export!(tally);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_counted_added_up_and_doubled_once_each() {
        let mut key = TestKey::new("a");
        key.run(tally, &json!({"key": "a", "amount": 5})).unwrap();
        let second = json!({"language": "rust", "count": 2, "total": 12, "doubled": 14});
        assert_eq!(key.run(tally, &json!({"key": "a", "amount": 7})).unwrap().outputs(), [second.clone()]);
        assert_eq!(key.again(tally).unwrap().outputs(), [second]);
        assert!(key.calls()[0].replayed);
        assert_eq!(key.memory::<Value>(""), Some(json!({"rust": {"count": 2, "total": 12}})));
    }
}
