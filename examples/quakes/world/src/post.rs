//! The HTTP client of the naive loop and of the tests: one POST over one connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// Posts JSON to `http://host:port/path` and answers status and body; any cut connection is an error.
pub fn post(url: &str, key: Option<&str>, body: &str) -> io::Result<(u16, String)> {
    request("POST", url, key, body)
}

/// As [`post`], with GET.
pub fn get(url: &str, key: Option<&str>) -> io::Result<(u16, String)> {
    request("GET", url, key, "")
}

fn request(method: &str, url: &str, key: Option<&str>, body: &str) -> io::Result<(u16, String)> {
    let (host, path) = split(url)?;
    let stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    let key = key.map_or_else(String::new, |key| format!("Idempotency-Key: {key}\r\n"));
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Type: application/json\r\n{key}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    (&stream).write_all(request.as_bytes())?;
    read_answer(BufReader::new(stream.take(ANSWER_BYTES_MAX)))
}

fn split(url: &str) -> io::Result<(&str, &str)> {
    let rest = url.strip_prefix("http://");
    let parts = rest.and_then(|rest| Some(rest.split_at(rest.find('/')?)));
    let message = || format!("{url} is not http://host:port/path");
    parts.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, message()))
}

fn read_answer(mut answer: impl BufRead) -> io::Result<(u16, String)> {
    let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was cut");
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(cut)?;
    let mut body_len = 0;
    loop {
        line.clear();
        if answer.read_line(&mut line)? == 0 {
            return Err(cut());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            body_len = value.trim().parse().map_err(|_| cut())?;
        }
    }
    if body_len as u64 > ANSWER_BYTES_MAX {
        return Err(cut());
    }
    let mut body = vec![0; body_len];
    answer.read_exact(&mut body)?;
    let body = String::from_utf8(body).map_err(|_| cut())?;
    Ok((status, body))
}
