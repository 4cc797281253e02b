//! A project in JavaScript.

use super::{Template, sdks};

pub(super) const TEMPLATE: Template = Template {
    files: &[
        ("package.json", include_str!("templates/javascript/package.json.in")),
        ("src/actions.js", include_str!("templates/javascript/actions.js.in")),
        ("test/actions.test.js", include_str!("templates/javascript/actions.test.js.in")),
    ],
    sdk: sdks::JAVASCRIPT,
    sdk_folder: "weir-sdk",
    sdk_link: LINK,
    source: "src/actions.js",
    component: "{{name}}.wasm",
    build: "node weir-sdk/bin/weir-componentize.js src/actions.js -o {{name}}.wasm",
    setup: "npm install",
    test: "npm test",
    more: &[],
    ignored: "node_modules/\n*.wasm\n",
};

/// As npm lays it, so that the SDK is found without a network, too.
pub(super) const LINK: Option<(&str, &str)> = Some(("node_modules/weir", "../weir-sdk"));
