//! Raw requests through the gateway into a provider that reads strictly: it sees exactly the
//! requests that were meant, or none of them; never one that hid in another.
//!
//! The big corpus lies outside the repository (`$TIDEGATE_CORPORA`, else `../shared/corpora`).

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::Value;

use crate::support::{Gateway, PATIENCE, Wire, key, provider, sha256};

/// A request as the provider read it: its method, and its body's length and hash.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Request {
    body: String,
    length: usize,
    method: String,
}

const OWN: [(&str, &[(&str, &str)]); 6] = [
    (
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
        &[],
    ),
    ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", &[]),
    ("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", &[]),
    ("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", &[]),
    (
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        &[("POST", "abc"), ("GET", "")],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        &[("POST", "ab")],
    ),
];

#[test]
fn the_provider_sees_what_was_meant_of_our_own_samples() {
    let scene = Scene::start();
    for (raw, meant) in OWN {
        let meant: Vec<Request> = meant.iter().map(|(method, body)| of(method, body)).collect();
        assert_eq!(scene.forwarded(raw.as_bytes()), meant, "{raw}");
    }
}

#[test]
fn the_provider_sees_what_was_meant_or_nothing_of_the_corpus() {
    let Some(cases) = corpus("req") else {
        return println!("corpus smuggling: SKIPPED, no corpora");
    };
    let scene = Scene::start();
    let mut forwarded = 0;
    for case in &cases {
        let raw = std::fs::read(case).unwrap();
        let expected = std::fs::read_to_string(case.with_extension("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let meant: Vec<Request> =
            expected["messages"].as_array().unwrap().iter().map(meant).collect();
        let seen = scene.forwarded(&raw);
        forwarded += seen.len();
        // In order; some are the gateway's own to answer, or refused for what they ask.
        let mut rest = meant.iter();
        let is_meant = seen.iter().all(|request| rest.any(|one| one == request));
        assert!(is_meant, "{}: {seen:?} of {meant:?}", case.display());
    }
    println!("corpus smuggling: {} cases, {forwarded} requests forwarded", cases.len());
    assert!(forwarded >= 20, "{forwarded} only: the corpus tests nothing");
}

/// Cases of the corpus that are requests (`req`) or answers (`resp`).
pub fn corpus(kind: &str) -> Option<Vec<PathBuf>> {
    let root = std::env::var_os("TIDEGATE_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    );
    let entries = std::fs::read_dir(root.join("http1")).ok()?;
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = paths.filter(|p| p.extension().is_some_and(|e| e == kind)).collect();
    cases.sort();
    Some(cases)
}

fn of(method: &str, body: &str) -> Request {
    Request { body: sha256(body.as_bytes()), length: body.len(), method: method.to_owned() }
}

fn meant(message: &Value) -> Request {
    Request {
        body: message["body_sha256"].as_str().unwrap_or_default().to_owned(),
        length: message["body_len"].as_u64().unwrap_or(0).try_into().unwrap(),
        method: message["method"].as_str().unwrap_or_default().to_owned(),
    }
}

/// A gateway in front of a provider that records.
struct Scene {
    gateway: Gateway,
    seen: Receiver<Request>,
}

impl Scene {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, seen) = channel();
        std::thread::spawn(move || {
            for tcp in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                std::thread::spawn(move || record(tcp, &sender));
            }
        });
        let short = "[timeouts]\nclient_head = \"100ms\"\nclient_body_idle = \"100ms\"\n\
                     keep_alive = \"100ms\"\n";
        let config = provider("p", "openai", &url) + &key("sk-pool") + short;
        Self { gateway: Gateway::start(&config), seen }
    }

    /// What the provider got of `raw`, once the gateway has closed.
    fn forwarded(&self, raw: &[u8]) -> Vec<Request> {
        let mut client = Wire::connect(self.gateway.address);
        // A path that goes up; requests lines say nothing of where a body ends.
        let raw = if raw.is_ascii() { replaced(raw) } else { raw.to_vec() };
        if client.try_send(&raw) {
            client.rest();
        }
        self.seen.try_iter().collect()
    }
}

/// With a path in its first line that goes up: that line says nothing of where a body ends.
fn replaced(raw: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(raw);
    let text = text.replace(" / HTTP/1.1\r\n", " /v1/files HTTP/1.1\r\n");
    let (line, rest) = text.split_at(text.find("\r\n").unwrap_or(0));
    let words: Vec<&str> = line.split(' ').collect();
    let line = match words.as_slice() {
        [method, path, version] if is_plain(path) => {
            format!("{method} /v1/files {version}")
        }
        _ => line.to_owned(),
    };
    (line + rest).into_bytes()
}

/// A path that nobody could object to: with another in its place the request means the same.
fn is_plain(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_".contains(&byte);
    path.starts_with('/') && path.len() < 100 && path.bytes().all(is_plain)
}

/// Reads requests by the letter: one framing, no other bytes. What breaks a rule is told as such;
/// what is not whole is no request.
fn record(mut tcp: TcpStream, seen: &Sender<Request>) {
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = Vec::new();
    while let Some(head) = take_head(&mut tcp, &mut buffer) {
        let mut lines = head.trim_end().split("\r\n");
        let method = lines.next().unwrap().split(' ').next().unwrap().to_owned();
        let fields: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap_or((line, "")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let values = |name: &str| -> Vec<&String> {
            fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value).collect()
        };
        let body =
            match (values("content-length").as_slice(), values("transfer-encoding").as_slice()) {
                ([], []) => Some(Vec::new()),
                ([length], []) => take(&mut tcp, &mut buffer, length.parse().unwrap()),
                ([], [coding]) if *coding == "chunked" => take_chunks(&mut tcp, &mut buffer),
                both => {
                    let body = format!("two framings: {both:?}");
                    let _over = seen.send(Request { body, length: 0, method });
                    return;
                }
            };
        let Some(body) = body else { return };
        let request = Request { body: sha256(&body), length: body.len(), method };
        let _over = seen.send(request);
        if tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

fn take_head(tcp: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            return String::from_utf8(buffer.drain(..at + 4).collect()).ok();
        }
        fill(tcp, buffer)?;
    }
}

fn take(tcp: &mut TcpStream, buffer: &mut Vec<u8>, length: usize) -> Option<Vec<u8>> {
    while buffer.len() < length {
        fill(tcp, buffer)?;
    }
    Some(buffer.drain(..length).collect())
}

fn take_chunks(tcp: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = loop {
            match memchr::memmem::find(buffer, b"\r\n") {
                Some(end) => break end,
                None => fill(tcp, buffer)?,
            }
        };
        let line: Vec<u8> = buffer.drain(..end + 2).collect();
        let size = usize::from_str_radix(std::str::from_utf8(&line[..end]).ok()?, 16).ok()?;
        let chunk = take(tcp, buffer, size + 2)?;
        body.extend_from_slice(&chunk[..size]);
        if size == 0 {
            return Some(body);
        }
    }
}

fn fill(tcp: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut piece = [0; 4_096];
    let n = tcp.read(&mut piece).ok().filter(|n| *n > 0)?;
    buffer.extend_from_slice(&piece[..n]);
    Some(())
}
