//! `weir new`: makes a project.

use super::exit::{Exit, WrongUse};
use super::options::NewOptions;
use super::output::print;
use crate::new::{NewError, Project, aligned};

pub(super) fn execute(options: &NewOptions) -> anyhow::Result<Exit> {
    let project = Project::new(&options.name, options.lang).map_err(|error| WrongUse(error.to_string()))?;
    let made = project.write().map_err(|error| match error {
        NewError::Write { .. } => anyhow::Error::new(error),
        mistake => WrongUse(mistake.to_string()).into(),
    })?;
    let folder = options.name.display();
    let mut text = format!("made {folder}\n");
    for file in made.files {
        text += &format!("  {file}\n");
    }
    text += &format!("  {}/   the SDK\nnext\n  cd {folder}\n", made.sdk_folder);
    for line in aligned(&made.next) {
        text += &format!("  {line}\n");
    }
    print(&text)?;
    Ok(Exit::Done)
}
