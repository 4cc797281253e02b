//! Which properties of librdkafka a user may set: all but those that exactly-once rests on [S31].

/// A property that Weir sets itself, and what rests on it.
struct Fixed {
    /// Its name, and the others that librdkafka knows it by.
    names: &'static [&'static str],
    reason: &'static str,
}

const FIXED: [Fixed; 16] = [
    Fixed { names: &["bootstrap.servers", "metadata.broker.list"], reason: "kafka.bootstrap_servers is the one place" },
    Fixed { names: &["group.id"], reason: "the group is the application's name" },
    Fixed { names: &["group.instance.id"], reason: "each shard is a member of its own" },
    Fixed { names: &["group.protocol"], reason: "the group's offsets are fenced by the classic protocol" },
    Fixed { names: &["partition.assignment.strategy"], reason: "partitions move one by one, the others go on" },
    Fixed {
        names: &["enable.auto.commit", "auto.commit.enable", "enable.auto.offset.store"],
        reason: "offsets are committed in the transaction of a checkpoint",
    },
    Fixed {
        names: &["auto.offset.reset"],
        reason: "source.start is for the first start; later a lost offset is an error",
    },
    Fixed { names: &["isolation.level"], reason: "what a transaction took back is never read" },
    Fixed { names: &["enable.partition.eof"], reason: "ends are found by position" },
    Fixed { names: &["allow.auto.create.topics"], reason: "topics are made with the settings they need" },
    Fixed { names: &["transactional.id"], reason: "it is new for each start of a shard" },
    Fixed { names: &["acks", "request.required.acks"], reason: "a put is durable when it is acknowledged" },
    Fixed {
        names: &["enable.idempotence", "enable.gapless.guarantee"],
        reason: "a put is in the log once, and a gap is fatal",
    },
    Fixed { names: &["delivery.report.only.error"], reason: "every acknowledgement is checked" },
    Fixed {
        names: &["max.in.flight.requests.per.connection", "max.in.flight"],
        reason: "puts stand in the log in the order of their calls",
    },
    Fixed {
        names: &["partitioner", "message.max.bytes", "batch.size"],
        reason: "partitions are stated by number, and sizes follow the topics' max.message.bytes",
    },
];

/// Properties whose values are secrets.
const SECRET: [&str; 7] = [
    "sasl.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "ssl.truststore.password",
];

/// Properties whose values are paths of files or folders.
const PATHS: [&str; 5] =
    ["ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.keystore.location", "ssl.crl.location"];

/// Why a property can't be set, if it can't.
pub fn fixed(name: &str) -> Option<&'static str> {
    FIXED.iter().find(|fixed| fixed.names.contains(&name)).map(|fixed| fixed.reason)
}

/// Whether a property's value is never to be shown.
pub fn is_secret(name: &str) -> bool {
    SECRET.contains(&name)
}

/// Whether this value of a property is the path of a file or folder.
pub fn is_path(name: &str, value: &str) -> bool {
    // `probe` looks for the system's certificates where they usually are.
    PATHS.contains(&name) && !(name == "ssl.ca.location" && value == "probe")
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S31]
    #[test]
    fn a_property_is_fixed_by_each_of_its_names() {
        for name in [
            "acks",
            "request.required.acks",
            "max.in.flight",
            "metadata.broker.list",
            "isolation.level",
            "delivery.report.only.error",
        ] {
            assert!(fixed(name).is_some(), "{name}");
        }
        for name in ["security.protocol", "session.timeout.ms", "linger.ms", "transaction.timeout.ms", "debug"] {
            assert_eq!(fixed(name), None, "{name}");
        }
    }

    #[test]
    fn a_certificate_is_a_file_and_probe_is_none() {
        assert!(is_path("ssl.ca.location", "ca.pem"));
        assert!(!is_path("ssl.ca.location", "probe"));
        assert!(!is_path("sasl.username", "probe"));
    }
}
