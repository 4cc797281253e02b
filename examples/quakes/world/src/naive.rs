//! The naive loop: what people write by hand to do the job of the example.
//!
//! It reads a line, counts, posts (trying again where an answer fails to come), and writes down how far it got:
//! the offset after each line, because it is small; the counts every ten lines, because they are not.
//! Nothing in it is silly. It is only not enough.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::post::post;
use crate::quakes::{Quake, Regions, on_quake};

const LINES_PER_SAVE: usize = 10;
const TRIES_MAX: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// Where the naive loop reads, posts and keeps what it knows.
#[derive(Clone, Debug, clap::Args)]
pub struct Naive {
    /// The events, one JSON object a line.
    #[arg(long, default_value = "examples/quakes/quakes.jsonl")]
    pub file: PathBuf,
    /// URL of the pager.
    #[arg(long)]
    pub pager: String,
    /// URL of the map.
    #[arg(long)]
    pub map: String,
    /// Folder of its offset and its counts.
    #[arg(long)]
    pub directory: PathBuf,
}

impl Naive {
    /// Runs to the end of the file, from where the files in the folder say it was.
    pub fn run(&self) -> anyhow::Result<()> {
        fs::create_dir_all(&self.directory).with_context(|| format!("make the folder {}", self.directory.display()))?;
        let offset_file = self.directory.join("offset");
        let regions_file = self.directory.join("regions.json");
        let offset: usize = match read(&offset_file)? {
            Some(text) => text.trim().parse().context("read the offset")?,
            None => 0,
        };
        let mut regions: Regions = match read(&regions_file)? {
            Some(text) => serde_json::from_str(&text).context("read the regions")?,
            None => Regions::new(),
        };

        let text = fs::read_to_string(&self.file).with_context(|| format!("read {}", self.file.display()))?;
        for (number, line) in text.lines().enumerate().skip(offset) {
            let quake: Quake = serde_json::from_str(line).with_context(|| format!("read line {}", number + 1))?;
            if let Some(page) = on_quake(&mut regions, &quake) {
                let page = serde_json::to_string(&page)?;
                for url in [&self.pager, &self.map] {
                    if let Err(error) = post_with_patience(url, &page) {
                        eprintln!("line {}: gave up: {error:#}", number + 1);
                    }
                }
            }
            write(&offset_file, &(number + 1).to_string())?;
            if (number + 1) % LINES_PER_SAVE == 0 {
                write(&regions_file, &serde_json::to_string(&regions)?)?;
            }
        }
        Ok(())
    }
}

fn post_with_patience(url: &str, body: &str) -> anyhow::Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match post(url, None, body) {
            Ok((200, _)) => return Ok(()),
            Ok((status, answer)) => format!("{status}: {answer}"),
            Err(error) => error.to_string(),
        };
        if tries == TRIES_MAX {
            bail!("{url} failed {tries} times, last with {error}");
        }
        thread::sleep(PAUSE);
    }
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

/// Whole or not at all, by a rename: it knows that much.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text).and_then(|()| fs::rename(&new, path)).with_context(|| format!("write {}", path.display()))
}
