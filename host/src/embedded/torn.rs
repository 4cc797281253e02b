//! The torn end of a journal: what a loss of power leaves of writes that were not synced.
//!
//! fjall cuts a journal that simply ends too early. But pages reach the disk in any order, so the end may have holes, and
//! a batch with a hole fails its checksum, at which fjall gives up. Only the newest journal can be torn, and only behind
//! its last sync, where nothing was promised: it is cut at the first batch that is not whole.
//!
//! Layout of a journal (fjall 3, all little endian): start `1`, items (4), number (8); each item `2`, kind (1),
//! compression (1), keyspace (8), key length (2), value length (4), length on disk (4), key, value; clear `4`,
//! keyspace (8); end `3`, XXH3 over the items as they stand (8), `FJL\x03`.

use super::journal::{newest, path_of};
use std::fs::OpenOptions;
use std::io::Result;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

const TRAILER: &[u8] = b"FJL\x03";

/// Cuts the newest journal behind its last whole batch. Tells how many bytes went, nothing where it was whole.
pub(super) fn cut(directory: &Path) -> Result<u64> {
    let Some(number) = newest(directory)? else {
        return Ok(0);
    };
    let path = path_of(directory, number);
    let bytes = std::fs::read(&path)?;
    let whole = length_of_whole_batches(&bytes);
    // Beyond what was ever written a journal is zeros.
    let written = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    if written <= whole {
        return Ok(0);
    }
    let file = OpenOptions::new().write(true).open(&path)?;
    file.set_len(whole as u64)?;
    file.sync_all()?;
    Ok((written - whole) as u64)
}

fn length_of_whole_batches(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(batch) = batch_length(&bytes[length..]) {
        length += batch;
    }
    length
}

/// How long the batch is that these bytes begin with; none where it is not whole.
fn batch_length(bytes: &[u8]) -> Option<usize> {
    let mut rest = Rest { bytes, at: 0 };
    rest.expect(1)?;
    let count = u32::from_le_bytes(rest.take::<4>()?);
    rest.take::<8>()?;
    let start_of_items = rest.at;
    for _ in 0..count {
        rest.skip_item()?;
    }
    let items = &bytes[start_of_items..rest.at];
    rest.expect(3)?;
    let checksum = u64::from_le_bytes(rest.take::<8>()?);
    (rest.take::<4>()? == TRAILER && checksum == xxh3_64(items)).then_some(rest.at)
}

struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = *self.bytes.get(self.at..)?.first_chunk::<N>()?;
        self.at += N;
        Some(taken)
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.at = self.at.checked_add(length).filter(|&at| at <= self.bytes.len())?;
        Some(())
    }

    fn expect(&mut self, tag: u8) -> Option<()> {
        (self.take::<1>()? == [tag]).then_some(())
    }

    fn skip_item(&mut self) -> Option<()> {
        match self.take::<1>()? {
            [2] => {
                self.skip(10)?;
                let key = u16::from_le_bytes(self.take::<2>()?) as usize;
                self.skip(4)?;
                let value = u32::from_le_bytes(self.take::<4>()?) as usize;
                self.skip(key)?;
                self.skip(value)
            }
            [4] => self.skip(8),
            _ => None,
        }
    }
}
