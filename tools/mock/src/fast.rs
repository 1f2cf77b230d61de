//! The hot path: plain JSON answers from prepared bytes, several requests per read.
//!
//! Never used when knobs, scripts or the log ask for more; then `exchange` serves the request.

use std::mem::MaybeUninit;

use memchr::memmem::{self, Finder};
use tidegate_tools::digest::{self, Digest};

use crate::answer::{Ask, Endpoint, facts_model};
use crate::knobs::Knobs;
use crate::request::{Body, Head, Length};
use crate::send::{Plan, Reply, Step};

/// Prepared answers of one worker.
pub struct Fast {
    answers: Vec<Prepared>,
    /// Values of `x-mock` seen, and whether they change the text only.
    knobs: Vec<(String, bool)>,
    next_id: u64,
    stream: Finder<'static>,
    tools: Finder<'static>,
}

/// What became of the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// So many bytes were a request; its answer was appended.
    Done(usize),
    /// The request is not all there yet.
    Incomplete,
    /// Not a plain request.
    NotPlain,
}

struct Prepared {
    bytes: Vec<u8>,
    /// Where the digest stands, and where the body begins that it sums up.
    digest: Option<(usize, usize)>,
    endpoint: Endpoint,
    /// Where the hex digits of the request number stand.
    ids: Vec<usize>,
    /// The value of `x-mock`.
    knobs: String,
    model: String,
}

impl Fast {
    /// A worker's own; `worker` keeps its ids apart from those of others.
    pub fn new(worker: u16) -> Self {
        Self {
            answers: Vec::new(),
            knobs: Vec::new(),
            next_id: 1 << 63 | u64::from(worker) << 44,
            stream: Finder::new(b"\"stream\""),
            tools: Finder::new(b"\"tools\""),
        }
    }

    /// Serves the request at the start of `bytes` if it is a plain one.
    pub fn serve(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Served {
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut []);
        let taken = match request.parse_with_uninit_headers(bytes, &mut headers) {
            Ok(httparse::Status::Complete(taken)) => taken,
            Ok(httparse::Status::Partial) => return Served::Incomplete,
            Err(_) => return Served::NotPlain,
        };
        let Some((length, knobs)) = plain_form(&request) else { return Served::NotPlain };
        // Before the body: some knobs act before it is all there.
        if !knobs.is_empty() && !self.change_text_only(knobs) {
            return Served::NotPlain;
        }
        let path = request.path.unwrap_or_default();
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let endpoint @ Endpoint::Turn(_) = Endpoint::of("POST", path) else {
            return Served::NotPlain;
        };
        let Some(body) = bytes.get(taken..taken + length) else { return Served::Incomplete };
        let is_object = body.starts_with(b"{") && body.ends_with(b"}");
        if !is_object || self.stream.find(body).is_some() || self.tools.find(body).is_some() {
            return Served::NotPlain;
        }
        let Some(model) = facts_model(body) else { return Served::NotPlain };
        let Some(index) = self.prepared(endpoint, model, knobs) else { return Served::NotPlain };
        let Some(prepared) = self.answers.get(index) else { return Served::NotPlain };
        self.next_id += 1;
        prepared.append(out, self.next_id);
        Served::Done(taken + length)
    }

    fn change_text_only(&mut self, knobs: &str) -> bool {
        if let Some((_, is_so)) = self.knobs.iter().find(|(text, _)| text == knobs) {
            return *is_so;
        }
        let is_so = text_only(knobs).is_some();
        if self.knobs.len() < ANSWERS_MAX {
            self.knobs.push((knobs.to_owned(), is_so));
        }
        is_so
    }

    fn prepared(&mut self, endpoint: Endpoint, model: &str, knobs: &str) -> Option<usize> {
        let is_it = |a: &Prepared| a.endpoint == endpoint && a.model == model && a.knobs == knobs;
        let found = self.answers.iter().position(is_it);
        if found.is_some() || self.answers.len() == ANSWERS_MAX {
            return found;
        }
        self.answers.push(Prepared::new(endpoint, model, knobs)?);
        Some(self.answers.len() - 1)
    }
}

impl Prepared {
    /// Makes the answer the slow way once.
    fn new(endpoint: Endpoint, model: &str, text: &str) -> Option<Self> {
        let knobs = text_only(text)?;
        let Endpoint::Turn(dialect) = endpoint else { return None };
        let head = Head {
            headers: Vec::new(),
            is_http10: false,
            length: Length::Known(0),
            method: "POST".to_owned(),
            target: dialect.path().to_owned(),
        };
        let kept = serde_json::json!({ "model": model }).to_string().into_bytes();
        let body = Body { length: 0, kept, sha256: None };
        let ask =
            Ask { body: &body, head: &head, knobs: &knobs, replay_dir: None, sequence: SENTINEL };
        let reply = Reply { is_head: false, is_http10: false, keeps_alive: true };
        let mut plan = Plan::new(ask.answer(), knobs.clone(), reply);
        let mut bytes = Vec::new();
        while let Some(step) = plan.next() {
            if let Step::Write(part) = step {
                bytes.extend_from_slice(&part);
            }
        }
        let ids = memmem::find_iter(&bytes, &hex(SENTINEL)).collect();
        let digest = knobs.say.digest.then(|| digest_places(&bytes)).flatten();
        let (knobs, model) = (text.to_owned(), model.to_owned());
        Some(Self { bytes, digest, endpoint, ids, knobs, model })
    }

    fn append(&self, out: &mut Vec<u8>, id: u64) {
        let begin = out.len();
        out.extend_from_slice(&self.bytes);
        let digits = hex(id);
        for &at in &self.ids {
            if let Some(place) = out.get_mut(begin + at..begin + at + digits.len()) {
                place.copy_from_slice(&digits);
            }
        }
        let Some((at, body)) = self.digest else { return };
        let mut digest = Digest::default();
        digest.push(out.get(begin + body..).unwrap_or_default());
        let text = digest.text();
        if let Some(place) = out.get_mut(begin + at..begin + at + text.len()) {
            place.copy_from_slice(text.as_bytes());
        }
    }
}

/// The knobs of `text`, unless they change more than what a plain answer says.
fn text_only(text: &str) -> Option<Knobs> {
    let mut knobs = Knobs::default();
    knobs.apply(text).ok()?;
    let is_so = Knobs { say: knobs.say.clone(), ..Knobs::default() } == knobs;
    (is_so && !knobs.say.echo && knobs.say.replay.is_none()).then_some(knobs)
}

/// Where the digest stands in a whole answer, and where its body begins.
fn digest_places(answer: &[u8]) -> Option<(usize, usize)> {
    let field = format!("\r\n{}: ", digest::HEADER);
    let at = memmem::find(answer, field.as_bytes())? + field.len();
    Some((at, memmem::find(answer, b"\r\n\r\n")? + 4))
}

/// The body length and the knobs, if nothing else in the head asks for more than the plain path
/// can do.
fn plain_form<'a>(request: &httparse::Request<'_, 'a>) -> Option<(usize, &'a str)> {
    if request.method != Some("POST") || request.version != Some(1) {
        return None;
    }
    let (mut length, mut knobs) = (None, None);
    for header in request.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        match header.name.len() {
            14 if is("content-length") => {
                length = std::str::from_utf8(header.value).ok()?.parse().ok();
            }
            6 if is("x-mock") && knobs.is_none() => {
                knobs = Some(std::str::from_utf8(header.value).ok()?);
            }
            6 if is("x-mock") || is("expect") => return None,
            10 if is("connection") && !header.value.eq_ignore_ascii_case(b"keep-alive") => {
                return None;
            }
            16 if is("content-encoding") => return None,
            17 if is("transfer-encoding") => return None,
            _ => {}
        }
    }
    let length = length.filter(|&length| length <= BODY_MAX)?;
    Some((length, knobs.unwrap_or_default()))
}

fn hex(id: u64) -> [u8; 16] {
    let mut digits = [b'0'; 16];
    for (place, shift) in digits.iter_mut().zip((0..16).rev()) {
        let nibble = u32::try_from(id >> (shift * 4) & 15).unwrap_or(0);
        // A nibble is always a hex digit.
        *place = char::from_digit(nibble, 16).and_then(|c| u8::try_from(c).ok()).unwrap_or(b'0');
    }
    digits
}

const ANSWERS_MAX: usize = 64;
const BODY_MAX: usize = 256 << 10;
const HEADERS_MAX: usize = 64;
const SENTINEL: u64 = 0xfeed_face_cafe_beef;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"POST /v1/messages?beta=true HTTP/1.1\r\nhost: a\r\n\
        content-length: 15\r\n\r\n{\"model\":\"m-1\"}";

    #[test]
    fn a_plain_request_is_incomplete_until_its_last_byte() {
        let mut fast = Fast::new(0);
        let mut out = Vec::new();
        for cut in 0..REQUEST.len() {
            assert_eq!(fast.serve(&REQUEST[..cut], &mut out), Served::Incomplete, "cut at {cut}");
        }
        assert_eq!(fast.serve(REQUEST, &mut out), Served::Done(REQUEST.len()));
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.contains(r#""model":"m-1""#), "{text}");
    }

    #[test]
    fn each_answer_has_its_own_ids_and_the_same_length() {
        let mut fast = Fast::new(3);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        fast.serve(REQUEST, &mut a);
        fast.serve(REQUEST, &mut b);
        assert_ne!(a, b);
        assert_eq!(a.len(), b.len());
        let sentinel = memchr::memmem::find(&a, &hex(SENTINEL));
        assert_eq!(sentinel, None);
    }

    #[test]
    fn what_asks_for_more_is_not_plain() {
        let mut out = Vec::new();
        for (from, to) in [
            ("POST", "PUT"),
            ("host: a", "x-mock: rate=3"),
            ("host: a", "x-mock: echo"),
            ("host: a", "x-mock: nonsense"),
            ("host: a", "expect: 100-continue"),
            ("host: a", "connection: close"),
            ("host: a", "transfer-encoding: chunked"),
            ("/v1/messages", "/v1/files"),
            ("\"m-1\"}", "{\"stream\":1}}"),
        ] {
            let text = std::str::from_utf8(REQUEST).unwrap().replace(from, to);
            let text = text
                .replace(": 15", &format!(": {}", text.split("\r\n\r\n").nth(1).unwrap().len()));
            assert_eq!(Fast::new(0).serve(text.as_bytes(), &mut out), Served::NotPlain, "{to}");
        }
    }

    #[test]
    fn a_digest_is_told_of_the_answer_as_it_goes_out() {
        let text = std::str::from_utf8(REQUEST).unwrap();
        let text = text.replace("host: a", "x-mock: digest, body_size=2000");
        let mut fast = Fast::new(0);
        for _ in 0..2 {
            let mut out = Vec::new();
            assert_eq!(fast.serve(text.as_bytes(), &mut out), Served::Done(text.len()));
            let out = String::from_utf8(out).unwrap();
            let (head, body) = out.split_once("\r\n\r\n").unwrap();
            let mut digest = Digest::default();
            digest.push(body.as_bytes());
            assert_eq!(digest.length(), 2000);
            assert!(head.contains(&format!("x-mock-digest: {}", digest.text())), "{head}");
        }
    }

    #[test]
    fn hex_is_sixteen_lower_case_digits() {
        assert_eq!(&hex(0xab), b"00000000000000ab");
        assert_eq!(&hex(u64::MAX), b"ffffffffffffffff");
    }
}
