//! How long is the body, may the connection go on, and which fields end here.
//!
//! Refuses whatever two readers could frame in two ways (RFC 9112 section 6.3), and the heads a
//! server must not take: doubtful hosts, repeated credentials, tunnels. Never looks at body bytes.

use crate::protocol::ascii::{decimal, elements, is_same, is_token, table_of};
use crate::protocol::http1::Refusal;
use crate::protocol::http1::head::{Field, Fields, RequestHead, ResponseHead};
use crate::protocol::http1::header::Known;

/// Where a body ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyLength {
    /// After its last chunk.
    Chunked,
    /// After so many bytes; may be 0.
    Length(u64),
    /// There is none.
    None,
    /// When the connection closes; responses only. Such a body cannot show that it was cut.
    UntilClose,
}

/// How the body of a request ends. Also the place where a server's rules on the head are kept, so
/// that no request can get past them.
///
/// # Errors
/// See [`Refusal`]; the connection must close after it, since no next message can be found.
pub fn request_body(head: &RequestHead, bytes: &[u8]) -> Result<BodyLength, Refusal> {
    let fields = &head.fields;
    let length = content_length(fields, bytes)?;
    let codings = transfer_codings(fields, bytes, head.minor)?;
    check_nominations(fields, bytes)?;
    let body = match (codings, length) {
        (None, None) => BodyLength::None,
        (None, Some(length)) => BodyLength::Length(length),
        (Some(_), Some(_)) => return Err(Refusal::FramingConflict),
        (Some(codings), None) => match codings {
            Chunked::Only => BodyLength::Chunked,
            Chunked::LastOfMore => return Err(Refusal::TransferCoding),
            Chunked::Absent | Chunked::Misplaced => return Err(Refusal::TransferEncoding),
        },
    };
    check_host(head, bytes)?;
    let is_repeated = |known| fields.is_repeated(known);
    if [Known::Authorization, Known::XApiKey, Known::Expect].into_iter().any(is_repeated) {
        return Err(Refusal::DuplicateField);
    }
    if head.method.of(bytes) == b"CONNECT" {
        return Err(Refusal::Connect);
    }
    Ok(body)
}

/// How the body of a response ends. `to_head_request`: the request was HEAD, so there is no body.
/// A 101 gives [`BodyLength::None`]; that it was never asked for is the caller's to say.
///
/// # Errors
/// See [`Refusal`]; framing is checked even where the status allows no body.
pub fn response_body(
    head: &ResponseHead,
    bytes: &[u8],
    to_head_request: bool,
) -> Result<BodyLength, Refusal> {
    let length = content_length(&head.fields, bytes)?;
    let codings = transfer_codings(&head.fields, bytes, head.minor)?;
    check_nominations(&head.fields, bytes)?;
    let body = match (codings, length) {
        (None, None) => BodyLength::UntilClose,
        (None, Some(length)) => BodyLength::Length(length),
        (Some(_), Some(_)) => return Err(Refusal::FramingConflict),
        (Some(codings), None) => match codings {
            Chunked::Only | Chunked::LastOfMore => BodyLength::Chunked,
            Chunked::Absent => BodyLength::UntilClose,
            Chunked::Misplaced => return Err(Refusal::TransferEncoding),
        },
    };
    let bodiless = to_head_request || matches!(head.status, 100..=199 | 204 | 304);
    Ok(if bodiless { BodyLength::None } else { body })
}

/// Whether a response body is transfer-coded with more than `chunked`: what comes out of the
/// chunks is then not what the origin meant, and it may not be passed on as if it were.
pub fn has_foreign_coding(head: &ResponseHead, bytes: &[u8]) -> bool {
    head.fields
        .all(Known::TransferEncoding)
        .flat_map(|field| elements(field.value.of(bytes)))
        .any(|coding| !coding.eq_ignore_ascii_case(b"chunked"))
}

/// Whether the connection ends after this message by the word of its sender: `close`, or HTTP/1.0
/// without `keep-alive` (RFC 9112 section 9.3). [`BodyLength::UntilClose`] ends it too.
pub fn wants_close(fields: &Fields, minor: u8, bytes: &[u8]) -> bool {
    if !fields.has(Known::Connection) {
        return minor == 0;
    }
    if let Some(usual) = usual_connection(fields, bytes) {
        return usual == UsualConnection::Close;
    }
    let (mut close, mut keep_alive) = (false, false);
    for token in connection_tokens(fields, bytes) {
        close |= token.eq_ignore_ascii_case(b"close");
        keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
    }
    close || minor == 0 && !keep_alive
}

/// Whether the sender asks for another protocol: `Upgrade`, nominated by `Connection`
/// (RFC 9110 section 7.8).
pub fn wants_upgrade(fields: &Fields, bytes: &[u8]) -> bool {
    fields.has(Known::Upgrade) && nominated(fields, bytes, b"upgrade")
}

/// Whether the client waits for `100 Continue` before it sends its body (RFC 9110 section 10.1.1).
/// An HTTP/1.0 client does not.
pub fn expects_continue(head: &RequestHead, bytes: &[u8]) -> bool {
    head.minor > 0
        && head
            .fields
            .all(Known::Expect)
            .any(|field| field.value.of(bytes).eq_ignore_ascii_case(b"100-continue"))
}

/// The elements of all `Connection` fields, without empty ones.
pub fn connection_tokens<'a>(fields: &Fields, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    fields
        .all(Known::Connection)
        .flat_map(|field| elements(field.value.of(bytes)))
        .filter(|token| !token.is_empty())
}

/// Whether `Connection` nominates `name`, so that it ends at this hop (RFC 9110 section 7.6.1).
/// For many names of one head ask [`Nominations`].
pub fn nominated(fields: &Fields, bytes: &[u8], name: &[u8]) -> bool {
    connection_tokens(fields, bytes).any(|token| token.eq_ignore_ascii_case(name))
}

/// The names that `Connection` nominates beyond the usual ones, which are hop-by-hop anyway.
#[derive(Clone, Copy, Debug)]
pub struct Nominations<'a> {
    fields: &'a Fields,
    bytes: &'a [u8],
    /// Nearly always false, and then a question costs nothing.
    any: bool,
}

impl<'a> Nominations<'a> {
    /// Of this head.
    pub fn of(fields: &'a Fields, bytes: &'a [u8]) -> Self {
        let is_nominated =
            |token: &[u8]| !is_same(token, b"close") && !Known::of(token).is_hop_by_hop();
        let any = fields.has(Known::Connection)
            && usual_connection(fields, bytes).is_none()
            && connection_tokens(fields, bytes).any(is_nominated);
        Self { fields, bytes, any }
    }

    /// Whether `field` ends at this hop because `Connection` names it.
    pub fn has(&self, field: &Field) -> bool {
        self.any && nominated(self.fields, self.bytes, field.name.of(self.bytes))
    }
}

/// What nearly every `Connection` says, as its only element.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum UsualConnection {
    Close,
    KeepAlive,
}

fn usual_connection(fields: &Fields, bytes: &[u8]) -> Option<UsualConnection> {
    if fields.is_repeated(Known::Connection) {
        return None;
    }
    let value = fields.value(Known::Connection, bytes)?;
    if is_same(value, b"keep-alive") {
        Some(UsualConnection::KeepAlive)
    } else {
        is_same(value, b"close").then_some(UsualConnection::Close)
    }
}

fn check_nominations(fields: &Fields, bytes: &[u8]) -> Result<(), Refusal> {
    // A short list cannot have too many.
    let is_short = |value: &[u8]| value.len() < NOMINATED_MAX;
    if !fields.is_repeated(Known::Connection)
        && fields.value(Known::Connection, bytes).is_none_or(is_short)
    {
        return Ok(());
    }
    // Each of 100 fields may be looked up among the nominated: without a bound a head of 32 KiB
    // could ask for a million comparisons.
    match connection_tokens(fields, bytes).nth(NOMINATED_MAX) {
        Some(_) => Err(Refusal::TooManyNominated),
        None => Ok(()),
    }
}

fn content_length(fields: &Fields, bytes: &[u8]) -> Result<Option<u64>, Refusal> {
    let Some(value) = fields.value(Known::ContentLength, bytes) else { return Ok(None) };
    if fields.is_repeated(Known::ContentLength) {
        return Err(Refusal::ContentLength);
    }
    decimal(value, CONTENT_LENGTH_MAX).map(Some).ok_or(Refusal::ContentLength)
}

/// Where `chunked` stands in the list of transfer codings.
enum Chunked {
    Absent,
    LastOfMore,
    Misplaced,
    Only,
}

/// Reads `Transfer-Encoding` as one list over all its fields (RFC 9112 section 6.1).
fn transfer_codings(fields: &Fields, bytes: &[u8], minor: u8) -> Result<Option<Chunked>, Refusal> {
    if !fields.has(Known::TransferEncoding) {
        return Ok(None);
    }
    if minor == 0 {
        return Err(Refusal::TransferEncoding);
    }
    if !fields.is_repeated(Known::TransferEncoding)
        && fields
            .value(Known::TransferEncoding, bytes)
            .is_some_and(|value| is_same(value, b"chunked"))
    {
        return Ok(Some(Chunked::Only));
    }
    let (mut count, mut chunked_count, mut last_is_chunked) = (0_usize, 0_usize, false);
    for field in fields.all(Known::TransferEncoding) {
        for coding in elements(field.value.of(bytes)) {
            if !is_token(coding) {
                return Err(Refusal::TransferEncoding);
            }
            count += 1;
            last_is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            chunked_count += usize::from(last_is_chunked);
        }
    }
    let chunked = match (chunked_count, last_is_chunked, count) {
        (0, _, _) => Chunked::Absent,
        (1, true, 1) => Chunked::Only,
        (1, true, _) => Chunked::LastOfMore,
        _ => Chunked::Misplaced,
    };
    Ok(Some(chunked))
}

fn check_host(head: &RequestHead, bytes: &[u8]) -> Result<(), Refusal> {
    let is_good = match head.fields.value(Known::Host, bytes) {
        Some(host) => !head.fields.is_repeated(Known::Host) && is_authority(host),
        None => head.minor == 0,
    };
    let target_is_good = head.authority.is_none_or(|span| is_authority(span.of(bytes)));
    if is_good && target_is_good { Ok(()) } else { Err(Refusal::Host) }
}

/// `host [":" port]` (RFC 3986 section 3.2) as a gateway takes it: no user, a host that is not
/// empty, a port of at most five digits.
fn is_authority(authority: &[u8]) -> bool {
    if let [b'[', rest @ ..] = authority {
        let Some(close) = memchr::memchr(b']', rest) else { return false };
        let (literal, port) = rest.split_at(close);
        let port = port.get(1..).unwrap_or_default();
        return is_ip_literal(literal) && (port.is_empty() || is_port(port));
    }
    let end = authority.iter().position(|&byte| !is_name_byte(byte)).unwrap_or(authority.len());
    let (host, port) = authority.split_at_checked(end).unwrap_or_default();
    is_host(host) && (port.is_empty() || is_port(port))
}

/// `":"` and up to five digits that make at most 65535; none is allowed too.
fn is_port(port: &[u8]) -> bool {
    match port {
        [b':'] => true,
        [b':', digits @ ..] => digits.len() <= 5 && decimal(digits, u64::from(u16::MAX)).is_some(),
        _ => false,
    }
}

/// What may stand in brackets: the bytes of an IPv6 address, or `v` version `.` anything plain.
fn is_ip_literal(literal: &[u8]) -> bool {
    let is_address = !literal.is_empty()
        && literal.iter().all(|b| b.is_ascii_hexdigit() || b".:".contains(b))
        && !literal.windows(2).any(|pair| pair == b"..");
    is_address || is_future_literal(literal)
}

fn is_future_literal(literal: &[u8]) -> bool {
    let [b'v' | b'V', rest @ ..] = literal else { return false };
    let Some(dot) = memchr::memchr(b'.', rest) else { return false };
    let (version, address) = rest.split_at(dot);
    let address = address.get(1..).unwrap_or_default();
    !version.is_empty()
        && version.iter().all(u8::is_ascii_hexdigit)
        && !address.is_empty()
        && address.iter().all(|&b| b == b':' || is_name_byte(b) && b != b'%')
}

/// A registered name or IPv4 address, all of its bytes good. No label is empty, but a dot may end
/// the name. A last label of one byte is no host of the public net and is refused, except in a
/// dotted quad.
fn is_host(host: &[u8]) -> bool {
    let Some((_, stem)) = host.split_last() else { return false };
    let (mut is_good, mut is_after_dot) = (true, true);
    for &byte in stem {
        is_good &= byte != b'.' || !is_after_dot;
        is_after_dot = byte == b'.';
    }
    is_good && !is_after_dot || is_dotted_quad(host)
}

fn is_dotted_quad(host: &[u8]) -> bool {
    let mut count = 0;
    for part in host.split(|&byte| byte == b'.') {
        if part.len() > 3 || decimal(part, 255).is_none() {
            return false;
        }
        count += 1;
    }
    count == 4
}

/// The bytes of a registered name (RFC 3986 section 3.2.2).
#[inline]
fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES.get(usize::from(byte)).copied().unwrap_or_default()
}

static NAME_BYTES: [bool; 256] = table_of(
    b"-._~!$&'()*+,;=%0123456789\
      ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
);

/// A length that every peer can hold as a signed 64-bit number.
const CONTENT_LENGTH_MAX: u64 = (1 << 63) - 1;

/// `Connection` elements in one head; real ones have one to three.
const NOMINATED_MAX: usize = 64;

#[cfg(test)]
mod tests;
