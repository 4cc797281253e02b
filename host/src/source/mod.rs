//! Where input events come from: one ordered source, read by one reader that splits it over the partitions [S1] [S35].

mod file;
mod inbox;
mod listen;
mod parser;
mod reader;
mod stdin;

pub use file::{Consumed, FileSource, FileSourceError};
pub use inbox::{InboxContent, InboxSignal, InboxSource};
pub use listen::{ListenState, router};
pub use parser::{BadEvent, EventParser, RecordParts};
pub use reader::{Batch, Progress, Reader, ReaderStop, SetAside, SourceKind, Taken};
pub use stdin::StdinFeed;
