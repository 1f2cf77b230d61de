//! The response head: status, framing, whether the connection may be kept, the told digest.
//!
//! Never reads a body.

use std::mem::MaybeUninit;

use tidegate_tools::digest;

use super::fault::Fault;
use super::framing::Framing;

/// What a head says.
#[derive(Clone, Debug)]
pub struct Head {
    /// As the provider told it in its head.
    pub digest: Option<Vec<u8>>,
    pub framing: Framing,
    /// The head says the body is a stream of events.
    pub is_stream: bool,
    pub keeps_alive: bool,
    pub status: u16,
}

/// Reads the head at the start of `bytes`, and its length. None: not all there yet.
pub fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Fault> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let parsed = config.parse_response_with_uninit_headers(&mut response, bytes, &mut headers);
    let taken = match parsed {
        Ok(httparse::Status::Complete(taken)) => taken,
        Ok(httparse::Status::Partial) if bytes.len() <= HEAD_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(_) => return Err(Fault::BadHttp),
    };
    let status = response.code.unwrap_or(0);
    let mut fields = Fields { keeps_alive: response.version == Some(1), ..Fields::default() };
    for header in response.headers.iter() {
        fields.read(header.name, header.value)?;
    }
    let framing = match (fields.is_chunked, fields.length) {
        _ if matches!(status, 100..=199 | 204 | 304) => Framing::length(0),
        (true, Some(_)) => return Err(Fault::BadHttp),
        (true, None) => Framing::chunked(),
        (false, Some(length)) => Framing::length(length),
        (false, None) => Framing::until_close(),
    };
    let keeps_alive = fields.keeps_alive && !framing.ends_by_close();
    let Fields { digest, is_stream, .. } = fields;
    Ok(Some((Head { digest, framing, is_stream, keeps_alive, status }, taken)))
}

#[derive(Debug, Default)]
struct Fields {
    digest: Option<Vec<u8>>,
    is_chunked: bool,
    is_stream: bool,
    keeps_alive: bool,
    length: Option<u64>,
}

impl Fields {
    fn read(&mut self, name: &str, value: &[u8]) -> Result<(), Fault> {
        let is = |field: &str| name.eq_ignore_ascii_case(field);
        match name.len() {
            10 if is("connection") => {
                if value.eq_ignore_ascii_case(b"close") {
                    self.keeps_alive = false;
                } else if value.eq_ignore_ascii_case(b"keep-alive") {
                    self.keeps_alive = true;
                }
            }
            12 if is("content-type") => {
                let kind = value.get(..EVENT_STREAM.len()).unwrap_or_default();
                self.is_stream = kind.eq_ignore_ascii_case(EVENT_STREAM);
            }
            13 if is(digest::HEADER) => self.digest = Some(value.to_vec()),
            14 if is("content-length") => {
                let length = std::str::from_utf8(value).ok().filter(|text| !text.starts_with('+'));
                let length = length.and_then(|text| text.parse().ok()).ok_or(Fault::BadHttp)?;
                if self.length.replace(length).is_some_and(|other| other != length) {
                    return Err(Fault::BadHttp);
                }
            }
            17 if is("transfer-encoding") => {
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Fault::BadHttp);
                }
                self.is_chunked = true;
            }
            _ => {}
        }
        Ok(())
    }
}

const EVENT_STREAM: &[u8] = b"text/event-stream";
const HEADERS_MAX: usize = 128;
const HEAD_MAX: usize = 256 << 10;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_not_there_until_its_last_byte() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
            transfer-encoding: chunked\r\nX-Mock-Digest: abc\r\n\r\n";
        for cut in 0..bytes.len() {
            assert!(parse(&bytes[..cut]).unwrap().is_none(), "cut at {cut}");
        }
        let (head, taken) = parse(bytes).unwrap().unwrap();
        assert_eq!((head.status, taken), (200, bytes.len()));
        assert!(head.is_stream && head.keeps_alive);
        assert_eq!(head.framing, Framing::chunked());
        assert_eq!(head.digest.as_deref(), Some(&b"abc"[..]));
    }

    #[test]
    fn framing_follows_status_and_fields() {
        for (text, framing, keeps_alive) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n", Framing::length(3), true),
            ("HTTP/1.1 200 OK\r\n\r\n", Framing::until_close(), false),
            ("HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\n", Framing::length(3), false),
            ("HTTP/1.1 204 No\r\n\r\n", Framing::length(0), true),
            ("HTTP/1.1 100 Continue\r\n\r\n", Framing::length(0), true),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: Close\r\n\r\n",
                Framing::length(3),
                false,
            ),
        ] {
            let (head, _) = parse(text.as_bytes()).unwrap().unwrap();
            assert_eq!((head.framing, head.keeps_alive), (framing, keeps_alive), "{text}");
        }
    }

    #[test]
    fn what_two_readers_read_in_two_ways_is_refused() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            "nonsense\r\n\r\n",
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err(), Fault::BadHttp, "{text}");
        }
    }
}
