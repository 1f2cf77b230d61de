//! When requests are due: never more, never less than the arrival process says.
//!
//! Never looks at a clock: moments are nanoseconds since the start.

use crate::random::Random;
use crate::units::{count, float};

/// The process that gives the moments.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// Evenly spaced.
    Constant { per_second: f64 },
    /// Each caller begins anew when its answer is there.
    Closed,
    /// Independent callers: gaps are exponential.
    Poisson { per_second: f64 },
    /// As recorded, in order.
    Recorded(Vec<u64>),
}

impl Arrivals {
    /// The moments that are the part of thread `index` of `threads`; none for closed loops.
    pub fn of_thread(&self, index: u64, threads: u64, seed: u64) -> Moments {
        let random = Random::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(index));
        Moments { arrivals: self.clone(), elapsed_s: 0.0, next: index, random, threads }
    }
}

/// Gives moments in order, each with its number.
#[derive(Clone, Debug)]
pub struct Moments {
    arrivals: Arrivals,
    elapsed_s: f64,
    next: u64,
    random: Random,
    threads: u64,
}

impl Iterator for Moments {
    /// The number of the request over all threads, and nanoseconds since the start.
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        let number = self.next;
        let moment = match &self.arrivals {
            Arrivals::Closed => return None,
            Arrivals::Constant { per_second } => count(float(number) / per_second * 1e9),
            Arrivals::Poisson { per_second } => {
                // The sum of independent processes is one of the sum of their rates.
                let own_rate = per_second / float(self.threads);
                self.elapsed_s -= (1.0 - self.random.fraction()).ln() / own_rate;
                count(self.elapsed_s * 1e9)
            }
            Arrivals::Recorded(moments) => *moments.get(usize::try_from(number).ok()?)?,
        };
        self.next += self.threads;
        Some((number, moment))
    }
}

/// When caller `index` of a closed loop begins: spread over `ramp_ns` by the golden ratio, so that
/// no period of theirs falls in step with that of another.
pub fn caller_start(index: u64, ramp_ns: u64) -> u64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    count((float(index) * GOLDEN).fract() * float(ramp_ns))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    fn all(arrivals: &Arrivals, threads: u64, until_ns: u64) -> Vec<(u64, u64)> {
        let mut all: Vec<_> = (0..threads)
            .flat_map(|index| arrivals.of_thread(index, threads, 7).take(100_000))
            .filter(|(_, at)| *at < until_ns)
            .collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn constant_arrivals_are_even_however_many_threads() {
        let arrivals = Arrivals::Constant { per_second: 1000.0 };
        let one = all(&arrivals, 1, 1_000_000_000);
        assert_eq!(one.len(), 1000);
        assert!(
            one.windows(2).all(|pair| (999_999..=1_000_001).contains(&(pair[1].1 - pair[0].1)))
        );
        assert_eq!(all(&arrivals, 3, 1_000_000_000), one);
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_one() {
        for threads in [1, 4] {
            let arrivals = Arrivals::Poisson { per_second: 1000.0 };
            let mut moments: Vec<_> =
                all(&arrivals, threads, 10_000_000_000).iter().map(|(_, at)| *at).collect();
            moments.sort_unstable();
            // Ten thousand are due; four standard deviations are 400.
            assert!((9_600..=10_400).contains(&moments.len()), "{}", moments.len());
            let gaps: Vec<f64> =
                moments.windows(2).map(|pair| float(pair[1] - pair[0]) / 1e6).collect();
            let mean = gaps.iter().sum::<f64>() / float(u64::try_from(gaps.len()).unwrap_or(1));
            let square = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>();
            let deviation = (square / float(u64::try_from(gaps.len()).unwrap_or(1))).sqrt();
            assert!((0.9..1.1).contains(&(deviation / mean)), "{deviation} {mean}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_moments() {
        let arrivals = Arrivals::Poisson { per_second: 50.0 };
        let of = |seed| arrivals.of_thread(0, 1, seed).take(20).collect::<Vec<_>>();
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
    }

    #[test]
    fn recorded_arrivals_end() {
        let arrivals = Arrivals::Recorded(vec![5, 6, 9]);
        assert_eq!(all(&arrivals, 2, u64::MAX), [(0, 5), (1, 6), (2, 9)]);
    }

    #[test]
    fn callers_begin_out_of_step() {
        // A hundred callers over a second, whose answers tick every 10 ms.
        let mut phases: Vec<_> =
            (0..100).map(|index| caller_start(index, 1_000_000_000) % 10_000_000).collect();
        phases.sort_unstable();
        let gap = phases.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(gap < Some(400_000), "{gap:?}");
        assert!(phases.windows(2).filter(|pair| pair[1] - pair[0] < 1_000).count() < 5);
    }
}
