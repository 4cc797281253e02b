//! `http`: outgoing requests, durable by default [S36].

use crate::bindings::http::{Body, Host, HttpError, Request, Response};
use crate::http::{Outgoing, Race, Reply, outcome};
use crate::state::{HostState, Job};
use crate::watch::Step;
use std::time::Duration;
use weir_core::invocation::{Abort, RequestStep};

/// Requests that a guest may send at once.
const REQUESTS_MAX: usize = 256;

type Answer = Result<Response, HttpError>;

impl Host for HostState {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Answer> {
        let mut answers = self.exchange(vec![request]).await?;
        Ok(answers.pop().expect("a request has an answer"))
    }

    async fn send_all(&mut self, requests: Vec<Request>) -> wasmtime::Result<Vec<Answer>> {
        self.exchange(requests).await
    }
}

impl HostState {
    async fn exchange(&mut self, requests: Vec<Request>) -> wasmtime::Result<Vec<Answer>> {
        let guest = self.guest.clone();
        let limits = self.job()?.invocation.limits().clone();
        if requests.len() > REQUESTS_MAX {
            let message = format!("send {} requests at once: at most {REQUESTS_MAX}", requests.len());
            return Err(Abort::Trap(message).into());
        }
        let mut outgoing = Vec::with_capacity(requests.len());
        for request in requests {
            let request = Outgoing::new(request, &guest.grants);
            let size = request.body_size();
            if size > limits.value_bytes_max {
                let max = limits.value_bytes_max;
                return Err(Abort::too_large("limits.value_bytes_max", "send a request: its body", size, max).into());
            }
            outgoing.push(request);
        }
        let job = self.job()?;
        let now_ms = job.wall_ms();
        let summaries: Vec<_> = outgoing.iter().map(Outgoing::summary).collect();
        let steps = job.invocation.begin_requests(&summaries, now_ms)?;
        let told: Vec<(String, String)> = match job.watch {
            Some(_) => summaries.iter().map(|one| (one.method.to_owned(), one.url.to_owned())).collect(),
            None => Vec::new(),
        };
        drop(summaries);

        let mut answers: Vec<Option<Answer>> = Vec::with_capacity(outgoing.len());
        let mut leaving = Vec::new();
        for (at, (request, step)) in outgoing.into_iter().zip(&steps).enumerate() {
            answers.push(match (step, request.refused()) {
                (RequestStep::Replay(recorded), _) => Some(outcome::decode(recorded)),
                (_, Some(refused)) => Some(job.end_request(step, Reply::not_sent(refused))?),
                _ => {
                    leaving.push((at, request));
                    None
                }
            });
        }
        if leaving.is_empty() {
            job.put();
        } else {
            self.send_out(leaving, &steps, &mut answers).await?;
        }
        let answers: Vec<Answer> = answers.into_iter().map(|answer| answer.expect("a request has an answer")).collect();
        let job = self.job()?;
        for (((method, url), step), answer) in told.into_iter().zip(&steps).zip(&answers) {
            job.watch(|watch| Step::Requested {
                url: watch.text(&url),
                method,
                replayed: matches!(step, RequestStep::Replay(_)),
                answer: to_be_told(answer).map_err(|error| watch.text(&error)),
            });
        }
        Ok(answers)
    }

    /// Sends what really leaves the host, when the door is open [S33].
    async fn send_out(
        &mut self,
        leaving: Vec<(usize, Outgoing)>,
        steps: &[RequestStep],
        answers: &mut [Option<Answer>],
    ) -> wasmtime::Result<()> {
        let (guest, began_at) = (self.guest.clone(), self.cpu.tick());
        let job = self.job()?;
        let puts = job.invocation.take_puts_before_waiting();
        let open = job.port.door(&job.invocation, puts).await;
        open.map_err(|_| crate::port::Interrupted)?;
        // What it waits for the lease is no part of the effect's time.
        let http = self.job()?.http.clone();
        http.opened().await;
        let job = self.job()?;
        let limits = job.invocation.limits().clone();
        let now_ms = job.wall_ms();
        let mut race = Race::new();
        for (at, request) in leaving {
            let (id, left_ms) = match &steps[at] {
                RequestStep::Execute { id, .. } => (Some(id.as_str()), limits.effect_ms_max),
                RequestStep::InOpenCall { cut_at_ms } => {
                    let until_cut = cut_at_ms.map_or(u64::MAX, |cut_at_ms| cut_at_ms.saturating_sub(now_ms));
                    (None, limits.effect_ms_max.min(until_cut))
                }
                RequestStep::Replay(_) => unreachable!("a recorded request is not sent"),
            };
            let time = request.timeout().min(Duration::from_millis(left_ms));
            race.add(at, job.http.send(request, id, time, limits.response_bytes_max, guest.clone()));
        }
        while let Some((at, reply)) = race.next().await {
            answers[at] = Some(job.end_request(&steps[at], reply)?);
        }
        self.cpu.on_wait_ended(began_at);
        Ok(())
    }
}

/// What is told of an answer: status and bytes of the body.
fn to_be_told(answer: &Answer) -> Result<(u16, usize), String> {
    match answer {
        Ok(response) => Ok((
            response.status,
            match &response.body {
                Body::None => 0,
                Body::Text(text) => text.len(),
                Body::Bytes(bytes) => bytes.len(),
            },
        )),
        Err(error) => Err(match error {
            HttpError::Denied(message) => format!("denied: {message}"),
            HttpError::InvalidRequest(message) => format!("invalid request: {message}"),
            HttpError::Timeout => "no answer in time".to_owned(),
            HttpError::TooLarge(message) => format!("too large: {message}"),
            HttpError::Connection(message) | HttpError::Other(message) => message.clone(),
        }),
    }
}

impl Job {
    /// Ends a request; one that is a call of its own is recorded.
    fn end_request(&mut self, step: &RequestStep, reply: Reply) -> wasmtime::Result<Answer> {
        let RequestStep::Execute { position, .. } = step else { return Ok(reply.answer) };
        let now_ms = self.wall_ms();
        let instead = self.invocation.complete_request(*position, outcome::encode(&reply), now_ms)?;
        self.put();
        Ok(match instead {
            Some(failure) => Err(HttpError::TooLarge(failure.message)),
            None => reply.answer,
        })
    }
}
