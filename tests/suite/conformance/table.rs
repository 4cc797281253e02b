//! The table language × case, printed, and kept in `guest-sdk/README.md`.

use super::case::{Case, CaseFile};
use super::languages::{Guest, LANGUAGES};
use std::collections::BTreeMap;
use weir_tests::files;

const BEGIN: &str = "<!-- conformance: written by the suite -->";
const END: &str = "<!-- /conformance -->";
const WRITE_VARIABLE: &str = "WEIR_CONFORMANCE_WRITE";

/// How a case went for a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Same,
    Differs,
    LeftOut,
    Failed,
}

/// Marks by case, in their order, and language.
pub struct Table {
    rows: Vec<Row>,
}

struct Row {
    name: String,
    /// As it stands in the table.
    marks: BTreeMap<String, String>,
    reasons: BTreeMap<String, String>,
}

impl Table {
    pub fn new(files: &[CaseFile]) -> Self {
        let cases = files.iter().flat_map(|file| &file.cases);
        let reasons = |case: &Case| {
            let known = LANGUAGES.iter().filter_map(|language| Some(((*language).to_owned(), case.reason(language)?)));
            known.collect()
        };
        let row = |case: &Case| Row { name: title(case), marks: BTreeMap::new(), reasons: reasons(case) };
        Self { rows: cases.map(row).collect() }
    }

    pub fn mark(&mut self, guest: &Guest, case: &Case, mark: Mark) {
        let name = title(case);
        let row = self.rows.iter_mut().find(|row| row.name == name).expect("each case has a row");
        let mark = match mark {
            Mark::Same => "✓",
            Mark::Differs => "≠",
            Mark::LeftOut => "–",
            Mark::Failed => "✗",
        };
        row.marks.insert(guest.name.clone(), mark.to_owned());
    }

    /// For a terminal, fixtures too.
    pub fn to_text(&self) -> String {
        let names: Vec<&String> = self.columns(|_| true);
        let mut text = format!("{}\n", names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join("  "));
        for row in &self.rows {
            for name in &names {
                let mark = row.marks.get(*name).map_or("?", String::as_str);
                text.push_str(&format!("{mark:<width$}  ", width = name.len()));
            }
            text.push_str(&row.name);
            text.push('\n');
        }
        text
    }

    /// Languages with a mark that are wanted, in the order of the table, others behind.
    fn columns(&self, wanted: impl Fn(&str) -> bool) -> Vec<&String> {
        let mut names: Vec<&String> = self.rows.iter().flat_map(|row| row.marks.keys()).collect();
        names.sort_by_key(|name| (LANGUAGES.iter().position(|language| language == name).unwrap_or(9), *name));
        names.dedup();
        names.retain(|name| wanted(name));
        names
    }

    /// The README's part: what ran, and what it says of languages that did not run.
    fn write_markdown(&mut self, before: &str) -> String {
        self.keep_marks(before);
        let names: Vec<String> = self.columns(|name| LANGUAGES.contains(&name)).into_iter().cloned().collect();
        let mut text = format!("| case | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
        let mut notes: Vec<String> = Vec::new();
        for row in &self.rows {
            let mut cells = Vec::new();
            for name in &names {
                let mark = row.marks.get(name).map_or("?", String::as_str);
                cells.push(match row.reasons.get(name) {
                    Some(reason) if mark == "≠" || mark == "–" => format!("{mark} {}", number(&mut notes, reason)),
                    _ => mark.to_owned(),
                });
            }
            text.push_str(&format!("| {} | {} |\n", row.name, cells.join(" | ")));
        }
        text.push('\n');
        for (index, note) in notes.iter().enumerate() {
            text.push_str(&format!("{}. {note}\n", index + 1));
        }
        text
    }

    /// Marks of languages that did not run, as the README has them.
    fn keep_marks(&mut self, before: &str) {
        let cells = |line: &str| -> Vec<String> {
            line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
        };
        let mut lines = before.lines().filter(|line| line.starts_with("| "));
        let Some(names) = lines.next().map(cells) else { return };
        let ran: Vec<String> = self.columns(|_| true).into_iter().cloned().collect();
        for line in lines.map(cells) {
            let Some(row) = self.rows.iter_mut().find(|row| row.name == line[0]) else { continue };
            for (name, cell) in names.iter().zip(&line).skip(1).filter(|(name, _)| !ran.contains(name)) {
                let mark = cell.split(' ').next().unwrap_or_default();
                row.marks.insert(name.clone(), mark.to_owned());
            }
        }
    }

    /// Holds the README equal to what ran, or writes it where `WEIR_CONFORMANCE_WRITE` is set.
    pub fn check_readme(mut self) {
        let path = files::root().join("guest-sdk/README.md");
        let text = std::fs::read_to_string(&path).expect("there is a README of the SDKs");
        let (head, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("{}: no {BEGIN}", path.display()));
        let (before, tail) = rest.split_once(END).unwrap_or_else(|| panic!("{}: no {END}", path.display()));
        let table = format!("\n{}", self.write_markdown(before));
        if std::env::var_os(WRITE_VARIABLE).is_some() {
            let text = format!("{head}{BEGIN}{table}{END}{tail}");
            std::fs::write(&path, text).expect("the README is written");
        } else {
            let message = "is not what ran: run the test once with";
            assert!(before == table, "the table in {} {message} {WRITE_VARIABLE}=1", path.display());
        }
    }
}

fn title(case: &Case) -> String {
    format!("{}: {}", case.group, case.name)
}

/// The number of a note, which is added if it is new.
fn number(notes: &mut Vec<String>, note: &str) -> usize {
    match notes.iter().position(|known| known == note) {
        Some(at) => at + 1,
        None => {
            notes.push(note.to_owned());
            notes.len()
        }
    }
}
