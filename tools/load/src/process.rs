//! What a process costs: CPU time by user and system, and memory, from `/proc`.
//!
//! Never needs rights beyond reading `/proc/PID/stat`.

use std::thread::sleep;
use std::time::Duration;

use crate::units::float;

/// One look at a set of processes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Use {
    pub rss_bytes: u64,
    pub system_s: f64,
    pub user_s: f64,
}

/// What processes used between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    pub rss_begin_bytes: u64,
    pub rss_peak_bytes: u64,
    pub system_s: f64,
    pub user_s: f64,
}

impl Use {
    /// The sum over `pids`, all their threads included.
    pub fn of(pids: &[u32]) -> Result<Self, String> {
        let mut sum = Self::default();
        for pid in pids {
            let path = format!("/proc/{pid}/stat");
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("process {pid}: {path}: {error}"))?;
            let one = parse(&text).ok_or(format!("process {pid}: cannot read {path}"))?;
            sum.rss_bytes += one.rss_bytes;
            sum.system_s += one.system_s;
            sum.user_s += one.user_s;
        }
        Ok(sum)
    }

    /// CPU time of both kinds.
    pub fn cpu_s(&self) -> f64 {
        self.system_s + self.user_s
    }

    /// A look once the processes have come to rest, so that work put off behind the answers is
    /// counted; after three seconds as they are.
    pub fn settled(pids: &[u32]) -> Result<Self, String> {
        let mut last = Self::of(pids)?;
        let mut quiet = 0;
        for _ in 0..30 {
            sleep(Duration::from_millis(100));
            let now = Self::of(pids)?;
            quiet = if now.cpu_s() > last.cpu_s() { 0 } else { quiet + 1 };
            last = now;
            if quiet == 3 {
                break;
            }
        }
        Ok(last)
    }
}

/// Fields 14, 15 and 24 of `/proc/PID/stat`, counted behind the name, which may hold anything.
fn parse(text: &str) -> Option<Use> {
    let (_, rest) = text.rsplit_once(')')?;
    let field = |number: usize| -> Option<u64> {
        rest.split_ascii_whitespace().nth(number - 3)?.parse().ok()
    };
    let ticks = float(rustix::param::clock_ticks_per_second());
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    Some(Use {
        rss_bytes: field(24)? * page,
        system_s: float(field(15)?) / ticks,
        user_s: float(field(14)?) / ticks,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_moves_no_field() {
        let ticks = rustix::param::clock_ticks_per_second();
        let page = u64::try_from(rustix::param::page_size()).unwrap();
        let text = format!(
            "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 {} {ticks} 13 14 15 16 17 18 19 20 2 22",
            ticks * 3
        );
        let expected = Use { rss_bytes: 2 * page, system_s: 1.0, user_s: 3.0 };
        assert_eq!(parse(&text), Some(expected));
    }

    #[test]
    fn this_process_has_a_size_and_a_missing_one_is_told() {
        assert!(Use::of(&[std::process::id()]).unwrap().rss_bytes > 100_000);
        let error = Use::of(&[u32::MAX]).unwrap_err();
        assert!(error.contains("4294967295"), "{error}");
        assert_eq!(parse("1 (a) S 1"), None);
    }
}
