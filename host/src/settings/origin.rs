//! Where a component may send requests.

use std::fmt;

/// An origin: scheme, host and port, such as `https://api.example.com`. In lower case, without a scheme's usual port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin in this text; what is wrong with it otherwise.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("{text:?} is no origin: {why}"));
        let lowered = text.to_ascii_lowercase();
        let lowered = lowered.strip_suffix('/').unwrap_or(&lowered);
        let Some((scheme, authority)) = lowered.split_once("://") else {
            return wrong("write it as `https://api.example.com`");
        };
        let usual_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return wrong("its scheme is neither http nor https"),
        };
        if authority.contains(['/', '?', '#', '@', ' ']) {
            return wrong("it ends with the host and port, for a grant is for all paths there");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => match port.parse::<u16>() {
                Ok(number) if number != 0 => (host, Some(number)),
                _ => return wrong("its port is not a number from 1 to 65535"),
            },
            _ => (authority, None),
        };
        if host.is_empty() || host.contains('*') {
            return wrong("it needs a host, and each host is granted by name");
        }
        Ok(Self(match port {
            Some(port) if port != usual_port => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        }))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let cases = [
            ("https://API.example.com", "https://api.example.com"),
            ("https://a.example:443/", "https://a.example"),
            ("http://127.0.0.1:8099", "http://127.0.0.1:8099"),
            ("http://[::1]:8099", "http://[::1]:8099"),
            ("http://[::1]", "http://[::1]"),
        ];
        for (text, expected) in cases {
            assert_eq!(Origin::parse(text).unwrap().as_str(), expected);
        }
        for wrong in [
            "a.example",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://a:0",
            "https://a:x",
            "https://*.a",
            "https://u@a",
        ] {
            assert!(Origin::parse(wrong).is_err(), "{wrong}");
        }
    }
}
