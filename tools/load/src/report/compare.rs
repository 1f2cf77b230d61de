//! Two reports side by side.
//!
//! Never judges: which way is better depends on the value.

use std::fmt::Write as _;
use std::path::Path;

use super::{Report, SCHEMA};

/// Reads a report that `--json` has written.
pub fn read(path: &Path) -> Result<Report, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    let version: Version = serde_json::from_str(&text)
        .map_err(|error| format!("{shown}: not a report of tidegate-load: {error}"))?;
    if version.schema != SCHEMA {
        return Err(format!("{shown}: schema {} is not {SCHEMA}", version.schema));
    }
    serde_json::from_str(&text).map_err(|error| format!("{shown}: {error}"))
}

#[derive(serde::Deserialize)]
struct Version {
    schema: u32,
}

/// The second value over the first; none when there is none.
pub fn ratio(one: &Report, other: &Report, name: &str) -> Option<f64> {
    let (one, other) = (one.value(name).ok()?, other.value(name).ok()?);
    (one != 0.0).then(|| other / one)
}

/// A table of all values that both have.
pub fn table(one: &Report, other: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "A  {}\nB  {}\n", title(one), title(other));
    let _ = writeln!(out, "{:<24}{:>14}{:>14}{:>9}", "", "A", "B", "B/A");
    for name in one.names() {
        if let (Ok(a), Ok(b)) = (one.value(&name), other.value(&name)) {
            let ratio = ratio(one, other, &name).map_or("-".to_owned(), |r| format!("{r:.3}"));
            let _ = writeln!(out, "{name:<24}{a:>14.3}{b:>14.3}{ratio:>9}");
        }
    }
    out
}

fn title(report: &Report) -> String {
    let settings = &report.settings;
    format!("{} {} {}", settings.target, settings.dialect, settings.arrivals)
}
