//! `weir new`: makes a project.

use super::exit::{Exit, WrongUse};
use super::options::NewOptions;
use super::output::print;
use crate::new::{NewError, Project};

pub(super) fn execute(options: &NewOptions) -> anyhow::Result<Exit> {
    let project = Project::new(&options.name, options.lang).map_err(|error| WrongUse(error.to_string()))?;
    let files = project.write().map_err(|error| match error {
        NewError::Write { .. } => anyhow::Error::new(error),
        mistake => WrongUse(mistake.to_string()).into(),
    })?;
    let folder = options.name.display();
    let mut text = format!("made {folder}\n");
    for file in files {
        text += &format!("  {file}\n");
    }
    text += &format!(
        "next\n  cd {folder}\n  cargo test      # the actions alone, without a host\n  weir build\n  weir run        # over events.jsonl\n"
    );
    print(&text)?;
    Ok(Exit::Done)
}
