//! Looks at how much of its memory limit the process uses, and says so to the workers. Counts what
//! the kernel would kill for: of a limited group its working set, else the process's own pages.
#![expect(
    clippy::disallowed_methods,
    reason = "this thread may block, and the kernel's files do not"
)]

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::param::page_size;
use rustix::system::sysinfo;
use tokio::time::interval;

use crate::config::snapshot::MemoryLimit;
use crate::shared::Shared;
use crate::shared::pressure::Pressure;

/// Looks four times a second. Never returns.
pub async fn watch(shared: Arc<Shared>) {
    let group = Group::of_process();
    let pages = Pages::of_process();
    let mut looks = interval(LOOK);
    loop {
        looks.tick().await;
        let limit = shared.setup.load().snapshot.limits.memory;
        let percent = match (limit, &group) {
            (MemoryLimit::Off, _) => 0,
            (MemoryLimit::Bytes(limit), _) => percent(pages.resident(), Some(limit)),
            (MemoryLimit::Auto, Some(group)) => percent(group.used(), Some(group.limit)),
            (MemoryLimit::Auto, None) => percent(pages.resident(), physical()),
        };
        let before = shared.pressure.pressure();
        let now = before.at(percent);
        if now != before {
            shared.pressure.set(now);
            let step = now.name();
            if now > before {
                tracing::warn!(percent, step, "memory is getting short");
            } else {
                tracing::info!(percent, step, "memory is less short");
            }
        }
        if now != before || now == Pressure::Shed {
            shared.wake_all();
        }
    }
}

/// A control group with a limit.
#[derive(Debug, Eq, PartialEq)]
struct Group {
    /// What may go at any time and does not count.
    cached: &'static str,
    directory: PathBuf,
    limit: u64,
    usage: &'static str,
}

impl Group {
    /// The innermost group of this process that has a limit.
    fn of_process() -> Option<Self> {
        let groups = read_to_string("/proc/self/cgroup").ok()?;
        Self::of(&groups, Path::new("/sys/fs/cgroup"))
    }

    fn of(groups: &str, root: &Path) -> Option<Self> {
        let path =
            |line: &str| line.rsplit_once(':').map(|(_, path)| path.trim_matches('/').to_owned());
        let two = groups.lines().find(|line| line.starts_with("0::")).and_then(path);
        let one = groups.lines().find(|line| line.contains(":memory:")).and_then(path);
        let second = two.and_then(|path| {
            let files = ("memory.max", "memory.current", "inactive_file");
            innermost(root, &path, files)
        });
        second.or_else(|| {
            let files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file");
            innermost(&root.join("memory"), &one?, files)
        })
    }

    fn used(&self) -> Option<u64> {
        let used = number(&self.directory.join(self.usage))?;
        let stat = read_to_string(self.directory.join("memory.stat")).unwrap_or_default();
        let cached = stat.lines().find_map(|line| {
            line.strip_prefix(self.cached)?.strip_prefix(' ')?.trim().parse().ok()
        });
        Some(used.saturating_sub(cached.unwrap_or(0)))
    }
}

/// From the group at `path` upwards: a container sees its own group at the root.
fn innermost(
    root: &Path,
    path: &str,
    (limit, usage, cached): (&str, &'static str, &'static str),
) -> Option<Group> {
    root.join(path).ancestors().take_while(|one| one.starts_with(root)).find_map(|directory| {
        let limit = number(&directory.join(limit)).filter(|limit| *limit < UNLIMITED)?;
        Some(Group { cached, directory: directory.to_owned(), limit, usage })
    })
}

fn number(path: &Path) -> Option<u64> {
    read_to_string(path).ok()?.trim().parse().ok()
}

fn percent(used: Option<u64>, limit: Option<u64>) -> u64 {
    match (used, limit) {
        (Some(used), Some(limit)) if limit > 0 => used.saturating_mul(100) / limit,
        // What cannot be seen does not hurt.
        _ => 0,
    }
}

/// The pages of this process, in the shortest file that tells them, which stays open: a look at
/// `status` and `meminfo` is sixteen reads, and there are four looks a second.
struct Pages(Option<File>);

impl Pages {
    fn of_process() -> Self {
        Self(File::open("/proc/self/statm").ok())
    }

    /// Those in memory, in bytes.
    fn resident(&self) -> Option<u64> {
        let mut text = [0; STATM_BYTES_MAX];
        let len = self.0.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(text.get(..len)?).ok()?;
        let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
        pages.checked_mul(u64::try_from(page_size()).ok()?)
    }
}

/// Memory of this host, in bytes.
fn physical() -> Option<u64> {
    let told = sysinfo();
    #[expect(clippy::useless_conversion, reason = "the kernel's word has 32 bits on some hosts")]
    u64::from(told.totalram).checked_mul(told.mem_unit.into())
}

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// Seven numbers of 20 digits at most, with what separates them.
const STATM_BYTES_MAX: usize = 160;
/// What the first version of groups calls no limit, less rounding.
const UNLIMITED: u64 = 1 << 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn group(files: &[(&str, &str)], groups: &str) -> Option<(u64, Option<u64>)> {
        let name = format!("tidegate-memory-{}-{}", std::process::id(), groups.len());
        let root = std::env::temp_dir().join(name);
        for (file, content) in files {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
            std::fs::write(path, content).expect("a file");
        }
        let found = Group::of(groups, &root).map(|group| (group.limit, group.used()));
        std::fs::remove_dir_all(root).expect("it is there");
        found
    }

    #[test]
    fn the_innermost_limit_counts_less_what_can_be_dropped() {
        let second = [
            ("a/memory.max", "1000\n"),
            ("a/memory.current", "700\n"),
            ("a/memory.stat", "anon 1\ninactive_file 100\n"),
            ("a/b/memory.max", "max\n"),
        ];
        assert_eq!(group(&second, "0::/a/b\n"), Some((1_000, Some(600))));
        let first = [
            ("memory/x/memory.limit_in_bytes", "2000\n"),
            ("memory/x/memory.usage_in_bytes", "50\n"),
        ];
        assert_eq!(group(&first, "5:memory:/x\n0::/nowhere\n"), Some((2_000, Some(50))));
        let unlimited = [("memory/memory.limit_in_bytes", "9223372036854771712\n")];
        assert_eq!(group(&unlimited, "4:cpu:/\n5:memory:/\n"), None);
    }

    #[test]
    fn this_process_has_pages_and_this_host_has_memory() {
        let pages = Pages::of_process();
        let status = read_to_string("/proc/self/status").expect("the kernel tells it");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("told");
        let told: u64 = line.trim().trim_end_matches(" kB").parse().expect("kilobytes");
        let resident = pages.resident().expect("the kernel tells it");
        // Other tests of this process take and free memory between the two looks.
        assert!(resident.abs_diff(told * 1_024) < told * 512, "{resident} of {told} KiB");
        assert!(physical() > Some(resident));
        assert_eq!(percent(Some(85), Some(100)), 85);
        assert_eq!(percent(None, Some(100)), 0);
    }
}
