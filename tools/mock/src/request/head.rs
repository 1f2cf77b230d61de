//! Request heads, on httparse.
//!
//! Never looks at a body.

use super::Refused;

/// An owned head, headers in the order they came.
#[derive(Clone, Debug)]
pub struct Head {
    pub headers: Vec<(String, String)>,
    pub is_http10: bool,
    pub length: Length,
    pub method: String,
    pub target: String,
}

/// How long the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Chunked,
    Known(u64),
}

/// What `parse` found; `Complete` says how many bytes the head took.
#[derive(Debug)]
pub enum Parsed {
    Complete(Head, usize),
    Partial,
    Refused(Refused),
}

/// Reads one head from the start of `bytes`.
pub fn parse(bytes: &[u8]) -> Parsed {
    let mut headers = vec![httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Partial) => Parsed::Partial,
        Ok(httparse::Status::Complete(taken)) => match own(&request) {
            Ok(head) => Parsed::Complete(head, taken),
            Err(refused) => Parsed::Refused(refused),
        },
        Err(_) => Parsed::Refused(Refused::Head),
    }
}

impl Head {
    /// The first value of `name`, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.as_str())
    }

    /// All values of `name`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The caller's key: `x-api-key`, `Authorization: Bearer`, or Azure's `api-key`.
    pub fn key(&self) -> Option<&str> {
        let bearer = || {
            let (scheme, key) = self.header("authorization")?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
        };
        self.header("x-api-key").or_else(bearer).or_else(|| self.header("api-key"))
    }

    /// Whether the client will send another request on this connection.
    pub fn keeps_alive(&self) -> bool {
        let says = |word| self.values("connection").any(|value| has_token(value, word));
        if self.is_http10 { says("keep-alive") } else { !says("close") }
    }
}

/// Whether a comma list holds `token`, in any case.
fn has_token(list: &str, token: &str) -> bool {
    list.split(',').any(|item| item.trim().eq_ignore_ascii_case(token))
}

fn own(request: &httparse::Request<'_, '_>) -> Result<Head, Refused> {
    let headers: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let mut head = Head {
        headers,
        is_http10: request.version == Some(0),
        length: Length::Known(0),
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
    };
    head.length = if head.values("transfer-encoding").any(|value| has_token(value, "chunked")) {
        Length::Chunked
    } else {
        let length = head.header("content-length").unwrap_or("0").trim();
        Length::Known(length.parse().map_err(|_| Refused::Length)?)
    };
    Ok(head)
}

const HEADERS_MAX: usize = 512;
