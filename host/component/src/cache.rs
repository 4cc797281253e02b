//! Compiled components, kept so that a component is compiled once for each engine.
//!
//! One file a component and engine, `DIGEST-ENGINE.aot`: eight bytes of magic, the SHA-256 of the rest, and the rest:
//! how long compiling took, microseconds in eight bytes, the least first; and what the compiler gave. A file is written
//! whole, then renamed. The folder must belong to this user and be closed to all others, for whoever can write a file
//! there runs code in this host; a folder that is open is not used. It is bounded: a new file makes those go that were
//! used longest ago, and whatever a process that was killed left there.

use crate::precompiled::OwnCode;
use sha2::{Digest, Sha256};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use wasmtime::Engine;
use wasmtime::component::Component;

const MAGIC: &[u8; 8] = b"weiraot2";
/// Magic and digest.
const SEAL_BYTES: usize = 40;
const TIME_BYTES: usize = 8;
/// What the files of a folder may hold together.
const FOLDER_BYTES_MAX: u64 = 1 << 30;

/// A component that can be instantiated, and what it took.
pub(crate) struct Compiled {
    pub(crate) component: Component,
    pub(crate) cost: CompileCost,
}

/// What it took to have a component compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileCost {
    /// The compilation, now or when what is kept was compiled.
    pub compile: Duration,
    /// Loading what is kept; none where it was compiled now.
    pub load: Option<Duration>,
}

/// A folder of compiled components.
#[derive(Debug)]
pub(crate) struct CodeCache {
    folder: Option<PathBuf>,
    bytes_max: u64,
}

impl CodeCache {
    /// A cache in this folder; one that keeps nothing, where the folder can't be had for this user alone.
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        let folder = folder.and_then(|folder| match open_folder(folder) {
            Ok(()) => Some(folder.to_owned()),
            Err(error) => {
                tracing::warn!("compiled components are not kept: folder {}: {error}", folder.display());
                None
            }
        });
        Self { folder, bytes_max: FOLDER_BYTES_MAX }
    }

    /// The component, compiled now if it is not kept.
    pub(crate) fn component(&self, engine: &Engine, digest: &str, bytes: &[u8]) -> wasmtime::Result<Compiled> {
        let file =
            self.folder.as_ref().map(|folder| folder.join(format!("{digest}-{:016x}.aot", compatibility(engine))));
        if let Some(file) = &file
            && let Some(compiled) = load_kept(engine, file)
        {
            return Ok(compiled);
        }
        let began_at = Instant::now();
        let code = engine.precompile_component(bytes)?;
        let compile = began_at.elapsed();
        if let (Some(folder), Some(file)) = (&self.folder, &file)
            && let Err(error) = write(file, compile, &code).and_then(|()| make_room(folder, self.bytes_max))
        {
            tracing::warn!("compiled components are not kept as they should be: {}: {error}", file.display());
        }
        let component = OwnCode::trust(code).load(engine)?;
        Ok(Compiled { component, cost: CompileCost { compile, load: None } })
    }
}

fn load_kept(engine: &Engine, file: &Path) -> Option<Compiled> {
    let began_at = Instant::now();
    let (compile, code) = read(file)?;
    match OwnCode::trust(code).load(engine) {
        Ok(component) => Some(Compiled { component, cost: CompileCost { compile, load: Some(began_at.elapsed()) } }),
        Err(error) => {
            tracing::warn!("compile again: {}: {error}", file.display());
            None
        }
    }
}

fn compatibility(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// Makes the folder where it is missing, and checks that it is this user's alone.
fn open_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let own = fs::metadata(folder)?;
    if own.mode() & 0o077 != 0 {
        return Err(io::Error::other("others may use it: it must have mode 0700"));
    }
    // A file that this process makes shows who it is.
    let probe = folder.join(format!(".probe-{}", unique()));
    let made = new_file(&probe)?.metadata()?;
    fs::remove_file(&probe)?;
    if own.uid() != made.uid() {
        return Err(io::Error::other("it belongs to another user"));
    }
    Ok(())
}

/// Removes what was used longest ago, until the rest is no more than so many bytes. The file used last stays.
fn make_room(folder: &Path, bytes_max: u64) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Another process may have removed it meanwhile.
        if let Ok(found) = entry.metadata()
            && found.is_file()
        {
            files.push((found.modified()?, found.len(), entry.path()));
        }
    }
    files.sort_by(|a, b| b.cmp(a));
    let mut bytes = 0;
    for (index, (_, length, path)) in files.iter().enumerate() {
        bytes += length;
        if index > 0 && bytes > bytes_max {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// What a whole file holds; none where there is none, or it is not whole.
fn read(file: &Path) -> Option<(Duration, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut opened = fs::File::open(file).ok()?;
    opened.read_to_end(&mut bytes).ok()?;
    // Used now: others go before it.
    let _ = opened.set_modified(SystemTime::now());
    let whole = bytes.len() > SEAL_BYTES + TIME_BYTES
        && bytes[..8] == *MAGIC
        && bytes[8..SEAL_BYTES] == Sha256::digest(&bytes[SEAL_BYTES..])[..];
    if !whole {
        tracing::warn!("compile again: {} is damaged", file.display());
        return None;
    }
    let time = bytes[SEAL_BYTES..SEAL_BYTES + TIME_BYTES].try_into().expect("so many bytes were taken");
    bytes.drain(..SEAL_BYTES + TIME_BYTES);
    Some((Duration::from_micros(u64::from_le_bytes(time)), bytes))
}

fn write(file: &Path, compile: Duration, code: &[u8]) -> io::Result<()> {
    let time = u64::try_from(compile.as_micros()).unwrap_or(u64::MAX).to_le_bytes();
    let digest = Sha256::new().chain_update(time).chain_update(code).finalize();
    let unfinished = file.with_extension(unique());
    let written = new_file(&unfinished).and_then(|mut unfinished| {
        unfinished.write_all(MAGIC)?;
        unfinished.write_all(&digest)?;
        unfinished.write_all(&time)?;
        unfinished.write_all(code)?;
        // By the same clock as when it is used: that of the file system may lag.
        unfinished.set_modified(SystemTime::now())
    });
    let renamed = written.and_then(|()| fs::rename(&unfinished, file));
    if renamed.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    renamed
}

fn new_file(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A name that no other thread or living process has.
fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn component() -> Vec<u8> {
        wat::parse_str("(component (core module (func (export \"f\"))))").unwrap()
    }

    fn only_file(folder: &Path) -> PathBuf {
        let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    #[test]
    fn a_kept_component_is_taken_and_a_damaged_one_is_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("code");
        let (engine, bytes) = (Engine::default(), component());
        let cache = CodeCache::new(Some(&folder));
        let compiled = cache.component(&engine, "d1", &bytes).unwrap().cost;
        assert_eq!(compiled.load, None);
        let file = only_file(&folder);
        let kept = fs::read(&file).unwrap();
        // What is no component any more is served all the same: it came from the file.
        let loaded = cache.component(&engine, "d1", b"not wasm").unwrap().cost;
        assert!(loaded.load.is_some());
        assert_eq!(loaded.compile.as_micros(), compiled.compile.as_micros(), "what it took is kept, too");

        let (_, code) = read(&file).unwrap();
        let is_whole = || read(&file).is_some_and(|(_, kept)| kept == code);

        for damage in [kept.len() / 2, kept.len() - 1, 3, 20, 43] {
            let mut damaged = kept.clone();
            damaged[damage] ^= 1;
            fs::write(&file, &damaged).unwrap();
            cache.component(&engine, "d1", &bytes).unwrap();
            assert!(is_whole(), "damaged at byte {damage}");
        }
        fs::write(&file, &kept[..50]).unwrap();
        cache.component(&engine, "d1", &bytes).unwrap();
        assert!(is_whole());
    }

    // [S11]
    #[test]
    fn a_new_component_makes_those_go_that_were_used_longest_ago() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("code");
        let (engine, bytes) = (Engine::default(), component());
        let mut cache = CodeCache::new(Some(&folder));
        cache.component(&engine, "d1", &bytes).unwrap();
        let length = fs::metadata(only_file(&folder)).unwrap().len();
        cache.bytes_max = 3 * length;
        fs::write(folder.join("left"), b"by a process that was killed").unwrap();
        let age = |digest: &str, seconds| {
            let mut files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            let file = files.find(|file| digest_of(file) == digest).unwrap();
            let file = fs::File::options().append(true).open(file).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
        };
        cache.component(&engine, "d2", &bytes).unwrap();
        for (digest, seconds) in [("left", 50), ("d1", 40), ("d2", 30)] {
            age(digest, seconds);
        }
        cache.component(&engine, "d1", &bytes).unwrap();
        cache.component(&engine, "d3", &bytes).unwrap();
        assert_eq!(kept(&folder), ["d1", "d2", "d3"], "they fit");
        age("d3", 10);
        cache.component(&engine, "d4", &bytes).unwrap();
        assert_eq!(kept(&folder), ["d1", "d3", "d4"], "d1 was compiled first, and used since");
        cache.bytes_max = 1;
        cache.component(&engine, "d5", &bytes).unwrap();
        assert_eq!(kept(&folder), ["d5"], "what is used now stays, however large");
    }

    /// What is kept, by the digest of each, sorted.
    fn kept(folder: &Path) -> Vec<String> {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut digests: Vec<String> = files.map(|file| digest_of(&file)).collect();
        digests.sort();
        digests
    }

    fn digest_of(file: &Path) -> String {
        let name = file.file_name().unwrap().to_str().unwrap();
        name.split('-').next().unwrap().to_owned()
    }

    #[test]
    fn a_folder_that_others_may_use_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let cache = CodeCache::new(Some(folder.path()));
        cache.component(&Engine::default(), "d1", &component()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
