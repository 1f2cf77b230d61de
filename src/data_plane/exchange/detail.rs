//! Gathers what is told of an exchange beside its record (`storage.detail`, `storage.bodies`).
//! Costs nothing where it is off; never holds a credential.

use super::Exchange;
use super::authenticate::bare;
use crate::config::snapshot::{Bodies, Detail as Level, Snapshot};
use crate::data_plane::downstream::request::Request;
use crate::protocol::ascii;
use crate::protocol::http1::head::{Fields, ResponseHead};
use crate::protocol::http1::header::Known;
use crate::protocol::json::text::Text;
use crate::protocol::verdict::Verdict;
use crate::shared::clock::Millis;
use crate::shared::detail::{ATTEMPTS_MAX, Attempt, CHUNKS_MAX, Chunk, Detail, append};
use crate::shared::keyed_hash::KeyedHash;

/// What is to be told of an exchange.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The first attempt, as long as it is the only thing to tell.
    first: Option<Attempt>,
    detail: Option<Box<Detail>>,
    keeps_bodies: bool,
    keeps_chunks: bool,
    keeps_headers: bool,
    /// Nothing at all is told.
    is_off: bool,
}

impl Gathered {
    /// By what the configuration asks for.
    pub fn begin(snapshot: &Snapshot, keyed: &KeyedHash, request: &Request) -> Self {
        let storage = &snapshot.storage;
        if storage.path.is_none() {
            return Self { is_off: true, ..Self::default() };
        }
        let keeps_bodies = storage.bodies != Bodies::Off;
        let keeps_chunks = storage.detail >= Level::Timings;
        let keeps_headers = storage.detail == Level::Headers;
        let mut gathered = Self { keeps_bodies, keeps_chunks, keeps_headers, ..Self::default() };
        gathered.is_off = storage.detail == Level::Off && !keeps_bodies;
        if keeps_bodies || keeps_chunks || keeps_headers {
            let mut detail = Box::<Detail>::default();
            if keeps_headers {
                detail.request_headers = headers(keyed, &request.head.fields, request.bytes());
            }
            gathered.detail = Some(detail);
        }
        gathered
    }

    /// The request's body.
    pub fn body(&mut self, body: &[u8]) {
        if let (true, Some(detail)) = (self.keeps_bodies, &mut self.detail) {
            append(&mut detail.body, body);
        }
    }

    /// The head of the answer that is relayed. `is_readable`: its body is not encoded.
    pub fn head(
        &mut self,
        keyed: &KeyedHash,
        (head, bytes): (&ResponseHead, &[u8]),
        is_readable: bool,
    ) {
        self.keeps_bodies &= is_readable;
        if let (true, Some(detail)) = (self.keeps_headers, &mut self.detail) {
            detail.response_headers = headers(keyed, &head.fields, bytes);
        }
    }

    /// What the answer's body is captured with, if it is at all. `started`: when the exchange
    /// began.
    pub fn capture(&mut self, started: Millis) -> Option<Capture> {
        let (keeps_bodies, keeps_chunks) = (self.keeps_bodies, self.keeps_chunks);
        let detail = self.detail.take_if(|_| keeps_bodies || keeps_chunks)?;
        Some(Capture { detail, keeps_bodies, keeps_chunks, started })
    }

    /// What was captured.
    pub fn put_back(&mut self, capture: Option<Capture>) {
        if let Some(capture) = capture {
            self.detail = Some(capture.detail);
        }
    }

    /// An attempt begins.
    pub fn attempt(&mut self, attempt: Attempt) {
        if self.is_off {
            return;
        }
        if self.detail.is_none() && self.first.is_none() {
            self.first = Some(attempt);
            return;
        }
        let first = self.first.take();
        let attempts = &mut self.detail.get_or_insert_default().attempts;
        attempts.extend(first);
        if attempts.len() < ATTEMPTS_MAX {
            attempts.push(attempt);
        }
    }

    /// The last attempt was none: nothing was sent.
    pub fn undo_attempt(&mut self) {
        match &mut self.detail {
            Some(detail) => drop(detail.attempts.pop()),
            None => self.first = None,
        }
    }

    fn last(&mut self) -> Option<&mut Attempt> {
        match &mut self.detail {
            Some(detail) => detail.attempts.last_mut(),
            None => self.first.as_mut(),
        }
    }
}

/// Takes in an answer's body as it passes.
#[derive(Debug)]
pub struct Capture {
    detail: Box<Detail>,
    keeps_bodies: bool,
    keeps_chunks: bool,
    started: Millis,
}

impl Capture {
    /// One read of it.
    pub fn push(&mut self, payload: &[u8], now: Millis) {
        let chunks = &mut self.detail.chunks;
        if self.keeps_chunks && chunks.len() < CHUNKS_MAX {
            let bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            let elapsed_ms = u32::try_from(now.since(self.started)).unwrap_or(u32::MAX);
            chunks.push(Chunk { bytes, elapsed_ms });
        }
        if self.keeps_bodies {
            append(&mut self.detail.response_body, payload);
        }
    }
}

impl Exchange<'_> {
    /// The last attempt led to this.
    pub(super) fn attempt_ended(&mut self, status: u16, reason: &'static str) {
        let elapsed = Millis::now().since(self.started);
        if let Some(last) = self.seen.gathered.last() {
            last.duration_ms = Some(elapsed.saturating_sub(last.start_ms));
            (last.reason, last.status) = (reason, status);
        }
    }

    /// All that is to be told; nothing where nothing is.
    pub(super) fn detail(&mut self, is_failure: bool) -> Option<Box<Detail>> {
        let elapsed = Millis::now().since(self.started);
        let status = self.seen.status;
        // The one that served took until now.
        if let Some(last) = self.seen.gathered.last()
            && last.reason.is_empty()
        {
            last.duration_ms = Some(elapsed.saturating_sub(last.start_ms));
            last.status = status;
        }
        let mut detail = self.seen.gathered.detail.take()?;
        detail.id = Text::cut(self.id.as_bytes());
        detail.unix_ms = self.began.0;
        let bodies = self.setup.snapshot.storage.bodies;
        if bodies == Bodies::Off || bodies == Bodies::Errors && !is_failure {
            (detail.body, detail.response_body) = (Vec::new(), Vec::new());
        }
        let (fields, bytes) = (&self.request.head.fields, self.request.bytes());
        for known in [Known::ApiKey, Known::Authorization, Known::XApiKey] {
            for field in fields.all(known) {
                let own = bare(*field, bytes);
                hide(&mut detail.body, own);
                hide(&mut detail.response_body, own);
            }
        }
        Some(detail)
    }
}

/// A verdict in a word; empty for an answer that is served.
pub fn reason(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept | Verdict::Relay => "",
        Verdict::AuthFailed(_) => "auth_failed",
        Verdict::Forbidden => "forbidden",
        Verdict::Limited { .. } => "limited",
        Verdict::NextCredential => "next_credential",
        Verdict::NextProvider => "next_provider",
        Verdict::Overloaded => "overloaded",
    }
}

fn headers(keyed: &KeyedHash, fields: &Fields, bytes: &[u8]) -> Vec<(String, String)> {
    let told = fields.iter().map(|field| {
        let name = String::from_utf8_lossy(field.name.of(bytes)).to_ascii_lowercase();
        let value = field.value.of(bytes);
        let value = if is_secret(&name) {
            format!("hmac-sha256:{:016x}", keyed.of(&[value]))
        } else {
            String::from_utf8_lossy(value).into_owned()
        };
        (name, value)
    });
    told.collect()
}

/// Whether a field's value is stored as a keyed hash (BEHAVIOUR 9).
fn is_secret(name: &str) -> bool {
    let name = name.replace('_', "-");
    ["api-key", "authorization", "cookie", "token", "secret"]
        .iter()
        .any(|word| ascii::contains(name.as_bytes(), word.as_bytes()))
}

/// Puts stars in the place of every `secret`, and of a part of one that a cut left at the end.
fn hide(body: &mut Vec<u8>, secret: &[u8]) {
    if secret.len() < SECRET_BYTES_MIN {
        return;
    }
    while let Some(at) = body.windows(secret.len()).position(|window| window == secret) {
        body.splice(at..at + secret.len(), *b"***");
    }
    for left in (SECRET_BYTES_MIN..secret.len()).rev() {
        if secret.get(..left).is_some_and(|start| body.ends_with(start)) {
            body.truncate(body.len() - left);
            return;
        }
    }
}

/// What is shorter is no secret, and may stand anywhere.
const SECRET_BYTES_MIN: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p23_fields_that_name_a_secret_are_told_by_their_hash() {
        for name in ["x-api-key", "API_KEY", "authorization", "proxy-authorization", "set-cookie"] {
            assert!(is_secret(&name.to_ascii_lowercase()), "{name}");
        }
        for name in ["user-agent", "anthropic-version", "content-type", "x-secre"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_secret_is_hidden_wherever_a_body_was_cut() {
        let secret = b"sk-0123456789";
        let whole = b"a sk-0123456789 b sk-0123456789";
        for cut in 0..=whole.len() {
            let mut body = whole.get(..cut).expect("a part").to_vec();
            hide(&mut body, secret);
            let text = String::from_utf8(body).expect("text");
            assert!(!text.contains("sk-012"), "cut at {cut}: {text}");
        }
    }
}
