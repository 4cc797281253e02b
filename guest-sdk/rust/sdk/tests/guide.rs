//! The code of the guide, ../README.md: it stands here too, where it is compiled and run.

const GUIDE: &str = include_str!("../../README.md");
const THIS_FILE: &str = include_str!("guide.rs");

#[test]
fn each_block_of_the_guide_is_compiled_here() {
    let here = normal(THIS_FILE);
    let blocks: Vec<&str> = GUIDE.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 6);
    for block in blocks {
        assert!(here.contains(&normal(block)), "put this block of README.md into tests/guide.rs:\n{block}");
    }
}

/// The lines that are not empty, without their indentation.
fn normal(code: &str) -> String {
    code.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[rustfmt::skip]
mod first_actions {
    use weir_sdk::prelude::*;

    #[derive(Serialize, Deserialize)]
    struct Quake { magnitude: Option<f64>, place: String }

    #[action("input")] // the event kinds it listens to
    fn count(quake: Quake, ctx: &Context) -> Result {
        let n = ctx.memory().update("count", |n: u64| n + 1)?; // short-term memory: it lives with the key
        if n > 10 { ctx.emit("swarm", &quake)?; }
        Ok(())
    }

    #[action("swarm")]
    fn page(quake: Quake, ctx: &Context) -> Result {
        let ticket: Value = ctx.post("https://pager.example.com/", &quake).send()?.json()?; // paged once
        ctx.output(&ticket) // leaves by the sink
    }

    weir_sdk::export!(count, page);

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn ten_quakes_make_no_swarm() {
            let mut key = TestKey::new("Taiwan");
            let quake = Quake { magnitude: Some(4.7), place: "Hualian".into() };
            for _ in 0..10 { assert!(key.run(count, &quake).unwrap().events().is_empty()); }
            assert_eq!(key.memory("count"), Some(10));
            assert_eq!(key.run(count, &quake).unwrap().events()[0].kind, "swarm");
        }

        #[test]
        fn pager_is_asked_until_it_answers() {
            let mut key = TestKey::new("Taiwan");
            let quake = json!({ "magnitude": null, "place": "Hualian" });
            key.on_request(|_| TestResponse::status(503));
            assert!(key.run(page, &quake).unwrap_err().is_retryable());
            key.on_request(|_| TestResponse::json("ticket 7"));
            assert_eq!(key.again(page).unwrap().outputs(), [json!("ticket 7")]);   // the next attempt
            assert_eq!(key.again(page).unwrap().outputs(), [json!("ticket 7")]);   // a replay: asks nobody
            assert_eq!(key.requests().len(), 2);
        }

        #[test]
        fn pager_is_asked_for_the_place() {
            let mut key = TestKey::new("Taiwan");
            key.on_request(|request| match (request.method(), request.url()) {
                ("POST", "https://pager.example.com/") => TestResponse::json(&request.json::<Value>()["place"]),
                _ => TestResponse::status(404),
            });
            let quake = json!({ "magnitude": null, "place": "Hualian" });
            assert_eq!(key.run(page, &quake).unwrap().outputs(), [json!("Hualian")]);
        }
    }
}

#[rustfmt::skip]
mod fragments {
    use weir_sdk::prelude::*;

    fn remember(name: String, ctx: &Context) -> Result {
        let memory = ctx.memory();                                  // lives with the key
        ctx.sensory().set("step", &1)?;                             // lives for this run
        memory.set("order.items.count", &3)?;                       // parents are made
        let count: Option<u32> = memory.get("order.items.count")?;  // None if nothing is there
        let order: Option<Value> = memory.get("order")?;            // an object: all that is below it
        let total = memory.update("order.total", |n: u64| n + 5)?;  // from the default if nothing is there
        let names: Option<Vec<String>> = memory.fields("order")?;
        memory.remove("order.items")?;
        memory.set(format!("seen.{}", weir_sdk::escape(&name)), &true)?; // dots in a name are escaped
        ctx.output(&json!([count, order, total, names]))
    }

    #[test]
    fn memory_is_as_the_guide_says() {
        let outputs = TestKey::new("k").run(remember, "a.b").unwrap().outputs();
        assert_eq!(outputs, [json!([3, {"items": {"count": 3}}, 5, ["items", "total"]])]);
    }

    fn order(order: Value, ctx: &Context) -> Result {
        let rate: f64 = ctx.get("https://rates.example/eur").timeout(Duration::from_secs(2)).send()?.json()?;
        let [stock, fraud] = ctx.send_all([                          // at once
            ctx.post("https://stock.example/", &order).header("X-Shop", "12"),
            ctx.post("https://fraud.example/", &order),
        ])?;
        let response = ctx.delete("https://stock.example/1").send_any_status()?;
        if response.status() == 404 { log::warn!("was gone: {}", response.text()?); }
        ctx.output(&(rate, stock.json::<f64>()?, fraud.json::<f64>()?))
    }

    #[test]
    fn requests_are_as_the_guide_says() {
        let mut key = TestKey::new("k");
        key.on_request(|request| match request.method() {
            "DELETE" => TestResponse::status(404),
            _ => TestResponse::json(&1.5),
        });
        assert_eq!(key.run(order, &json!({})).unwrap().outputs(), [json!([1.5, 1.5, 1.5])]);
        assert_eq!(key.logs()[0].1, "was gone: ");
    }

    fn fee_for(_: &Value) -> u64 {
        5
    }

    #[derive(Serialize, Deserialize)]
    struct Charge {
        id: String,
        fee: u64,
    }

    fn find_charge(ctx: &Context, id: &str) -> Result<Option<Charge>> {
        let response = ctx.get(format!("https://bank.example/{id}")).send_any_status()?;
        if response.status() == 404 { Ok(None) } else { response.json().map(Some) }
    }

    fn new_charge(ctx: &Context, id: &str, order: &Value, fee: u64) -> Result<Charge> {
        ctx.post("https://bank.example/", order).send()?;
        Ok(Charge { id: id.to_owned(), fee })
    }

    #[action("order")]
    fn charge(order: Value, ctx: &Context) -> Result {
        let fee: u64 = ctx.durable("fee", &order, |_| Ok(fee_for(&order)))?;
        let charge: Charge = ctx
            .durable_call("charge", &(&order, fee))
            .reconcile(|call| find_charge(ctx, call.id()))
            .run(|call| new_charge(ctx, call.id(), &order, fee))?;
        ctx.output(&charge)
    }

    #[test]
    fn durable_calls_are_as_the_guide_says() {
        let mut key = TestKey::new("k");
        key.on_request(|_| TestResponse::json(&json!({"id": "found", "fee": 5})));
        key.crash_in("charge");
        assert_eq!(key.run(charge, &json!({})).unwrap_err().kind(), "crash");
        assert_eq!(key.again(charge).unwrap().outputs(), [json!({"id": "found", "fee": 5})]);
    }

    fn fails(n: u32) -> Result {
        if n == 0 {
            return Err(Failure::fatal("card-declined", "no funds"));               // trying again would not help
        }
        Err(Failure::retryable("busy", "come back").retry_after(Duration::from_secs(5)))
    }

    #[test]
    fn failures_are_as_the_guide_says() {
        assert!(!fails(0).unwrap_err().is_retryable());
        assert_eq!(fails(1).unwrap_err().wait(), Some(Duration::from_secs(5)));
    }
}
