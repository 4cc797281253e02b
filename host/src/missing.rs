//! Files that settings name and that are not there.

use crate::settings::near_name;
use std::io;
use std::path::Path;

/// ", did you mean `…`?" for a file that is not there, where one of almost that name stands beside it.
pub fn near_file(path: &Path, error: &io::Error) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Some(name), io::ErrorKind::NotFound) = (path.file_name(), error.kind()) else { return String::new() };
    let Ok(entries) = std::fs::read_dir(folder) else { return String::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    let near = near_name(&name.to_string_lossy(), names.iter().map(String::as_str));
    near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_almost_the_name_is_named_and_only_where_the_other_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("quakes.jsonl"), "").unwrap();
        let near = |name: &str, kind: io::ErrorKind| near_file(&folder.path().join(name), &kind.into());
        assert_eq!(near("quake.jsonl", io::ErrorKind::NotFound), ", did you mean `quakes.jsonl`?");
        assert_eq!(near("orders.csv", io::ErrorKind::NotFound), "");
        assert_eq!(near("quake.jsonl", io::ErrorKind::PermissionDenied), "");
        assert_eq!(near("absent/quake.jsonl", io::ErrorKind::NotFound), "");
    }
}
