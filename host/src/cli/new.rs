//! `weir new`: makes a project.

use super::exit::{Exit, WrongUse};
use super::options::NewOptions;
use super::output::print;
use crate::new::{NewError, Project, aligned};
use std::borrow::Cow;

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
    text += &format!("  {}/   the SDK\nnext\n  cd {}\n", made.sdk_folder, for_shell(&folder.to_string()));
    for line in aligned(&made.next) {
        text += &format!("  {line}\n");
    }
    print(&text)?;
    Ok(Exit::Done)
}

/// A word as a shell takes it for this text.
fn for_shell(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./+,:@%".contains(&byte);
    if text.bytes().all(plain) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''")).into()
}

#[cfg(test)]
mod tests {
    use super::for_shell;

    #[test]
    fn a_word_for_a_shell_is_quoted_where_it_must_be() {
        for plain in ["app", "../my-work/app_1", "/a/b.c"] {
            assert_eq!(for_shell(plain), plain);
        }
        for (text, word) in
            [("my work/app", "'my work/app'"), ("ann's/app", r"'ann'\''s/app'"), ("$HOME/app", "'$HOME/app'")]
        {
            assert_eq!(for_shell(text), word);
        }
    }
}
