//! Tables for people.

use super::paint::Paint;

/// Rows under headings, each column as wide as its widest cell.
pub struct Table {
    headings: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// A column's heading, and on which side its cells stand.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    /// Words: to the left.
    Words(&'static str),
    /// Numbers: to the right.
    Number(&'static str),
}

/// Between two columns.
const GAP: &str = "  ";

impl Column {
    fn heading(self) -> &'static str {
        match self {
            Self::Words(heading) | Self::Number(heading) => heading,
        }
    }
}

impl Table {
    /// A table without rows.
    pub fn new(headings: impl IntoIterator<Item = Column>) -> Self {
        Self { headings: headings.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row. Control characters in it are escaped: keys and messages may hold anything.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let row: Vec<String> = cells.into_iter().map(|cell| escape_controls(&cell)).collect();
        assert_eq!(row.len(), self.headings.len(), "a row has a cell for each column");
        self.rows.push(row);
    }

    /// The lines of it.
    pub fn to_text(&self, paint: Paint) -> String {
        let widths: Vec<usize> = self
            .headings
            .iter()
            .enumerate()
            .map(|(at, heading)| {
                let cells = self.rows.iter().map(|row| width(&row[at]));
                cells.chain([width(heading.heading())]).max().unwrap_or(0)
            })
            .collect();
        let headings: Vec<&str> = self.headings.iter().map(|heading| heading.heading()).collect();
        let mut text = paint.strong(&self.line(&headings, &widths));
        text.push('\n');
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            text.push_str(&self.line(&cells, &widths));
            text.push('\n');
        }
        text
    }

    fn line(&self, cells: &[&str], widths: &[usize]) -> String {
        let padded = cells.iter().zip(widths).zip(&self.headings).map(|((cell, width), heading)| {
            let space = " ".repeat(width - self::width(cell));
            match heading {
                Column::Words(_) => format!("{cell}{space}"),
                Column::Number(_) => format!("{space}{cell}"),
            }
        });
        padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// The text with `\n`, `\u{1b}` and their like spelled out, so that no data steers a terminal.
pub fn escape_controls(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, letter| {
        if letter.is_control() {
            escaped.extend(letter.escape_default())
        } else {
            escaped.push(letter)
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new([Column::Words("KEY"), Column::Number("PENDING"), Column::Words("STATE")]);
        table.row(["Hualian, Taiwan".into(), "3".into(), "runs".into()]);
        table.row(["é\n".into(), "12".into(), String::new()]);
        let expected = "KEY              PENDING  STATE\nHualian, Taiwan        3  runs\né\\n                   12\n";
        assert_eq!(table.to_text(Paint::none()), expected);
    }
}
