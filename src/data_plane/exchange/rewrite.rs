//! Heads on their way through: what is dropped, what passes, what is ours. Never relays head bytes
//! as they came: each head is rebuilt from parsed fields (HARDENING 3.2).

use super::authenticate::{Credential, Placement, carries_credential, placement};
use super::route::Route;
use crate::config::header_rule::HeaderRule;
use crate::data_plane::downstream::response::Framing;
use crate::protocol::ascii;
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
    let mut beta_sent = false;
    let fields = head.fields.iter().filter(|field| !request_drops(field, &nominations, bytes));
    ruled(fields, bytes, request.rules, |known, name, value| {
        if oauth && !beta_sent && known == Known::AnthropicBeta {
            beta_sent = true;
            oauth_beta(out, value);
        } else {
            write::parsed_field(out, name, value);
        }
    });
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

/// Gives the fields that pass, as rules leave them.
fn ruled<'f>(
    fields: impl Iterator<Item = &'f Field>,
    bytes: &[u8],
    rules: &[HeaderRule],
    mut give: impl FnMut(Known, &[u8], &[u8]),
) {
    if rules.is_empty() {
        fields.for_each(|field| give(field.known, field.name.of(bytes), field.value.of(bytes)));
        return;
    }
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
    let path = match (route.provider.drops_v1, route.path.strip_prefix(b"/v1")) {
        (true, Some(rest)) => rest,
        _ => route.path,
    };
    out.extend_from_slice(path);
    out.extend_from_slice(route.query);
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// The denylist of BEHAVIOUR 8. Everything else passes, known to us or not.
fn request_drops(field: &Field, nominations: &Nominations<'_>, bytes: &[u8]) -> bool {
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
        || (known == Known::Other && aliases_reserved(field.name.of(bytes)))
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
    !asked && placement(request.route.provider, key) == Placement::BearerOauth
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
    /// How its body ends at the client.
    pub framing: Framing,
    /// The head as received from upstream.
    pub head: &'a ResponseHead,
    /// The answer keeps the length that it names although it has no body (HEAD, 304).
    pub keeps_length: bool,
    /// What operators want of its fields.
    pub rules: &'a [HeaderRule],
}

/// Writes the head of an answer up to, but not including, the connection field and the empty
/// line; the caller adds its own fields.
pub fn response(out: &mut Vec<u8>, answer: &Answer<'_>) {
    let &Answer { bytes, head, .. } = answer;
    status_line(out, head, bytes);
    let nominations = Nominations::of(&head.fields, bytes);
    let fields = head.fields.iter().filter(|field| !response_drops(field, &nominations, bytes));
    ruled(fields, bytes, answer.rules, |_, name, value| write::parsed_field(out, name, value));
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

/// Never let a credential or cookie of ours, or a field with our names, come back down.
fn response_drops(field: &Field, nominations: &Nominations<'_>, bytes: &[u8]) -> bool {
    let known = field.known;
    known.is_hop_by_hop()
        || known.is_framing()
        || carries_credential(known)
        || matches!(known, Known::SetCookie | Known::XTidegate)
        || nominations.has(field)
        || (known == Known::Other && is_provider_key_field(field.name.of(bytes)))
}

/// Fields in which providers have been seen to echo the key (HARDENING 5).
fn is_provider_key_field(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"x-goog-api-key")
}

fn own_length(out: &mut Vec<u8>, fields: &Fields, bytes: &[u8]) {
    if let Some(length) = fields.value(Known::ContentLength, bytes) {
        write::parsed_field(out, b"content-length", length);
    }
}

const OAUTH_BETA: &[u8] = b"oauth-2025-04-20";
