//! `tidegate run`: brings both planes up, says where they listen, and waits for their end.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tidegate::config::snapshot::Snapshot;
use tidegate::config::{self, ConfigError, ErrorKind, Loaded, Sources};
use tidegate::control_plane::keyring::Opened;
use tidegate::control_plane::log::Lines;
use tidegate::control_plane::reload::{Operator, Reloads};
use tidegate::control_plane::storage::{Left, Storage, marks};
use tidegate::control_plane::{self, Parts, admin, keyring};
use tidegate::data_plane::io::tls::configs::{BadTls, TlsConfigs};
use tidegate::data_plane::worker::{self, Seat, pin, runtime, sockets};
use tidegate::shared::Shared;
use tidegate::shared::credential::table::TableFull;
use tidegate::shared::ledger::Ledger;
use tidegate::shared::setup::Prepared;

use super::start_block::{self, StartBlock};
use super::{Written, output};

pub(super) fn run(written: Written) -> ExitCode {
    let sources = written.sources();
    let loaded = match config::load(&sources) {
        Ok(loaded) => loaded,
        Err(errors) => return output::refused(&errors),
    };
    let prepared = match prepare(&loaded.snapshot) {
        Ok(prepared) => prepared,
        Err(errors) => return output::refused(&errors),
    };
    output::findings(&loaded.warnings);
    let lines = match Lines::to(std::io::stderr()) {
        Ok(lines) => lines,
        Err(error) => return output::failed(&format!("cannot start a thread: {error}")),
    };
    let served = serve(&loaded, prepared, &Console { lines: lines.clone(), sources });
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

fn serve(loaded: &Loaded, prepared: Prepared, console: &Console) -> Result<ExitCode, String> {
    // The first touch of a huge page stalls a worker for milliseconds (DESIGN D5), and idle
    // connections would pay for memory they never use. Refused by the kernel: slower, not wrong.
    let _refused = rustix::thread::disable_transparent_huge_pages(true);
    let snapshot = &loaded.snapshot;
    let log = console.lines.clone();
    let level = control_plane::log::start(snapshot.log, output::colours(), &log);
    control_plane::log::tell_panics();
    let files = start_block::raise_open_files();
    let workers = snapshot.server.workers.unwrap_or_else(pin::available).max(1);
    let choice = runtime::choose(snapshot.server.driver)
        .map_err(|error| format!("io_uring is refused: {error}; use --driver epoll"))?;
    let bound = bind(snapshot, workers)?;
    let admin = bind_admin(snapshot)?;
    let salt = salt(snapshot)?;
    let (shared, mut ledger) = Shared::new(snapshot.clone(), prepared, workers, &salt)
        .map_err(|error| format!("cannot start: {error}"))?;
    let shared = Arc::new(shared);
    let storage = open_storage(snapshot, &shared, &mut ledger)?;
    let connections = start_block::connection_limit(snapshot, files);
    let block = StartBlock {
        admin: admin.as_ref().and_then(|admin| admin.local_addr().ok()),
        addresses: bound.iter().map(|b| b.address).collect(),
        choice: &choice,
        connections,
        cores: pin::cores(workers),
        snapshot,
    };
    let text = block.to_string();
    start_workers(bound, &shared, choice.rung, connections)?;
    let reloads = Reloads::new(shared.clone(), ledger, level, console);
    let told = log.clone();
    let parts = Parts { admin, driver: choice.rung.name(), log, reloads, shared, storage };
    control_plane::run(parts, move || told.put(text.as_bytes()))
        .map_err(|error| format!("the control plane cannot work: {error}"))
}

/// Whoever started the process, for as long as it runs.
struct Console {
    lines: Lines,
    sources: Sources,
}

impl Operator for Console {
    fn load(&self) -> Result<(Loaded, Prepared), Vec<ConfigError>> {
        let loaded = config::load(&self.sources)?;
        let prepared = prepare(&loaded.snapshot)?;
        Ok((loaded, prepared))
    }

    fn tell(&self, findings: &[ConfigError]) {
        self.lines.put(output::rendered(findings).as_bytes());
    }
}

/// What the data plane needs of a configuration beside it, or every reason why it cannot be had.
pub(super) fn prepare(snapshot: &Snapshot) -> Result<Prepared, Vec<ConfigError>> {
    let told = |bad: BadTls| ConfigError::new(ErrorKind::File, &bad.key, bad.why);
    match TlsConfigs::new(snapshot) {
        Ok(tls) => Ok(Arc::new(tls)),
        Err(bad) => Err(bad.into_iter().map(told).collect()),
    }
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
    let Opened { mut overlay, resealed } =
        keyring::opened(std::mem::take(&mut left.keys), snapshot);
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

fn bind(snapshot: &Snapshot, workers: usize) -> Result<Vec<sockets::Bound>, String> {
    let bind = |&address: &SocketAddr| {
        sockets::bind(address, workers).map_err(|fault| match fault.error.kind() {
            std::io::ErrorKind::AddrInUse => format!(
                "{} is in use by another process; stop it or choose another --listen",
                fault.address
            ),
            _ => format!("cannot listen on {}: {}", fault.address, fault.error),
        })
    };
    snapshot.server.listen.iter().map(bind).collect()
}

fn bind_admin(snapshot: &Snapshot) -> Result<Option<TcpListener>, String> {
    let Some(address) = snapshot.admin.listen else { return Ok(None) };
    admin::bind(address).map(Some).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("{address} is in use by another process; stop it or set another admin.listen")
        }
        _ => format!("cannot listen on {address} (admin.listen): {error}"),
    })
}

fn start_workers(
    bound: Vec<sockets::Bound>,
    shared: &Arc<Shared>,
    rung: runtime::Rung,
    connections: usize,
) -> Result<(), String> {
    let workers = shared.workers.len();
    let cores = pin::cores(workers);
    let mut queues: Vec<_> = bound.into_iter().map(|b| b.sockets.into_iter()).collect();
    let share = u32::try_from(connections.div_ceil(workers)).ok();
    let seats = (0..workers).zip(cores).map(|(index, core)| Seat {
        connection_limit: share,
        core,
        index,
        listeners: queues.iter_mut().filter_map(Iterator::next).collect(),
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
