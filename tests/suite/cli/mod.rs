//! The command line, by the binary itself: what it prints, and the exit codes that scripts rely on.

mod build;
mod check;
mod dev;
mod inspect;
mod logs;
mod mistakes;
mod new;
mod quarantine;
mod send;
