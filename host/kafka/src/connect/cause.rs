//! What a line of librdkafka about a failed connection means, and what to do about it.

use std::fmt;

/// Why a connection to a broker failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The broker's name has no address, as the resolver says.
    Unresolved(String),
    /// Nobody listens at the address, or the way to it is barred, as the system says.
    Unreachable(String),
    /// The broker's certificate was signed by no CA that is known here, or has expired.
    UnknownCa,
    /// The broker's certificate is for another host.
    OtherHost,
    /// A certificate that can't be verified, for one of these two reasons.
    Certificate,
    /// The broker speaks no TLS, or asks for a certificate of the client.
    Handshake(String),
    /// User or password is wrong, as the broker says.
    Login(String),
    /// The broker has other SASL mechanisms, these.
    Mechanism(String),
    /// The broker closed the connection before it said anything.
    Closed,
    /// What answers is no broker, or speaks TLS where none is expected.
    NoBroker,
    /// No broker answered in time.
    Silent,
    /// What librdkafka says.
    Other(String),
}

impl Cause {
    /// Broker and cause in a line such as `sasl_ssl://host:9092/bootstrap: SSL handshake failed: …`.
    pub(super) fn of_line(line: &str) -> Option<(String, Self)> {
        // Before the broker there may stand the thread: `[thrd:…]: `.
        let line = line.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: ")).map_or(line, |(_, rest)| rest);
        let (broker, what) = line.split_once(": ")?;
        let broker = broker.split_once("://").map_or(broker, |(_, rest)| rest);
        let broker = broker.split_once('/').map_or(broker, |(name, _)| name);
        let what = what.rfind(" (after ").map_or(what, |at| &what[..at]);
        Some((broker.to_owned(), Self::of(what)))
    }

    fn of(what: &str) -> Self {
        let behind = |words: &str| what.split_once(words).map(|(_, rest)| rest.trim().to_owned());
        if what.starts_with("Failed to resolve") {
            return Self::Unresolved(behind("': ").unwrap_or_default());
        }
        if what.starts_with("Connect to") {
            return Self::Unreachable(behind(" failed: ").unwrap_or_default());
        }
        if what.contains("certificate verify failed") {
            return Self::Certificate;
        }
        if what.starts_with("SSL handshake failed") {
            return Self::Handshake(behind("SSL handshake failed: ").unwrap_or_default());
        }
        if what.contains("mechanism handshake failed") {
            return Self::Mechanism(behind("supported mechanisms:").unwrap_or_default());
        }
        if let Some(said) = behind("SASL authentication error: ") {
            return Self::Login(said);
        }
        if what.contains("Invalid response size") {
            return Self::NoBroker;
        }
        if what.contains("Disconnected") || what.starts_with("Send failed") || what.starts_with("Receive failed") {
            return Self::Closed;
        }
        Self::Other(what.to_owned())
    }

    /// Whether trying again is of no use: something has to be changed.
    pub fn is_final(&self) -> bool {
        match self {
            Self::UnknownCa | Self::OtherHost | Self::Certificate | Self::Login(_) | Self::Mechanism(_) => true,
            // A resolver that does not answer may do so later; one that knows no such name has answered.
            Self::Unresolved(why) => why.contains("not known"),
            _ => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved(why) => {
                write!(f, "the name can't be resolved ({why}): change kafka.bootstrap_servers")
            }
            Self::Unreachable(why) => {
                write!(f, "{}: start the brokers, or change kafka.bootstrap_servers", why.to_lowercase())
            }
            Self::UnknownCa | Self::Certificate => f.write_str(
                "its certificate can't be trusted (signed by no CA that is known here, or expired): name the CA's file in \
                 \"ssl.ca.location\" of kafka.client",
            ),
            Self::OtherHost => f.write_str(
                "its certificate is for another host: write the host in kafka.bootstrap_servers as the certificate has it",
            ),
            Self::Handshake(why) if why.contains("closed by peer") => f.write_str(
                "the broker closes the connection when it is asked for TLS, as one that speaks none does: change \
                 \"security.protocol\" of kafka.client",
            ),
            Self::Handshake(why) => {
                write!(f, "the broker does not agree on TLS ({why}): change \"security.protocol\" of kafka.client")
            }
            Self::Login(why) => write!(
                f,
                "the broker does not let the user in ({why}): change \"sasl.username\" and \"sasl.password\" of \
                 kafka.client"
            ),
            Self::Mechanism(mechanisms) if mechanisms.is_empty() => {
                f.write_str("the broker asks for no user: change \"security.protocol\" of kafka.client")
            }
            Self::Mechanism(mechanisms) => write!(
                f,
                "the broker has other SASL mechanisms ({mechanisms}): change \"sasl.mechanism\" of kafka.client"
            ),
            Self::Closed => f.write_str(
                "the broker closes the connection at once, as one that asks for TLS or a user does: change \
                 \"security.protocol\" of kafka.client",
            ),
            Self::NoBroker => f.write_str(
                "what answers is no broker, or speaks TLS: change kafka.bootstrap_servers, or \"security.protocol\" of \
                 kafka.client",
            ),
            Self::Silent => f.write_str(
                "no answer in time: start the brokers, change kafka.bootstrap_servers, or wait longer by \
                 kafka.connect_timeout_ms",
            ),
            Self::Other(what) => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as librdkafka 2.12.1 wrote them.
    #[test]
    fn the_cause_of_each_line_is_known() {
        let cases = [
            (
                "nohost.invalid:9092/bootstrap: Failed to resolve 'nohost.invalid:9092': Name or service not known (after \
                 0ms in state CONNECT)",
                "nohost.invalid:9092",
                Cause::Unresolved("Name or service not known".into()),
            ),
            (
                "[thrd:127.0.0.1:9/bootstrap]: 127.0.0.1:9/bootstrap: Connect to ipv4#127.0.0.1:9 failed: Connection refused \
                 (after 0ms in state CONNECT, 1 identical error(s) suppressed)",
                "127.0.0.1:9",
                Cause::Unreachable("Connection refused".into()),
            ),
            (
                "sasl_ssl://localhost:16045/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify \
                 failed: broker certificate could not be verified, verify that ssl.ca.location is correctly configured or \
                 root CA certificates are installed (install ca-certificates package) (after 3ms in state SSL_HANDSHAKE)",
                "localhost:16045",
                Cause::Certificate,
            ),
            (
                "ssl://127.0.0.1:23800/bootstrap: SSL handshake failed: Disconnected: SSL connection closed by peer: \
                 connecting to a PLAINTEXT broker listener? (after 1ms in state SSL_HANDSHAKE)",
                "127.0.0.1:23800",
                Cause::Handshake(
                    "Disconnected: SSL connection closed by peer: connecting to a PLAINTEXT broker listener?".into(),
                ),
            ),
            (
                "sasl_ssl://127.0.0.1:16045/bootstrap: SASL authentication error: Authentication failed: Invalid username or \
                 password (after 301ms in state AUTH_REQ)",
                "127.0.0.1:16045",
                Cause::Login("Authentication failed: Invalid username or password".into()),
            ),
            (
                "sasl_ssl://127.0.0.1:16045/bootstrap: SASL SCRAM-SHA-512 mechanism handshake failed: Broker: Unsupported SASL \
                 mechanism: broker's supported mechanisms: PLAIN,SCRAM-SHA-256 (after 301ms in state AUTH_HANDSHAKE)",
                "127.0.0.1:16045",
                Cause::Mechanism("PLAIN,SCRAM-SHA-256".into()),
            ),
            (
                "sasl_plaintext://127.0.0.1:23800/bootstrap: SASL SCRAM-SHA-256 mechanism handshake failed: Broker: Request \
                 not valid in current SASL state: broker's supported mechanisms:  (after 1ms in state AUTH_HANDSHAKE)",
                "127.0.0.1:23800",
                Cause::Mechanism(String::new()),
            ),
            (
                "127.0.0.1:16045/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 1ms in \
                 state APIVERSION_QUERY)",
                "127.0.0.1:16045",
                Cause::Closed,
            ),
            (
                "10.1.1.1:9/bootstrap: Receive failed: Invalid response size 1213486160 (0..100000000): increase \
                 receive.message.max.bytes (after 0ms in state APIVERSION_QUERY)",
                "10.1.1.1:9",
                Cause::NoBroker,
            ),
        ];
        for (line, broker, cause) in cases {
            assert_eq!(Cause::of_line(line), Some((broker.to_owned(), cause)), "{line}");
        }
        assert_eq!(Cause::of_line("1/1 brokers are down"), None);
    }

    #[test]
    fn only_what_has_to_be_changed_is_final() {
        assert!(Cause::Login(String::new()).is_final());
        assert!(Cause::Unresolved("Name or service not known".into()).is_final());
        assert!(!Cause::Unresolved("Temporary failure in name resolution".into()).is_final());
        assert!(!Cause::Unreachable("Connection refused".into()).is_final());
        assert!(!Cause::Silent.is_final());
    }
}
