//! The guests: which there are, which must be there.

use super::outside::Outside;
use crate::component::host;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use weir_component::{ComponentSource, Grants, HttpGrant, LoadedComponent};
use weir_tests::files;
use weir_tests::languages::{VARIABLE, is_tested, not_run, tested};

/// In the order of the table.
pub const LANGUAGES: [&str; 5] = ["rust", "javascript", "python", "go", "c"];
/// `python=PATH`, several with commas between: only these components are run.
const COMPONENT_VARIABLE: &str = "WEIR_CONFORMANCE_COMPONENT";

/// A conformance guest.
pub struct Guest {
    /// Its language; of a fixture `rust-0.1.0`, the language and the contract it was compiled against.
    pub name: String,
    bytes: Vec<u8>,
    loaded: Mutex<BTreeMap<Vec<(String, String)>, LoadedComponent>>,
}

/// Whether it is the project's own guests that are run, and not some that a developer names.
pub fn are_the_projects() -> bool {
    std::env::var_os(COMPONENT_VARIABLE).is_none() && std::env::var_os("WEIR_CONFORMANCE_CASES").is_none()
}

impl Guest {
    /// The guests to be run.
    pub fn all() -> Vec<Self> {
        if let Ok(given) = std::env::var(COMPONENT_VARIABLE) {
            return given.split(',').map(Self::given).collect();
        }
        let mut guests = Self::built();
        guests.extend(Self::fixtures());
        guests
    }

    fn given(given: &str) -> Self {
        let (language, path) = given.split_once('=').unwrap_or_else(|| {
            panic!("{COMPONENT_VARIABLE}={given}: write a language, `=` and the path of its component")
        });
        Self::read(language, &PathBuf::from(path))
    }

    /// Those that are built; a language that is tested and not built is a failure in CI, a loud line elsewhere.
    fn built() -> Vec<Self> {
        let unknown: Vec<String> = tested().into_iter().filter(|language| !LANGUAGES.contains(&&**language)).collect();
        let known = LANGUAGES.join(", ");
        assert!(unknown.is_empty(), "{VARIABLE}: there is no language {unknown:?}; there are {known}");
        let mut guests = Vec::new();
        for language in LANGUAGES {
            let path = files::root().join(format!("target/guests/conformance-{language}.wasm"));
            if path.exists() {
                guests.push(Self::read(language, &path));
            } else if is_tested(language) {
                not_run(&format!("no conformance guest in {language} at {}: scripts/build-guests", path.display()));
            }
        }
        guests
    }

    /// Components compiled against an earlier contract, never rebuilt; the large ones compressed.
    fn fixtures() -> Vec<Self> {
        let folder = files::root().join("tests/fixtures/components");
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        let guests: Vec<Self> = paths.iter().filter_map(|path| Self::fixture(path)).collect();
        for language in LANGUAGES {
            let of = |guest: &Self| guest.name.split('-').next() == Some(language);
            assert!(guests.iter().any(of), "no component of {language} in {}", folder.display());
        }
        guests
    }

    /// What is in a `NAME.wasm` or `NAME.wasm.gz`.
    fn fixture(path: &Path) -> Option<Self> {
        let file = path.file_name().expect("a name").to_string_lossy();
        if let Some(name) = file.strip_suffix(".wasm") {
            return Some(Self::read(name, path));
        }
        let name = file.strip_suffix(".wasm.gz")?;
        let gzip = Command::new("gzip").arg("-dc").arg(path).output().expect("run gzip");
        assert!(gzip.status.success(), "gzip -dc {}: {}", path.display(), String::from_utf8_lossy(&gzip.stderr));
        Some(Self::of(name, gzip.stdout))
    }

    fn read(name: &str, path: &Path) -> Self {
        Self::of(name, std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    fn of(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), bytes, loaded: Mutex::default() }
    }

    /// The component with these settings of its manifest. (A case's limits are an invocation's, and need no other.)
    pub fn load(&self, outside: &Outside, config: &[(String, String)]) -> LoadedComponent {
        let mut loaded = self.loaded.lock().expect("no holder panics");
        if let Some(component) = loaded.get(config) {
            return component.clone();
        }
        let grant = |origin: &String| HttpGrant { origin: origin.clone(), secret_headers: Vec::new() };
        let source = ComponentSource {
            name: self.name.clone(),
            bytes: self.bytes.clone(),
            grants: Grants { http: [&outside.origin, &outside.closed_origin].map(grant).into() },
            config: config.iter().cloned().collect(),
            limits: Arc::default(),
        };
        let component = host().load(source).unwrap_or_else(|error| panic!("{error}"));
        let sdk = &component.describe().sdk;
        let language = self.name.split('-').next().unwrap_or(&self.name);
        assert!(sdk.starts_with(&format!("{language} ")), "the SDK of {language} calls itself {sdk:?}");
        loaded.insert(config.to_vec(), component.clone());
        component
    }
}
