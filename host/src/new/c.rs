//! A project in C.

use super::{Template, sdks};

pub(super) const TEMPLATE: Template = Template {
    files: &[
        ("Makefile", include_str!("templates/c/Makefile.in")),
        ("src/actions.c", include_str!("templates/c/actions.c.in")),
        ("test/actions_test.c", include_str!("templates/c/actions_test.c.in")),
    ],
    sdk: sdks::C,
    sdk_folder: "weir-sdk",
    sdk_link: None,
    source: "src/actions.c",
    component: "{{name}}.wasm",
    build: "make {{name}}.wasm",
    setup: "python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1",
    test: "make test",
    more: &[],
    ignored: ".venv/\nbuild/\n*.wasm\n",
};
