//! A project in Go.

use super::{Template, sdks};

pub(super) const TEMPLATE: Template = Template {
    files: &[
        ("go.mod", include_str!("templates/go/go.mod.in")),
        ("main.go", include_str!("templates/go/main.go.in")),
        ("main_test.go", include_str!("templates/go/main_test.go.in")),
    ],
    sdk: sdks::GO,
    // Not `vendor`, of which Go thinks its own.
    sdk_folder: "weir-sdk",
    sdk_link: None,
    source: "main.go",
    component: "{{name}}.wasm",
    build: "GOOS=wasip1 GOARCH=wasm go build -trimpath -buildmode=c-shared -ldflags='-s -w' -o {{name}}.wasm .",
    setup: "go version",
    test: "go test",
    more: &[],
    ignored: "*.wasm\n",
};
