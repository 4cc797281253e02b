//! Memory, events, and where an invocation stands.

use weir_sdk::prelude::*;
use weir_sdk::testing::{Level, TestEvent, TestKey};

fn visit(page: String, ctx: &Context) -> Result {
    let seen = ctx.memory();
    seen.update(format!("pages.{}", weir_sdk::escape(&page)), |n: u32| n + 1)?;
    ctx.sensory().set("last", &page)?;
    ctx.emit("visited", &page)?;
    log::info!("visited {page}");
    if page == "/forbidden" {
        return Err(Failure::fatal("forbidden", "go away"));
    }
    ctx.output(&seen.fields("pages")?)
}

#[test]
fn failed_action_leaves_no_memory_update_and_no_event() {
    let mut key = TestKey::new("k");
    key.run(visit, "/a").unwrap();
    assert_eq!(key.run(visit, "/forbidden").unwrap_err().kind(), "forbidden");
    assert_eq!(key.memory::<Value>("pages"), Some(json!({"/a": 1})));
    assert_eq!(key.logs(), [(Level::Info, "visited /forbidden".to_owned())]);
}

#[test]
fn events_and_outputs_come_in_order() {
    let mut key = TestKey::new("k");
    key.run(visit, "/b.html").unwrap();
    let done = key.run(visit, "/a.html").unwrap();
    assert_eq!(done.events(), [&TestEvent { kind: "visited".into(), payload: json!("/a.html") }]);
    assert_eq!(done.payloads::<String>("visited"), ["/a.html"]);
    assert_eq!(done.outputs(), [json!(["/a.html", "/b.html"])]);
}

fn last(_: Value, ctx: &Context) -> Result {
    ctx.output(&ctx.sensory().get::<String>("last")?)
}

#[test]
fn sensory_memory_lives_for_one_run() {
    let mut key = TestKey::new("k");
    key.run(visit, "/a").unwrap();
    assert_eq!(key.follow(last, &()).unwrap().outputs(), [json!("/a")]);
    assert_eq!(key.run(last, &()).unwrap().outputs(), [Value::Null]);
}

fn misplace(path: String, ctx: &Context) -> Result {
    let memory = ctx.memory();
    memory.set("a.b", &1)?;
    memory.set(&path, &2).inspect_err(|failure| {
        memory.set("why", failure.kind()).unwrap();
    })
}

#[test]
fn wrong_place_is_a_failure_that_says_where() {
    for (path, kind) in [("a", "type-mismatch"), ("a.b.c", "type-mismatch"), ("a..b", "invalid-path")] {
        let failure = TestKey::new("k").run(misplace, path).unwrap_err();
        assert_eq!(failure.kind(), format!("memory/{kind}"));
        assert!(failure.message().contains(&format!("{path:?}")), "{failure}");
    }
}

fn of_another_type(_: Value, ctx: &Context) -> Result {
    ctx.memory().get::<u32>("a").map(|_| ())
}

#[test]
fn value_of_another_type_is_a_failure_that_says_so() {
    let mut key = TestKey::new("k");
    key.set_memory("a", "text");
    let failure = key.run(of_another_type, &()).unwrap_err();
    assert_eq!(failure.kind(), "json");
    assert!(failure.message().contains("memory path `a` holds another type"), "{failure}");
}

fn stand(_: Value, ctx: &Context) -> Result {
    ctx.output(&json!({
        "key": ctx.key(), "text": ctx.key_is_text(), "number": ctx.sequence_number(), "event": ctx.event_id(),
        "kind": ctx.event_kind(), "payload": ctx.event_payload(), "source": ctx.source_timestamp_ms(),
        "now": ctx.now_ms(), "random": [ctx.random_u32(), ctx.random_u32()], "tenant": ctx.header("tenant"),
        "url": ctx.config("url"), "missing": ctx.required_config("nope").unwrap_err().kind(),
    }))
}

#[test]
fn where_an_action_stands_is_the_same_on_replay() {
    let mut key = TestKey::new("k");
    key.at_ms(1000);
    key.set_header("tenant", "t");
    key.set_config("url", "u");
    let first = key.run(stand, &json!([1])).unwrap().outputs().remove(0);
    assert_eq!(key.again(stand).unwrap().outputs()[0], first);
    assert_eq!((&first["key"], &first["number"], &first["now"]), (&json!("k"), &json!(0), &json!(1000)));
    assert_eq!((&first["tenant"], &first["url"], &first["missing"]), (&json!("t"), &json!("u"), &json!("config")));
    assert_eq!((&first["payload"], &first["source"]), (&json!("[1]"), &json!(1000)));
    assert_ne!(first["random"][0], first["random"][1]);
    let next = key.run(stand, &json!([1])).unwrap().outputs().remove(0);
    assert_eq!(next["number"], 1);
    assert_ne!(next["random"], first["random"]);
}

fn any_error(text: String, _: &Context) -> Result {
    let _: u32 = text.parse()?;
    let _: u32 = weir_sdk::serde_json::from_str("x")?;
    Ok(())
}

#[test]
fn question_mark_takes_any_error() {
    let mut key = TestKey::new("k");
    assert_eq!(key.run(any_error, "x").unwrap_err().kind(), "error");
    let failure = key.run(any_error, "1").unwrap_err();
    assert_eq!((failure.kind(), failure.is_retryable()), ("json", false));
    let boxed: Box<dyn std::error::Error> = failure.into();
    assert!(boxed.to_string().starts_with("json: expected value"), "{boxed}");
}

fn panics(_: Value, ctx: &Context) -> Result {
    ctx.memory().set("a", &1)?;
    panic!("ouch");
}

#[test]
fn panic_reaches_the_test_and_the_next_run_is_as_if_it_had_not_been() {
    let mut key = TestKey::new("k");
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| key.run(panics, &())));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"ouch"));
    assert_eq!(key.memory::<u32>("a"), None);
    key.run(visit, "/a").unwrap();
}
