//! `[[provider]]` with its keys and roots. Reads the files it names, and keeps no path to them.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::Context;
use crate::config::base_url::BaseUrl;
use crate::config::effective::SettingValue;
use crate::config::error::ErrorKind;
use crate::config::report::Report;
use crate::config::section::Section;
use crate::config::snapshot::{Cooldown, IncludeUsage, Millis, Provider, ProviderKey, Select};
use crate::config::text::Place;
use crate::config::{disk, label, limits, shape};
use crate::protocol::dialect::Dialect;

/// All providers; with an error in the report the list may be short of some.
pub(super) fn providers(
    root: &Section<'_>,
    context: &Context<'_>,
    report: &mut Report,
) -> Vec<Provider> {
    let mut providers = Vec::new();
    let mut names: Vec<(&str, Place)> = Vec::new();
    for section in root.tables("provider", &shape::PROVIDER, report) {
        let name = section.text(&shape::PROVIDER_NAME, report);
        if let Some((name, place)) = name {
            let key = shape::PROVIDER_NAME.key;
            if let Err(message) = label::check_provider(name) {
                section.error(ErrorKind::Invalid, key, message, report);
            }
            if let Some((_, first)) = names.iter().find(|(other, _)| *other == name) {
                let message = "is the name of another provider";
                section.error(ErrorKind::Duplicate, key, message, report).first_at(*first);
            }
            names.push((name, place));
        }
        providers.extend(provider(&section, name.map(|(name, _)| name), context, report));
    }
    providers
}

fn provider(
    section: &Section<'_>,
    name: Option<&str>,
    context: &Context<'_>,
    report: &mut Report,
) -> Option<Provider> {
    let dialect = section.choice_made(&limits::DIALECT, report);
    let base_url = base_url(section, report);
    let key_header = section.choice(&limits::KEY_HEADER, report);
    let include_usage = section.choice(&limits::INCLUDE_USAGE, report);
    let extra_ca = extra_ca(section, context, report);
    let keys = keys(section, context, report);
    let base_url = base_url?;
    if !extra_ca.is_empty() && !base_url.origin.tls {
        report.warning(&section.key("tls.ca"), "has no effect: base_url is http");
    }
    if include_usage == IncludeUsage::On && dialect == Some(Dialect::Anthropic) {
        let key = section.key(limits::INCLUDE_USAGE.key);
        report.warning(&key, "has no effect: Anthropic's streams always tell their usage");
    }
    Some(Provider {
        adds_usage: adds_usage(include_usage, &base_url.origin.host),
        auth_recheck: Some(Millis(300_000)),
        base_path: base_url.base_path,
        cooldown: Cooldown {
            base: Millis(60_000),
            ceiling: Millis(3_600_000),
            jitter_permille: 100,
            retry_after_cap: Millis(48 * 3_600_000),
        },
        dialect: dialect?,
        drops_v1: base_url.drops_v1,
        extra_ca,
        key_header,
        keys,
        max_concurrent: 0,
        model_classes: Vec::new(),
        name: name?.to_owned(),
        origin: base_url.origin,
        retry_on_5xx: false,
        select: Select::Priority,
    })
}

/// Other hosts are not asked unless told so: some refuse a field that they do not know.
fn adds_usage(include_usage: IncludeUsage, host: &str) -> bool {
    let is_service = |end: &&str| host.strip_suffix(*end).is_some_and(|name| !name.is_empty());
    match include_usage {
        IncludeUsage::Auto => {
            limits::USAGE_HOSTS.contains(&host) || limits::USAGE_HOST_ENDS.iter().any(is_service)
        }
        IncludeUsage::Off => false,
        IncludeUsage::On => true,
    }
}

fn base_url(section: &Section<'_>, report: &mut Report) -> Option<BaseUrl> {
    let (text, _) = section.text(&shape::BASE_URL, report)?;
    match BaseUrl::parse(text) {
        Ok(base_url) => Some(base_url),
        Err(error) => {
            section.error(ErrorKind::Invalid, shape::BASE_URL.key, error.message(), report);
            None
        }
    }
}

fn extra_ca(
    section: &Section<'_>,
    context: &Context<'_>,
    report: &mut Report,
) -> Vec<CertificateDer<'static>> {
    if section.node("tls").is_none() {
        return Vec::new();
    }
    let tls = section.table("tls", &shape::PROVIDER_TLS, report);
    let Some((path, place)) = tls.text(&shape::CA, report) else { return Vec::new() };
    let path = context.texts.folder(place).join(path);
    let certificates = disk::read(&path, limits::FILE_BYTES_MAX)
        .map_err(|error| format!("cannot be read: {}", disk::why(&error)))
        .and_then(|pem| certificates(&pem).map_err(str::to_owned));
    certificates.unwrap_or_else(|message| {
        tls.error(ErrorKind::File, shape::CA.key, message, report)
            .help(format!("the file is `{}`", path.display()));
        Vec::new()
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err("must hold at least one certificate in PEM form"),
        Err(_) => Err("is not in PEM form"),
    }
}

fn keys(section: &Section<'_>, context: &Context<'_>, report: &mut Report) -> Vec<ProviderKey> {
    let mut keys: Vec<(ProviderKey, Place)> = Vec::new();
    for (at, entry) in section.tables("key", &shape::PROVIDER_KEY, report).iter().enumerate() {
        let name = key_name(entry, at + 1, report);
        let Some(found) = entry.secret(&shape::KEY_VALUE, context, report) else { continue };
        let (value, place) = (found.secret, found.place);
        entry.note_secret(&shape::KEY_VALUE, value.hint(), found.source, report);
        let verdict = match value.expose().get(..3) {
            Some(start) if start.eq_ignore_ascii_case("tg-") => {
                Err("is a gateway key (`tg-`), which never goes to a provider")
            }
            _ => label::check_key(value.expose()),
        };
        let field = shape::KEY_VALUE.key;
        if let Err(message) = verdict {
            entry.error(ErrorKind::Invalid, field, message, report);
        }
        for (other, first) in &keys {
            if other.name == name {
                let message = format!("is the second key called `{name}` of this provider");
                let key = shape::KEY_NAME.key;
                entry.error(ErrorKind::Duplicate, key, message, report).first_at(*first);
            }
            if other.value == value {
                let message = format!("is the same value as key `{}`", other.name);
                entry.error(ErrorKind::Duplicate, field, message, report).first_at(*first);
            }
        }
        let key = ProviderKey {
            hint: value.hint(),
            max_concurrent: 0,
            name,
            reserved_for: Vec::new(),
            value,
        };
        keys.push((key, place));
    }
    keys.into_iter().map(|(key, _)| key).collect()
}

/// The name a key was given, else one by its position.
fn key_name(entry: &Section<'_>, number: usize, report: &mut Report) -> String {
    let Some((name, _)) = entry.text(&shape::KEY_NAME, report) else {
        let name = format!("key-{number}");
        entry.note(shape::KEY_NAME.key, SettingValue::Text(name.clone()), report);
        return name;
    };
    if let Err(message) = label::check(name) {
        entry.error(ErrorKind::Invalid, shape::KEY_NAME.key, message, report);
    }
    name.to_owned()
}
