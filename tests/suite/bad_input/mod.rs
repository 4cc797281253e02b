//! What is wrong with what the host is given: one clear line, the right exit code, and nothing lost.
//! Mistakes in manifest and arguments are in `cli/mistakes`.

mod component;
mod disk;
mod event;
mod files;
mod stdin;
mod store;
