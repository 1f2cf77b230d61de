//! Which provider a path goes to, decided on the very bytes that are forwarded (CVE-2026-49468).
//! Never looks at the host or at credentials.

use std::sync::Arc;

use smallvec::SmallVec;

use super::failure::Kind;
use crate::config::snapshot::{Provider, Snapshot};
use crate::data_plane::io::tls::Settings;
use crate::data_plane::worker::local::Working;
use crate::protocol::dialect::Dialect;
use crate::protocol::dialect::endpoint::Endpoint;
use crate::protocol::http1::head::RequestHead;
use crate::protocol::http1::header::Known;
use crate::shared::pools::ProviderPool;

/// Where a request may go.
#[derive(Clone, Debug)]
pub struct Routed<'a> {
    /// Indices of providers in the snapshot, in the order they are asked; at least one.
    pub candidates: SmallVec<[usize; 4]>,
    /// What it asks for.
    pub endpoint: Endpoint,
    /// Path without our prefix, without query.
    path: &'a [u8],
    /// The query with its `?`, or empty.
    query: &'a [u8],
}

/// Where an attempt goes: one of the providers.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// What it asks for.
    pub endpoint: Endpoint,
    /// Index of the provider in the snapshot.
    pub index: usize,
    /// Path without our prefix, without query.
    pub path: &'a [u8],
    /// State of the provider's credentials.
    pub pool: &'a ProviderPool,
    /// The provider.
    pub provider: &'a Provider,
    /// The query with its `?`, or empty.
    pub query: &'a [u8],
    /// Its TLS settings; `None` for plain HTTP.
    pub tls: Option<&'a Arc<Settings>>,
}

impl<'a> Routed<'a> {
    /// The way to the provider at `index`.
    ///
    /// # Errors
    /// `Internal`, when there is no such provider.
    pub fn to(&self, working: &'a Working, index: usize) -> Result<Route<'a>, Kind> {
        let provider = working.snapshot.providers.get(index);
        let (Some(provider), Some(pool)) = (provider, working.pools.providers.get(index)) else {
            return Err(Kind::Internal("a route leads to no provider"));
        };
        Ok(Route {
            endpoint: self.endpoint,
            index,
            path: self.path,
            pool,
            provider,
            query: self.query,
            tls: working.tls.of(index),
        })
    }
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

/// The providers for a request.
///
/// # Errors
/// `NoRoute` when no provider serves the path, `BadPath` for dot segments.
pub fn route<'a>(
    snapshot: &Snapshot,
    head: &RequestHead,
    bytes: &'a [u8],
) -> Result<Routed<'a>, Kind> {
    let (path, query) = split_query(head.path_and_query.of(bytes));
    if has_dot_segment(path) {
        return Err(Kind::BadPath);
    }
    let (prefix, path) = split_prefix(snapshot, path);
    let endpoint = Endpoint::of(head.method.of(bytes), path).ok_or(Kind::NoRoute)?;
    let dialect = dialect_of(snapshot, head, bytes);
    let foreign = Endpoint::dialect(path).is_some_and(|named| named != dialect);
    let index = match prefix {
        _ if foreign => None,
        Prefix::Provider(index) => Some(index),
        Prefix::Dialect(_) | Prefix::None => {
            snapshot.providers.iter().position(|provider| provider.dialect == dialect)
        }
    };
    let index = index.ok_or(Kind::NoRoute)?;
    Ok(Routed { candidates: SmallVec::from_slice(&[index]), endpoint, path, query })
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
