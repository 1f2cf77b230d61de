//! What a process costs: CPU time by user and system, and memory, from `/proc`.
//!
//! Never needs rights beyond reading `/proc/PID/stat`.

use std::thread::sleep;
use std::time::Duration;

use crate::units::float;

/// One look at a set of processes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Use {
    /// CPU time to the nanosecond, where the kernel tells it; the other two count in ticks.
    exact_s: Option<f64>,
    pub rss_bytes: u64,
    system_s: f64,
    user_s: f64,
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
        let mut sum = Self { exact_s: exact_s(pids), ..Self::default() };
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
        self.exact_s.unwrap_or(self.system_s + self.user_s)
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

impl Span {
    /// From one look to a later one. User and system share the exact time as their ticks do.
    pub fn between(begin: &Use, end: &Use, rss_peak_bytes: u64) -> Self {
        let (user, system) = (end.user_s - begin.user_s, end.system_s - begin.system_s);
        let exact = end.exact_s.zip(begin.exact_s).map(|(end, begin)| end - begin);
        // A thread that has ended took its exact time along.
        let cpu_s = exact.filter(|&exact| exact >= 0.0).unwrap_or(user + system);
        let user_share = if user + system > 0.0 { user / (user + system) } else { 0.0 };
        Self {
            rss_begin_bytes: begin.rss_bytes,
            rss_peak_bytes,
            system_s: cpu_s * (1.0 - user_share),
            user_s: cpu_s * user_share,
        }
    }
}

/// The time all threads have run, from `schedstat`.
fn exact_s(pids: &[u32]) -> Option<f64> {
    let mut sum_ns = 0;
    for pid in pids {
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).ok()? {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            sum_ns += text.split_ascii_whitespace().next()?.parse::<u64>().ok()?;
        }
    }
    // A kernel without these statistics tells zeros.
    (sum_ns > 0).then(|| float(sum_ns) / 1e9)
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
        exact_s: None,
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
        let expected = Use { exact_s: None, rss_bytes: 2 * page, system_s: 1.0, user_s: 3.0 };
        assert_eq!(parse(&text), Some(expected));
    }

    #[test]
    fn exact_time_is_shared_as_the_ticks_are() {
        let at = |exact_s, user_s, system_s| Use { exact_s, rss_bytes: 5, system_s, user_s };
        for (begin, end, user_s, system_s) in [
            (at(Some(1.0), 1.0, 1.0), at(Some(1.2), 1.01, 1.03), 0.05, 0.15),
            (at(None, 1.0, 1.0), at(Some(1.2), 1.01, 1.03), 0.01, 0.03),
            (at(Some(2.0), 1.0, 1.0), at(Some(1.2), 1.01, 1.03), 0.01, 0.03),
            (at(Some(1.0), 1.0, 1.0), at(Some(1.002), 1.0, 1.0), 0.0, 0.002),
        ] {
            let span = Span::between(&begin, &end, 9);
            assert!((span.user_s - user_s).abs() < 1e-9, "{span:?}");
            assert!((span.system_s - system_s).abs() < 1e-9, "{span:?}");
            assert_eq!((span.rss_begin_bytes, span.rss_peak_bytes), (5, 9));
        }
    }

    #[test]
    fn this_process_has_a_size_and_a_missing_one_is_told() {
        assert!(Use::of(&[std::process::id()]).unwrap().rss_bytes > 100_000);
        let error = Use::of(&[u32::MAX]).unwrap_err();
        assert!(error.contains("4294967295"), "{error}");
        assert_eq!(parse("1 (a) S 1"), None);
    }
}
