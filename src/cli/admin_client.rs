//! Asks a running gateway's admin API, for the subcommands that steer one. Plain HTTP/1.1 over the
//! gateway's own strict reader; never shows the token.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tidegate::config::{self, ConfigError, Secret, Sources};
use tidegate::protocol::http1::body::{Body, Piece};
use tidegate::protocol::http1::framing::response_body;
use tidegate::protocol::http1::parse::{HeadLimits, ResponseParser};
use zeroize::Zeroizing;

/// A gateway that may be asked.
#[derive(Debug)]
pub(super) struct AdminClient {
    address: SocketAddr,
    token: Option<Secret>,
}

/// What it said.
#[derive(Debug)]
pub(super) struct Said {
    /// `Null` for no body.
    pub body: Value,
    pub status: u16,
}

/// Why nobody can be asked.
#[derive(Debug)]
pub(super) enum NoGateway {
    /// The configuration that would say where it is.
    Configuration(Vec<ConfigError>),
    /// Anything else, for people.
    Other(String),
}

impl AdminClient {
    /// The gateway at `address`, or of the configuration where none is given; the token from
    /// `TIDEGATE_ADMIN_TOKEN`, or from the configuration where that is not set.
    pub fn new(address: Option<SocketAddr>, sources: &Sources) -> Result<Self, NoGateway> {
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        let mut token = token.map(|token| Secret::new(Zeroizing::new(token)));
        let address = if let Some(address) = address {
            address
        } else {
            let access = config::admin_access(sources, token.is_some());
            let access = access.map_err(NoGateway::Configuration)?;
            token = token.or(access.token);
            access.listen.ok_or_else(|| {
                NoGateway::Other("admin.listen is off: there is nobody to ask".to_owned())
            })?
        };
        if address.port() == 0 {
            let what = "the port of admin.listen is 0: give --admin, as the start block names it";
            return Err(NoGateway::Other(what.to_owned()));
        }
        Ok(Self { address, token })
    }

    /// One request and its answer.
    ///
    /// # Errors
    /// Why there is no answer, for people.
    pub fn ask(&self, method: &str, path: &str, body: Option<&str>) -> Result<Said, String> {
        let at = self.address;
        let words = |error: std::io::Error| match error.kind() {
            ErrorKind::ConnectionRefused => format!("no gateway answers at http://{at}"),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("the gateway at http://{at} does not answer")
            }
            _ => format!("cannot ask the gateway at http://{at}: {error}"),
        };
        let bytes = self.exchange(&self.request((method, path), body)).map_err(words)?;
        read(&bytes).ok_or_else(|| format!("what answers at http://{at} is no gateway"))
    }

    fn request(&self, (method, path): (&str, &str), body: Option<&str>) -> Zeroizing<String> {
        let body = body.unwrap_or_default();
        let token = self.token.as_ref().map_or("", Secret::expose);
        let authorization = if token.is_empty() { "" } else { "authorization: Bearer " };
        let line_end = if token.is_empty() { "" } else { "\r\n" };
        Zeroizing::new(format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\n\
             {authorization}{token}{line_end}content-type: application/json\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}",
            host = self.address,
            length = body.len(),
        ))
    }

    fn exchange(&self, request: &str) -> std::io::Result<Vec<u8>> {
        let mut socket = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        socket.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Said {
    /// What a problem document says, or the whole body.
    pub fn problem(&self) -> String {
        let detail = self.body.get("detail").and_then(Value::as_str);
        let detail = detail.map_or_else(
            || format!("what answers is not the admin API of a gateway: {}", self.body),
            ToOwned::to_owned,
        );
        let errors = self.body.get("errors").and_then(Value::as_array);
        let mut text = format!("{} ({})", detail, self.status);
        if self.status == UNAUTHORIZED {
            let _infallible = write!(text, "\n  {TOKEN} is not set, or not to that token");
        }
        for error in errors.into_iter().flatten() {
            let word = |name| error.get(name).and_then(Value::as_str).unwrap_or_default();
            text.extend(["\n  ", word("key"), " ", word("message")]);
        }
        text
    }
}

/// `None`: that is no whole answer of HTTP and JSON.
fn read(bytes: &[u8]) -> Option<Said> {
    let mut parser = ResponseParser::new(LIMITS);
    let head = parser.parse(bytes).ok()??;
    let mut body = Body::new(response_body(&head, bytes, false).ok()?);
    let mut rest = bytes.get(head.end..)?;
    let mut payload = Vec::new();
    while let Piece::Data { len, skip } = body.step(rest).ok()? {
        payload.extend_from_slice(rest.get(skip..skip + len)?);
        rest = rest.get(skip + len..)?;
    }
    if !body.may_end_here() {
        return None;
    }
    let body = match payload.as_slice() {
        [] => Value::Null,
        payload => serde_json::from_slice(payload).ok()?,
    };
    Some(Said { body, status: head.status })
}

/// A segment of a path with all that is not plain written as `%XX` (RFC 3986, 2.1).
pub(super) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A secret from a file, without the line end that editors put there.
///
/// # Errors
/// The system's.
pub(super) fn secret_of(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    if path == Path::new("-") {
        std::io::stdin().lock().read_to_string(&mut text)?;
    } else {
        std::fs::OpenOptions::new().read(true).open(path)?.read_to_string(&mut text)?;
    }
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
const LIMITS: HeadLimits =
    HeadLimits { fields_max: 100, head_bytes_max: 65_536, line_bytes_max: 8_192 };
/// Of each step: a gateway answers in milliseconds, or as soon as its disk does.
const PATIENCE: Duration = Duration::from_secs(10);
/// The variable with the token.
const TOKEN: &str = "TIDEGATE_ADMIN_TOKEN";
const UNAUTHORIZED: u16 = 401;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        let whole = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                     7\r\n{\"a\":1}\r\n0\r\n\r\n";
        let said = read(whole.as_bytes()).expect("an answer");
        assert_eq!((said.status, said.body["a"].as_u64()), (200, Some(1)));
        for cut in 0..whole.len() {
            assert!(read(&whole.as_bytes()[..cut]).is_none(), "cut at {cut}");
        }
        let empty = read(b"HTTP/1.1 204 No Content\r\n\r\n").expect("an answer");
        assert_eq!((empty.status, empty.body), (204, Value::Null));
        assert!(read(b"SSH-2.0-OpenSSH\r\n").is_none());
    }

    #[test]
    fn a_segment_holds_nothing_that_a_path_could_mistake() {
        assert_eq!(segment("team a/ü?#%"), "team%20a%2F%C3%BC%3F%23%25");
        assert_eq!(segment("key-1.x_y~z"), "key-1.x_y~z");
    }
}
