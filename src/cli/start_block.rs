//! What `tidegate run` says once it serves: a block for people, a line per listener and one for the
//! admin API for scripts.

use std::fmt;
use std::net::SocketAddr;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tidegate::config::snapshot::Snapshot;
use tidegate::data_plane::worker::pin::Core;
use tidegate::data_plane::worker::runtime::{Choice, Rung};
use tidegate::protocol::dialect::Dialect;

/// The facts of the block.
pub(super) struct StartBlock<'a> {
    pub admin: Option<SocketAddr>,
    pub addresses: Vec<SocketAddr>,
    pub choice: &'a Choice,
    pub connections: usize,
    pub cores: Vec<Option<Core>>,
    pub snapshot: &'a Snapshot,
}

impl fmt::Display for StartBlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "tidegate {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(f, "  driver       {}", self.choice.rung.name())?;
        if let (Rung::Epoll, Some(why)) = (self.choice.rung, &self.choice.refused) {
            writeln!(f, "               io_uring is refused ({why}); allow it in the container's")?;
            writeln!(f, "               seccomp profile or set server.driver = \"epoll\"")?;
        }
        writeln!(f, "  workers      {} ({})", self.cores.len(), cores(&self.cores))?;
        writeln!(f, "  connections  at most {}", self.connections)?;
        for provider in &self.snapshot.providers {
            let scheme = if provider.origin.tls { "https" } else { "http" };
            writeln!(
                f,
                "  provider     {} ({scheme}://{}{}), {}",
                provider.name,
                provider.origin.authority,
                provider.base_path,
                keys(provider.keys.len())
            )?;
        }
        match &self.snapshot.storage.path {
            Some(path) => writeln!(f, "  storage      {}", path.display())?,
            None => writeln!(f, "  storage      off")?,
        }
        if let Some(address) = self.addresses.first() {
            self.exports(f, *address)?;
        }
        if let Some(address) = self.admin {
            writeln!(f, "admin http://{address}")?;
        }
        for address in &self.addresses {
            writeln!(f, "listening {}://{address}", self.scheme())?;
        }
        Ok(())
    }
}

impl StartBlock<'_> {
    fn scheme(&self) -> &'static str {
        if self.snapshot.server.tls.is_some() { "https" } else { "http" }
    }

    /// The lines to copy into a shell.
    fn exports(&self, f: &mut fmt::Formatter<'_>, address: SocketAddr) -> fmt::Result {
        let serves =
            |dialect| self.snapshot.providers.iter().any(|provider| provider.dialect == dialect);
        let scheme = self.scheme();
        if serves(Dialect::Anthropic) {
            writeln!(f, "  export ANTHROPIC_BASE_URL={scheme}://{address}")?;
        }
        if serves(Dialect::OpenAi) {
            writeln!(f, "  export OPENAI_BASE_URL={scheme}://{address}/v1")?;
        }
        Ok(())
    }
}

/// Raises the limit on open files to the hardest the process may have, and returns it.
pub(super) fn raise_open_files() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Refused: the present limit counts, and the block shows what follows from it.
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.or(current).unwrap_or(FILES_ASSUMED)
}

/// Client connections over all workers: as configured, else half the open files less a reserve,
/// since each may need an upstream connection.
pub(super) fn connection_limit(snapshot: &Snapshot, files: u64) -> usize {
    let auto = usize::try_from((files / 2).saturating_sub(FILES_RESERVED)).unwrap_or(usize::MAX);
    snapshot.limits.connections.unwrap_or(auto.max(1))
}

fn cores(cores: &[Option<Core>]) -> String {
    let pinned: Vec<String> =
        cores.iter().flatten().map(|core| core.number().to_string()).collect();
    match pinned.len() {
        0 => "not pinned".to_owned(),
        1 => format!("core {}", pinned.join("")),
        _ => format!("cores {}", pinned.join(", ")),
    }
}

fn keys(count: usize) -> String {
    match count {
        0 => "the client's own key".to_owned(),
        1 => "1 key".to_owned(),
        n => format!("{n} keys"),
    }
}

/// Open files that are not connections: rings, listeners, storage, logs.
const FILES_RESERVED: u64 = 64;
/// Where the system names no limit.
const FILES_ASSUMED: u64 = 1_048_576;
