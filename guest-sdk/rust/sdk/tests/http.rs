//! HTTP: durable by default, several at once, statuses as failures.

use std::time::Duration;

use weir_sdk::prelude::*;
use weir_sdk::testing::{TestKey, TestResponse};

fn get(url: String, ctx: &Context) -> Result {
    let n: u32 = ctx.get(url).send()?.json()?;
    ctx.output(&n)
}

#[test]
fn response_is_recorded_and_replayed() {
    let mut key = TestKey::new("k");
    let mut n = 0;
    key.on_request(move |_| {
        n += 1;
        TestResponse::json(&n)
    });
    assert_eq!(key.run(get, "http://a.example/x?y=1").unwrap().outputs(), [json!(1)]);
    assert_eq!(key.again(get).unwrap().outputs(), [json!(1)]);
    assert_eq!(key.requests().len(), 1);
    assert_eq!(key.calls()[0].function_id, "GET http://a.example/x");
}

#[test]
fn request_sent_again_carries_the_same_idempotency_key() {
    let mut key = TestKey::new("k");
    key.on_request(|_| TestResponse::timeout());
    assert_eq!(key.run(get, "http://a.example/").unwrap_err().kind(), "http/timeout");
    key.on_request(|_| TestResponse::status(503));
    assert!(key.again(get).unwrap_err().is_retryable());
    key.on_request(|_| TestResponse::json(&1));
    key.crash_in("GET http://a.example/");
    assert_eq!(key.again(get).unwrap_err().kind(), "crash");
    key.again(get).unwrap();
    let keys: Vec<_> = key.requests().iter().map(|request| request.header("idempotency-key").unwrap()).collect();
    assert_eq!(keys.len(), 4);
    assert!(keys.iter().all(|key| *key == keys[0]));
}

#[test]
fn statuses_become_failures() {
    let cases = [
        (TestResponse::status(404), "http/status", false, None),
        (TestResponse::status(400).header("Retry-After", "5"), "http/status", false, None),
        (TestResponse::status(429).header("retry-after", "5"), "http/status", true, Some(5)),
        (TestResponse::status(503).header("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"), "http/status", true, None),
        (TestResponse::status(408), "http/status", true, None),
        (TestResponse::status(425), "http/status", true, None),
        (TestResponse::connection_failed("refused"), "http/connection", true, None),
        (TestResponse::denied("not granted"), "http/denied", false, None),
        (TestResponse::text("no number"), "http/body", false, None),
    ];
    for (response, kind, is_retryable, seconds) in cases {
        let mut key = TestKey::new("k");
        let answer = response.clone();
        key.on_request(move |_| answer.clone());
        let failure = key.run(get, "http://a.example/").unwrap_err();
        assert_eq!((failure.kind(), failure.is_retryable()), (kind, is_retryable), "{response:?}");
        assert_eq!(failure.wait(), seconds.map(Duration::from_secs), "{response:?}");
        assert!(failure.message().contains("http://a.example/"), "{failure}");
    }
}

fn any_status(url: String, ctx: &Context) -> Result {
    let response = ctx.request("PATCH", url).header("X-A", "b").text("é").send_any_status()?;
    ctx.output(&json!([response.status(), response.header("x-c"), response.text()?]))
}

#[test]
fn any_status_can_be_taken_as_a_response_and_replays_so() {
    let mut key = TestKey::new("k");
    key.on_request(|request| {
        assert_eq!((request.method(), request.header("x-a"), request.bytes()), ("PATCH", Some("b"), "é".as_bytes()));
        TestResponse::status(500).header("X-C", "d")
    });
    let expected = [json!([500, "d", ""])];
    assert_eq!(key.run(any_status, "http://a.example/").unwrap().outputs(), expected);
    key.again(any_status).unwrap();
}

fn two(urls: [String; 2], ctx: &Context) -> Result {
    let [a, b] = ctx.send_all(urls.map(|url| ctx.post(url, &json!({}))))?;
    ctx.output(&(a.json::<u32>()?, b.json::<u32>()?))
}

// [S16]
#[test]
fn of_two_at_once_only_the_failed_one_is_sent_again() {
    let mut key = TestKey::new("k");
    key.on_request(
        |request| if request.url().ends_with('b') { TestResponse::status(500) } else { TestResponse::json(&1) },
    );
    assert!(key.run(two, &["http://x/a", "http://x/b"]).unwrap_err().is_retryable());
    key.on_request(|_| TestResponse::json(&2));
    assert_eq!(key.again(two).unwrap().outputs(), [json!([1, 2])]);
    let urls: Vec<&str> = key.requests().iter().map(|request| request.url()).collect();
    assert_eq!(urls, ["http://x/a", "http://x/b", "http://x/b"]);
}

fn quotes(shops: Vec<String>, ctx: &Context) -> Result {
    let calls = shops.iter().map(|shop| {
        ctx.durable_call("quote", shop)
            .reconcile(|_| Ok(Some(9)))
            .request(ctx.post(shop, &1), |response| response.json::<u32>())
    });
    let quotes = ctx.durable_each(calls)?;
    ctx.output(&quotes.into_iter().map(|quote| quote.ok()).collect::<Vec<_>>())
}

// [S16]
#[test]
fn several_durable_calls_at_once_are_recorded_each_with_its_outcome() {
    let mut key = TestKey::new("k");
    key.on_request(
        |request| if request.url().ends_with('b') { TestResponse::status(404) } else { TestResponse::json(&5) },
    );
    let expected = [json!([5, null, 5])];
    assert_eq!(key.run(quotes, &["http://x/a", "http://x/b", "http://x/c"]).unwrap().outputs(), expected);
    let keys: Vec<_> = key.requests().iter().map(|request| request.header("Idempotency-Key").unwrap()).collect();
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2], "{keys:?}");
    assert_eq!(key.again(quotes).unwrap().outputs(), expected);
    assert_eq!(key.requests().len(), 3);
}

// [S16]
#[test]
fn several_durable_calls_cut_off_are_reconciled_before_the_rest_is_sent() {
    let mut key = TestKey::new("k");
    key.on_request(|_| TestResponse::json(&5));
    key.crash_in("quote");
    assert_eq!(key.run(quotes, &["http://x/a", "http://x/b"]).unwrap_err().kind(), "crash");
    assert_eq!(key.again(quotes).unwrap().outputs(), [json!([9, 9])]);
    assert_eq!(key.requests().len(), 2);
}

fn inside(_: Value, ctx: &Context) -> Result {
    let n: u32 = ctx.durable("charge", &(), |call| {
        ctx.post("http://x/", &()).header("Idempotency-Key", call.id()).send()?.json()
    })?;
    ctx.output(&n)
}

#[test]
fn request_inside_a_durable_call_belongs_to_it() {
    let mut key = TestKey::new("k");
    key.on_request(|_| TestResponse::json(&3));
    key.run(inside, &()).unwrap();
    let calls: Vec<&str> = key.calls().iter().map(|call| call.function_id.as_str()).collect();
    assert_eq!(calls, ["charge"]);
}

fn unwritable(_: Value, ctx: &Context) -> Result {
    let bad: std::collections::BTreeMap<(u8, u8), u8> = [((1, 2), 3)].into();
    ctx.send_all([ctx.post("http://x/a", &1), ctx.post("http://x/b", &bad)]).map(|_| ())
}

#[test]
fn body_that_is_no_json_sends_nothing() {
    let mut key = TestKey::new("k");
    assert_eq!(key.run(unwritable, &()).unwrap_err().kind(), "json");
    assert!(key.requests().is_empty());
}

fn twice_the_same(_: Value, ctx: &Context) -> Result {
    let results = ctx.send_each([ctx.get("https://a.example/"), ctx.get("https://a.example/")])?;
    let ended = results.into_iter().collect::<Result<Vec<_>>>();
    ctx.get("https://a.example/").send()?;
    ended.map(|_| ())
}

// [S12]
#[test]
fn equal_requests_at_once_have_keys_of_their_own_which_only_those_after_them_may_take_again() {
    let mut key = TestKey::new("k");
    let keys = |key: &TestKey| -> Vec<String> {
        key.requests().iter().map(|request| request.header("idempotency-key").unwrap().to_owned()).collect()
    };
    key.on_request(|_| TestResponse::json(&1));
    key.run(twice_the_same, &()).unwrap();
    let [first, second, third] = &keys(&key)[..] else { panic!("{key:?}") };
    assert!(first != second && second != third && first != third);
    key.again(twice_the_same).unwrap();
    assert_eq!(key.requests().len(), 3, "a replay sends nothing");

    let mut key = TestKey::new("k");
    key.on_request(|_| TestResponse::status(503));
    key.run(twice_the_same, &()).unwrap_err();
    let [first, second, third] = &keys(&key)[..] else { panic!("{key:?}") };
    assert_ne!(first, second);
    assert_eq!(third, first, "the next tries the first again");
}
