//! Whether the storage directory takes what the gateway keeps. Makes no database and no directory:
//! they would belong to who asks, not to who serves.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;
use tidegate::config::snapshot::Snapshot;
use tidegate::control_plane::storage::check;

use super::Finding;

pub(super) fn look(snapshot: &Snapshot) -> Finding {
    let what = "storage";
    let Some(path) = &snapshot.storage.path else {
        return Finding::warn(
            what,
            "off: states of keys and exchanges are gone with the process",
            "set storage.path",
        );
    };
    let shown = path.display();
    let there = nearest(path);
    if let Err(error) = write_and_remove(&there) {
        let says = format!("{shown}: cannot write to {}: {error}", there.display());
        return Finding::fail(what, says, "give the gateway's user the directory");
    }
    if let Err(error) = check(path) {
        let says = format!("{shown}: {error}");
        let fix = "stop what locks it; a database that is broken may be deleted: it is made anew";
        return Finding::fail(what, says, fix);
    }
    match free_mib(&there) {
        Some(free) if free < FREE_MIB_FEW => Finding::warn(
            what,
            format!("{shown}: {free} MiB free"),
            "make room, or shorten \
                storage.retention",
        ),
        Some(free) => Finding::ok(what, format!("{shown}: {free} MiB free")),
        None => Finding::ok(what, shown.to_string()),
    }
}

/// The directory, or the one above it that is there.
fn nearest(path: &Path) -> PathBuf {
    let mut above = path.ancestors().filter(|path| path.is_dir());
    above.next().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

fn write_and_remove(directory: &Path) -> std::io::Result<()> {
    let path = directory.join(format!(".tidegate-doctor.{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .and_then(|mut file| file.write_all(&[0; 4_096]).and_then(|()| file.sync_all()));
    // What was not made cannot be removed.
    let _removed = std::fs::remove_file(&path);
    written
}

fn free_mib(directory: &Path) -> Option<u64> {
    let space = statvfs(directory).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize) / (1024 * 1024))
}

/// Some days of a busy gateway's exchanges.
const FREE_MIB_FEW: u64 = 1_024;
