//! A small HTTP server that remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::wait::PATIENCE;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method, path with query, version.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its bytes.
    pub body: Vec<u8>,
}

impl Asked {
    /// The first header of the name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// Serves until the process ends.
pub struct Server {
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<Connections>,
}

#[derive(Default)]
struct Connections {
    accepted: AtomicU64,
    closed: AtomicU64,
}

impl Server {
    /// Answers each request with what the function gives: status line, headers, body.
    pub fn start<A: Into<Vec<u8>>>(answer: impl Fn(&Asked) -> A + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let answer = Arc::new(move |asked: &Asked| answer(asked).into());
        let connections: Arc<Connections> = Arc::default();
        std::thread::spawn({
            let (asked, connections) = (asked.clone(), connections.clone());
            move || {
                for stream in listener.incoming() {
                    connections.accepted.fetch_add(1, Ordering::SeqCst);
                    let (asked, answer, connections) = (asked.clone(), answer.clone(), connections.clone());
                    std::thread::spawn(move || {
                        serve(stream.unwrap(), &asked, &*answer);
                        connections.closed.fetch_add(1, Ordering::SeqCst);
                    });
                }
            }
        });
        Self { origin, asked, connections }
    }

    /// Waits until all that clients sent before they went away is heard.
    pub fn settle(&self) {
        let before = self.connections.accepted.load(Ordering::SeqCst);
        // Connections are accepted in their order: after this one, all earlier ones were.
        let last = TcpStream::connect(self.origin.trim_start_matches("http://")).unwrap();
        drop(last);
        let until = Instant::now() + PATIENCE;
        loop {
            let closed = self.connections.closed.load(Ordering::SeqCst);
            let accepted = self.connections.accepted.load(Ordering::SeqCst);
            if accepted > before && closed == accepted {
                return;
            }
            assert!(Instant::now() < until, "{} of {accepted} clients went away", closed);
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Answers 200 with this body.
    pub fn saying(body: &'static str) -> Self {
        Self::start(move |_| respond(200, "", body))
    }

    /// A URL of this server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// An answer with this status, these header lines, each with its end, and this body.
pub fn respond(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

fn serve(stream: TcpStream, asked: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Vec<u8>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(request) = read(&mut reader) {
        asked.lock().unwrap().push(request.clone());
        if writer.write_all(&answer(&request)).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { line: line.trim_end().to_owned(), headers, body })
}
