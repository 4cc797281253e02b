//! What the suite stands on: the real binary in folders of its own, watched, killed and looked at from outside.

pub mod control;
pub mod exact;
pub mod files;
pub mod guests;
pub mod kafka;
pub mod languages;
pub mod lines;
pub mod manifest;
pub mod polyglot;
pub mod post;
pub mod process;
pub mod project;
pub mod random;
pub mod server;
pub mod toolchain;
pub mod torture;
pub mod wait;

pub use lines::{Output, assert_same_by_key};
pub use manifest::Manifest;
pub use post::post;
pub use process::{Ended, Weir};
pub use project::Project;
pub use random::Random;
pub use wait::wait_until;
