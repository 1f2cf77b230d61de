//! What the kernel grants: rings, open files, processors, addresses. Each is really taken, and
//! given back.

use std::net::SocketAddr;

use rustix::process::{Resource, getrlimit};
use tidegate::config::snapshot::{Driver, Snapshot};
use tidegate::data_plane::worker::runtime::Rung;
use tidegate::data_plane::worker::sockets::Listener;
use tidegate::data_plane::worker::{pin, runtime};

use super::Finding;
use crate::cli::start_block;

/// As many rings as there are workers, all at a time.
pub(super) fn ring(snapshot: &Snapshot) -> Finding {
    let what = "driver";
    let driver = snapshot.server.driver;
    let choice = match runtime::choose(driver) {
        Ok(choice) => choice,
        Err(error) => {
            return Finding::fail(what, format!("io_uring is refused: {error}"), ALLOW);
        }
    };
    let name = choice.rung.name();
    if choice.rung == Rung::Epoll && driver == Driver::Auto {
        let why = choice.refused.map_or_else(String::new, |error| format!(" ({error})"));
        return Finding::warn(what, format!("epoll: io_uring is refused{why}"), ALLOW);
    }
    let workers = workers(snapshot);
    match runtime::hold(choice.rung, workers) {
        Ok(()) if choice.rung == Rung::Epoll => Finding::ok(what, "epoll, as configured"),
        Ok(()) => match choice.refused {
            Some(error) => Finding::warn(
                what,
                format!("{name}; a faster one is refused ({error})"),
                "a kernel of 6.1 or newer grants the fastest",
            ),
            None => Finding::ok(what, format!("{name}, {workers} rings built")),
        },
        Err(error) => Finding::fail(
            what,
            format!("one ring is granted and {workers} are not: {error}"),
            "raise the limit on locked memory (ulimit -l), or set server.driver = \"epoll\"",
        ),
    }
}

/// The limit that the gateway would raise itself to.
pub(super) fn open_files(snapshot: &Snapshot) -> Finding {
    let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let connections = start_block::connection_limit(snapshot, hard);
    let says = format!("{hard} at most: {connections} client connections");
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(2);
    let fix = "raise it: LimitNOFILE= of a systemd unit, ulimit -n of a shell";
    if needed > hard {
        Finding::warn("open files", format!("{says}, and each may need two"), fix)
    } else if connections < CONNECTIONS_FEW {
        Finding::warn("open files", says, fix)
    } else {
        Finding::ok("open files", says)
    }
}

/// Cores, quota and workers.
pub(super) fn processors(snapshot: &Snapshot) -> Finding {
    let (granted, workers) = (pin::available(), workers(snapshot));
    let pinned = pin::cores(workers).iter().flatten().count();
    let says = format!("{workers} workers, {granted} cores by affinity and CPU quota");
    if workers > granted {
        let fix = "set server.workers = \"auto\", or raise the quota (CPUQuota=, --cpus)";
        Finding::warn("processors", format!("{says}: workers wait for each other"), fix)
    } else if pinned < workers {
        let fix = "allow sched_setaffinity; unpinned workers are slower, not wrong";
        Finding::warn("processors", format!("{says}, {pinned} pinned"), fix)
    } else {
        Finding::ok("processors", format!("{says}, all pinned"))
    }
}

/// Whether each address can be had now.
pub(super) fn listeners(snapshot: &Snapshot) -> Vec<Finding> {
    let look = |(what, setting, address): (&str, &str, SocketAddr)| {
        let what = format!("{what} {address}");
        match Listener::open(address, 1) {
            Ok(_given_back) => Finding::ok(what, "free"),
            Err(fault) if fault.error.kind() == std::io::ErrorKind::AddrInUse => {
                let fix =
                    format!("nothing, where that is a gateway of yours; else another {setting}");
                Finding::warn(what, "in use by another process", fix)
            }
            Err(fault) => {
                let fix = "an address of this host, and a port that this user may take";
                Finding::fail(what, format!("cannot be had: {}", fault.error), fix)
            }
        }
    };
    let served = snapshot.server.listen.iter();
    let served = served.map(|&address| ("listener", "server.listen", address));
    let admin = snapshot.admin.listen.map(|address| ("admin", "admin.listen", address));
    served.chain(admin).map(look).collect()
}

fn workers(snapshot: &Snapshot) -> usize {
    snapshot.server.workers.unwrap_or_else(pin::available).max(1)
}

const ALLOW: &str = "allow io_uring_setup, io_uring_enter and io_uring_register in the container's \
                     seccomp profile, and see kernel.io_uring_disabled; epoll serves too";
/// A team's clients, with a stream each.
const CONNECTIONS_FEW: usize = 400;
