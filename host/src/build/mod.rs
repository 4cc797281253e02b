//! Makes components: runs the commands of the manifest, and turns what comes out as a core module into a component.

mod command;
mod componentize;
mod language;
mod module;
mod tools;
mod warnings;

pub use command::{BuildError, run_command};
pub use componentize::{ComponentizeError, componentize};
pub use language::language;
pub use module::{Binary, binary_kind};
