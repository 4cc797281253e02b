//! The world is tested as its clients meet it: over HTTP.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use quakes_world::post::{get, post};
use quakes_world::{Fault, Faults, Interruption, LedgerPage, Moment, Outcome, World, WorldSettings};

fn calm() -> World {
    World::start(WorldSettings::default()).unwrap()
}

fn rough(seed: u64) -> World {
    let faults = Faults { latency_ms: 0, delay_ms_max: 1, ..Faults::ROUGH };
    World::start(WorldSettings { seed, faults, ..WorldSettings::default() }).unwrap()
}

fn only(faults: Faults) -> World {
    World::start(WorldSettings { faults, ..WorldSettings::default() }).unwrap()
}

#[test]
fn page_with_a_known_key_is_not_sent_again_and_answered_as_before() {
    let world = calm();
    let url = format!("{}/page", world.origin());
    let first = post(&url, Some("k1"), r#"{"region":"A"}"#).unwrap();
    let again = post(&url, Some("k1"), r#"{"region":"A"}"#).unwrap();
    assert_eq!(first.0, 200);
    assert_eq!(first, again);
    let effects = world.ledger().effects();
    assert_eq!(effects.len(), 1);
    assert_eq!((effects[0].requests, effects[0].idempotency_keys, effects[0].sent), (2, 1, 1));
    assert_eq!(world.ledger().requests[1].outcome, Outcome::Repeated);
}

#[test]
fn page_repeated_without_a_key_is_sent_twice() {
    let world = calm();
    let url = format!("{}/page", world.origin());
    for _ in 0..2 {
        assert_eq!(post(&url, None, "{}").unwrap().0, 200);
    }
    let effects = world.ledger().effects();
    assert_eq!((effects[0].requests_without_key, effects[0].sent), (2, 2));
}

#[test]
fn two_keys_for_one_effect_send_it_twice() {
    let world = calm();
    let url = format!("{}/map", world.origin());
    post(&url, Some("a"), "{}").unwrap();
    post(&url, Some("b"), "{}").unwrap();
    let effects = world.ledger().effects_of("map");
    assert_eq!((effects[0].idempotency_keys, effects[0].sent), (2, 2));
}

#[test]
fn known_key_with_another_body_is_refused() {
    let world = calm();
    let url = format!("{}/page", world.origin());
    post(&url, Some("a"), "1").unwrap();
    assert_eq!(post(&url, Some("a"), "2").unwrap().0, 422);
    assert_eq!(world.ledger().requests[1].outcome, Outcome::Conflict);
    assert_eq!(world.ledger().effects()[1].sent, 0);
}

#[test]
fn one_key_names_different_effects_at_different_endpoints() {
    let world = calm();
    for path in ["page", "map", "effect/charge"] {
        assert_eq!(post(&format!("{}/{path}", world.origin()), Some("a"), "1").unwrap().0, 200);
    }
    assert!(world.ledger().effects().iter().all(|effect| effect.sent == 1));
    assert_eq!(world.ledger().effects()[2].endpoint, "charge");
}

#[test]
fn lost_answer_has_its_effect_and_is_not_noted_as_answered() {
    let world = only(Faults { lost_answers_per_mille: 1000, per_effect_max: 1, ..Faults::NONE });
    let url = format!("{}/effect/charge", world.origin());
    assert!(post(&url, Some("k"), "7").is_err());
    let request = world.ledger().requests[0].clone();
    assert_eq!((request.outcome, request.answered), (Outcome::Sent, false));

    assert_eq!(post(&url, Some("k"), "7").unwrap().0, 200);
    let request = world.ledger().requests[1].clone();
    assert_eq!((request.outcome, request.answered), (Outcome::Repeated, true));
}

#[test]
fn lost_and_refused_requests_have_no_effect() {
    for (faults, outcome) in [
        (Faults { lost_requests_per_mille: 1000, per_effect_max: 1, ..Faults::NONE }, Outcome::Lost),
        (Faults { refusals_per_mille: 1000, per_effect_max: 1, ..Faults::NONE }, Outcome::Refused),
    ] {
        let world = only(faults);
        let url = format!("{}/page", world.origin());
        let first = post(&url, Some("k"), "7");
        assert!(first.is_err() || first.unwrap().0 == 503);
        assert_eq!(world.ledger().requests[0].outcome, outcome);
        assert_eq!(post(&url, Some("k"), "7").unwrap().0, 200);
        assert_eq!(world.ledger().effects()[0].sent, 1);
    }
}

#[test]
fn delayed_answer_arrives() {
    let world = only(Faults { delays_per_mille: 1000, delay_ms_max: 30, ..Faults::NONE });
    assert_eq!(post(&format!("{}/page", world.origin()), None, "1").unwrap().0, 200);
    assert!(matches!(world.ledger().requests[0].fault, Fault::DelayMs(_)));
}

#[test]
fn faults_can_differ_by_endpoint() {
    let bad = Faults { refusals_per_mille: 1000, per_effect_max: 9, ..Faults::NONE };
    let world = World::start(WorldSettings { faults_of: [("map".to_owned(), bad)].into(), ..WorldSettings::default() })
        .unwrap();
    assert_eq!(post(&format!("{}/page", world.origin()), None, "1").unwrap().0, 200);
    assert_eq!(post(&format!("{}/map", world.origin()), None, "1").unwrap().0, 503);
}

/// Posts 300 effects in the given order, each until it is answered, and tells what the world did to each.
fn drive(world: &World, order: impl Iterator<Item = u32>) -> Vec<(String, u32, Fault)> {
    let url = format!("{}/effect/charge", world.origin());
    for number in order {
        let body = number.to_string();
        while !matches!(post(&url, Some(&body), &body), Ok((200, _))) {}
    }
    let mut done: Vec<_> =
        world.ledger().requests.into_iter().map(|request| (request.body, request.ordinal, request.fault)).collect();
    done.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    done
}

#[test]
fn same_seed_gives_the_same_faults_whatever_the_order() {
    let up = drive(&rough(5), 0..300);
    assert_eq!(up, drive(&rough(5), (0..300).rev()));
    assert_ne!(up, drive(&rough(6), 0..300));
    assert!(up.iter().any(|(_, _, fault)| *fault == Fault::LoseAnswer));
}

#[test]
fn client_with_keys_has_every_effect_once_in_a_rough_world() {
    let world = rough(9);
    drive(&world, 0..300);
    let effects = world.ledger().effects();
    assert_eq!(effects.len(), 300);
    assert!(effects.iter().all(|effect| effect.sent == 1 && effect.answered >= 1));
    assert!(effects.iter().all(|effect| effect.requests <= 1 + Faults::ROUGH.per_effect_max));
}

#[test]
fn ledger_is_shown_as_json() {
    let world = calm();
    post(&format!("{}/page", world.origin()), Some("k"), "1").unwrap();
    let (status, text) = get(&format!("{}/ledger", world.origin()), None).unwrap();
    assert_eq!(status, 200);
    let page: LedgerPage = serde_json::from_str(&text).unwrap();
    assert_eq!(page, world.ledger().page());
    assert_eq!(page.effects[0].sent, 1);
}

#[test]
fn reconciler_finds_the_effect_of_a_key() {
    let world = calm();
    let url = format!("{}/effect/charge", world.origin());
    assert_eq!(get(&url, Some("k")).unwrap().0, 404);
    let first = post(&url, Some("k"), "1").unwrap();
    assert_eq!(get(&url, Some("k")).unwrap(), first);
}

#[test]
fn unknown_paths_and_methods_are_refused() {
    let world = calm();
    assert_eq!(post(&format!("{}/pager", world.origin()), None, "1").unwrap().0, 404);
    assert_eq!(post(&format!("{}/effect/", world.origin()), None, "1").unwrap().0, 404);
    assert!(world.ledger().requests.is_empty());
}

fn interrupting(moment: Moment) -> (World, Arc<AtomicU32>) {
    let acted = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&acted);
    let world = World::start(WorldSettings {
        on_arrival: Some(Box::new(move |request| {
            let seen = Arc::clone(&seen);
            let act = Box::new(move || _ = seen.fetch_add(1, Ordering::SeqCst));
            (request.number == 2).then_some(Interruption { moment, act })
        })),
        ..WorldSettings::default()
    })
    .unwrap();
    (world, acted)
}

#[test]
fn interruption_comes_at_its_moment() {
    for (moment, outcome, is_answered) in [
        (Moment::BeforeEffect, Outcome::Lost, false),
        (Moment::BeforeAnswer, Outcome::Sent, false),
        (Moment::AfterAnswer, Outcome::Sent, true),
    ] {
        let (world, acted) = interrupting(moment);
        let url = format!("{}/page", world.origin());
        for number in 1..=3 {
            let answer = post(&url, None, &number.to_string());
            assert_eq!(answer.is_ok(), number != 2 || is_answered, "{moment:?}");
        }
        assert_eq!(acted.load(Ordering::SeqCst), 1);
        let requests = world.ledger().requests;
        assert_eq!((requests[1].outcome, requests[1].answered), (outcome, is_answered));
        assert_eq!((requests[1].kills_before, requests[2].kills_before), (0, 1));
    }
}

#[test]
fn many_clients_at_once_send_each_page_once() {
    let world = rough(2);
    let url = format!("{}/page", world.origin());
    let failures = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for number in 0..40 {
                    let body = number.to_string();
                    while !matches!(post(&url, Some(&body), &body), Ok((200, _))) {
                        *failures.lock().unwrap() += 1;
                    }
                }
            });
        }
    });
    let effects = world.ledger().effects();
    assert_eq!(effects.len(), 40);
    assert!(effects.iter().all(|effect| effect.sent == 1));
    assert!(*failures.lock().unwrap() > 0);
}
