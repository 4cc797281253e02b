//! Where in a manifest's text something stands.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A place in a text, both counted from 1; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    /// The place of a byte offset. A mark before the first line is no character of it.
    pub(super) fn at(text: &[u8], offset: usize) -> Self {
        let before = &text[..offset.min(text.len())];
        let before = before.strip_prefix("\u{feff}".as_bytes()).unwrap_or(before);
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: String::from_utf8_lossy(&before[line_start..]).chars().count() + 1,
        }
    }
}

/// The place of the setting of this dotted path, or of the nearest table around it that is written.
pub(super) fn position_of(text: &str, path: &str) -> Option<Position> {
    let table = DeTable::parse(text).ok()?;
    let mut found = None;
    let mut fields = Some(table.get_ref());
    let mut items: Option<&[Spanned<DeValue<'_>>]> = None;
    for name in path.split('.') {
        let value = if let Some(table) = fields {
            let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else { break };
            found = Some(key.span().start);
            value
        } else {
            let Some(value) = items.and_then(|items| items.get(name.parse::<usize>().ok()?)) else { break };
            found = Some(value.span().start);
            value
        };
        fields = value.get_ref().as_table();
        items = value.get_ref().as_array().map(|array| &array[..]);
    }
    found.map(|offset| Position::at(text.as_bytes(), offset))
}

/// The dotted path of the table whose field has its name, or its value, at this offset.
pub(super) fn enclosing_table(text: &str, offset: usize) -> Option<String> {
    let table = DeTable::parse(text).ok()?;
    let mut path = Vec::new();
    descend(table.get_ref(), offset, &mut path).then(|| path.join("."))
}

fn descend(table: &DeTable<'_>, offset: usize, path: &mut Vec<String>) -> bool {
    for (key, value) in table.iter() {
        if key.span().contains(&offset) && !value.get_ref().is_array() {
            return true;
        }
        path.push(key.get_ref().to_string());
        let found = match value.get_ref() {
            DeValue::Table(below) => descend(below, offset, path),
            DeValue::Array(items) => items.iter().any(|item| match item.get_ref() {
                DeValue::Table(below) => descend(below, offset, path) || item.span().contains(&offset),
                _ => false,
            }),
            _ => false,
        };
        if found {
            return true;
        }
        path.pop();
        if key.span().contains(&offset) || value.span().contains(&offset) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "name = \"é\" # é\n[host]\n  shards = 2\n[[component]]\npath = \"a\"\n[[component]]\nconfig.x = \"b\"\n";

    #[test]
    fn a_setting_is_found_where_it_is_written() {
        let at = |path| position_of(TEXT, path).map(|Position { line, column }| (line, column));
        assert_eq!(at("host.shards"), Some((3, 3)));
        assert_eq!(at("host.listen"), Some((2, 2)));
        assert_eq!(at("component.1.config.x"), Some((7, 8)));
        assert_eq!(at("component.0.path"), Some((5, 1)));
        assert_eq!(at("sink"), None);
    }

    #[test]
    fn the_table_around_an_offset_is_found() {
        let around = |needle| enclosing_table(TEXT, TEXT.find(needle).unwrap());
        assert_eq!(around("shards").as_deref(), Some("host"));
        assert_eq!(around("path").as_deref(), Some("component"));
        assert_eq!(around("x = ").as_deref(), Some("component.config"));
        assert_eq!(around("name").as_deref(), Some(""));
    }
}
