//! What was written becomes what runs: the only maker of a `Snapshot`, and only of a valid one.
//!
//! Collects every error on the way; never stops at one, and never puts a default in a field that
//! `limits` does not know.

pub(super) mod admin;
mod caller;
mod key;
mod patterns;
mod pem;
mod provider;
mod route;
mod server_tls;
mod storage;
mod strategy;

use std::net::SocketAddr;

use bytesize::ByteSize;

use super::environment::Environment;
use super::error::ErrorKind;
use super::read::span_text;
use super::report::Report;
use super::section::Section;
use super::snapshot::{
    AuthMode, Concurrency, Dns, Drain, Expose, Failover, Limits, Log, LogFormat, MemoryLimit,
    Millis, Observation, Server, Snapshot, Stream, Timeouts,
};
use super::text::{Place, Texts};
use super::tree::Table;
use super::{limits, shape};

/// What a configuration may lean on besides its texts.
pub(super) struct Context<'a> {
    pub environment: &'a Environment,
    pub stderr_is_terminal: bool,
    pub texts: &'a Texts,
}

/// The snapshot; holds only when the report has no error.
pub(super) fn build(written: &Table, context: &Context<'_>, report: &mut Report) -> Snapshot {
    let root = Section::root(&shape::ROOT, written, report);
    let server = server(&root, context, report);
    let dns = Dns { servers: dns_servers(&root, report) };
    let admin = admin::admin(&root, context, report);
    let mode = auth_mode(&root, &server, report);
    let (callers, caller_names) = caller::callers(&root, context, report);
    let auth = resolve_auth(mode, &server, callers.is_empty(), report);
    let (providers, names) = provider::providers(&root, &caller_names, context, report);
    let failover = failover(&root, report);
    let concurrency = concurrency(&root, report);
    let observation = observation(&root, report);
    let stream = stream(&root, report);
    let timeouts = timeouts(&root, report);
    let beside = route::Beside {
        callers: &caller_names,
        context,
        failover: &failover,
        providers: &names,
        timeouts: &timeouts,
    };
    let routes = route::routes(&root, beside, report);
    let limits = self::limits(&root, report);
    let drain = drain(&root, &server, report);
    let storage = storage::storage(&root, context, report);
    let log = log(&root, context, report);
    Snapshot {
        admin,
        auth,
        callers,
        concurrency,
        dns,
        drain,
        failover,
        limits,
        log,
        observation,
        providers,
        routes,
        server,
        storage,
        stream,
        timeouts,
    }
}

fn server(root: &Section<'_>, context: &Context<'_>, report: &mut Report) -> Server {
    let section = root.table("server", &shape::SERVER, report);
    let listen = listen(&section, report);
    let workers = section.count_or(&limits::WORKERS, report);
    let driver = section.choice(&limits::DRIVER, report);
    let exposed = section.choice(&limits::EXPOSE_HEADERS, report);
    let tls = server_tls::server_tls(&section, context, report);
    let mut server = Server { driver, expose: Expose::Full, listen, tls, workers };
    server.expose = exposed.unwrap_or_else(|| {
        let (expose, word) = if server.is_loopback_only() {
            (Expose::Full, "full")
        } else {
            (Expose::Minimal, "minimal")
        };
        report.means(&section.key(limits::EXPOSE_HEADERS.key), word);
        expose
    });
    server
}

fn listen(section: &Section<'_>, report: &mut Report) -> Vec<SocketAddr> {
    let key = limits::LISTEN.key;
    let Some(texts) = section.texts(&limits::LISTEN, report) else {
        return vec![limits::LISTEN_DEFAULT];
    };
    if texts.len() < limits::LISTEN.min || texts.len() > limits::LISTENERS_MAX {
        let message = format!("must have from 1 to {} addresses", limits::LISTENERS_MAX);
        section.error(ErrorKind::Invalid, key, message, report);
    }
    let mut listen: Vec<(SocketAddr, Place)> = Vec::new();
    for (text, place) in texts {
        let Ok(address) = text.parse::<SocketAddr>() else {
            let message = "must be an IP address and a port, such as \"127.0.0.1:8787\" or \
                           \"[::1]:8787\"";
            section.error(ErrorKind::Invalid, key, message, report).at(place);
            continue;
        };
        match listen.iter().find(|(other, _)| *other == address && address.port() != 0) {
            Some((_, first)) => {
                let message = "has the same address twice";
                let error = section.error(ErrorKind::Duplicate, key, message, report);
                error.at(place).first_at(*first);
            }
            None => listen.push((address, place)),
        }
    }
    listen.into_iter().map(|(address, _)| address).collect()
}

fn dns_servers(root: &Section<'_>, report: &mut Report) -> Vec<SocketAddr> {
    let section = root.table("dns", &shape::DNS, report);
    let key = limits::DNS_SERVERS.key;
    let texts = section.texts(&limits::DNS_SERVERS, report).unwrap_or_default();
    if texts.len() > limits::DNS_SERVERS_MAX {
        let message = format!("must have at most {} addresses", limits::DNS_SERVERS_MAX);
        section.error(ErrorKind::Invalid, key, message, report);
    }
    let mut servers = Vec::new();
    for (text, place) in texts {
        let bare = text.parse().map(|ip| SocketAddr::new(ip, DNS_PORT));
        let Ok(server) = text.parse().or(bare) else {
            let message = "must be an IP address, with or without a port, such as \
                           \"127.0.0.1:5353\" or \"[::1]:5353\"";
            section.error(ErrorKind::Invalid, key, message, report).at(place);
            continue;
        };
        servers.push(server);
    }
    servers
}

fn auth_mode(root: &Section<'_>, server: &Server, report: &mut Report) -> Option<AuthMode> {
    let section = root.table("auth", &shape::AUTH, report);
    let mode = section.choice(&limits::MODE, report);
    if mode == Some(AuthMode::Open) && !server.is_loopback_only() {
        let away = server.listen.iter().find(|address| !address.ip().is_loopback());
        let away = away.map_or_else(String::new, |address| format!(" `{address}`"));
        let message =
            format!("must not be \"open\": listener{away} is not loopback, anyone could spend");
        section
            .error(ErrorKind::Conflict, limits::MODE.key, message, report)
            .help("use \"keys_or_byok\" with a [[caller]], or listen on 127.0.0.1");
    }
    mode
}

/// "auto" is open only where nobody but this host can call and nobody was told to show a key.
fn resolve_auth(
    mode: Option<AuthMode>,
    server: &Server,
    no_callers: bool,
    report: &mut Report,
) -> AuthMode {
    let mode = mode.unwrap_or_else(|| {
        let (mode, word) = if server.is_loopback_only() && no_callers {
            (AuthMode::Open, "open")
        } else {
            (AuthMode::KeysOrByok, "keys_or_byok")
        };
        report.means("auth.mode", word);
        mode
    });
    if mode == AuthMode::Keys && no_callers {
        report.warning("auth.mode", "is \"keys\" but there is no [[caller]]: every request is 401");
    }
    if mode == AuthMode::Byok && !no_callers {
        report.warning("auth.mode", "is \"byok\", so that no [[caller]] is let in");
    }
    mode
}

fn failover(root: &Section<'_>, report: &mut Report) -> Failover {
    let section = root.table("failover", &shape::FAILOVER, report);
    Failover {
        max_attempts: narrow(section.count(&limits::MAX_ATTEMPTS, report)),
        deadline: section.duration_or(&limits::FAILOVER_DEADLINE, report),
        wait_for_key: section.duration(&limits::WAIT_FOR_KEY, report),
        first_event_bytes: whole(section.size(&limits::FIRST_EVENT_BYTES, report)),
        first_event_wait: section.duration(&limits::FIRST_EVENT_WAIT, report),
    }
}

fn concurrency(root: &Section<'_>, report: &mut Report) -> Concurrency {
    let section = root.table("concurrency", &shape::CONCURRENCY, report);
    Concurrency {
        global: narrow(section.count(&limits::GLOBAL, report)),
        queue_timeout: section.duration(&limits::QUEUE_TIMEOUT, report),
        queue_length: section.count(&limits::QUEUE_LENGTH, report),
    }
}

fn observation(root: &Section<'_>, report: &mut Report) -> Observation {
    let section = root.table("observation", &shape::OBSERVATION, report);
    Observation {
        accounting: section.switch(&limits::ACCOUNTING, report),
        floor: section.duration(&limits::OBSERVATION_FLOOR, report),
    }
}

fn stream(root: &Section<'_>, report: &mut Report) -> Stream {
    let section = root.table("stream", &shape::STREAM, report);
    Stream { half_close: section.choice(&limits::HALF_CLOSE, report) }
}

fn timeouts(root: &Section<'_>, report: &mut Report) -> Timeouts {
    let section = root.table("timeouts", &shape::TIMEOUTS, report);
    Timeouts {
        client_head: section.duration(&limits::CLIENT_HEAD, report),
        client_body_idle: section.duration(&limits::CLIENT_BODY_IDLE, report),
        keep_alive: section.duration(&limits::KEEP_ALIVE, report),
        tls_handshake: section.duration(&limits::TLS_HANDSHAKE, report),
        connect: section.duration(&limits::CONNECT, report),
        response_head: section.duration(&limits::RESPONSE_HEAD, report),
        response_head_stream: section.duration(&limits::RESPONSE_HEAD_STREAM, report),
        byte_idle: section.duration(&limits::BYTE_IDLE, report),
        upstream_idle: section.duration(&limits::UPSTREAM_IDLE, report),
        write_stall: section.duration(&limits::WRITE_STALL, report),
        exchange: section.duration_or(&limits::EXCHANGE, report),
    }
}

fn limits(root: &Section<'_>, report: &mut Report) -> Limits {
    let section = root.table("limits", &shape::LIMITS, report);
    Limits {
        body_bytes: section.size(&limits::BODY, report),
        passthrough_body_bytes: section.size(&limits::PASSTHROUGH_BODY, report),
        head_bytes: whole(section.size(&limits::HEAD, report)),
        response_head_bytes: whole(section.size(&limits::RESPONSE_HEAD_BYTES, report)),
        headers: section.count(&limits::HEADERS, report),
        connections: section.count_or(&limits::CONNECTIONS, report),
        memory: memory(&section, report),
        upstream_idle_per_worker: section.count(&limits::UPSTREAM_IDLE_PER_WORKER, report),
        byok_entries: section.count(&limits::BYOK_ENTRIES, report),
    }
}

fn memory(section: &Section<'_>, report: &mut Report) -> MemoryLimit {
    let (text, _) = section.text_or(&limits::MEMORY, report);
    match (text, text.parse::<ByteSize>()) {
        ("auto", _) => MemoryLimit::Auto,
        ("off", _) => MemoryLimit::Off,
        (_, Ok(ByteSize(bytes))) if bytes >= limits::MEMORY_BYTES_MIN => MemoryLimit::Bytes(bytes),
        _ => {
            let message = "must be \"auto\", \"off\" or a size such as \"2GiB\", at least 1MiB";
            section.error(ErrorKind::Invalid, limits::MEMORY.key, message, report);
            MemoryLimit::Auto
        }
    }
}

/// A size of something held in memory: bounded by 1 MiB, which fits everywhere.
fn whole(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// A count that was read within its bounds, all of which fit.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn drain(root: &Section<'_>, server: &Server, report: &mut Report) -> Drain {
    let section = root.table("drain", &shape::DRAIN, report);
    let lame_duck = section.duration_or(&limits::LAME_DUCK, report).unwrap_or_else(|| {
        let ms = if server.is_loopback_only() { 0 } else { limits::LAME_DUCK_AWAY_MS };
        report.means(&section.key(limits::LAME_DUCK.key), span_text(ms));
        Millis(ms)
    });
    let deadline = section.duration(&limits::DEADLINE, report);
    if lame_duck >= deadline {
        let key = match section.node(limits::LAME_DUCK.key) {
            Some(_) => limits::LAME_DUCK.key,
            None => limits::DEADLINE.key,
        };
        let message = "leaves no time to drain: lame_duck must be shorter than deadline";
        section.error(ErrorKind::Conflict, key, message, report);
    }
    Drain { deadline, lame_duck }
}

fn log(root: &Section<'_>, context: &Context<'_>, report: &mut Report) -> Log {
    let section = root.table("log", &shape::LOG, report);
    let format = section.choice(&limits::FORMAT, report).unwrap_or_else(|| {
        let (format, word) = if context.stderr_is_terminal {
            (LogFormat::Text, "text")
        } else {
            (LogFormat::Json, "json")
        };
        report.means(&section.key(limits::FORMAT.key), word);
        format
    });
    Log { format, level: section.choice(&limits::LEVEL, report) }
}

/// Of a name server that is written without one (RFC 1035 section 4.2).
const DNS_PORT: u16 = 53;
