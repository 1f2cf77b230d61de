//! `tidegate run`: brings both planes up, says where they listen, and waits for their end.

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tidegate::config::snapshot::Snapshot;
use tidegate::config::{self, ConfigError, ErrorKind, Loaded, Sources};
use tidegate::control_plane::log::Lines;
use tidegate::control_plane::reload::{Operator, Reloads};
use tidegate::control_plane::storage::{Left, Storage, marks};
use tidegate::control_plane::takeover::Offer;
use tidegate::control_plane::takeover::taker::Taken;
use tidegate::control_plane::{self, Parts, admin, keyring, notify};
use tidegate::data_plane::io::tls::configs::{BadTls, TlsConfigs};
use tidegate::data_plane::worker::{self, Seat, pin, runtime};
use tidegate::data_plane::{self};
use tidegate::shared::Shared;
use tidegate::shared::credential::table::TableFull;
use tidegate::shared::ledger::Ledger;
use tidegate::shared::setup::Prepared;

use super::inherited::Estate;
use super::listening::{self, Listening};
use super::start_block::{self, StartBlock};
use super::{Written, large_pages, output};

pub(super) fn run(written: Written, takes_over: bool) -> ExitCode {
    let sources = written.sources();
    let loaded = match config::load(&sources) {
        Ok(loaded) => loaded,
        Err(errors) => return output::refused(&errors),
    };
    let tls = match tls(&loaded.snapshot) {
        Ok(tls) => tls,
        Err(errors) => return output::refused(&errors),
    };
    output::findings(&loaded.warnings);
    let lines = match Lines::to(std::io::stderr()) {
        Ok(lines) => lines,
        Err(error) => return output::failed(&format!("cannot start a thread: {error}")),
    };
    let served = serve(&loaded, tls, Terms { lines: lines.clone(), sources, takes_over });
    lines.finish(LAST_LINES);
    match served {
        // The workers' runtimes must not be dropped with operations in flight (D3).
        Ok(code) => exit(code),
        Err(why) => {
            eprintln!("tidegate: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What a run goes by beside its configuration.
struct Terms {
    lines: Lines,
    sources: Sources,
    takes_over: bool,
}

fn serve(loaded: &Loaded, tls: TlsConfigs, terms: Terms) -> Result<ExitCode, String> {
    let Terms { lines: log, sources, takes_over } = terms;
    let code = large_pages::hold_code();
    // The first touch of a huge page stalls a worker for milliseconds (DESIGN D5), and idle
    // connections would pay for memory they never use. Refused by the kernel: slower, not wrong.
    let _refused = rustix::thread::disable_transparent_huge_pages(true);
    let snapshot = &loaded.snapshot;
    let level = control_plane::log::start(snapshot.log, output::colours(), &log);
    control_plane::log::tell_panics();
    match code {
        Ok(0) => tracing::debug!("code stays on small pages"),
        Ok(bytes) => tracing::debug!(bytes, "code is on large pages"),
        Err(error) => tracing::debug!(%error, "code stays on small pages"),
    }
    let files = start_block::raise_open_files();
    let workers = snapshot.server.workers.unwrap_or_else(pin::available).max(1);
    let choice = runtime::choose(snapshot.server.driver)
        .map_err(|error| format!("io_uring is refused: {error}; use --driver epoll"))?;
    let mut estate = Estate::gather(snapshot, &sources, takes_over)?;
    let listening = Listening::new(workers);
    let listeners = listening.prepare(snapshot, &mut estate.listen);
    let listeners = listeners.map_err(|fault| listening::told(&fault))?;
    listening.decide(true);
    let admin = bind_admin(snapshot, &mut estate)?;
    let prepared: Prepared = Arc::new(data_plane::prepared::Prepared { listeners, tls });
    let salt = salt(snapshot)?;
    let (shared, mut ledger) = Shared::new(snapshot.clone(), prepared, workers, &salt)
        .map_err(|error| format!("cannot start: {error}"))?;
    let shared = Arc::new(shared);
    let storage = open_storage(snapshot, &shared, &mut ledger)?;
    let connections = start_block::connection_limit(snapshot, files);
    let block = StartBlock {
        admin: admin.as_ref().and_then(|admin| admin.local_addr().ok()),
        addresses: listening.addresses(),
        choice: &choice,
        connections,
        cores: pin::cores(workers),
        snapshot,
    };
    let text = block.to_string();
    start_workers(&shared, choice.rung, connections)?;
    let beacon = estate.beacon(&sources);
    let told = log.clone();
    let console = Console { lines: log.clone(), listening, sources };
    let reloads = Reloads::new(shared.clone(), ledger, level, &console);
    let driver = choice.rung.name();
    let parts = Parts { admin, beacon, driver, log, reloads, shared, storage };
    control_plane::run(parts, move || ready(&told, &text, estate.taken))
        .map_err(|error| format!("the control plane cannot work: {error}"))
}

/// Says so to whoever waits for it.
fn ready(lines: &Lines, block: &str, taken: Option<Taken>) {
    lines.put(block.as_bytes());
    notify::ready(taken.is_some());
    if let Some(Err(error)) = taken.map(Taken::ready) {
        lines.put(format!("tidegate: {error}\n").as_bytes());
    }
}

/// Whoever started the process, for as long as it runs.
struct Console {
    lines: Lines,
    listening: Listening,
    sources: Sources,
}

impl Operator for Console {
    fn load(&self) -> Result<(Loaded, Prepared), Vec<ConfigError>> {
        let loaded = config::load(&self.sources)?;
        let tls = tls(&loaded.snapshot)?;
        let listeners = self.listening.prepare(&loaded.snapshot, &mut Vec::new());
        let listeners = listeners.map_err(|fault| {
            vec![ConfigError::new(ErrorKind::Invalid, "server.listen", listening::told(&fault))]
        })?;
        let prepared = data_plane::prepared::Prepared { listeners, tls };
        Ok((loaded, Arc::new(prepared)))
    }

    fn decide(&self, in_force: bool) {
        self.listening.decide(in_force);
    }

    fn offers(&self) -> Vec<Offer> {
        self.listening.offers()
    }

    fn let_go(&self) {
        self.listening.let_go();
    }

    fn tell(&self, findings: &[ConfigError]) {
        self.lines.put(output::rendered(findings).as_bytes());
    }
}

/// The TLS settings of a configuration, or every reason why they cannot be had.
pub(super) fn tls(snapshot: &Snapshot) -> Result<TlsConfigs, Vec<ConfigError>> {
    let told = |bad: BadTls| ConfigError::new(ErrorKind::File, &bad.key, bad.why);
    TlsConfigs::new(snapshot).map_err(|bad| bad.into_iter().map(told).collect())
}

fn salt(snapshot: &Snapshot) -> Result<[u8; control_plane::salt::SALT_BYTES], String> {
    let path = snapshot.storage.path.as_deref();
    control_plane::salt::load(path).map_err(|error| {
        let path = path.unwrap_or(std::path::Path::new("")).display();
        format!("storage.path {path}: cannot keep the salt: {error}")
    })
}

/// Storage with what a former process left; the states of keys are in force again before anybody
/// is served.
fn open_storage(
    snapshot: &Arc<Snapshot>,
    shared: &Shared,
    ledger: &mut Ledger,
) -> Result<Option<(Storage, Left)>, String> {
    let Some(path) = &snapshot.storage.path else { return Ok(None) };
    let opened = Storage::open(path, snapshot.storage.retention.into(), shared.wall.now());
    let (storage, mut left) = opened.map_err(|error| format!("cannot start a thread: {error}"))?;
    let opened = keyring::opened(std::mem::take(&mut left.keys), snapshot);
    let (mut overlay, resealed) = (opened.overlay, opened.resealed);
    left.resealed = resealed;
    overlay.header_rules = std::mem::take(&mut left.header_rules);
    if !overlay.keys.is_empty() || !overlay.header_rules.is_empty() {
        ledger.overlay(Arc::new(overlay));
        let prepared = shared.setup.load().prepared.clone();
        shared
            .install(ledger, snapshot.clone(), prepared)
            .map_err(|TableFull| "there is no room for so many keys".to_owned())?;
    }
    let restored = marks::restore(shared, &left.marks);
    if restored > 0 {
        tracing::info!(restored, "states of keys are as they were");
    }
    Ok(Some((storage, left)))
}

fn bind_admin(snapshot: &Snapshot, estate: &mut Estate) -> Result<Option<TcpListener>, String> {
    let Some(address) = snapshot.admin.listen else { return Ok(None) };
    if let Some(listener) = estate.admin(address) {
        return Ok(Some(listener));
    }
    admin::bind(address).map(Some).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("{address} is in use by another process; stop it or set another admin.listen")
        }
        _ => format!("cannot listen on {address} (admin.listen): {error}"),
    })
}

fn start_workers(
    shared: &Arc<Shared>,
    rung: runtime::Rung,
    connections: usize,
) -> Result<(), String> {
    let workers = shared.workers.len();
    let cores = pin::cores(workers);
    let seats = (0..workers).zip(cores).map(|(index, core)| Seat {
        connection_limit: u64::try_from(connections).ok(),
        core,
        index,
        rung,
        shared: shared.clone(),
    });
    worker::start(seats.collect()).map_err(|error| format!("cannot start a worker: {error}"))
}

fn exit(code: ExitCode) -> ! {
    std::process::exit(i32::from(code != ExitCode::SUCCESS))
}

/// How long the end of the process waits for whoever reads stderr.
const LAST_LINES: Duration = Duration::from_secs(1);
