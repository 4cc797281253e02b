//! Where the component of one language is built: a copy of its sources, with caches of its own for what compilers keep.

use anyhow::{Context, bail, ensure};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// What of the repository the sources and their build scripts reach by relative paths.
const REACHED: [&str; 3] = ["guest-sdk", "scripts", "wit"];
/// Where compilers keep what they made of sources, by the variables that say so.
const CACHES: [(&str, &str); 4] = [
    ("CARGO_TARGET_DIR", "cargo"),
    ("GOCACHE", "go"),
    ("ZIG_GLOBAL_CACHE_DIR", "zig"),
    ("ZIG_LOCAL_CACHE_DIR", "zig-local"),
];
/// Folders beside sources that are none.
const NO_SOURCES: [&str; 3] = ["node_modules", "target", "__pycache__"];

/// How one language computes in its durable call, and how it asks `URL` in place of that: the line that is changed.
const CHANGES: [(&str, &str, &str, &str); 5] = [
    ("rust", "src/lib.rs", "|_| Ok(amount * 2)", "|_| ctx.get(\"URL\").send()?.json()"),
    ("javascript", "actions.js", "() => amount * 2", "() => ctx.get(\"URL\").json()"),
    ("python", "actions.py", "lambda call: amount * 2", "lambda call: ctx.get(\"URL\").json()"),
    ("go", "actions.go", "return event.Amount * 2, nil", "return weir.JSON[int](ctx.Get(\"URL\"))"),
    (
        "c",
        "actions.c",
        "    *result = weir_format(\"%lld\", *(long long *)amount * 2);",
        "    weir_response answer; WEIR_TRY(weir_get(\"URL\", &answer)); *result = answer.body; (void)amount;",
    ),
];

/// The toolchain of a language.
pub enum Toolchain {
    /// It is there; its commands stand in this folder, if they are not on the PATH.
    Found(Option<PathBuf>),
    /// It is not; why.
    Missing(String),
}

impl Toolchain {
    /// Looks for it, and installs it where that can be done without asking; for Rust also what its action depends on.
    pub fn find(root: &Path, language: &str) -> anyhow::Result<Self> {
        let scripts = root.join("scripts");
        let mut command = if language == "rust" {
            let mut cargo = Command::new(scripts.join("guest-cargo"));
            let manifest = root.join("examples/tally/rust/Cargo.toml");
            cargo.args(["fetch", "--quiet", "--locked", "--manifest-path"]).arg(manifest);
            cargo
        } else {
            let mut toolchain = Command::new(scripts.join("toolchain"));
            toolchain.arg(language);
            toolchain
        };
        let output = command.stdin(Stdio::null()).output().with_context(|| format!("start {command:?}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        eprint!("{said}");
        if !output.status.success() {
            let why = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it can't be installed");
            // The scripts put their names before what they say.
            return Ok(Self::Missing(why.split_once(": ").map_or(why, |(_, said)| said).to_owned()));
        }
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Self::Found((!folder.is_empty()).then(|| Path::new(&folder).join("bin"))))
    }
}

/// A folder in which one language's action of examples/tally is built by the command of its manifest.
pub struct Workshop {
    folder: TempDir,
    language: String,
    weir: PathBuf,
    path: OsString,
    cache: PathBuf,
}

impl Workshop {
    /// One in which nothing was built yet.
    pub fn open(
        root: &Path,
        weir: &Path,
        language: &str,
        command: &str,
        tools: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let target = root.join("target");
        fs::create_dir_all(&target)?;
        let folder = TempDir::with_prefix_in("languages-", target)?;
        for reached in REACHED {
            symlink(root.join(reached), folder.path().join(reached))?;
        }
        let tally = folder.path().join("examples/tally");
        copy_sources(&root.join("examples/tally").join(language), &tally.join(language))?;
        let manifest = format!(
            "name = \"tally\"\nsource.stdin = true\nsource.key = \"key\"\n[[component]]\npath = \"{}\"\nbuild = {command:?}\n",
            component_name(language)
        );
        fs::write(tally.join("weir.toml"), manifest)?;
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(tools.into_iter().chain(std::env::split_paths(&others)))?;
        let cache = std::env::var_os("WEIR_CACHE").map_or_else(|| root.join(".cache"), PathBuf::from);
        let (language, weir) = (language.to_owned(), weir.to_owned());
        Ok(Self { folder, language, weir, path, cache: std::path::absolute(cache)? })
    }

    /// Builds the component, and moves it to this file; seconds that it takes.
    pub fn build(&self, component: &Path) -> anyhow::Result<f64> {
        let tally = self.folder.path().join("examples/tally");
        let mut command = Command::new(&self.weir);
        command.arg("build").arg(tally.join("weir.toml")).env("PATH", &self.path).env("WEIR_CACHE", &self.cache);
        command.envs(CACHES.map(|(variable, name)| (variable, self.folder.path().join("caches").join(name))));
        command.env_remove("PYTHONPATH").env_remove("NODE_PATH").stdin(Stdio::null());
        let began = Instant::now();
        let output = command.output().with_context(|| format!("start {}", self.weir.display()))?;
        let build_s = began.elapsed().as_secs_f64();
        if !output.status.success() {
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            bail!("weir build of examples/tally/{} failed: {}", self.language, output.status);
        }
        fs::rename(tally.join(component_name(&self.language)), component).context("move the component")?;
        Ok(build_s)
    }

    /// Changes one line: the durable call asks this origin, where it computed its outcome.
    pub fn change(&self, origin: &str) -> anyhow::Result<()> {
        let change = CHANGES.iter().find(|(language, ..)| *language == self.language);
        let (_, file, computed, asked) = change.with_context(|| format!("no change is known for {}", self.language))?;
        let file = self.folder.path().join("examples/tally").join(&self.language).join(file);
        let text = fs::read_to_string(&file)?;
        let found = text.matches(computed).count();
        ensure!(found == 1, "change {}: {computed:?} stands there {found} times, not once", file.display());
        fs::write(&file, text.replace(computed, &asked.replace("URL", &format!("{origin}/"))))?;
        Ok(())
    }
}

fn component_name(language: &str) -> String {
    format!("tally-{language}.wasm")
}

fn copy_sources(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("read folder {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(name))?;
        } else if entry.file_type()?.is_dir() && !NO_SOURCES.iter().any(|other| name == *other) {
            copy_sources(&entry.path(), &to.join(name))?;
        }
    }
    Ok(())
}
