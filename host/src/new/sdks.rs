//! The SDKs that this binary carries: for each its files, by their paths in it; `build.rs` gathers them.

include!(concat!(env!("OUT_DIR"), "/sdks.rs"));
