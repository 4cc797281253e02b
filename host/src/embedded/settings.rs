//! Settings of a store.

/// What a store is opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// Shares of the keys; fixed when the store is made [S20].
    pub partitions: u32,
    /// Most events in the inbox that no checkpoint has consumed.
    pub inbox_events_max: u64,
    /// Most bytes of them.
    pub inbox_bytes_max: u64,
    /// How long an idempotency key is remembered, from its event's arrival.
    pub inbox_idempotency_ms: u64,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            partitions: 64,
            inbox_events_max: 100_000,
            inbox_bytes_max: 64 * 1024 * 1024,
            inbox_idempotency_ms: 24 * 60 * 60 * 1000,
        }
    }
}
