//! Manifests as tests write them.

use std::fmt::Write;
use std::path::Path;

/// A manifest with one component: what differs from test to test stands in its parts.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The application.
    pub name: String,
    /// Lines of `[source]`.
    pub source: String,
    /// Lines of `[sink]`; none: no sink.
    pub sink: Option<String>,
    /// Lines of `[store]` beside the folder.
    pub store: String,
    /// Lines of the component.
    pub component: String,
    /// Further tables, whole.
    pub more: String,
}

impl Manifest {
    /// Reads `in.jsonl`, keyed by `key`, writes `out.jsonl`, and checkpoints often.
    pub fn new(component: &Path) -> Self {
        Self {
            name: "test".to_owned(),
            source: "file = \"in.jsonl\"\nkey = \"key\"".to_owned(),
            sink: Some("file = \"out.jsonl\"".to_owned()),
            store: "checkpoint_interval_ms = 20".to_owned(),
            component: format!("path = {:?}", component.display().to_string()),
            more: String::new(),
        }
    }

    /// The same, reading something else.
    pub fn source(mut self, lines: &str) -> Self {
        self.source = lines.to_owned();
        self
    }

    /// The same, listening on a port of the system's choice.
    pub fn listening(self) -> Self {
        self.source("listen = \"127.0.0.1:0\"")
    }

    /// The same with another sink.
    pub fn sink(mut self, lines: Option<&str>) -> Self {
        self.sink = lines.map(str::to_owned);
        self
    }

    /// The same with this interval between checkpoints.
    pub fn checkpoints_every_ms(mut self, ms: u64) -> Self {
        self.store = format!("checkpoint_interval_ms = {ms}");
        self
    }

    /// The same with lines added to the component.
    pub fn component(mut self, lines: &str) -> Self {
        writeln!(self.component, "\n{lines}").expect("strings take all");
        self
    }

    /// The same, free to send requests to an origin.
    pub fn granting(self, origin: &str) -> Self {
        self.component(&format!("grant.http = [{origin:?}]"))
    }

    /// The same with tables added.
    pub fn with(mut self, tables: &str) -> Self {
        writeln!(self.more, "\n{tables}").expect("strings take all");
        self
    }

    /// As TOML.
    pub fn text(&self) -> String {
        let Self { name, source, sink, store, component, more } = self;
        let sink = sink.as_ref().map_or_else(String::new, |lines| format!("[sink]\n{lines}\n"));
        format!("name = {name:?}\n[source]\n{source}\n{sink}[store]\n{store}\n[[component]]\n{component}\n{more}\n")
    }
}
