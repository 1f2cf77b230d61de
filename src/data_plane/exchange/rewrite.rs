//! Heads on their way through: what is dropped, what passes, what is ours. Never relays head bytes
//! as they came: each head is rebuilt from parsed fields (HARDENING 3.2).

use super::authenticate::{Credential, Placement, carries_credential, placement};
use super::route::Route;
use crate::config::header_rule::HeaderRule;
use crate::data_plane::downstream::response::Framing;
use crate::protocol::ascii;
use crate::protocol::dialect::Dialect;
use crate::protocol::dialect::translate::{Forms, limits};
use crate::protocol::http1::framing::{BodyLength, Nominations};
use crate::protocol::http1::head::{Field, Fields, RequestHead, ResponseHead};
use crate::protocol::http1::header::{Known, aliases_reserved};
use crate::protocol::http1::write;
use crate::shared::header_rules::{self, Passing};

/// A request as it goes upstream.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// How its body ends upstream.
    pub body: BodyLength,
    /// The bytes that the head's spans are of.
    pub bytes: &'a [u8],
    /// The credential to present.
    pub credential: Credential<'a>,
    /// The head as received.
    pub head: &'a RequestHead,
    /// Where it goes.
    pub route: &'a Route<'a>,
    /// What operators want of its fields.
    pub rules: &'a [HeaderRule],
}

/// Writes the head of an upstream request.
pub fn request(out: &mut Vec<u8>, request: &Outgoing<'_>) {
    let &Outgoing { bytes, head, route, .. } = request;
    request_line(out, head.method.of(bytes), route);
    write::parsed_field(out, b"host", route.provider.origin.authority.as_bytes());
    let nominations = Nominations::of(&head.fields, bytes);
    let oauth = wants_oauth_beta(request, &nominations);
    let may_alias = head.fields.has_odd_names();
    let mut beta_sent = false;
    let mut version_sent = false;
    let is_translated = route.forms.is_some();
    let fields = head.fields.iter().filter(|field| {
        let is_kept = !is_translated || !is_of_one_api(field.name.of(bytes));
        is_kept
            && !request_drops(field, &nominations)
            && !(may_alias && aliases_reserved(field.name.of(bytes)))
    });
    if request.rules.is_empty() && !oauth {
        // Of a version nothing is to be known: translated requests keep no field of one API.
        unruled(out, fields, bytes);
    } else {
        ruled(fields, bytes, request.rules, |known, name, value| {
            version_sent |= known == Known::AnthropicVersion;
            if oauth && !beta_sent && known == Known::AnthropicBeta {
                beta_sent = true;
                oauth_beta(out, value);
            } else {
                write::parsed_field(out, name, value);
            }
        });
    }
    if is_translated {
        write::parsed_field(out, b"content-type", b"application/json");
        if !version_sent && route.provider.dialect == Dialect::Anthropic {
            write::parsed_field(out, b"anthropic-version", ANTHROPIC_VERSION);
        }
    }
    if oauth && !beta_sent {
        oauth_beta(out, b"");
    }
    credential(out, request);
    out.extend_from_slice(b"accept-encoding: identity\r\n");
    match request.body {
        BodyLength::Chunked => write::chunked(out),
        BodyLength::Length(n) => write::content_length(out, n),
        BodyLength::None | BodyLength::UntilClose => {}
    }
    write::end_of_head(out);
}

/// Writes the fields that pass, where no rule changes any.
fn unruled<'f>(out: &mut Vec<u8>, fields: impl Iterator<Item = &'f Field>, bytes: &[u8]) {
    let mut written = write::ParsedFields::of(bytes);
    fields.for_each(|field| written.push(out, field));
    written.finish(out);
}

/// Gives the fields that pass, as rules leave them.
fn ruled<'f>(
    fields: impl Iterator<Item = &'f Field>,
    bytes: &[u8],
    rules: &[HeaderRule],
    mut give: impl FnMut(Known, &[u8], &[u8]),
) {
    let borrowed = |field: &Field| (field.name.of(bytes).into(), field.value.of(bytes).into());
    let mut passing: Vec<Passing<'_>> = fields.map(borrowed).collect();
    header_rules::apply(rules, &mut passing);
    for (name, value) in passing {
        give(Known::of(&name), &name, &value);
    }
}

fn request_line(out: &mut Vec<u8>, method: &[u8], route: &Route<'_>) {
    out.extend_from_slice(method);
    out.push(b' ');
    out.extend_from_slice(route.provider.base_path.as_bytes());
    let path = route.forms.map_or(route.path, |forms| forms.provider.path().as_bytes());
    let path = match (route.provider.drops_v1, path.strip_prefix(b"/v1")) {
        (true, Some(rest)) => rest,
        _ => path,
    };
    out.extend_from_slice(path);
    // A query is in the words of the client's API.
    if route.forms.is_none() {
        out.extend_from_slice(route.query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// The denylist of BEHAVIOUR 8, but for names that pose as others. Everything else passes, known to
/// us or not.
fn request_drops(field: &Field, nominations: &Nominations<'_>) -> bool {
    let known = field.known;
    known.is_hop_by_hop()
        || known.is_framing()
        || carries_credential(known)
        || matches!(
            known,
            Known::AcceptEncoding
                | Known::Cookie
                | Known::Expect
                | Known::Forwarded
                | Known::Host
                | Known::XForwarded
                | Known::XTidegate
        )
        || nominations.has(field)
}

fn credential(out: &mut Vec<u8>, request: &Outgoing<'_>) {
    match request.credential {
        Credential::Own(field) => {
            let (name, value) = (field.name.of(request.bytes), field.value.of(request.bytes));
            write::parsed_field(out, name, value);
        }
        Credential::Pool(key, _) => {
            let value = key.value.expose().as_bytes();
            match placement(request.route.provider, key) {
                Placement::ApiKey => write::parsed_field(out, b"api-key", value),
                Placement::XApiKey => write::parsed_field(out, b"x-api-key", value),
                Placement::Bearer | Placement::BearerOauth => {
                    out.extend_from_slice(b"authorization: Bearer ");
                    out.extend_from_slice(value);
                    out.extend_from_slice(b"\r\n");
                }
            }
        }
    }
}

fn wants_oauth_beta(request: &Outgoing<'_>, nominations: &Nominations<'_>) -> bool {
    let Credential::Pool(key, _) = request.credential else { return false };
    // A nominated field is dropped, and what it asked for with it (HARDENING 3.5).
    let mut sent =
        request.head.fields.all(Known::AnthropicBeta).filter(|field| !nominations.has(field));
    let asked =
        sent.any(|f| ascii::elements(f.value.of(request.bytes)).any(|beta| beta == OAUTH_BETA));
    (!asked || request.route.forms.is_some())
        && placement(request.route.provider, key) == Placement::BearerOauth
}

fn oauth_beta(out: &mut Vec<u8>, before: &[u8]) {
    out.extend_from_slice(b"anthropic-beta: ");
    out.extend_from_slice(before);
    if !before.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(OAUTH_BETA);
    out.extend_from_slice(b"\r\n");
}

/// An answer as it goes to the client.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The bytes that the head's spans are of.
    pub bytes: &'a [u8],
    /// For answers in another form than the provider's.
    pub foreign: Option<Foreign>,
    /// How its body ends at the client.
    pub framing: Framing,
    /// The head as received from upstream.
    pub head: &'a ResponseHead,
    /// The answer keeps the length that it names although it has no body (HEAD, 304).
    pub keeps_length: bool,
    /// What operators want of its fields.
    pub rules: &'a [HeaderRule],
}

/// Between which forms an answer is translated, and when.
#[derive(Clone, Copy, Debug)]
pub struct Foreign {
    /// The forms.
    pub forms: Forms,
    /// Seconds since 1970.
    pub now_s: u64,
}

/// Writes the head of an answer up to, but not including, the connection field and the empty
/// line; the caller adds its own fields.
pub fn response(out: &mut Vec<u8>, answer: &Answer<'_>) {
    let &Answer { bytes, head, .. } = answer;
    status_line(out, head, bytes);
    let nominations = Nominations::of(&head.fields, bytes);
    let fields = head.fields.iter().filter(|field| {
        let is_kept = answer.foreign.is_none() || !is_of_one_api(field.name.of(bytes));
        is_kept && !response_drops(field, &nominations)
    });
    if answer.rules.is_empty() {
        unruled(out, fields, bytes);
    } else {
        ruled(fields, bytes, answer.rules, |_, name, value| write::parsed_field(out, name, value));
    }
    if let Some(Foreign { forms, now_s }) = answer.foreign {
        let (from, to) = (forms.provider.dialect(), forms.client.dialect());
        if from != to {
            let fields = head.fields.iter().map(|f| (f.name.of(bytes), f.value.of(bytes)));
            limits::write(out, from, to, now_s, fields);
        }
    }
    match answer.framing {
        Framing::Chunked => write::chunked(out),
        Framing::Length(n) => write::content_length(out, n),
        Framing::None if answer.keeps_length => own_length(out, &head.fields, bytes),
        Framing::Close | Framing::None => {}
    }
}

fn status_line(out: &mut Vec<u8>, head: &ResponseHead, bytes: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    write::decimal(out, u64::from(head.status));
    out.push(b' ');
    out.extend_from_slice(head.reason.of(bytes));
    out.extend_from_slice(b"\r\n");
}

/// Fields that mean something to one API only, or tell what a body of it is.
fn is_of_one_api(name: &[u8]) -> bool {
    const STARTS: [&[u8]; 7] = [
        b"anthropic-",
        b"openai-",
        b"x-ratelimit-",
        b"x-stainless-",
        b"x-codex-",
        b"chatgpt-",
        b"content-type",
    ];
    STARTS.iter().any(|start| {
        name.get(..start.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(start))
    })
}

/// Never let a credential or cookie of ours, or a field with our names, come back down.
fn response_drops(field: &Field, nominations: &Nominations<'_>) -> bool {
    let known = field.known;
    known.is_hop_by_hop()
        || known.is_framing()
        || carries_credential(known)
        // In the last of these providers have been seen to echo the key (HARDENING 5).
        || matches!(known, Known::SetCookie | Known::XTidegate | Known::XGoogApiKey)
        || nominations.has(field)
}

fn own_length(out: &mut Vec<u8>, fields: &Fields, bytes: &[u8]) {
    if let Some(length) = fields.value(Known::ContentLength, bytes) {
        write::parsed_field(out, b"content-length", length);
    }
}

/// The version whose form translated requests have.
const ANTHROPIC_VERSION: &[u8] = b"2023-06-01";
const OAUTH_BETA: &[u8] = b"oauth-2025-04-20";
