//! What is written into a new project, as far as no toolchain is needed to see it; the suite builds and runs them.

use super::*;
use clap::ValueEnum;

#[test]
fn a_project_is_a_folder_with_a_manifest_that_reads() {
    for language in Language::value_variants() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("First-app");
        let project = Project::new(&path, *language).unwrap();
        let made = project.write().unwrap();
        let template = language.template();
        assert!(made.files.iter().any(|file| file == template.source), "{:?}", made.files);
        let settings = crate::settings::Settings::load(&path, &[]).unwrap();
        assert_eq!(settings.name, "First-app");
        assert!(settings.components[0].build.is_some());
        let component = settings.components[0].path.file_name().unwrap().to_str().unwrap();
        assert!(["First-app.wasm", "First_app.wasm"].contains(&component), "{component}");
        for file in made.files {
            let text = std::fs::read_to_string(path.join(&file)).unwrap();
            let mut parts = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
            let blank = parts.find(|(name, _)| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()));
            assert_eq!(blank.map(|(name, _)| name), None, "{file} has a blank that is not filled in");
        }
        assert!(matches!(project.write(), Err(NewError::Exists(_))));
    }
}

#[test]
fn the_sdk_goes_along_whole_and_without_caches() {
    for language in Language::value_variants() {
        let template = language.template();
        let has = |ending: &str| template.sdk.iter().any(|(path, _)| path.ends_with(ending));
        assert!(has("README.md"), "{language:?}: no guide");
        assert!(template.sdk.len() > 2, "{language:?}: no SDK in {:?}", template.sdk_folder);
        for cache in ["node_modules/", "__pycache__/", "target/", ".lock", "package-lock.json"] {
            assert!(!template.sdk.iter().any(|(path, _)| path.contains(cache)), "{language:?}: {cache}");
        }
        let contract = ["wit/world.wit", "wit/types.wit"].iter().all(|file| has(file));
        // What is compiled needs no contract but its bindings.
        assert!(contract || matches!(language, Language::Go | Language::C), "{language:?}");
    }
}

#[test]
fn all_projects_have_the_same_events_and_the_same_action() {
    for language in Language::value_variants() {
        let files = language.template().project_files("app");
        let text = |name: &str| {
            let found = files.iter().find(|(path, _)| *path == name).expect(name);
            String::from_utf8(found.1.to_vec()).unwrap()
        };
        assert_eq!(text("events.jsonl"), EVENTS);
        let actions = text(language.template().source);
        for word in ["add_up", "input", "every", "spent", "thanks_to"] {
            assert!(actions.contains(word), "{language:?}: no {word}");
        }
        for command in ["weir build", "weir run ", "weir dev", language.template().test, language.template().setup] {
            assert!(text("README.md").contains(command), "{language:?}: README without {command}");
        }
    }
}

#[test]
fn a_name_that_a_package_manager_would_refuse_is_refused() {
    for wrong in ["", "..", "9lives", "a b", "é", "a.b", "/"] {
        assert!(matches!(Project::new(Path::new(wrong), Language::Rust), Err(NewError::Name(_))), "{wrong}");
    }
    for taken in ["weir", "a/Weir", "weir-sdk"] {
        assert!(matches!(Project::new(Path::new(taken), Language::Go), Err(NewError::Taken(_))), "{taken}");
    }
}
