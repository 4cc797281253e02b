//! A host process, watched from outside.

use crate::files;
use crate::wait::{PATIENCE, comes, wait_until};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A running `weir`; killed when dropped.
pub struct Weir {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

/// How a process ended, and what it said.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Weir {
    /// Starts it in a folder.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::spawn(Self::command(folder, arguments))
    }

    /// The command that starts it, to be changed before it is spawned.
    pub fn command(folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(files::weir());
        command.args(arguments).current_dir(folder).env("XDG_CACHE_HOME", files::cache());
        command.env_remove("RUST_LOG").env_remove("NO_COLOR");
        command
    }

    /// Starts a command.
    pub fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("start the host");
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let readers = vec![
            gather(child.stdout.take().expect("it is piped"), Arc::clone(&stdout)),
            gather(child.stderr.take().expect("it is piped"), Arc::clone(&stderr)),
        ];
        Self { stdin: child.stdin.take(), child, stdout, stderr, readers }
    }

    /// What it said on standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("no reader panics").clone()
    }

    /// What it wrote to standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.lock().expect("no reader panics").clone()
    }

    /// Writes to its standard input.
    pub fn write(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("its input is open");
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).expect("write to the host");
    }

    /// As `write`, to a process that may be dead.
    pub fn try_write(&mut self, text: &str) -> bool {
        let stdin = self.stdin.as_mut().expect("its input is open");
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).is_ok()
    }

    /// Ends its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits until a line on standard error has this text; that line.
    pub fn wait_for_log(&mut self, text: &str) -> String {
        let mut found = None;
        let ended = comes(|| {
            found = self.stderr().lines().find(|line| line.contains(text)).map(str::to_owned);
            found.is_some() || self.has_ended()
        });
        // What was said just before the end is read after it.
        if found.is_none() && ended {
            self.join_readers();
            found = self.stderr().lines().find(|line| line.contains(text)).map(str::to_owned);
        }
        found.unwrap_or_else(|| panic!("it never says {text:?}; it says:\n{}", self.stderr()))
    }

    /// The address that it takes events at: `http://host:port`.
    pub fn origin(&mut self) -> String {
        origin_in(&self.wait_for_log("events are taken at"))
    }

    /// The address of its metrics: `http://host:port`.
    pub fn metrics_origin(&mut self) -> String {
        origin_in(&self.wait_for_log("metrics are at"))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("ask for its end").is_some()
    }

    /// kill -9; returns when it is gone.
    pub fn kill(mut self) -> Ended {
        self.kill_in_place();
        self.wait()
    }

    /// As `kill`, keeping what it said.
    pub fn kill_in_place(&mut self) {
        // An error means that it has ended by itself; whoever waits for it sees that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends SIGINT.
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Sends SIGSTOP.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Sends SIGCONT.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(status.expect("run kill").success(), "send {name}");
    }

    /// Stops it as a user would, with a last checkpoint.
    pub fn stop(self) -> Ended {
        self.terminate();
        self.wait()
    }

    /// Waits for its end. Its standard input ends now.
    pub fn wait(mut self) -> Ended {
        self.close_stdin();
        let mut status = None;
        let in_time = comes(|| {
            status = self.child.try_wait().expect("ask for its end");
            status.is_some()
        });
        assert!(in_time, "it runs on after {} s; it says:\n{}", PATIENCE.as_secs(), self.stderr());
        self.join_readers();
        Ended { status: status.expect("it has ended"), stdout: self.stdout(), stderr: self.stderr() }
    }

    fn join_readers(&mut self) {
        for reader in self.readers.drain(..) {
            reader.join().expect("no reader panics");
        }
    }
}

impl Drop for Weir {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The exit code; none if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Whether kill -9 ended it.
    pub fn was_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }

    /// Checks the exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{}; standard error:\n{}", self.status, self.stderr);
        self
    }

    /// Checks that it failed with one clear line that has all these words; that line.
    #[track_caller]
    pub fn expect_error(self, code: i32, words: &[&str]) -> String {
        let ended = self.expect(code);
        let errors: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("error:")).collect();
        let [error] = errors[..] else { panic!("not one line of error:\n{}", ended.stderr) };
        for word in words {
            assert!(error.contains(word), "no {word:?} in: {error}");
        }
        for trace in ["panicked", "RUST_BACKTRACE", "stack backtrace", "Caused by"] {
            assert!(!ended.stderr.contains(trace), "{trace}:\n{}", ended.stderr);
        }
        let mut parts: Vec<&str> = error.split(": ").collect();
        let count = parts.len();
        parts.sort_unstable();
        parts.dedup();
        assert_eq!(parts.len(), count, "it says something twice: {error}");
        let last = ended.stderr.lines().last().unwrap_or_default();
        assert_eq!(last, error, "the error comes last");
        error.to_owned()
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {:?}", self.stdout))
    }
}

/// Waits until each of these has ended.
pub fn wait_for_ends(processes: &mut [Weir]) {
    wait_until("all processes end", || processes.iter_mut().all(Weir::has_ended));
}

fn origin_in(line: &str) -> String {
    let from = line.find("http://").expect("the line names an address");
    let rest = &line[from + "http://".len()..];
    format!("http://{}", rest.split('/').next().unwrap_or_default())
}

fn gather(from: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            into.lock().expect("no reader panics").push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}
