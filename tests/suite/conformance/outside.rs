//! What is outside a guest's host: the server that a case scripts, the clock, the way to the log.

use super::case::{Answer, How};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use weir_component::{DoorFuture, InvocationPort};
use weir_core::action_state::CallPut;
use weir_core::invocation::Invocation;
use weir_core::key::Key;
use weir_tests::server::{Asked, Server, respond};

/// A server for all cases, one after another.
pub struct Outside {
    /// Granted.
    pub origin: String,
    /// Granted, and nobody listens there.
    pub closed_origin: String,
    server: Server,
    script: Arc<Script>,
}

#[derive(Default)]
struct Script {
    now: Mutex<Now>,
    changed: Condvar,
    kill: Notify,
}

/// The case that is run.
#[derive(Default)]
struct Now {
    number: u64,
    answers: Vec<Answer>,
    asked: Vec<Asked>,
}

impl Outside {
    pub fn start() -> Self {
        let script = Arc::new(Script::default());
        let server = Server::start({
            let script = script.clone();
            move |asked| script.answer(asked)
        });
        let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let closed_origin = format!("http://{}", closed.local_addr().expect("it is bound"));
        Self { origin: server.origin.clone(), closed_origin, server, script }
    }

    /// From now on the server answers for another case.
    pub fn begin(&self, answers: Vec<Answer>) {
        self.script.lock().number += 1;
        self.script.changed.notify_all();
        self.server.settle();
        let mut now = self.script.lock();
        *now = Now { number: now.number, answers, asked: Vec::new() };
    }

    /// What the case has asked.
    pub fn asked(&self) -> Vec<Asked> {
        self.script.lock().asked.clone()
    }

    /// The server says that the host is to die.
    pub async fn killed(&self) {
        self.script.kill.notified().await;
    }
}

impl Script {
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The first answer to this request that was not given yet, or the last again.
    fn answer(&self, asked: &Asked) -> Vec<u8> {
        let line = request_of(asked);
        let name = line.split('?').next().unwrap_or_default().to_owned();
        let mut now = self.lock();
        let (number, before) = (now.number, now.asked.iter().filter(|other| is_named(other, &name)).count());
        now.asked.push(asked.clone());
        self.changed.notify_all();
        let answers: Vec<&Answer> = now.answers.iter().filter(|answer| answer.request == name).collect();
        let Some(answer) = answers.get(before).or(answers.last()) else {
            return respond(599, "", &format!("the case has no answer to {name}")).into_bytes();
        };
        match answer.how.clone() {
            How::Respond { status, headers, body, together } => {
                if !self.wait(now, |now| now.number != number || now.asked.len() >= together) {
                    let what = format!("{name}: no {together} requests came together");
                    return respond(599, "", &what).into_bytes();
                }
                let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
                [head.into_bytes(), body].concat()
            }
            How::Silent => {
                self.wait(now, |now| now.number != number);
                Vec::new()
            }
            How::Kill => {
                self.kill.notify_one();
                self.wait(now, |now| now.number != number);
                Vec::new()
            }
        }
    }

    /// Whether it came true.
    fn wait(&self, mut now: MutexGuard<'_, Now>, until: impl Fn(&Now) -> bool) -> bool {
        // No case takes as long; a server that waits for ever would hide why one does.
        for _ in 0..100 {
            if until(&now) {
                return true;
            }
            let waited = self.changed.wait_timeout(now, Duration::from_millis(100));
            now = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        false
    }
}

/// `POST /path?query`.
pub fn request_of(asked: &Asked) -> &str {
    asked.line.strip_suffix(" HTTP/1.1").unwrap_or(&asked.line)
}

fn is_named(asked: &Asked, name: &str) -> bool {
    request_of(asked).split('?').next() == Some(name)
}

/// The way of a case's invocations to clock and log. What is put is durable at once.
pub struct Port {
    wall_us: AtomicU64,
    puts: Mutex<VecDeque<(Key, u64, Vec<CallPut>)>>,
}

impl Port {
    pub fn new(wall_ms: u64) -> Self {
        Self { wall_us: AtomicU64::new(wall_ms * 1000), puts: Mutex::default() }
    }

    pub fn now_ms(&self) -> u64 {
        self.wall_us.load(Ordering::Relaxed) / 1000
    }

    /// Time passes.
    pub fn pass_to(&self, now_ms: u64) {
        self.wall_us.fetch_max(now_ms * 1000, Ordering::Relaxed);
    }

    /// What invocations handed over since the last call.
    pub fn take(&self) -> VecDeque<(Key, u64, Vec<CallPut>)> {
        std::mem::take(&mut self.puts.lock().expect("no holder panics"))
    }
}

impl InvocationPort for Port {
    fn put(&self, invocation: &Invocation, puts: Vec<CallPut>) {
        let put = (invocation.task().key.clone(), invocation.id(), puts);
        self.puts.lock().expect("no holder panics").push_back(put);
    }

    fn door(&self, invocation: &Invocation, puts: Vec<CallPut>) -> DoorFuture {
        if !puts.is_empty() {
            self.put(invocation, puts);
        }
        Box::pin(async { Ok(()) })
    }

    /// A millisecond passes with each look at it.
    fn wall_clock_us(&self) -> u64 {
        self.wall_us.fetch_add(1000, Ordering::Relaxed)
    }
}
