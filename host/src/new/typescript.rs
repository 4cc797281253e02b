//! A project in TypeScript: one in JavaScript whose types are checked.

use super::javascript::LINK;
use super::{Template, sdks};

pub(super) const TEMPLATE: Template = Template {
    files: &[
        ("package.json", include_str!("templates/typescript/package.json.in")),
        ("tsconfig.json", include_str!("templates/typescript/tsconfig.json.in")),
        ("src/actions.ts", include_str!("templates/typescript/actions.ts.in")),
        ("test/actions.test.ts", include_str!("templates/typescript/actions.test.ts.in")),
    ],
    sdk: sdks::JAVASCRIPT,
    sdk_folder: "weir-sdk",
    sdk_link: LINK,
    source: "src/actions.ts",
    component: "{{name}}.wasm",
    build: "node weir-sdk/bin/weir-componentize.js src/actions.ts -o {{name}}.wasm",
    setup: "npm install",
    test: "npm test",
    more: &[("npm run check", "types")],
    ignored: "node_modules/\n*.wasm\n",
};
