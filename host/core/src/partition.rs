//! Which partition a key belongs to, where Weir itself partitions [S20].

use crate::event::PartitionId;

/// The partition of a key: murmur2 of the whole key, as Kafka's own clients compute it.
pub fn partition_of(key: &[u8], partitions: u32) -> PartitionId {
    PartitionId((murmur2(key) & 0x7fff_ffff) % partitions)
}

/// MurmurHash2 with the seed of Kafka's `org.apache.kafka.common.utils.Utils.murmur2` (Austin Appleby, public domain).
pub fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut word = u32::from_le_bytes(chunk.try_into().expect("four bytes")).wrapping_mul(M);
        word = (word ^ (word >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ word;
    }
    let tail = chunks.remainder();
    if !tail.is_empty() {
        for (at, &byte) in tail.iter().enumerate() {
            hash ^= u32::from(byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S20] [P18]: the values of Kafka's own test, UtilsTest.testMurmur2.
    #[test]
    fn hash_is_that_of_kafkas_clients() {
        for (key, hash) in [
            ("21", -973_932_308i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }

    // [P18]
    #[test]
    fn keys_spread_evenly() {
        let mut counts = [0u32; 64];
        for n in 0..64_000 {
            counts[partition_of(format!("key-{n}").as_bytes(), 64).0 as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        assert_eq!(partition_of(b"", 64), partition_of(b"", 64));
    }
}
