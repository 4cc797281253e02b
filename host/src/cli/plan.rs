//! `weir plan`: event kind → actions, in declared order.

use super::component::{actions, conflicts, look};
use super::exit::{Exit, WrongUse};
use super::options::PlanOptions;
use super::output::{print, print_json};
use super::paint::Paint;
use super::table::{Column, Table};
use crate::settings::Settings;
use serde::Serialize;

/// One kind, and what starts when an event of it comes.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row<'a> {
    kind: &'a str,
    actions: Vec<&'a str>,
}

pub(super) fn execute(options: &PlanOptions, paint: Paint) -> anyhow::Result<Exit> {
    let settings = Settings::load(&options.manifest.path, &options.manifest.overrides)?;
    let mut components = look(&settings)?;
    if let Some(failed) = components.iter().position(|one| one.loaded.is_err()) {
        let error = components.remove(failed).loaded.expect_err("this one failed");
        return Err(WrongUse(format!("{error:#}")).into());
    }
    if let Some(conflict) = conflicts(&settings, &components).into_iter().next() {
        return Err(WrongUse(conflict).into());
    }
    let actions = actions(&components);
    let rows = rows(actions.iter().map(|action| (action.name, action.listens_to)));
    if options.json {
        print_json(&serde_json::json!({ "name": settings.name, "plan": rows }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new([Column::Words("EVENT KIND"), Column::Words("ACTIONS")]);
    for row in &rows {
        table.row([row.kind.to_owned(), row.actions.join(", ")]);
    }
    print(&table.to_text(paint))?;
    Ok(Exit::Done)
}

/// The kinds in the order in which actions name them first, each with its actions in declared order.
fn rows<'a>(actions: impl Iterator<Item = (&'a str, &'a [String])>) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for (name, kinds) in actions {
        for kind in kinds {
            match rows.iter_mut().find(|row| row.kind == kind) {
                Some(row) => row.actions.push(name),
                None => rows.push(Row { kind, actions: vec![name] }),
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S2]
    #[test]
    fn actions_of_a_kind_are_in_declared_order() {
        let (first, second) = (["a".to_owned(), "b".to_owned()], ["b".to_owned()]);
        let rows = rows([("one", &first[..]), ("two", &second[..])].into_iter());
        let expected = [Row { kind: "a", actions: vec!["one"] }, Row { kind: "b", actions: vec!["one", "two"] }];
        assert_eq!(rows, expected);
    }
}
