//! `--set dotted.path=value`: any setting, from the command line.

use super::error::SettingsError;
use super::explain::explain;
use super::kafka;
use super::manifest::Manifest;
use serde::Deserialize;
use std::path::Path;
use toml::{Table, Value};

/// One `--set`: where, what, and the argument as it was given.
#[derive(Clone, Debug)]
pub(super) struct Override {
    argument: String,
    path: Vec<String>,
    value: Value,
}

/// Settings that are paths; `*` stands for any name or index.
const PATHS: [&[&str]; 7] = [
    &["source", "file"],
    &["sink", "file"],
    &["dead_letter", "file"],
    &["store", "directory"],
    &["component", "*", "path"],
    &["component", "*", "secrets", "*", "file"],
    &["kafka", "client", "*", "file"],
];

/// Settings that are handed on as text, whatever they look like.
const TEXTS: [&[&str]; 3] =
    [&["component", "*", "config", "*"], &["kafka", "client", "*"], &["kafka", "state_topic", "*"]];

/// Settings that are lists.
const LISTS: [&[&str]; 3] = [&["component"], &["component", "*", "grant", "http"], &["component", "*", "secrets"]];

/// Settings of which one excludes the others: naming one takes the others' place, unless it is only switched off.
const ALTERNATIVES: [(&str, &[&str]); 2] =
    [("source", &["file", "stdin", "listen", "kafka"]), ("sink", &["file", "stdout", "kafka"])];

impl Override {
    /// The override in an argument of `--set`.
    pub(super) fn parse(argument: &str) -> Result<Self, SettingsError> {
        let wrong = |message: &str| SettingsError::in_argument(argument, message);
        let (path, value) = split(argument).ok_or_else(|| wrong("write it as path=value, such as host.shards=2"))?;
        let path = names(path).ok_or_else(|| wrong("its path is no dotted path, such as component.0.config.url"))?;
        let value = parse_value(value, &path).map_err(|message| wrong(&message))?;
        Ok(Self { argument: argument.to_owned(), path, value })
    }

    /// Puts the value into the manifest, which stays well formed.
    /// A relative path in it is relative to the current folder, and so stays as it is.
    pub(super) fn apply(&self, tree: &mut Table) -> Result<(), SettingsError> {
        self.remove_alternatives(tree);
        let mut root = Value::Table(std::mem::take(tree));
        self.put(&mut root)?;
        let Value::Table(changed) = root else { unreachable!("the root stays a table") };
        *tree = changed;
        Manifest::deserialize(tree.clone()).map(|_| ()).map_err(|error| self.explain(error.message()))
    }

    /// Whether it set what stands at this dotted path, or something around or below it.
    pub(super) fn touches(&self, path: &str) -> bool {
        self.path.iter().zip(path.split('.')).all(|(own, other)| own == other)
    }

    /// The argument as it was given.
    pub(super) fn argument(&self) -> &str {
        &self.argument
    }

    fn remove_alternatives(&self, tree: &mut Table) {
        for (table, names) in ALTERNATIVES {
            if let [first, second, ..] = &self.path[..]
                && first == table
                && names.contains(&second.as_str())
                && self.value != Value::Boolean(false)
                && let Some(Value::Table(fields)) = tree.get_mut(table)
            {
                fields.retain(|name, _| name == second || !names.contains(&name));
            }
        }
    }

    fn put(&self, root: &mut Value) -> Result<(), SettingsError> {
        let mut at = root;
        for (depth, name) in self.path.iter().enumerate() {
            let missing = || match self.path.get(depth + 1) {
                Some(_) if LISTS.iter().any(|list| matches(list, &self.path[..=depth])) => Value::Array(Vec::new()),
                _ => Value::Table(Table::new()),
            };
            at = match at {
                Value::Table(fields) => fields.entry(name.clone()).or_insert_with(missing),
                Value::Array(items) => {
                    let index = self.index(name, depth, items.len())?;
                    if index == items.len() {
                        items.push(missing());
                    }
                    &mut items[index]
                }
                _ => {
                    return Err(
                        self.wrong(format!("{} is one value, nothing is below it", self.path[..depth].join(".")))
                    );
                }
            };
        }
        *at = self.value.clone();
        Ok(())
    }

    /// An index into a list: one of its items, or the place behind the last.
    fn index(&self, name: &str, depth: usize, length: usize) -> Result<usize, SettingsError> {
        let list = self.path[..depth].join(".");
        match name.parse::<usize>() {
            Ok(index) if index <= length => Ok(index),
            Ok(index) => Err(self.wrong(format!("{list} has {length} items, counted from 0, and so no {index}"))),
            Err(_) => Err(self.wrong(format!("{list} is a list: name an item by its index, such as {list}.0"))),
        }
    }

    /// What the parser says about the value or the path.
    fn explain(&self, message: &str) -> SettingsError {
        let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        let depth = unknown.and_then(|name| self.path.iter().rposition(|own| own == name)).unwrap_or(0);
        let table: Vec<&str> =
            self.path[..depth].iter().map(String::as_str).filter(|name| name.parse::<usize>().is_err()).collect();
        self.wrong(explain(message, Some(&table.join("."))))
    }

    fn wrong(&self, message: String) -> SettingsError {
        SettingsError::in_argument(&self.argument, message)
    }
}

/// Path and value: at the first `=` outside of quotes.
fn split(argument: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let at = argument.find(|letter: char| {
        quoted ^= letter == '"';
        letter == '=' && !quoted
    })?;
    Some((argument[..at].trim(), argument[at + 1..].trim()))
}

/// The names of a dotted path; a quoted one may have dots in it.
fn names(path: &str) -> Option<Vec<String>> {
    let mut names = vec![String::new()];
    let mut quoted = false;
    for letter in path.chars() {
        match letter {
            '"' => quoted = !quoted,
            '.' if !quoted => names.push(String::new()),
            plain => names.last_mut().expect("there is always one").push(plain),
        }
    }
    (!quoted && names.iter().all(|name| !name.is_empty())).then_some(names)
}

/// A TOML value; what is none is a string, and so is all that is handed on as text.
fn parse_value(text: &str, path: &[String]) -> Result<Value, String> {
    let bare = || Ok(Value::String(text.to_owned()));
    match text.parse::<Value>() {
        Ok(value @ Value::String(_)) => Ok(value),
        Ok(value) if !value.is_table() && TEXTS.iter().any(|pattern| matches(pattern, path)) => bare(),
        Ok(Value::Datetime(_)) => bare(),
        Ok(value) => Ok(value),
        Err(error) if text.starts_with(['"', '\'', '[', '{']) => {
            Err(format!("its value is no TOML: {}", error.message()))
        }
        Err(_) => bare(),
    }
}

/// Makes the paths in a manifest whole: relative ones are relative to `folder`.
pub(super) fn anchor(tree: &mut Table, folder: &Path) {
    for (name, value) in tree.iter_mut() {
        anchor_below(value, &mut vec![name.clone()], folder);
    }
}

fn anchor_below(value: &mut Value, path: &mut Vec<String>, folder: &Path) {
    let below: Vec<(String, &mut Value)> = match value {
        Value::String(text) => {
            let is_path = PATHS.iter().any(|pattern| matches(pattern, path)) || kafka::is_path(path, text);
            if !text.is_empty() && is_path {
                *text = folder.join(&*text).to_string_lossy().into_owned();
            }
            return;
        }
        Value::Table(fields) => fields.iter_mut().map(|(name, value)| (name.to_string(), value)).collect(),
        Value::Array(items) => items.iter_mut().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        _ => return,
    };
    for (name, value) in below {
        path.push(name);
        anchor_below(value, path, folder);
        path.pop();
    }
}

fn matches(pattern: &[&str], path: &[String]) -> bool {
    pattern.len() == path.len() && pattern.iter().zip(path).all(|(part, name)| *part == "*" || part == name)
}
