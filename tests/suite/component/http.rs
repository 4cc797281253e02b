//! Outgoing HTTP [S36] [S33].

use super::{Handed, Outcome, Trial, grant, load, runtime};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};
use weir_component::{Grants, HttpGrant, Interrupted, Secret};
use weir_core::action_state::{CallPut, CallStatus};
use weir_core::failure::FailureClass;
use weir_core::limits::InvocationLimits;
use weir_tests::server::{Server, respond};

fn trial(server: &Server, steps: Value) -> Trial {
    Trial::with(load("probe", grant(&server.origin), &[], &InvocationLimits::default()), steps)
}

fn fail() -> Value {
    json!({"fail": {"retryable": ["busy", "x"]}})
}

/// The records, short: position and status.
fn statuses(outcome: &Outcome) -> Vec<String> {
    let puts = outcome.puts();
    let told = puts.iter().map(|put| match put {
        CallPut::Start => "start".to_owned(),
        CallPut::Drop(position) => format!("{position} dropped"),
        CallPut::Put(position, result) => match &result.status {
            CallStatus::Pending { .. } => format!("{position} pending"),
            CallStatus::Succeeded(_) => format!("{position} succeeded"),
            CallStatus::Failed(failure) => format!("{position} {}", failure.kind),
        },
    });
    told.collect()
}

// [S36] [S12]
#[test]
fn a_request_is_a_durable_call_that_is_sent_once() {
    let server = Server::saying("{\"a\":1}");
    let steps = |end| json!([{"http": ["POST", server.url("/orders?x=1"), {"n": 1}]}, end]);
    let failed = trial(&server, steps(fail())).run();
    assert_eq!(statuses(&failed), ["0 succeeded"]);
    let recorded = &failed.recorded()[&0];
    assert_eq!(&*recorded.function_id, format!("POST {}/orders", server.origin));
    let CallStatus::Succeeded(outcome) = &recorded.status else { panic!("{recorded:?}") };
    let outcome: Value = serde_json::from_str(outcome.as_str()).unwrap();
    assert_eq!((&outcome["status"], &outcome["text"]), (&json!(200), &json!("{\"a\":1}")));

    let replayed = trial(&server, steps(json!("key"))).recorded(&failed).seen();
    assert_eq!(replayed[0], json!({"status": 200, "body": {"a": 1}}));
    let asked = server.asked();
    assert_eq!(asked.len(), 1, "the replay sent nothing");
    assert_eq!(asked[0].line, "POST /orders?x=1 HTTP/1.1");
    assert_eq!(asked[0].body, b"{\"n\":1}");
    assert_eq!(asked[0].header("idempotency-key").map(str::len), Some(32));
}

// [S33] [S13]
#[test]
fn what_was_recorded_before_is_durable_before_a_request_leaves() {
    let server = Server::saying("1");
    let steps = json!([{"call": ["quote", 1, {"ok": 5}]}, {"http": ["GET", server.url("/"), null]}]);
    let outcome = trial(&server, steps).run();
    let handed: Vec<&str> = outcome
        .handed
        .iter()
        .map(|handed| match handed {
            Handed::Door => "door",
            Handed::Put(CallPut::Put(0, _)) => "quote",
            Handed::Put(_) => "response",
        })
        .collect();
    assert_eq!(handed, ["quote", "door", "response"]);
}

// [S33]
#[test]
fn a_closed_door_interrupts_the_invocation_and_nothing_is_sent() {
    let server = Server::saying("1");
    let trial = trial(&server, json!([{"catch": {"http": ["GET", server.url("/"), null]}}]));
    trial.port.closed.store(true, Ordering::Relaxed);
    assert_eq!(runtime().block_on(trial.start()).unwrap_err(), Interrupted);
    assert!(server.asked().is_empty());
}

// [S16]
#[test]
fn requests_sent_together_are_under_way_together_and_answered_in_order() {
    let both = Arc::new(Barrier::new(2));
    let server = Server::start(move |asked| {
        both.wait();
        respond(200, "", if asked.line.contains("/a") { "\"a\"" } else { "\"b\"" })
    });
    let requests = json!([["GET", server.url("/a"), null], ["GET", server.url("/b"), null]]);
    let trial = trial(&server, json!([{"send-all": requests}, fail()]));
    let failed = trial.run();
    let mut seen = statuses(&failed);
    seen.sort();
    assert_eq!(seen, ["0 succeeded", "1 succeeded"]);
    let recorded = failed.recorded();
    assert!(recorded[&0].function_id.ends_with("/a") && recorded[&1].function_id.ends_with("/b"));
    assert_eq!(failed.handed.iter().filter(|handed| **handed == Handed::Door).count(), 1);
}

// [S10] [S36]
#[test]
fn another_origin_is_denied_by_name_and_tried_again_when_it_is_granted() {
    let server = Server::saying("1");
    let steps = |end| json!([{"catch": {"http": ["GET", server.url("/"), null]}}, end]);
    let denied = Trial::of(steps(json!("key"))).seen();
    let message = denied[0]["message"].as_str().unwrap();
    assert!(message.contains(&server.origin) && message.contains("grant.http"), "{message}");
    assert!(server.asked().is_empty());

    let failed = Trial::of(steps(fail())).run();
    assert!(failed.puts().is_empty(), "not recorded if the attempt ends with it");
    let granted = trial(&server, steps(json!("key"))).recorded(&failed).seen();
    assert_eq!(granted[0]["status"], json!(200));
}

// [S36] [S15]
#[test]
fn what_may_pass_is_recorded_only_if_the_guest_goes_on() {
    let server = Server::start(|_| respond(503, "", "later"));
    let request = json!({"http-any-status": ["GET", server.url("/"), null]});
    let failed = trial(&server, json!([request, fail()])).run();
    assert!(statuses(&failed).is_empty());
    let failed = trial(&server, json!([request, {"call": ["f", 1, {"ok": 1}]}, fail()])).run();
    assert_eq!(statuses(&failed), ["0 succeeded", "1 succeeded"]);
    let replayed = trial(&server, json!([request, {"call": ["f", 1, {"ok": 1}]}])).recorded(&failed).seen();
    assert_eq!(replayed[0]["status"], json!(503));
    assert_eq!(server.asked().len(), 2);
    let ids: Vec<_> = server.asked().iter().map(|asked| asked.header("idempotency-key").unwrap().to_owned()).collect();
    assert_eq!(ids[0], ids[1]);
}

// [S36]
#[test]
fn a_redirect_is_the_guests_to_follow() {
    let server = Server::start(|_| respond(302, "location: http://elsewhere.example.com/\r\n", ""));
    let trial = trial(&server, json!([{"http-any-status": ["GET", server.url("/"), null]}]));
    assert_eq!(trial.seen()[0]["status"], json!(302));
    assert_eq!(server.asked().len(), 1);
}

// [S36] [S11]
#[test]
fn a_response_over_the_limit_is_an_outcome_that_is_recorded() {
    let server = Server::saying("0123456789");
    let limits = InvocationLimits { response_bytes_max: 5, ..InvocationLimits::default() };
    let component = load("probe", grant(&server.origin), &[], &limits);
    let steps = json!([{"catch": {"http": ["GET", server.url("/"), null]}}, fail()]);
    let mut trial = Trial::with(component, steps);
    trial.start.limits = Arc::new(limits);
    let failed = trial.run();
    assert_eq!(statuses(&failed), ["0 http/too-large"]);
    trial.recorded(&failed).run();
    assert_eq!(server.asked().len(), 1, "its effect is not made again");
}

// [S36]
#[test]
fn no_answer_and_no_server_are_retryable_failures() {
    let silent = Server::start(|_| {
        std::thread::sleep(std::time::Duration::from_secs(3600));
        String::new()
    });
    let request = json!({"http-with": ["GET", silent.url("/"), null, [], 50]});
    let seen = trial(&silent, json!([{ "catch": request }])).seen();
    assert_eq!(seen[0]["retryable"], json!(true), "{seen}");
    assert!(seen[0]["failure"].as_str().unwrap().contains("timeout"), "{seen}");

    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let origin = format!("http://{gone}");
    let component = load("probe", grant(&origin), &[], &InvocationLimits::default());
    let seen = Trial::with(component, json!([{"catch": {"http": ["GET", origin, null]}}])).seen();
    assert_eq!(seen[0]["retryable"], json!(true), "{seen}");
}

// [S13] [S36]
#[test]
fn a_request_inside_an_open_call_belongs_to_it() {
    let server = Server::saying("\"done\"");
    let post = server.url("/charge");
    let steps = |end| json!([{"http-call": ["charge", {"n": 1}, post, server.url("/find")]}, end]);
    let failed = trial(&server, steps(fail())).run();
    assert_eq!(statuses(&failed), ["0 pending", "0 succeeded"]);
    let position = failed.handed.iter().position(|handed| *handed == Handed::Door).unwrap();
    assert_eq!(position, 1, "the pending record is durable before the request leaves");
    let replayed = trial(&server, steps(json!("key"))).recorded(&failed).seen();
    assert_eq!(replayed[0], json!("done"));
    assert_eq!(server.asked().len(), 1);
}

// [S13]
#[test]
fn an_effect_is_cut_off_when_its_time_is_over() {
    let silent = Server::start(|_| {
        std::thread::sleep(std::time::Duration::from_secs(3600));
        String::new()
    });
    let limits = InvocationLimits { effect_ms_max: 50, ..InvocationLimits::default() };
    let component = load("probe", grant(&silent.origin), &[], &limits);
    let steps = json!([{"http-call": ["charge", 1, silent.url("/"), silent.url("/find")]}]);
    let mut trial = Trial::with(component, steps);
    trial.start.limits = Arc::new(limits);
    let outcome = trial.run();
    outcome.fails_with(FailureClass::Retryable, "");
    assert_eq!(statuses(&outcome), ["0 pending"], "retryable: not recorded, so that its reconciler is asked");
}

// [S10]
#[test]
fn a_secret_reaches_its_server_and_nobody_else() {
    let server = Server::start(|asked| {
        let secret = asked.header("authorization").unwrap();
        respond(200, &format!("x-echo: {secret}\r\n"), &format!("\"{secret}\""))
    });
    let secret_headers = vec![("Authorization".to_owned(), Secret::new("Bearer hunter22"))];
    let grants = Grants { http: vec![HttpGrant { origin: server.origin.clone(), secret_headers }] };
    let component = load("probe", grants, &[], &InvocationLimits::default());
    let trial = Trial::with(component, json!([{"http": ["GET", server.url("/"), null]}]));
    let outcome = trial.run();
    assert_eq!(server.asked()[0].header("authorization"), Some("Bearer hunter22"));
    let everything = format!("{outcome:?} {:?}", trial.component);
    assert!(!everything.contains("hunter22"), "{everything}");
    assert!(outcome.seen().to_string().contains("[redacted]"));
}

// [S10]
#[test]
fn a_secret_that_comes_back_without_its_prefix_or_in_a_body_that_is_no_text_is_redacted() {
    let server = Server::start(|asked| {
        let secret = asked.header("authorization").unwrap();
        let token = secret.strip_prefix("Bearer ").unwrap();
        if asked.line.starts_with("GET /bytes") {
            let mut bytes = respond(200, "", &format!("?{token} {secret}")).into_bytes();
            let at = bytes.iter().position(|&byte| byte == b'?').unwrap();
            bytes[at] = 0xff;
            return bytes;
        }
        respond(200, &format!("x-echo: {token}\r\n"), &format!("\"{token}\"")).into_bytes()
    });
    let secret = Secret::new("hunter22").with_prefix("Bearer ");
    let secret_headers = vec![("Authorization".to_owned(), secret)];
    let grants = Grants { http: vec![HttpGrant { origin: server.origin.clone(), secret_headers }] };
    let component = load("probe", grants, &[], &InvocationLimits::default());
    let steps =
        json!([{"http": ["GET", server.url("/"), null]}, {"http-any-status": ["GET", server.url("/bytes"), null]}]);
    let trial = Trial::with(component, steps);
    let outcome = trial.run();
    assert_eq!(server.asked()[1].header("authorization"), Some("Bearer hunter22"));
    let everything = format!("{outcome:?} {:?}", trial.component);
    assert!(!everything.contains("hunter22"), "{everything}");
    assert!(outcome.seen().to_string().contains("[redacted]"));
    // Bytes are recorded in base64, where nobody would find a secret by its text.
    let recorded = outcome.recorded();
    let CallStatus::Succeeded(response) = &recorded[&1].status else { panic!("{recorded:?}") };
    let response: Value = serde_json::from_str(response.as_str()).unwrap();
    let expected = weir_core::base64::encode(b"\xff[redacted] [redacted]");
    assert_eq!(response["base64"], expected);
}
