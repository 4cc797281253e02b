//! The languages that are tested.
//!
//! `WEIR_LANGUAGES` names them, with commas; `make test-languages` names all. What one needs and is not there is a failure
//! where the variable `CI` is set; elsewhere the test is left out, and a loud line says so.

/// Names the languages.
pub const VARIABLE: &str = "WEIR_LANGUAGES";
const BY_DEFAULT: &str = "rust,javascript,python";

/// The languages, as they are named.
pub fn tested() -> Vec<String> {
    let named = std::env::var(VARIABLE).unwrap_or_else(|_| BY_DEFAULT.to_owned());
    named.split(',').map(str::to_owned).collect()
}

/// Whether a language is tested.
pub fn is_tested(language: &str) -> bool {
    tested().iter().any(|one| one == base(language))
}

/// TypeScript is JavaScript with types.
pub fn base(language: &str) -> &str {
    if language == "typescript" { "javascript" } else { language }
}

/// A failure in CI, a loud line elsewhere.
pub fn not_run(message: &str) {
    assert!(std::env::var_os("CI").is_none(), "{message}");
    eprintln!("\n!!! NOT RUN: {message}\n");
}
