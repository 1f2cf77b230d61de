//! Where a request may go, decided on the very bytes that are forwarded (CVE-2026-49468): what its
//! path asks for (here), which rule is for it and whom the rule asks (`rules`), and the same told
//! to people (`explain`). Never looks at the host, never at a client's credentials.

pub mod explain;
pub mod rules;

use crate::config::snapshot::Snapshot;
use crate::protocol::dialect::Dialect;
use crate::protocol::dialect::endpoint::Endpoint;
use crate::protocol::http1::head::RequestHead;
use crate::protocol::http1::header::Known;

/// What a path asks for, and of whom by itself.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The first provider of the path's dialect: who serves without a rule.
    pub default: Option<usize>,
    /// Of the client.
    pub dialect: Dialect,
    /// What it asks for.
    pub endpoint: Endpoint,
    /// Its prefix is of one dialect, and its path of the other: nobody serves it.
    pub is_foreign: bool,
    /// Path without our prefix, without query.
    pub path: &'a [u8],
    /// The provider that the path names: no rule applies.
    pub pinned: Option<usize>,
    /// The query with its `?`, or empty.
    pub query: &'a [u8],
}

/// Why a path leads nowhere, whatever a request says besides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoWay {
    /// It has dot segments, by which it could leave a provider's base path.
    BadPath,
    /// It is none of ours.
    NoRoute,
}

/// Reads the path of a request.
///
/// # Errors
/// See [`NoWay`].
pub fn arrive<'a>(
    snapshot: &Snapshot,
    head: &RequestHead,
    bytes: &'a [u8],
) -> Result<Arrival<'a>, NoWay> {
    let (path, query) = split_query(head.path_and_query.of(bytes));
    if has_dot_segment(path) {
        return Err(NoWay::BadPath);
    }
    let (prefix, path) = split_prefix(snapshot, path);
    let endpoint = Endpoint::of(head.method.of(bytes), path).ok_or(NoWay::NoRoute)?;
    let dialect = dialect_of(snapshot, head, bytes);
    let is_foreign = Endpoint::dialect(path).is_some_and(|named| named != dialect);
    let (default, pinned) = match prefix {
        _ if is_foreign => (None, None),
        Prefix::Provider(index) => (Some(index), Some(index)),
        Prefix::Dialect(_) | Prefix::None => {
            (snapshot.providers.iter().position(|provider| provider.dialect == dialect), None)
        }
    };
    Ok(Arrival { default, dialect, endpoint, is_foreign, path, pinned, query })
}

/// The dialect in which a request is answered before, or without, a route.
pub fn dialect_of(snapshot: &Snapshot, head: &RequestHead, bytes: &[u8]) -> Dialect {
    let (path, _) = split_query(head.path_and_query.of(bytes));
    let (prefix, path) = split_prefix(snapshot, path);
    prefix.dialect(snapshot).or_else(|| Endpoint::dialect(path)).unwrap_or_else(|| {
        // Shared paths: who sends Anthropic's headers reads Anthropic's errors.
        if head.fields.has(Known::AnthropicVersion) || head.fields.has(Known::XApiKey) {
            Dialect::Anthropic
        } else {
            Dialect::OpenAi
        }
    })
}

/// What stands in front of `/v1/`.
#[derive(Clone, Copy, Debug)]
enum Prefix {
    /// `/anthropic` or `/openai` where no provider has that name.
    Dialect(Dialect),
    None,
    /// A provider's own name pins it.
    Provider(usize),
}

impl Prefix {
    fn dialect(self, snapshot: &Snapshot) -> Option<Dialect> {
        match self {
            Self::Dialect(dialect) => Some(dialect),
            Self::None => None,
            Self::Provider(index) => snapshot.providers.get(index).map(|p| p.dialect),
        }
    }
}

fn split_query(path_and_query: &[u8]) -> (&[u8], &[u8]) {
    let at = path_and_query.iter().position(|&b| b == b'?').unwrap_or(path_and_query.len());
    path_and_query.split_at(at)
}

fn split_prefix<'a>(snapshot: &Snapshot, path: &'a [u8]) -> (Prefix, &'a [u8]) {
    if path.starts_with(b"/v1/") {
        return (Prefix::None, path);
    }
    let first = path.strip_prefix(b"/").and_then(|rest| rest.split(|&b| b == b'/').next());
    let Some(first) = first else { return (Prefix::None, path) };
    let rest = path.get(first.len() + 1..).unwrap_or_default();
    if let Some(index) = snapshot.providers.iter().position(|p| p.name.as_bytes() == first) {
        return (Prefix::Provider(index), rest);
    }
    match first {
        b"anthropic" => (Prefix::Dialect(Dialect::Anthropic), rest),
        b"openai" => (Prefix::Dialect(Dialect::OpenAi), rest),
        _ => (Prefix::None, path),
    }
}

/// A provider behind another parser could walk out of its base path by these.
fn has_dot_segment(path: &[u8]) -> bool {
    path.split(|&b| b == b'/' || b == b'\\').any(|segment| {
        let dots = undot(segment);
        dots == Some(1) || dots == Some(2)
    })
}

/// How many dots a segment of nothing but dots (plain or `%2e`) has.
fn undot(mut segment: &[u8]) -> Option<usize> {
    let mut dots = 0;
    while !segment.is_empty() {
        segment = match segment {
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            _ => return None,
        };
        dots += 1;
    }
    Some(dots)
}
