//! Who asks and with which credential the provider is asked (BEHAVIOUR 2). The one list of places
//! where clients carry credentials.

use super::failure::Kind;
use crate::config::snapshot::{AuthMode, KeyHeader, Provider, ProviderKey};
use crate::data_plane::worker::local::Local;
use crate::protocol::dialect::Dialect;
use crate::protocol::http1::head::{Field, Fields};
use crate::protocol::http1::header::Known;
use crate::shared::credential::pool::PoolKey;
use crate::shared::setup::Setup;

/// The credential that goes upstream.
#[derive(Clone, Copy, Debug)]
pub enum Credential<'a> {
    /// The client's own, in the field it came in.
    Own(Field),
    /// A configured key of the provider, and its state.
    Pool(&'a ProviderKey, &'a PoolKey),
}

/// Whose credential an exchange is paid with.
#[derive(Clone, Copy, Debug)]
pub enum Payer {
    /// The client's own, in the field it came in.
    Own(Field),
    /// The providers' configured keys.
    Pool,
}

/// The field a pool key goes up in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Placement {
    /// `api-key: KEY`.
    ApiKey,
    /// `authorization: Bearer KEY`.
    Bearer,
    /// The same, and Anthropic wants `oauth-2025-04-20` in `anthropic-beta`.
    BearerOauth,
    /// `x-api-key: KEY`.
    XApiKey,
}

/// What a client presented, by the order of BEHAVIOUR 2.1.
enum Presented<'b> {
    /// A key of this gateway.
    Gateway(&'b [u8]),
    Nothing,
    /// A key of a provider.
    Other(Field),
}

/// Who asks, and who pays.
#[derive(Clone, Copy, Debug)]
pub struct Admitted {
    /// Index of the owner of the gateway key that was presented.
    pub caller: Option<usize>,
    /// Whose credential goes upstream.
    pub payer: Payer,
}

/// Decides who pays for an exchange with one of the providers at `candidates`. `known`: the owner
/// of the gateway key that the same fields present, where that was found out under the same setup.
///
/// # Errors
/// `UnknownKey` for a gateway key nobody owns, `NoCredential` when the mode allows none of what
/// there is.
pub fn admit(
    local: &Local,
    setup: &Setup,
    candidates: &[usize],
    (fields, bytes): (&Fields, &[u8]),
    known: Option<usize>,
) -> Result<Admitted, Kind> {
    let snapshot = &setup.snapshot;
    let pool = |caller| Ok(Admitted { caller, payer: Payer::Pool });
    let has_keys =
        |&index: &usize| setup.pools.providers.get(index).is_some_and(|p| !p.keys.is_empty());
    match (snapshot.auth, presented(fields, bytes)) {
        (AuthMode::Byok, Presented::Gateway(_)) | (AuthMode::Keys, Presented::Other(_)) => {
            Err(Kind::UnknownKey)
        }
        (_, Presented::Gateway(key)) => {
            // Found by digests: not twice for one request.
            let owner = known.or_else(|| setup.callers.find(key, &local.shared.keyed_hash));
            owner.map_or(Err(Kind::UnknownKey), |caller| pool(Some(caller)))
        }
        (AuthMode::Open, _) if candidates.iter().any(has_keys) => pool(None),
        (AuthMode::Open | AuthMode::Byok | AuthMode::KeysOrByok, Presented::Other(field)) => {
            Ok(Admitted { caller: None, payer: Payer::Own(field) })
        }
        (_, Presented::Nothing) => Err(Kind::NoCredential),
    }
}

/// Whether a field may carry a client's credential, so that it never goes on as it came.
pub const fn carries_credential(known: Known) -> bool {
    known.is_auth()
}

/// The field for a pool key (BEHAVIOUR 2.6).
pub fn placement(provider: &Provider, key: &ProviderKey) -> Placement {
    let oauth = key.value.expose().as_bytes().starts_with(b"sk-ant-oat");
    match (provider.key_header, provider.dialect) {
        (KeyHeader::ApiKey, _) => Placement::ApiKey,
        (KeyHeader::XApiKey, _) => Placement::XApiKey,
        (_, Dialect::Anthropic) if oauth => Placement::BearerOauth,
        (KeyHeader::Auto, Dialect::Anthropic) => Placement::XApiKey,
        (KeyHeader::Bearer, _) | (KeyHeader::Auto, Dialect::OpenAi) => Placement::Bearer,
    }
}

/// The bare key in an auth field: without its `Bearer` scheme.
pub fn bare(field: Field, bytes: &[u8]) -> &[u8] {
    let value = field.value.of(bytes);
    let end = value.iter().position(|&byte| is_blank(byte)).unwrap_or(value.len());
    let (scheme, key) = value.split_at(end);
    if field.known == Known::Authorization && scheme.eq_ignore_ascii_case(BEARER) {
        return crate::protocol::ascii::trim(key);
    }
    value
}

fn presented<'b>(fields: &Fields, bytes: &'b [u8]) -> Presented<'b> {
    const ORDER: [Known; 3] = [Known::XApiKey, Known::Authorization, Known::ApiKey];
    let all = || ORDER.into_iter().flat_map(|known| fields.all(known)).copied();
    // Under any scheme: a gateway key that is not seen here would go upstream as the client's own.
    let words = |field: Field| field.value.of(bytes).split(|&byte| is_blank(byte));
    if let Some(key) = all().flat_map(words).find(|word| is_gateway_key(word)) {
        return Presented::Gateway(key);
    }
    let other = all().find(|&field| !bare(field, bytes).is_empty());
    other.map_or(Presented::Nothing, Presented::Other)
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_gateway_key(key: &[u8]) -> bool {
    key.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"tg-"))
}

const BEARER: &[u8] = b"Bearer";
