//! The origins that a component may talk to, and the secrets that go along.

use crate::secret::Secret;
use hyper::header::{HeaderName, HeaderValue};
use std::collections::BTreeMap;
use url::Url;

/// One granted origin, such as `https://hooks.example.com`, with the headers that the host puts into each request to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGrant {
    /// Scheme, host and, where it is not the scheme's own, port.
    pub origin: String,
    /// Headers whose values the guest never sees.
    pub secret_headers: Vec<(String, Secret)>,
}

/// A grant that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("grant.http {origin:?} {why}")]
pub struct GrantError {
    origin: String,
    why: String,
}

/// What of an URL decides whether it is granted: scheme, host and port, the scheme's own port left out.
pub(crate) fn origin_of(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Granted origins, normalised.
#[derive(Debug, Default)]
pub(crate) struct GrantedOrigins(BTreeMap<String, Vec<(HeaderName, HeaderValue)>>);

impl GrantedOrigins {
    pub(crate) fn new(grants: &[HttpGrant]) -> Result<Self, GrantError> {
        let mut origins = BTreeMap::new();
        for grant in grants {
            let fail = |why: &str| GrantError { origin: grant.origin.clone(), why: why.to_owned() };
            let url = Url::parse(&grant.origin).map_err(|error| fail(&format!("is not a URL: {error}")))?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err(fail("must begin with https:// or http://"));
            }
            let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
            if !bare || !url.username().is_empty() || url.password().is_some() {
                return Err(fail("must be scheme, host and port alone: a grant is for all paths of an origin"));
            }
            let mut headers = Vec::with_capacity(grant.secret_headers.len());
            for (name, secret) in &grant.secret_headers {
                let bad = |_| fail(&format!("has a secret header {name:?} that HTTP does not allow"));
                let name = HeaderName::try_from(name.as_str()).map_err(|_| bad(()))?;
                let mut value = HeaderValue::try_from(secret.reveal()).map_err(|_| bad(()))?;
                value.set_sensitive(true);
                headers.push((name, value));
            }
            origins.entry(origin_of(&url)).or_insert_with(Vec::new).extend(headers);
        }
        Ok(Self(origins))
    }

    /// Whether an origin is granted that needs certificates.
    pub(crate) fn any_https(&self) -> bool {
        self.0.keys().any(|origin| origin.starts_with("https:"))
    }

    /// The headers that go along to this origin; none where it is not granted.
    pub(super) fn secret_headers(&self, origin: &str) -> Option<&[(HeaderName, HeaderValue)]> {
        self.0.get(origin).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(origin: &str) -> HttpGrant {
        HttpGrant { origin: origin.into(), secret_headers: Vec::new() }
    }

    // [S10]
    #[test]
    fn an_origin_is_granted_by_scheme_host_and_port() {
        let granted = GrantedOrigins::new(&[grant("https://Hooks.example.com:443/"), grant("http://a:8080")]).unwrap();
        for (url, expected) in [
            ("https://hooks.example.com/x?y", true),
            ("https://hooks.example.com:8443/", false),
            ("http://hooks.example.com/", false),
            ("https://example.com/", false),
            ("http://a:8080/", true),
            ("http://a/", false),
        ] {
            let origin = origin_of(&Url::parse(url).unwrap());
            assert_eq!(granted.secret_headers(&origin).is_some(), expected, "{url}");
        }
    }

    // [S10]
    #[test]
    fn a_grant_that_means_nothing_is_refused() {
        for origin in ["hooks.example.com", "ftp://a", "https://a/path", "https://user@a", "https://a/?q", "*", ""] {
            assert!(GrantedOrigins::new(&[grant(origin)]).is_err(), "{origin}");
        }
        let secret_headers = vec![("a b".to_owned(), Secret::new("x"))];
        let error = GrantedOrigins::new(&[HttpGrant { secret_headers, ..grant("https://a") }]).unwrap_err();
        assert!(error.to_string().contains("\"a b\""), "{error}");
    }
}
