use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::interruption::{Interruption, Moment};
use crate::ledger::{Ledger, Outcome, Request};
use crate::settings::{Faults, WorldSettings};

/// The ledger takes no more requests than this: a client in a loop must not fill the memory.
const REQUESTS_MAX: usize = 2_000_000;

/// The provider behind all endpoints: it decides what becomes of each request and writes the ledger.
///
/// Deciding, taking effect and noting happen in one step under one lock, so the ledger is true at every moment.
pub(crate) struct Desk {
    began: Instant,
    seed: u64,
    faults: Faults,
    faults_of: std::collections::BTreeMap<String, Faults>,
    books: Mutex<Books>,
}

struct Books {
    ledger: Ledger,
    /// Requests and failures so far, by endpoint and body digest.
    seen: HashMap<(String, String), Seen>,
    /// First answers, by endpoint and idempotency key.
    answers: HashMap<(String, String), FirstAnswer>,
    kills: u32,
    on_arrival: Option<crate::settings::OnArrival>,
}

#[derive(Default)]
struct Seen {
    requests: u32,
    failures: u32,
}

struct FirstAnswer {
    body_digest: String,
    answer: String,
}

/// What the server must do with a request: answer it, or cut the connection.
pub(crate) struct Decision {
    pub number: u64,
    /// Status and body; `None` cuts the connection.
    pub answer: Option<(u16, String)>,
    pub delay_ms: u64,
    /// Acted upon before the answer, or after it if its moment says so.
    pub interruption: Option<Interruption>,
}

impl Desk {
    pub fn new(settings: WorldSettings) -> Desk {
        Desk {
            began: Instant::now(),
            seed: settings.seed,
            faults: settings.faults,
            faults_of: settings.faults_of,
            books: Mutex::new(Books {
                ledger: Ledger::default(),
                seen: HashMap::new(),
                answers: HashMap::new(),
                kills: 0,
                on_arrival: settings.on_arrival,
            }),
        }
    }

    /// Takes a request: from here on it has had its effect, or never will.
    /// `None`: the ledger is full.
    pub fn on_request(&self, endpoint: &str, key: Option<&str>, body: &[u8]) -> Option<Decision> {
        let digest = hex(&Sha256::digest(body));
        let faults = *self.faults_of.get(endpoint).unwrap_or(&self.faults);
        let mut books = self.books();
        let books = &mut *books;
        if books.ledger.requests.len() >= REQUESTS_MAX {
            return None;
        }

        let seen = books.seen.entry((endpoint.to_owned(), digest.clone())).or_default();
        let mut fault = Fault::draw(self.seed, &faults, endpoint, body, seen.requests);
        if fault.is_failure() && seen.failures >= faults.per_effect_max {
            fault = Fault::None;
        }
        let mut request = Request {
            number: books.ledger.requests.len() as u64 + 1,
            endpoint: endpoint.to_owned(),
            idempotency_key: key.map(str::to_owned),
            body: String::from_utf8_lossy(body).into_owned(),
            body_digest: digest,
            ordinal: seen.requests,
            fault,
            outcome: Outcome::Lost,
            answered: false,
            kills_before: books.kills,
            arrived_at_ms: self.now_ms(),
            answered_at_ms: None,
        };
        let interruption = books.on_arrival.as_mut().and_then(|ask| ask(&request));
        if let Some(interruption) = &interruption {
            request.fault = match interruption.moment {
                Moment::BeforeEffect => Fault::LoseRequest,
                Moment::BeforeAnswer => Fault::LoseAnswer,
                Moment::AfterAnswer => Fault::None,
            };
        }
        seen.requests += 1;
        // A client that was killed has not spent one of the faults that the world owes it.
        seen.failures += u32::from(interruption.is_none() && request.fault.is_failure());

        let answer = take_effect(&mut books.answers, &mut request);
        let number = request.number;
        let late_ms = match request.fault {
            Fault::DelayMs(late_ms) => late_ms,
            _ => 0,
        };
        books.ledger.requests.push(request);
        Some(Decision { number, answer, delay_ms: faults.latency_ms + late_ms, interruption })
    }

    /// Writes an answer and notes whether the whole of it was handed to the network, in one step:
    /// nobody who has read the answer finds a ledger that does not know of it.
    pub fn answering<T>(&self, number: u64, write: impl FnOnce() -> (bool, T)) -> T {
        let mut books = self.books();
        let (is_out, written) = write();
        if is_out {
            let request = &mut books.ledger.requests[number as usize - 1];
            request.answered = true;
            request.answered_at_ms = Some(self.now_ms());
        }
        written
    }

    /// The first answer that was given for a key, if its effect took place: what a reconciler asks.
    pub fn find(&self, endpoint: &str, key: &str) -> Option<String> {
        let books = self.books();
        let first = books.answers.get(&(endpoint.to_owned(), key.to_owned()))?;
        Some(first.answer.clone())
    }

    pub fn ledger(&self) -> Ledger {
        self.books().ledger.clone()
    }

    /// Acts, and notes the kill that it was.
    pub fn interrupt(&self, interruption: Interruption) {
        (interruption.act)();
        self.note_kill();
    }

    pub fn note_kill(&self) {
        self.books().kills += 1;
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("no holder of the books panics")
    }
}

/// Decides the request's outcome and what is answered (`None`: nothing).
fn take_effect(answers: &mut HashMap<(String, String), FirstAnswer>, request: &mut Request) -> Option<(u16, String)> {
    match request.fault {
        Fault::LoseRequest => return None,
        Fault::Refuse => {
            request.outcome = Outcome::Refused;
            return Some((503, r#"{"error":"the provider is busy, try again"}"#.into()));
        }
        Fault::None | Fault::LoseAnswer | Fault::DelayMs(_) => {}
    }
    let (status, answer) = match &request.idempotency_key {
        None => {
            request.outcome = Outcome::Sent;
            (200, receipt(request))
        }
        Some(key) => {
            let name = (request.endpoint.clone(), key.clone());
            match answers.get(&name) {
                None => {
                    request.outcome = Outcome::Sent;
                    let first = FirstAnswer { body_digest: request.body_digest.clone(), answer: receipt(request) };
                    let answer = first.answer.clone();
                    answers.insert(name, first);
                    (200, answer)
                }
                Some(first) if first.body_digest == request.body_digest => {
                    request.outcome = Outcome::Repeated;
                    (200, first.answer.clone())
                }
                Some(_) => {
                    request.outcome = Outcome::Conflict;
                    let error = r#"{"error":"this idempotency key came with another body"}"#;
                    (422, error.to_owned())
                }
            }
        }
    };
    let is_lost = request.fault == Fault::LoseAnswer;
    (!is_lost).then_some((status, answer))
}

/// The answer to an effect: derived from its content, so that runs can be compared whatever their order was.
fn receipt(request: &Request) -> String {
    let receipt = format!("{}-{}", request.endpoint, &request.body_digest[..12]);
    serde_json::json!({ "receipt": receipt }).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
