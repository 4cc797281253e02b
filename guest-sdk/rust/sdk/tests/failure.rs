//! Errors that `?` makes failures.

use weir_sdk::prelude::*;

fn parsed(text: String, _: &Context) -> Result {
    let n: i64 = text.parse()?;
    Err(Failure::fatal("parsed", n.to_string()))
}

fn parsed_in_body(text: String, ctx: &Context) -> Result {
    ctx.durable("parse", &text, |_| Ok(text.parse::<i64>()?)).map(|_| ())
}

fn parsed_by_name(text: String, _: &Context) -> Result {
    text.parse::<i64>().map(|_| ()).map_err(Failure::from)
}

fn unwritable(_: Value, ctx: &Context) -> Result {
    ctx.memory().set("a", &std::collections::BTreeMap::from([((1, 2), 3)]))
}

#[test]
fn foreign_error_says_where_it_became_a_failure() {
    let line = line!() - 18;
    let failure = TestKey::new("k").run(parsed, "x").unwrap_err();
    let place = format!("({}:{line})", file!());
    assert_eq!((failure.kind(), failure.message()), ("error", &*format!("invalid digit found in string {place}")));
    assert!(!failure.is_retryable());
    let failure = TestKey::new("k").run(parsed_in_body, "x").unwrap_err();
    let place = format!("({}:{})", file!(), line + 5);
    assert_eq!(failure.message(), format!("invalid digit found in string {place}"));
}

#[test]
fn failure_that_passes_through_stays_as_it_is() {
    assert_eq!(TestKey::new("k").run(parsed, "7").unwrap_err(), Failure::fatal("parsed", "7"));
}

#[test]
fn place_in_no_source_of_the_users_is_left_out() {
    let by_name = TestKey::new("k").run(parsed_by_name, "x").unwrap_err();
    assert_eq!(by_name.message(), "invalid digit found in string");
    let failure = TestKey::new("k").run(unwritable, &()).unwrap_err();
    assert_eq!((failure.kind(), failure.message()), ("json", "key must be a string"));
}
