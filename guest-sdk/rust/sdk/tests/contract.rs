//! The contract that this crate carries is the project's.

use std::fs;
use std::path::Path;

#[test]
fn copy_of_the_contract_equals_the_projects_byte_by_byte() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (original, copy) = (here.join("../../../wit"), here.join("wit"));
    assert_eq!(names(&original), names(&copy), "copy the files of wit/ to guest-sdk/rust/sdk/wit/");
    for name in names(&copy) {
        let same = fs::read(original.join(&name)).unwrap() == fs::read(copy.join(&name)).unwrap();
        assert!(same, "copy wit/{name} to guest-sdk/rust/sdk/wit/");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.filter(|name| name.ends_with(".wit")).collect();
    names.sort();
    names
}
