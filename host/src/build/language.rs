//! Which language a component was written in, as far as it tells.

use wasmparser::{KnownCustom, Parser, Payload};

/// Tools that make components, and the language they make them of. They come before what was compiled into their
/// interpreters: QuickJS and CPython name C and Rust.
const TOOLS: [(&str, &str); 4] = [
    ("componentize-py", "Python"),
    ("componentize-qjs", "JavaScript"),
    ("ComponentizeJS", "JavaScript"),
    ("componentize-js", "JavaScript"),
];

/// What the first word of an SDK's name says.
const SDKS: [(&str, &str); 6] = [
    ("rust", "Rust"),
    ("javascript", "JavaScript"),
    ("typescript", "TypeScript"),
    ("python", "Python"),
    ("go", "Go"),
    ("c", "C"),
];

/// The language of a component: its SDK knows best, then the tools that its `producers` sections name, then the
/// languages there. None where it does not tell, or tells of several.
pub fn language(bytes: &[u8], sdk: &str) -> Option<String> {
    let sdk = sdk.split(' ').next().unwrap_or_default();
    if let Some((_, language)) = SDKS.iter().find(|(name, _)| *name == sdk) {
        return Some((*language).to_owned());
    }
    let producers = producers(bytes);
    let made_by = |tool: &str| producers.iter().any(|(field, name)| field == "processed-by" && name == tool);
    if let Some((_, language)) = TOOLS.iter().find(|(tool, _)| made_by(tool)) {
        return Some((*language).to_owned());
    }
    let mut languages: Vec<&str> =
        producers.iter().filter(|(field, _)| field == "language").map(|(_, name)| without_standard(name)).collect();
    languages.sort_unstable();
    languages.dedup();
    match languages[..] {
        [language] => Some(language.to_owned()),
        _ => None,
    }
}

/// `C11` and `C_plus_plus_14` name a standard, too.
fn without_standard(name: &str) -> &str {
    match name {
        _ if name.starts_with("C_plus_plus") => "C++",
        _ if name.starts_with('C') && name[1..].chars().all(|digit| digit.is_ascii_digit()) => "C",
        _ => name,
    }
}

/// All that the `producers` sections of a component and of the modules in it say: field and name.
fn producers(bytes: &[u8]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        // What is no component was refused when it was loaded.
        let Ok(payload) = payload else { break };
        let Payload::CustomSection(section) = payload else { continue };
        let KnownCustom::Producers(fields) = section.as_known() else { continue };
        for field in fields.into_iter().flatten() {
            let values = field.values.into_iter().flatten();
            found.extend(values.map(|value| (field.name.to_owned(), value.name.to_owned())));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component with a module whose producers section says this.
    fn component(producers: &str) -> Vec<u8> {
        wat::parse_str(format!("(component (core module (@producers {producers})))")).unwrap()
    }

    #[test]
    fn a_component_tells_its_language() {
        let told = |producers: &str, sdk: &str| language(&component(producers), sdk);
        let rust = r#"(language "Rust" "") (processed-by "rustc" "1.85.0")"#;
        assert_eq!(told(rust, "").as_deref(), Some("Rust"));
        assert_eq!(told(rust, "javascript 0.1.0").as_deref(), Some("JavaScript"));
        let python = r#"(language "C11" "") (processed-by "componentize-py" "0.25.1")"#;
        assert_eq!(told(python, "by hand").as_deref(), Some("Python"));
        assert_eq!(told(r#"(language "C11" "")"#, "").as_deref(), Some("C"));
        assert_eq!(told(r#"(language "C_plus_plus_14" "")"#, "").as_deref(), Some("C++"));
        assert_eq!(told(r#"(language "Go" "go1.26.8")"#, "").as_deref(), Some("Go"));
    }

    #[test]
    fn where_a_component_does_not_tell_nothing_is_guessed() {
        assert_eq!(language(&component(r#"(language "Rust" "") (language "C11" "")"#), ""), None);
        assert_eq!(language(&wat::parse_str("(component)").unwrap(), "by hand"), None);
        assert_eq!(language(b"\0asm\x0d\0\x01\0\x0b", ""), None);
    }
}
