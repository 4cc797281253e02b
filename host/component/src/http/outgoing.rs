//! A request as the guest asks for it, checked.

use super::grants::{GrantedOrigins, origin_of};
use crate::bindings::http::{Body, HttpError, Request};
use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Uri};
use std::time::Duration;
use url::Url;
use weir_core::invocation::RequestSummary;

const URL_BYTES_MAX: usize = 8 << 10;
const HEADERS_MAX: usize = 100;
/// Headers that belong to the connection, and so to the host.
const HEADERS_OF_HOST: [&str; 7] =
    ["connection", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

/// A request that may leave the host, or why it may not.
pub(crate) struct Outgoing {
    method: String,
    url: String,
    origin: String,
    path: String,
    body: Bytes,
    timeout: Duration,
    head: Result<Head, HttpError>,
}

/// What is sent before the body.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
}

impl Outgoing {
    pub(crate) fn new(request: Request, granted: &GrantedOrigins) -> Self {
        let Request { method, url, headers, body, timeout_ms } = request;
        let parsed = parse_url(&url);
        let (origin, path) = match &parsed {
            Ok(url) => (origin_of(url), url.path().to_owned()),
            Err(_) => (String::new(), String::new()),
        };
        let head = parsed.and_then(|url| head(&method, &url, &origin, &headers, granted));
        let body = match body {
            Body::None => Bytes::new(),
            Body::Text(text) => text.into(),
            Body::Bytes(bytes) => bytes.into(),
        };
        let timeout = timeout_ms.map_or(Duration::MAX, |ms| Duration::from_millis(ms.into()));
        Self { method, url, origin, path, body, timeout, head }
    }

    /// What names it as a durable call.
    pub(crate) fn summary(&self) -> RequestSummary<'_> {
        RequestSummary {
            method: &self.method,
            url: &self.url,
            origin: &self.origin,
            path: &self.path,
            body: &self.body,
        }
    }

    pub(crate) fn body_size(&self) -> usize {
        self.body.len()
    }

    /// The guest's own limit of time.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Why it may not leave.
    pub(crate) fn refused(&self) -> Option<HttpError> {
        self.head.as_ref().err().cloned()
    }

    pub(super) fn into_parts(self) -> Result<(Head, Bytes), HttpError> {
        Ok((self.head?, self.body))
    }
}

fn parse_url(text: &str) -> Result<Url, HttpError> {
    let invalid = |why: String| HttpError::InvalidRequest(why);
    if text.len() > URL_BYTES_MAX {
        return Err(invalid(format!("URL of {} bytes is over {URL_BYTES_MAX} bytes", text.len())));
    }
    let begins_otherwise = || invalid(format!("URL {text:?}: begin it with https:// or http://"));
    let mut url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => begins_otherwise(),
        error => invalid(format!("URL {text:?}: {error}")),
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(begins_otherwise());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("URL holds a user or password: use a header".to_owned()));
    }
    url.set_fragment(None);
    Ok(url)
}

fn head(
    method: &str,
    url: &Url,
    origin: &str,
    headers: &[(String, String)],
    granted: &GrantedOrigins,
) -> Result<Head, HttpError> {
    let invalid = HttpError::InvalidRequest;
    let Some(secret_headers) = granted.secret_headers(origin) else {
        return Err(HttpError::Denied(format!("{origin} is not granted: add it to grant.http of the component")));
    };
    let token = Method::from_bytes(method.as_bytes()).map_err(|_| invalid(format!("method {method:?}")))?;
    if token == Method::CONNECT {
        return Err(invalid("method CONNECT is not for guests".to_owned()));
    }
    let uri: Uri = url.as_str().parse().map_err(|error| invalid(format!("URL {:?}: {error}", url.as_str())))?;
    if headers.len() > HEADERS_MAX {
        return Err(invalid(format!("{} headers are over {HEADERS_MAX}", headers.len())));
    }
    let mut sent = HeaderMap::new();
    for (name, value) in headers {
        let header = HeaderName::try_from(name.as_str()).map_err(|_| invalid(format!("header name {name:?}")))?;
        if HEADERS_OF_HOST.contains(&header.as_str()) {
            return Err(invalid(format!("header {name:?} belongs to the connection, which the host keeps")));
        }
        // The host counts the body itself.
        if header == hyper::header::CONTENT_LENGTH {
            continue;
        }
        let value = HeaderValue::try_from(value).map_err(|_| invalid(format!("value of header {name:?}")))?;
        sent.append(header, value);
    }
    for (name, value) in secret_headers {
        sent.insert(name.clone(), value.clone());
    }
    Ok(Head { method: token, uri, headers: sent })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HttpGrant;
    use crate::secret::Secret;

    fn request(method: &str, url: &str, headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Request { method: method.into(), url: url.into(), headers, body: Body::None, timeout_ms: None }
    }

    fn granted() -> GrantedOrigins {
        let secret_headers = vec![("authorization".to_owned(), Secret::new("Bearer 123456"))];
        GrantedOrigins::new(&[HttpGrant { origin: "http://a:1".into(), secret_headers }]).unwrap()
    }

    // [S10] [S36]
    #[test]
    fn a_request_elsewhere_is_denied_by_name() {
        let refused = Outgoing::new(request("GET", "http://b:1/x", &[]), &granted()).refused();
        let Some(HttpError::Denied(message)) = refused else { panic!("{refused:?}") };
        assert!(message.contains("http://b:1") && message.contains("grant.http"), "{message}");
    }

    // [S36]
    #[test]
    fn a_malformed_request_is_refused_before_it_leaves() {
        for bad in [
            request("GET", "a:1", &[]),
            request("GET", "/x", &[]),
            request("G T", "http://a:1/", &[]),
            request("CONNECT", "http://a:1/", &[]),
            request("GET", "http://u:p@a:1/", &[]),
            request("GET", "http://a:1/", &[("x y", "1")]),
            request("GET", "http://a:1/", &[("x", "1\n2")]),
            request("GET", "http://a:1/", &[("Host", "b")]),
            request("GET", &format!("http://a:1/{}", "x".repeat(URL_BYTES_MAX)), &[]),
        ] {
            let url = bad.url.clone();
            let refused = Outgoing::new(bad, &granted()).refused();
            assert!(matches!(refused, Some(HttpError::InvalidRequest(_))), "{url}: {refused:?}");
        }
    }

    #[test]
    fn a_url_without_a_scheme_is_told_how_to_begin() {
        for url in ["/x", "a.example/x", "ftp://a:1/x"] {
            let refused = Outgoing::new(request("GET", url, &[]), &granted()).refused();
            let Some(HttpError::InvalidRequest(message)) = refused else { panic!("{refused:?}") };
            assert_eq!(message, format!("URL {url:?}: begin it with https:// or http://"));
        }
    }

    // [S10]
    #[test]
    fn the_hosts_secret_stands_in_for_the_guests_header() {
        let outgoing = Outgoing::new(request("GET", "http://a:1/p?q=1", &[("Authorization", "mine")]), &granted());
        assert_eq!((outgoing.origin.as_str(), outgoing.path.as_str()), ("http://a:1", "/p"));
        let (head, _) = outgoing.into_parts().unwrap();
        assert_eq!(head.headers.get_all("authorization").iter().collect::<Vec<_>>(), ["Bearer 123456"]);
    }
}
