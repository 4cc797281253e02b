//! The name that was probably meant.

/// The known name that is nearest to what was written, where one is near enough to be worth a mention.
pub fn near_name<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lowered = written.to_lowercase();
    let (distance, name) =
        known.into_iter().map(|name| (distance(&lowered, name), name)).min_by_key(|(distance, _)| *distance)?;
    (distance <= (written.chars().count() / 3).max(1)).then_some(name)
}

/// Edits between two names; a name that only lacks, or has too much, at an end counts as one edit.
fn distance(written: &str, name: &str) -> usize {
    let name = name.to_lowercase();
    let part = written.len() >= 3
        && name.len() >= 3
        && (name.starts_with(written) || name.ends_with(written) || written.starts_with(&name));
    let edits = strsim::damerau_levenshtein(written, &name);
    if part { edits.min(1) } else { edits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["shards", "listen", "bootstrap_servers"];
        assert_eq!(near_name("shard", known), Some("shards"));
        assert_eq!(near_name("lisetn", known), Some("listen"));
        assert_eq!(near_name("Shards", known), Some("shards"));
        assert_eq!(near_name("servers", known), Some("bootstrap_servers"));
        assert_eq!(near_name("colour", known), None);
        assert_eq!(near_name("x", known), None);
    }
}
