//! `weir send`: posts an event to a listening host.

use super::exit::{Exit, WrongUse};
use super::options::{ManifestOptions, SendOptions};
use super::output;
use crate::settings::{Settings, Source};
use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use weir_core::key::percent_encode;

/// How long a host may take until the event is durable.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// What a host answers.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Taken {
    number: u64,
    repeated: bool,
}

pub(super) fn execute(options: &SendOptions) -> anyhow::Result<Exit> {
    let request = request(options)?;
    let uri = request.uri().clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (status, body) = runtime.block_on(post(request)).with_context(|| format!("post to {uri}"))?;
    if status != StatusCode::ACCEPTED {
        return Err(refused(status, &body, &uri));
    }
    let taken: Taken = serde_json::from_slice(&body).with_context(|| format!("{uri} answers 202 as no host does"))?;
    match (options.json_output, taken.repeated) {
        (true, _) => output::print_json(&taken)?,
        (false, false) => output::print(&format!("durable as inbox event {}\n", taken.number))?,
        (false, true) => output::print(&format!("taken before, as inbox event {}\n", taken.number))?,
    }
    Ok(Exit::Done)
}

/// The request that the options come to.
fn request(options: &SendOptions) -> anyhow::Result<Request<Full<Bytes>>> {
    if options.key.is_empty() {
        return Err(WrongUse("KEY is empty: name the key, as in weir send KEY JSON".into()).into());
    }
    let payload = match options.json.as_str() {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("read the event from standard input")?;
            text.trim().to_owned()
        }
        text => text.to_owned(),
    };
    if let Err(error) = weir_core::json::validate(&payload) {
        return Err(WrongUse(format!("the event is {error}; text is written with quotes: '\"text\"'")).into());
    }
    let base = match &options.url {
        Some(url) => url.clone(),
        None => format!("http://{}", listening_address(&options.manifest)?),
    };
    if !base.starts_with("http://") && !base.starts_with("https://") {
        return Err(WrongUse(format!("--url {base}: write it as http://127.0.0.1:8080")).into());
    }
    let uri = format!("{}/{}", base.trim_end_matches('/'), percent_encode(options.key.as_bytes()));
    let mut request = Request::post(uri).header("content-type", "application/json");
    if let Some(key) = &options.idempotency_key {
        request = request.header("idempotency-key", key);
    }
    for header in &options.headers {
        let (name, value) =
            header.split_once(':').ok_or_else(|| WrongUse(format!("--header {header}: write it as 'name: value'")))?;
        request = request.header(name.trim(), value.trim());
    }
    let request = request.body(Full::from(payload));
    request.map_err(|error| WrongUse(format!("no request can be made: {error}")).into())
}

/// Where the application's host listens, as seen from here.
fn listening_address(manifest: &ManifestOptions) -> anyhow::Result<SocketAddr> {
    let settings = Settings::load(&manifest.path, &manifest.overrides)?;
    let Source::Listen(mut address) = settings.source.from else {
        let message = format!("{} has no source.listen: name the host by --url", settings.manifest.display());
        return Err(WrongUse(message).into());
    };
    if address.port() == 0 {
        return Err(WrongUse("source.listen has port 0, so the host chose one: name it by --url".into()).into());
    }
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Ok(address)
}

async fn post(request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
    let builder = hyper_rustls::HttpsConnectorBuilder::new();
    let builder = builder.with_provider_and_native_roots(rustls::crypto::ring::default_provider());
    let connector = builder.context("read this machine's certificates")?.https_or_http().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let exchange = async {
        let response = client.request(request).await.map_err(|error| match error.is_connect() {
            true => anyhow::Error::new(error).context("nobody listens there: is the host running?"),
            false => error.into(),
        })?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    };
    match tokio::time::timeout(ANSWER_DEADLINE, exchange).await {
        Ok(answer) => answer,
        Err(_) => {
            anyhow::bail!(
                "no answer within {} s, it may be taken or not: sent with an --idempotency-key, it can be sent again",
                ANSWER_DEADLINE.as_secs()
            )
        }
    }
}

/// Why the host did not take the event.
fn refused(status: StatusCode, body: &[u8], uri: &Uri) -> anyhow::Error {
    let said = serde_json::from_slice::<serde_json::Value>(body).ok();
    let said = said.as_ref().and_then(|answer| answer.get("error")?.as_str()).unwrap_or("no reason given");
    let message = format!("{uri} answers {status}: {said}");
    match status {
        StatusCode::TOO_MANY_REQUESTS => anyhow::anyhow!(message),
        status if status.is_client_error() => WrongUse(message).into(),
        _ => anyhow::anyhow!(message),
    }
}
