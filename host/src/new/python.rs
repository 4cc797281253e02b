//! A project in Python.

use super::{Template, sdks};

pub(super) const TEMPLATE: Template = Template {
    files: &[
        ("app.py", include_str!("templates/python/app.py.in")),
        ("test_app.py", include_str!("templates/python/test_app.py.in")),
    ],
    sdk: sdks::PYTHON,
    // Its package itself: `import weir` finds it there, whatever runs the file.
    sdk_folder: "weir",
    sdk_link: None,
    source: "app.py",
    component: "{{name}}.wasm",
    build: "python3 -m weir build app.py -o {{name}}.wasm",
    setup: "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1",
    test: "python3 -m unittest",
    more: &[],
    ignored: ".venv/\n__pycache__/\n*.wasm\n",
};
