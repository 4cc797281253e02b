//! The sources of an application: the files in the folder of its manifest that are neither outputs nor caches, and the
//! file of its events. A change is another content, not another time: what a build only writes again is none.

use crate::settings::{DeadLetters, Settings, Sink, Source};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;

/// Folders of outputs and caches, whatever the language; those that begin with a dot, too.
const LEFT_OUT: [&str; 7] = ["node_modules", "target", "__pycache__", "build", "dist", "zig-out", "zig-cache"];
/// More files are not looked at.
const FILES_MAX: usize = 10_000;
/// Of a larger file, length and time count instead of its content.
const HASHED_BYTES_MAX: u64 = 4 << 20;
/// An editor writes more than once; when it has been still for so long, it is done.
const STILL: Duration = Duration::from_millis(100);

/// The sources of an application, watched.
pub struct Sources {
    folder: PathBuf,
    /// The file of the events, which may be elsewhere.
    events: Option<PathBuf>,
    outputs: HashSet<PathBuf>,
    known: BTreeMap<PathBuf, File>,
    watched: HashSet<PathBuf>,
    watcher: RecommendedWatcher,
    something_happened: Arc<Notify>,
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct File {
    length: u64,
    modified: Option<SystemTime>,
    content: u64,
}

/// Something happened that nobody has looked at yet: tells it again when dropped.
struct Unseen<'a>(&'a Notify);

impl Drop for Unseen<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// The files that have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change(pub BTreeSet<PathBuf>);

impl Change {
    /// Whether nothing has.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Sources {
    /// Watches the sources of this application, as they are now.
    pub fn watch(settings: &Settings) -> anyhow::Result<Self> {
        let something_happened = Arc::new(Notify::new());
        let tell = something_happened.clone();
        // Which file it was, looking will tell.
        let watcher = notify::recommended_watcher(move |_| tell.notify_one())?;
        let mut sources = Self {
            folder: whole(&settings.folder),
            events: None,
            outputs: HashSet::new(),
            known: BTreeMap::new(),
            watched: HashSet::new(),
            watcher,
            something_happened,
        };
        sources.settings_are(settings);
        sources.changes()?;
        Ok(sources)
    }

    /// What the application reads and writes is said by these settings now.
    pub fn settings_are(&mut self, settings: &Settings) {
        self.events = match &settings.source.from {
            Source::File(file) => Some(whole(file)),
            Source::Stdin | Source::Listen(_) | Source::Kafka { .. } => None,
        };
        self.outputs.extend(settings.components.iter().map(|component| whole(&component.path)));
        if let Sink::File(file) = &settings.sink {
            self.outputs.insert(whole(file));
        }
        if let DeadLetters::File(file) = &settings.dead_letters {
            self.outputs.insert(whole(file));
        }
    }

    /// Waits until something happened and has been over for a moment; it may be nothing that counts. Nothing is missed
    /// if the wait is given up.
    pub async fn wait(&self) {
        self.something_happened.notified().await;
        let unseen = Unseen(&self.something_happened);
        while tokio::time::timeout(STILL, self.something_happened.notified()).await.is_ok() {}
        std::mem::forget(unseen);
    }

    /// What has another content than when this was last asked, is new, or gone.
    pub fn changes(&mut self) -> anyhow::Result<Change> {
        let mut found = BTreeMap::new();
        self.look(&self.folder.clone(), &mut found)?;
        if let Some(events) = self.events.clone()
            && let Ok(metadata) = events.metadata()
        {
            if let Some(folder) = events.parent() {
                self.watch_folder(folder)?;
            }
            self.add(events, &metadata, &mut found);
        }
        let is_known =
            |path: &PathBuf, file: &File| self.known.get(path).is_some_and(|known| known.content == file.content);
        let changed = found.iter().filter(|(path, file)| !is_known(path, file)).map(|(path, _)| path.clone());
        let gone = self.known.keys().filter(|path| !found.contains_key(*path)).cloned();
        let change = Change(changed.chain(gone).collect());
        self.known = found;
        Ok(change)
    }

    /// These files are outputs, too: a build writes them, each time anew.
    pub fn leave_out(&mut self, files: Change) {
        self.known.retain(|path, _| !files.0.contains(path));
        self.outputs.extend(files.0);
    }

    /// Whether an application built before this change need not be built again: only its events are others.
    pub fn only_events(&self, change: &Change) -> bool {
        change.0.iter().all(|path| Some(path) == self.events.as_ref())
    }

    /// How a file is told: from the folder of the manifest, if it is in there.
    pub fn shown<'a>(&self, file: &'a Path) -> &'a Path {
        file.strip_prefix(&self.folder).unwrap_or(file)
    }

    fn look(&mut self, folder: &Path, found: &mut BTreeMap<PathBuf, File>) -> anyhow::Result<()> {
        self.watch_folder(folder)?;
        // A folder that is gone by now has no files.
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let (path, Ok(metadata)) = (entry.path(), entry.metadata()) else { continue };
            if name.starts_with('.') || found.len() >= FILES_MAX {
                continue;
            }
            if metadata.is_dir() && !LEFT_OUT.contains(&name.as_str()) {
                self.look(&path, found)?;
            } else if metadata.is_file() && !name.ends_with('~') && !name.ends_with(".wasm") {
                self.add(path, &metadata, found);
            }
        }
        Ok(())
    }

    fn add(&self, path: PathBuf, metadata: &Metadata, found: &mut BTreeMap<PathBuf, File>) {
        if self.outputs.contains(&path) {
            return;
        }
        let (length, modified) = (metadata.len(), metadata.modified().ok());
        let content = match self.known.get(&path) {
            Some(known) if known.length == length && known.modified == modified => known.content,
            _ => content(&path, length, modified),
        };
        found.insert(path, File { length, modified, content });
    }

    fn watch_folder(&mut self, folder: &Path) -> anyhow::Result<()> {
        if self.watched.insert(folder.to_owned()) {
            self.watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        Ok(())
    }
}

fn content(path: &Path, length: u64, modified: Option<SystemTime>) -> u64 {
    let mut hasher = DefaultHasher::new();
    if length <= HASHED_BYTES_MAX
        && let Ok(bytes) = std::fs::read(path)
    {
        hasher.write(&bytes);
    } else {
        let since = modified.and_then(|modified| modified.duration_since(SystemTime::UNIX_EPOCH).ok());
        hasher.write_u128(since.unwrap_or_default().as_nanos());
    }
    hasher.write_u64(length);
    hasher.finish()
}

/// A path as the file system has it: links followed as far as there is something.
fn whole(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    if let Ok(whole) = path.canonicalize() {
        return whole;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => whole(parent).join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "name = \"a\"\nsource.file = \"in.jsonl\"\nsource.key = \"k\"\nsink.file = \"out.jsonl\"\n\
                            [[component]]\npath = \"made/a.bin\"\n";

    fn sources(folder: &Path) -> Sources {
        std::fs::write(folder.join("weir.toml"), MANIFEST).unwrap();
        std::fs::create_dir_all(folder.join("src")).unwrap();
        std::fs::create_dir_all(folder.join("made")).unwrap();
        std::fs::write(folder.join("src/a.rs"), "one").unwrap();
        Sources::watch(&Settings::load(folder, &[]).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_change_of_content_is_seen_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = sources(folder.path());
        let root = folder.path().canonicalize().unwrap();
        for file in ["src/a.rs", "src/b.rs", "new/deep/c.rs", "in.jsonl", "weir.toml"] {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "two").unwrap();
            sources.wait().await;
            let change = sources.changes().unwrap();
            assert_eq!(change.0.iter().collect::<Vec<_>>(), [&root.join(file)]);
            assert_eq!(sources.only_events(&change), file == "in.jsonl");
        }
        std::fs::remove_file(root.join("src/b.rs")).unwrap();
        sources.wait().await;
        assert_eq!(sources.changes().unwrap().0.into_iter().collect::<Vec<_>>(), [root.join("src/b.rs")]);
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_misses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let sources = sources(folder.path());
        std::fs::write(folder.path().join("src/a.rs"), "two").unwrap();
        sources.something_happened.notified().await;
        sources.something_happened.notify_one();
        tokio::select! {
            biased;
            () = sources.wait() => unreachable!("it waits until all is still"),
            () = std::future::ready(()) => {}
        }
        tokio::time::timeout(Duration::from_secs(60), sources.wait()).await.expect("it is told again");
    }

    #[tokio::test]
    async fn what_is_written_again_as_it_was_and_what_is_made_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = sources(folder.path());
        for file in
            ["src/a.rs", "made/a.bin", "out.jsonl", "x.wasm", "target/o", "node_modules/m.js", ".weir/log", "a.rs~"]
        {
            std::fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(file), "one").unwrap();
        }
        assert_eq!(sources.changes().unwrap(), Change::default());
        std::fs::write(folder.path().join("src/bindings.rs"), "1").unwrap();
        let written = sources.changes().unwrap();
        sources.leave_out(written);
        std::fs::write(folder.path().join("src/bindings.rs"), "2").unwrap();
        assert_eq!(sources.changes().unwrap(), Change::default());
        std::fs::write(folder.path().join("src/bindings.rs"), "3").unwrap();
        assert_eq!(sources.changes().unwrap(), Change::default());
    }
}
