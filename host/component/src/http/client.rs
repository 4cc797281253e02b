//! The HTTP client of a shard.

use super::Outgoing;
use super::gate::{EffectGate, GatedConnector, was_closed_before};
use super::outgoing::Head;
use crate::bindings::http::{Body, HttpError, Response};
use crate::load::GuestSettings;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const USER_AGENT_VALUE: &str = concat!("weir/", env!("CARGO_PKG_VERSION"));
const IDLE_CONNECTION_MAX: Duration = Duration::from_secs(15);
const IDLE_CONNECTIONS_PER_HOST_MAX: usize = 32;

/// How an exchange ended.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) answer: Result<Response, HttpError>,
    /// Whether a byte of the request may have left the host.
    pub(crate) left_host: bool,
}

impl Reply {
    pub(crate) fn not_sent(error: HttpError) -> Self {
        Self { answer: Err(error), left_host: false }
    }

    fn sent(answer: Result<Response, HttpError>) -> Self {
        Self { answer, left_host: true }
    }
}

/// The certificates that servers are checked against: the system's, read when the first https origin is granted.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsRoots(Arc<OnceLock<rustls::ClientConfig>>);

impl TlsRoots {
    /// Reads them, where that is not done.
    pub(crate) fn read(&self) {
        self.0.get_or_init(|| match rustls::ClientConfig::builder().with_native_roots() {
            Ok(builder) => builder.with_no_client_auth(),
            Err(error) => {
                tracing::warn!("no certificates of the system were found, so https will fail: {error}");
                no_roots()
            }
        });
    }

    fn config(&self) -> rustls::ClientConfig {
        self.0.get().cloned().unwrap_or_else(no_roots)
    }
}

fn no_roots() -> rustls::ClientConfig {
    let none = rustls::RootCertStore::empty();
    rustls::ClientConfig::builder().with_root_certificates(none).with_no_client_auth()
}

type Connections = Client<HttpsConnector<GatedConnector>, Full<Bytes>>;

/// Connections of one shard, made when the first request leaves. Cheap to clone.
#[derive(Clone)]
pub(crate) struct HttpClient(Arc<Lazy>);

struct Lazy {
    roots: TlsRoots,
    gate: Option<Arc<dyn EffectGate>>,
    connections: OnceLock<Connections>,
}

impl HttpClient {
    /// A client that looks at the gate, where there is one, before each write.
    pub(crate) fn new(roots: TlsRoots, gate: Option<Arc<dyn EffectGate>>) -> Self {
        Self(Arc::new(Lazy { roots, gate, connections: OnceLock::new() }))
    }

    /// Resolves when requests may leave.
    pub(crate) async fn opened(&self) {
        if let Some(gate) = self.0.gate.as_ref().filter(|gate| !gate.is_open()) {
            gate.opened().await;
        }
    }

    /// Sends a request, and cuts the connection when its time is over. Redirects are the guest's to follow.
    pub(crate) fn send(
        &self,
        request: Outgoing,
        call_id: Option<&str>,
        time: Duration,
        response_bytes_max: usize,
        guest: Arc<GuestSettings>,
    ) -> impl Future<Output = Reply> + Send + 'static {
        let connections = self.0.connections.get_or_init(|| self.0.connections()).clone();
        let gate = self.0.gate.clone();
        let call_id = call_id.map(|id| HeaderValue::try_from(id).expect("ids are hexadecimal"));
        async move {
            let (mut head, body) = match request.into_parts() {
                Ok(parts) => parts,
                Err(refused) => return Reply::not_sent(refused),
            };
            if time.is_zero() {
                return Reply::not_sent(HttpError::Timeout);
            }
            if let Some(id) = call_id {
                head.headers.entry(IDEMPOTENCY_KEY).or_insert(id);
            }
            head.headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT_VALUE));
            let exchange = gated_exchange(gate, connections, head, body, response_bytes_max);
            let mut reply = match tokio::time::timeout(time, exchange).await {
                Ok(reply) => reply,
                Err(_) => Reply::sent(Err(HttpError::Timeout)),
            };
            redact(&mut reply, &guest);
            reply
        }
    }
}

impl Lazy {
    fn connections(&self) -> Connections {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(self.roots.config())
            .https_or_http()
            .enable_http1()
            .wrap_connector(GatedConnector::new(self.gate.clone()));
        Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST_MAX)
            .build(connector)
    }
}

/// Makes an exchange when the gate is open, and anew where it was closed again before a byte had left.
async fn gated_exchange(
    gate: Option<Arc<dyn EffectGate>>,
    connections: Connections,
    head: Head,
    body: Bytes,
    response_bytes_max: usize,
) -> Reply {
    let Some(gate) = gate else {
        return exchange(&connections, head, body, response_bytes_max).await.unwrap_or_else(|(_, reply)| reply);
    };
    loop {
        if !gate.is_open() {
            gate.opened().await;
        }
        match exchange(&connections, head.clone(), body.clone(), response_bytes_max).await {
            Ok(reply) => return reply,
            Err((true, _)) => {}
            Err((false, reply)) => return reply,
        }
    }
}

/// One exchange; without an answer, whether that was because a gate was closed before a byte had left.
async fn exchange(
    connections: &Connections,
    head: Head,
    body: Bytes,
    response_bytes_max: usize,
) -> Result<Reply, (bool, Reply)> {
    let mut request = hyper::Request::new(Full::new(body));
    *request.method_mut() = head.method;
    *request.uri_mut() = head.uri;
    *request.headers_mut() = head.headers;
    let response = match connections.request(request).await {
        Ok(response) => response,
        Err(error) => {
            let was_closed = was_closed_before(&error);
            let left_host = !error.is_connect() && !was_closed;
            return Err((was_closed, Reply { answer: Err(HttpError::Connection(causes(&error))), left_host }));
        }
    };
    Ok(read_reply(response, response_bytes_max).await)
}

async fn read_reply(response: hyper::Response<hyper::body::Incoming>, response_bytes_max: usize) -> Reply {
    let (parts, body) = response.into_parts();
    let body = match Limited::new(body, response_bytes_max).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("response is over limits.response_bytes_max ({response_bytes_max} bytes)");
            return Reply::sent(Err(HttpError::TooLarge(message)));
        }
        Err(error) => return Reply::sent(Err(HttpError::Connection(causes(&*error)))),
    };
    let body = match body.is_empty() {
        true => Body::None,
        false => match String::from_utf8(body.into()) {
            Ok(text) => Body::Text(text),
            Err(error) => Body::Bytes(error.into_bytes()),
        },
    };
    Reply::sent(Ok(Response { status: parts.status.as_u16(), headers: header_texts(&parts.headers), body }))
}

fn header_texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

/// What went wrong, down to the cause: an outer error says only that something did.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// Takes out secrets that a server echoed.
fn redact(reply: &mut Reply, guest: &GuestSettings) {
    match &mut reply.answer {
        Ok(response) => {
            for (_, value) in &mut response.headers {
                guest.redactor.redact(value);
            }
            match &mut response.body {
                Body::None => {}
                Body::Text(text) => guest.redactor.redact(text),
                Body::Bytes(bytes) => guest.redactor.redact_bytes(bytes),
            }
        }
        Err(HttpError::Connection(message) | HttpError::Other(message) | HttpError::TooLarge(message)) => {
            guest.redactor.redact(message);
        }
        Err(_) => {}
    }
}
