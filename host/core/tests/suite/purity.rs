//! The core is pure: what it could reach the outside with is not among its dependencies.

use std::collections::BTreeSet;

/// Crates that the core may stand on, directly or not, with what for.
const ALLOWED: [&str; 28] = [
    // Hash tables without a random seed of the operating system.
    "hashbrown",
    "foldhash",
    "allocator-api2",
    "equivalent",
    // Places that stay, and short lists in place.
    "slab",
    "smallvec",
    // Reading what is stored.
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "itoa",
    "zmij",
    "memchr",
    // SHA-256.
    "sha2",
    "digest",
    "block-buffer",
    "crypto-common",
    "hybrid-array",
    "typenum",
    "const-oid",
    "cpufeatures",
    "cfg-if",
    "libc",
    // Error types.
    "thiserror",
    "thiserror-impl",
    // What the derives are made with, at compile time only.
    "proc-macro2",
    "quote",
    "syn",
];

/// The packages that `cargo tree` finds below the core, without those for tests.
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the test asks cargo; the core itself starts no process"
)]
fn dependencies() -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = std::process::Command::new(cargo)
        .args([
            "tree",
            "--offline",
            "--locked",
            "-p",
            "weir-core",
            "-e",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo writes text");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

// [S10]: rules that matter are executed.
#[test]
fn the_core_stands_on_crates_without_clock_thread_file_socket_randomness_or_async() {
    let mut found = dependencies();
    assert!(found.remove("weir-core"));
    assert!(found.contains("sha2"), "the test sees dependencies: {found:?}");
    let allowed: BTreeSet<String> =
        ALLOWED.iter().map(|name| (*name).to_owned()).chain(["unicode-ident".to_owned()]).collect();
    let strange: Vec<_> = found.difference(&allowed).collect();
    assert!(strange.is_empty(), "the core must not stand on {strange:?}");
}
