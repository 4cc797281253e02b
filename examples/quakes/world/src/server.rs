use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use tokio::net::{TcpListener, TcpStream};

use crate::connection::{Connection, Pending, PendingSlot};
use crate::desk::Desk;
use crate::interruption::Moment;

const BODY_BYTES_MAX: usize = 1 << 20;

/// A connection that the world cuts.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the world cuts the connection")
    }
}

impl std::error::Error for Cut {}

/// Serves connections until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, desk: Arc<Desk>) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve_connection(stream, Arc::clone(&desk)));
            }
            // Out of file descriptors, most likely: wait for connections to end.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, desk: Arc<Desk>) {
    // A delay for coalescing would be a fault that nobody drew; where the option can't be set the world is only slower.
    let _ = stream.set_nodelay(true);
    let pending = PendingSlot::default();
    let connection = Connection::new(stream, Arc::clone(&desk), Arc::clone(&pending));
    let service = service_fn(move |request| answer(Arc::clone(&desk), Arc::clone(&pending), request));
    // An error here is a connection cut, by the world or by its client, and stands in the ledger.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(connection, service).await;
}

async fn answer(
    desk: Arc<Desk>,
    pending: PendingSlot,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let path = request.uri().path().to_owned();
    let endpoint = match path.as_str() {
        "/page" => "page",
        "/map" => "map",
        "/ledger" if request.method() == Method::GET => {
            let page = serde_json::to_string(&desk.ledger().page()).map_err(|_| Cut)?;
            return Ok(respond(200, page));
        }
        _ => match path.strip_prefix("/effect/") {
            Some(name) if !name.is_empty() => name,
            _ => return Ok(respond(404, r#"{"error":"no such endpoint"}"#.into())),
        },
    };
    let key = match request.headers().get("idempotency-key") {
        None => None,
        Some(value) => match value.to_str() {
            Ok(key) => Some(key.to_owned()),
            Err(_) => return Ok(respond(400, r#"{"error":"the key is not text"}"#.into())),
        },
    };
    match *request.method() {
        Method::POST => {}
        Method::GET => {
            let found = key.and_then(|key| desk.find(endpoint, &key));
            let missing = || respond(404, r#"{"error":"no effect with this key"}"#.into());
            return Ok(found.map_or_else(missing, |first| respond(200, first)));
        }
        _ => return Ok(respond(405, r#"{"error":"POST, or GET with a key"}"#.into())),
    }
    let Ok(body) = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await else {
        return Ok(respond(413, r#"{"error":"the body is too large"}"#.into()));
    };
    take(&desk, &pending, endpoint, key.as_deref(), &body.to_bytes()).await
}

/// Takes one effect and lives through what the desk decided.
async fn take(
    desk: &Desk,
    pending: &PendingSlot,
    endpoint: &str,
    key: Option<&str>,
    body: &[u8],
) -> Result<Response<Full<Bytes>>, Cut> {
    let Some(decision) = desk.on_request(endpoint, key, body) else {
        return Ok(respond(507, r#"{"error":"the ledger is full"}"#.into()));
    };
    let mut interruption = decision.interruption;
    if let Some(interruption) = interruption.take_if(|interruption| interruption.moment != Moment::AfterAnswer) {
        desk.interrupt(interruption);
        return Err(Cut);
    }
    let (status, body) = decision.answer.ok_or(Cut)?;
    if decision.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(decision.delay_ms)).await;
    }
    *pending.lock().expect("no holder of the slot panics") = Some(Pending { number: decision.number, interruption });
    Ok(respond(status, body))
}

fn respond(status: u16, body: String) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .expect("the status is one of those above")
}
