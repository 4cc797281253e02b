//! Examples whose manifest has a component for each of several languages.

use crate::files;
use crate::languages::{is_tested, not_run};
use crate::process::Weir;
use crate::project::Project;

const COMPONENT: &str = "[[component]]";

/// An example, as far as its components are built.
pub struct Example {
    /// Its languages, in declared order.
    pub languages: Vec<String>,
    folder: String,
    manifest: String,
}

impl Example {
    /// The example of this name, whose components are `NAME-LANGUAGE.wasm`. A language that is tested and not built is a
    /// failure in CI, a loud line elsewhere; so is an example without any. Others are taken where they are built.
    pub fn read(name: &str) -> Self {
        let folder = format!("examples/{name}");
        let path = files::root().join(&folder).join("weir.toml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut parts = text.split(COMPONENT);
        let mut manifest = parts.next().expect("text has a beginning").to_owned();
        let mut languages = Vec::new();
        for part in parts {
            let component = quoted(part, "path");
            let file = files::root().join(&folder).join(component);
            let language = component.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
            let language = language.and_then(|rest| rest.strip_suffix(".wasm"));
            let language = language.unwrap_or_else(|| panic!("{component} is not named {name}-LANGUAGE.wasm"));
            if file.exists() {
                manifest += &format!("{COMPONENT}{}", part.replace(component, &file.display().to_string()));
                languages.push(language.to_owned());
            } else if is_tested(language) {
                not_run(&format!("there is no {}: scripts/build-guests", file.display()));
            }
        }
        if languages.is_empty() {
            not_run(&format!("no component of examples/{name} is built: scripts/build-guests"));
        }
        Self { languages, folder, manifest }
    }

    /// A folder of its own, with this file of events and the manifest, some text of that replaced. Its components are
    /// compiled, which takes longer than a test waits for anything else.
    pub fn project(&self, events: &str, replaced: &[(&str, &str)]) -> Project {
        let project = Project::empty();
        let mut manifest = self.manifest.clone();
        for (text, by) in replaced {
            assert!(manifest.contains(text), "the manifest has no {text}");
            manifest = manifest.replace(text, by);
        }
        project.write("weir.toml", manifest);
        project.write(events, self.file(events));
        let mut check = Weir::command(project.folder(), &["check"]);
        let checked = check.output().expect("start the host");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        project
    }

    /// The text of a file of the example.
    pub fn file(&self, name: &str) -> String {
        let path = files::root().join(&self.folder).join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// The text of a setting in a part of a manifest.
fn quoted<'t>(part: &'t str, name: &str) -> &'t str {
    let after = part.split_once(&format!("{name} = \"")).unwrap_or_else(|| panic!("no {name} in {part}")).1;
    after.split('"').next().expect("text has a beginning")
}
