//! Tells a wrong CA from a wrong host: TLS itself fails the same way for both.

use super::cause::Cause;
use super::watch::Watch;
use crate::client::Clients;
use crate::settings::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::time::{Duration, Instant};

/// How long the second look may take.
const PATIENCE: Duration = Duration::from_secs(2);
const GLANCE: Duration = Duration::from_millis(100);

/// Why a broker's certificate can't be verified: shown again to a client that does not compare the host. That one has no
/// user and no password, so that it gives none away to whoever answers there.
pub(super) fn cause(settings: &KafkaSettings, broker: &str) -> Cause {
    let mut settings = settings.clone();
    settings.bootstrap_servers = broker.to_owned();
    settings.client.retain(|name, _| !name.starts_with("sasl."));
    settings.client.insert("security.protocol".to_owned(), "SSL".to_owned());
    settings.client.insert("ssl.endpoint.identification.algorithm".to_owned(), "none".to_owned());
    let mut config = Clients::new(&settings).admin();
    config.set("group.id", settings.group());
    let client: Result<BaseConsumer<Watch>, _> = config.create_with_context(Watch::default());
    let Ok(client) = client else { return Cause::UnknownCa };
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let answer = client.fetch_metadata(Some(&settings.source_topic), GLANCE);
        for _ in 0..super::EVENTS_MAX {
            if client.poll(Duration::ZERO).is_none() {
                break;
            }
        }
        match client.context().cause() {
            Some((_, Cause::Certificate)) => return Cause::UnknownCa,
            // Whatever fails after the handshake: the certificate was good enough for it.
            Some(_) => return Cause::OtherHost,
            None if answer.is_ok() => return Cause::OtherHost,
            None => {}
        }
    }
    Cause::OtherHost
}
