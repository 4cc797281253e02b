//! Asks the host that runs on a store.

use super::protocol::{Answer, LINE_BYTES_MAX, Request};
use super::{SocketName, socket_path};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a host may take to answer. A repair waits for a sync, nothing for an invocation.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The socket is there and yet nothing comes of it.
    #[error("ask the host at {socket}: {cause}")]
    Socket {
        /// The socket.
        socket: String,
        /// What the system says.
        cause: std::io::Error,
    },
    /// Not the protocol.
    #[error("ask the host at {socket}: its answer is not understood ({cause}); is it of the same version?")]
    Answer {
        /// The socket.
        socket: String,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
}

/// The answer of the host that runs on the store in this folder; none if none runs.
pub fn ask(store_directory: &Path, request: &Request) -> Result<Option<Answer>, ControlError> {
    let path = socket_path(store_directory);
    let failed = |cause| ControlError::Socket { socket: path.display().to_string(), cause };
    let stream = SocketName::new(store_directory).and_then(|name| UnixStream::connect(name.path()));
    let mut stream = match stream {
        Ok(stream) => stream,
        // A host that was killed leaves its socket behind, and nobody answers there.
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    stream.set_read_timeout(Some(ANSWER_DEADLINE)).map_err(failed)?;
    let mut line = serde_json::to_string(request).expect("a request has only JSON in it");
    line.push('\n');
    stream.write_all(line.as_bytes()).map_err(failed)?;
    let mut answer = String::new();
    BufReader::new(stream.take(LINE_BYTES_MAX as u64)).read_line(&mut answer).map_err(failed)?;
    if answer.is_empty() {
        return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
    }
    let understood = serde_json::from_str(&answer);
    understood.map(Some).map_err(|cause| ControlError::Answer { socket: path.display().to_string(), cause })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_socket_in_a_deep_folder_is_reached() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("x".repeat(100)).join("y".repeat(100));
        std::fs::create_dir_all(&deep).unwrap();
        assert!(ask(&deep, &Request::Quarantine).unwrap().is_none());
        let listener = UnixListener::bind(SocketName::new(&deep).unwrap().path()).unwrap();
        assert!(socket_path(&deep).exists());
        drop(listener);
        assert!(ask(&deep, &Request::Quarantine).unwrap().is_none());
    }

    #[test]
    fn a_store_without_a_host_has_no_answer_and_a_host_answers_one_line() {
        let folder = tempfile::tempdir().unwrap();
        assert!(ask(folder.path(), &Request::Quarantine).unwrap().is_none());
        let listener = UnixListener::bind(socket_path(folder.path())).unwrap();
        let host = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            stream.write_all(b"{\"answer\":\"quarantine\",\"keys\":[]}\n").unwrap();
            line
        });
        let answer = ask(folder.path(), &Request::Quarantine).unwrap();
        assert_eq!(answer, Some(Answer::Quarantine { keys: Vec::new() }));
        assert_eq!(host.join().unwrap(), "{\"ask\":\"quarantine\"}\n");
        assert!(ask(folder.path(), &Request::Quarantine).unwrap().is_none(), "the socket of a dead host is left over");
    }
}
