use crate::tally::Tally;

const HEAD: [&str; 6] = ["", "", "due", "twice", "never", "not due"];

/// The table at the end: a contender's name, an endpoint, its tally.
pub fn table(rows: &[(&str, &str, Tally)]) -> String {
    let mut lines = vec![line(HEAD.map(str::to_owned)), "  ".to_owned() + &"─".repeat(56)];
    let mut last = "";
    for (name, endpoint, tally) in rows {
        let shown = if *name == last { "" } else { name };
        last = name;
        let counts = [tally.due, tally.twice, tally.never, tally.not_due].map(|count| count.to_string());
        let [due, twice, never, not_due] = counts;
        lines.push(line([shown.to_owned(), (*endpoint).to_owned(), due, twice, never, not_due]));
    }
    lines.join("\n")
}

fn line([name, endpoint, due, twice, never, not_due]: [String; 6]) -> String {
    format!("  {name:<12}  {endpoint:<10}  {due:>4}  {twice:>6}  {never:>6}  {not_due:>8}")
}
