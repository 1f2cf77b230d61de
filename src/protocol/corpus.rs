//! The corpora outside the repository, and ways to split a case. For tests only.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::{Path, PathBuf};

use serde_json::Value;

/// Checks each case of `folder` whose name ends in `ending` and prints what differs. Says so when
/// there is no corpus: `$TIDEGATE_CORPORA`, else `../shared/corpora`.
pub fn check(name: &str, ending: &str, check: impl Fn(&Path) -> Result<(), String>) {
    let Some(cases) = cases(name, ending) else {
        println!("corpus {name}: SKIPPED, no corpora at {}", root().display());
        return;
    };
    let mut differences = Vec::new();
    for case in &cases {
        if let Err(difference) = check(case) {
            differences.push(format!("{}: {difference}", case.display()));
        }
    }
    println!("corpus {name}: {} of {}", cases.len() - differences.len(), cases.len());
    for difference in differences.iter().take(20) {
        println!("  {difference}");
    }
    assert!(differences.is_empty(), "{} cases differ", differences.len());
    assert!(!cases.is_empty(), "a corpus without cases tests nothing");
}

/// The inputs of a corpus, sorted.
pub fn cases(folder: &str, ending: &str) -> Option<Vec<PathBuf>> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root().join(folder))
        .ok()?
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let path = path.to_string_lossy();
            path.ends_with(ending) && !path.ends_with(".expected.json")
        })
        .collect();
    cases.sort();
    Some(cases)
}

/// The expectation beside a case, or the case itself if it is one.
pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&read(path)).unwrap()
}

/// The bytes of a case.
#[expect(clippy::disallowed_methods, reason = "a test may block")]
pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// `bytes` cut at random places, about eight of them; the same ones for the same seed.
pub fn random_split(bytes: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut cuts: Vec<usize> = (0..8).map(|_| random.below(bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let mut reads = Vec::new();
    let mut start = 0;
    for cut in cuts.into_iter().chain([bytes.len()]) {
        reads.push(bytes.get(start..cut).unwrap());
        start = cut;
    }
    reads
}

/// A small generator (xorshift64), so that failures can be replayed.
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }
}

fn root() -> PathBuf {
    std::env::var_os("TIDEGATE_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    )
}
