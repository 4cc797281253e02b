//! Events posted over HTTP: `POST /KEY` answers 202 when the event is durable in the inbox [S1].

use super::{BadEvent, EventParser, InboxSignal};
use crate::clock::now_ms;
use crate::embedded::{InboxAnswer, InboxEvent, Store, StoreError};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;
use weir_core::key::{Key, percent_decode};

/// Headers of a post that go along with its event: trace context, and what the sender adds for guests.
const PASSED_HEADERS: [&str; 3] = ["traceparent", "tracestate", "baggage"];
/// Other headers with this prefix go along too.
const PASSED_PREFIX: &str = "x-";

/// What a listener needs.
pub struct ListenState {
    /// The store whose inbox it is.
    pub store: Store,
    /// Told when events are there.
    pub signal: Arc<InboxSignal>,
    /// Set when the host drains: then it answers 503.
    pub stop: Arc<AtomicBool>,
    /// Tells what is an event, before it is taken: what is none could never be mended in the inbox.
    pub parser: EventParser,
    /// The largest body, bytes.
    pub body_bytes_max: usize,
    /// Posts that wait to be written together.
    pub waiting: Mutex<Vec<(InboxEvent, oneshot::Sender<Answer>)>>,
}

/// What becomes of a post.
type Answer = Result<InboxAnswer, StoreError>;

/// The routes: `POST /KEY`.
pub fn router(state: Arc<ListenState>) -> Router {
    let limit = DefaultBodyLimit::max(state.body_bytes_max);
    let routes = Router::new().route("/{*key}", post(take)).route("/", post(take));
    routes.method_not_allowed_fallback(only_posts).layer(limit).with_state(state)
}

async fn only_posts() -> Response {
    answer(StatusCode::METHOD_NOT_ALLOWED, "an event is taken by POST /KEY, its payload as JSON in the body")
}

async fn take(
    State(state): State<Arc<ListenState>>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let why = BadEvent::TooLong(state.body_bytes_max);
            return answer(StatusCode::PAYLOAD_TOO_LARGE, &format!("the event {why}"));
        }
        Err(rejection) => return answer(rejection.status(), &rejection.body_text()),
    };
    if state.stop.load(Ordering::Acquire) {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "the host is stopping: post again later");
    }
    let Some(key) = percent_decode(uri.path().strip_prefix('/').unwrap_or_default()) else {
        return answer(StatusCode::BAD_REQUEST, "the key in the path is not percent-encoded");
    };
    if key.is_empty() {
        return answer(StatusCode::BAD_REQUEST, "the URL names no key: post to /KEY");
    }
    let key = Key::new(key);
    let idempotency_key = headers.get("idempotency-key").map(HeaderValue::as_bytes);
    if idempotency_key == Some(b"") {
        return answer(StatusCode::BAD_REQUEST, "the Idempotency-Key is empty: name the event by it, or leave it out");
    }
    if let Err(why) = state.parser.parse_posted(0, key.clone(), &body, Vec::new()) {
        return answer(StatusCode::BAD_REQUEST, &format!("the event {why}"));
    }
    let event = InboxEvent {
        idempotency_key: idempotency_key.map(|name| scoped(&key, name)),
        key,
        kind: None,
        payload: body.into(),
        headers: passed_headers(&headers),
        received_at_ms: now_ms(),
    };
    match durable(&state, event).await {
        Ok(InboxAnswer::Taken(number)) => taken(number, false),
        Ok(InboxAnswer::Repeated(number)) => taken(number, true),
        Ok(InboxAnswer::KeyUsed(number)) => {
            let what = format!("the Idempotency-Key was sent before with another payload, as inbox event {number}");
            answer(StatusCode::UNPROCESSABLE_ENTITY, &format!("{what}: send each event with a key of its own"))
        }
        Ok(InboxAnswer::Full) => {
            let what = "the inbox is full (limits.inbox_events_max, limits.inbox_bytes_max): post again later";
            let mut response = answer(StatusCode::TOO_MANY_REQUESTS, what);
            response.headers_mut().insert("retry-after", HeaderValue::from_static("1"));
            response
        }
        Err(error) => answer(StatusCode::INTERNAL_SERVER_ERROR, &error),
    }
}

/// An idempotency key names a sending to one key: the same to another key is another event, not to be dropped.
fn scoped(key: &Key, idempotency_key: &[u8]) -> Vec<u8> {
    let key = key.as_bytes();
    [&key.len().to_be_bytes(), key, idempotency_key].concat()
}

/// Puts an event into the inbox together with all others that wait, and waits until it is durable.
async fn durable(state: &Arc<ListenState>, event: InboxEvent) -> Result<InboxAnswer, String> {
    let (sender, receiver) = oneshot::channel();
    let first = {
        let mut waiting = state.waiting.lock().expect("nothing panics under this lock");
        waiting.push((event, sender));
        waiting.len() == 1
    };
    if first {
        // Whoever is first writes for all that come before it gets its turn.
        tokio::task::yield_now().await;
        // Not on the threads that serve: the store may make its writers wait.
        let state = state.clone();
        tokio::task::spawn_blocking(move || write(&state));
    }
    match receiver.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the host stopped before the event was durable: post again".to_owned()),
    }
}

fn write(state: &Arc<ListenState>) {
    let waiting = std::mem::take(&mut *state.waiting.lock().expect("nothing panics under this lock"));
    let (events, senders): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
    match state.store.inbox_append(events) {
        Err(error) => senders.into_iter().for_each(|sender| drop(sender.send(Err(error.clone())))),
        Ok(answers) => {
            let signal = state.signal.clone();
            state.store.request_sync(move |synced| {
                signal.came();
                for (sender, answer) in senders.into_iter().zip(answers) {
                    let _ = sender.send(synced.clone().map(|()| answer));
                }
            });
        }
    }
}

fn passed_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let passed = headers
        .iter()
        .filter(|(name, _)| PASSED_HEADERS.contains(&name.as_str()) || name.as_str().starts_with(PASSED_PREFIX));
    passed.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect()
}

fn taken(number: u64, repeated: bool) -> Response {
    let body = format!("{{\"number\":{number},\"repeated\":{repeated}}}\n");
    (StatusCode::ACCEPTED, [("content-type", "application/json")], body).into_response()
}

fn answer(status: StatusCode, what: &str) -> Response {
    let body = serde_json::json!({ "error": what }).to_string() + "\n";
    (status, [("content-type", "application/json")], body).into_response()
}
