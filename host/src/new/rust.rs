//! A project in Rust.

use super::{Template, sdks};

pub(super) const TEMPLATE: Template = Template {
    files: &[
        ("Cargo.toml", include_str!("templates/rust/Cargo.toml.in")),
        ("src/lib.rs", include_str!("templates/rust/lib.rs.in")),
    ],
    sdk: sdks::RUST,
    sdk_folder: "weir-sdk",
    sdk_link: None,
    source: "src/lib.rs",
    component: "target/wasm32-wasip2/release/{{artifact}}.wasm",
    build: "cargo build --release --target wasm32-wasip2",
    setup: "rustup target add wasm32-wasip2",
    test: "cargo test",
    more: &[],
    ignored: "target/\n",
};
