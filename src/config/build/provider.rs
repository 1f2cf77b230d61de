//! `[[provider]]` with its roots and classes. Reads the files it names, and keeps no path to them.

use rustls_pki_types::CertificateDer;

use super::key::Keys;
use super::{Context, narrow, patterns, pem};
use crate::config::base_url::BaseUrl;
use crate::config::error::ErrorKind;
use crate::config::report::Report;
use crate::config::section::Section;
use crate::config::snapshot::{Breaker, Cooldown, Endpoints, IncludeUsage, ModelClass, Provider};
use crate::config::text::Place;
use crate::config::{label, limits, shape};
use crate::protocol::dialect::Dialect;

/// All providers, and the names of all; with an error in the report the first list may be short of
/// some, else the two go side by side.
pub(super) fn providers(
    root: &Section<'_>,
    callers: &[String],
    context: &Context<'_>,
    report: &mut Report,
) -> (Vec<Provider>, Vec<String>) {
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
        let name = name.map(|(name, _)| name.to_owned());
        providers.extend(provider(&section, name, &Beside { callers, context }, report));
    }
    (providers, names.into_iter().map(|(name, _)| name.to_owned()).collect())
}

fn provider(
    section: &Section<'_>,
    name: Option<String>,
    beside: &Beside<'_>,
    report: &mut Report,
) -> Option<Provider> {
    let Beside { callers, context } = *beside;
    let dialect = section.choice_made(&limits::DIALECT, report);
    let base_url = base_url(section, report);
    let select = section.choice(&limits::SELECT, report);
    let key_header = section.choice(&limits::KEY_HEADER, report);
    let max_concurrent = narrow(section.count(&limits::PROVIDER_MAX_CONCURRENT, report));
    let per_key = section.count(&limits::MAX_CONCURRENT_PER_KEY, report);
    let cooldown = cooldown(section, report);
    let auth_recheck = section.duration_or(&limits::AUTH_RECHECK, report);
    let retry_on_5xx = section.switch(&limits::RETRY_ON_5XX, report);
    let include_usage = section.choice(&limits::INCLUDE_USAGE, report);
    let demotes = section.switch(&limits::DEMOTE_NON_STREAMING, report);
    let endpoints = section.choice(&limits::ENDPOINTS, report);
    let max_tokens_default = narrow(section.count(&limits::MAX_TOKENS_DEFAULT, report));
    let breaker = breaker(section, report);
    let model_classes = model_classes(section, context, report);
    let extra_ca = extra_ca(section, context, report);
    let keys = Keys { callers, context, per_key }.read(section, report);
    let base_url = base_url?;
    if !extra_ca.is_empty() && !base_url.origin.tls {
        report.warning(&section.key("tls.ca"), "has no effect: base_url is http");
    }
    if include_usage == IncludeUsage::On && dialect == Some(Dialect::Anthropic) {
        let key = section.key(limits::INCLUDE_USAGE.key);
        report.warning(&key, "has no effect: Anthropic's streams always tell their usage");
    }
    if demotes && dialect == Some(Dialect::OpenAi) {
        let key = section.key(limits::DEMOTE_NON_STREAMING.key);
        report.warning(&key, "has no effect: it is for Anthropic's messages");
    }
    if endpoints != Endpoints::Both && dialect == Some(Dialect::Anthropic) {
        let key = section.key(limits::ENDPOINTS.key);
        report.warning(&key, "has no effect: Anthropic has one, /v1/messages");
    }
    Some(Provider {
        adds_usage: adds_usage(include_usage, &base_url.origin.host),
        auth_recheck,
        base_path: base_url.base_path,
        breaker,
        cooldown,
        demotes,
        dialect: dialect?,
        drops_v1: base_url.drops_v1,
        endpoints,
        extra_ca,
        key_header,
        keys,
        max_concurrent,
        max_tokens_default,
        model_classes,
        name: name?,
        origin: base_url.origin,
        retry_on_5xx,
        select,
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

fn cooldown(provider: &Section<'_>, report: &mut Report) -> Cooldown {
    let section = provider.table("cooldown", &shape::COOLDOWN, report);
    let base = section.duration(&limits::COOLDOWN_BASE, report);
    let ceiling = section.duration(&limits::COOLDOWN_CEILING, report);
    if ceiling < base {
        let key = match section.node(limits::COOLDOWN_CEILING.key) {
            Some(_) => limits::COOLDOWN_CEILING.key,
            None => limits::COOLDOWN_BASE.key,
        };
        let message = "leaves no room to grow: ceiling must not be shorter than base";
        section.error(ErrorKind::Conflict, key, message, report);
    }
    Cooldown {
        base,
        ceiling,
        retry_after_cap: section.duration(&limits::COOLDOWN_RETRY_AFTER_CAP, report),
        jitter_permille: section.fraction(&limits::COOLDOWN_JITTER, report),
    }
}

fn breaker(provider: &Section<'_>, report: &mut Report) -> Option<Breaker> {
    let section = provider.table_or(&shape::BREAKER, report)?;
    let small = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
    let failures = small(section.count(&limits::BREAKER_FAILURES, report));
    let open = section.duration(&limits::BREAKER_OPEN, report);
    let ceiling = section.duration(&limits::BREAKER_CEILING, report);
    if ceiling < open {
        let key = match section.node(limits::BREAKER_CEILING.key) {
            Some(_) => limits::BREAKER_CEILING.key,
            None => limits::BREAKER_OPEN.key,
        };
        let message = "leaves no room to grow: ceiling must not be shorter than open";
        section.error(ErrorKind::Conflict, key, message, report);
    }
    let probes = small(section.count(&limits::BREAKER_PROBES, report));
    Some(Breaker { ceiling, failures, open, probes })
}

fn model_classes(
    provider: &Section<'_>,
    context: &Context<'_>,
    report: &mut Report,
) -> Vec<ModelClass> {
    let sections = provider.tables("model_class", &shape::MODEL_CLASS, report);
    if sections.len() > limits::MODEL_CLASSES_MAX {
        let message = format!("must have at most {} entries", limits::MODEL_CLASSES_MAX);
        provider.error(ErrorKind::Invalid, "model_class", message, report);
    }
    let mut classes = Vec::new();
    let mut seen: Vec<(&str, Place)> = Vec::new();
    for section in &sections {
        let pattern = section.text(&shape::MODEL_CLASS_MATCH, report).and_then(|(text, place)| {
            let key = section.key(shape::MODEL_CLASS_MATCH.key);
            if let Some((_, first)) = seen.iter().find(|(other, _)| *other == text) {
                let error = report.error(ErrorKind::Duplicate, &key, "stands twice");
                error.at(place).first_at(*first);
            }
            seen.push((text, place));
            patterns::compile(text, place, &key, context, report)
        });
        let class = class_name(section, report);
        classes.extend(pattern.zip(class).map(|(pattern, class)| ModelClass { class, pattern }));
    }
    classes
}

fn class_name(section: &Section<'_>, report: &mut Report) -> Option<String> {
    let (name, _) = section.text(&shape::MODEL_CLASS_NAME, report)?;
    let verdict = match name {
        limits::MODEL_CLASS_OTHER => Err("is what models without a class are called"),
        _ => label::check(name),
    };
    if let Err(message) = verdict {
        section.error(ErrorKind::Invalid, shape::MODEL_CLASS_NAME.key, message, report);
        return None;
    }
    Some(name.to_owned())
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
    pem::read(&path, pem::certificates).unwrap_or_else(|message| {
        tls.error(ErrorKind::File, shape::CA.key, message, report)
            .help(format!("the file is `{}`", path.display()));
        Vec::new()
    })
}

/// What a provider depends on besides its own table.
#[derive(Clone, Copy)]
struct Beside<'a> {
    /// Names of the callers keys may be kept for, by index.
    callers: &'a [String],
    context: &'a Context<'a>,
}
