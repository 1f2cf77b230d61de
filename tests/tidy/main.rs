//! Keeps the house rules that the compiler does not: sizes, room borders, doors, unsafe, dead files.
//!
//! Reads every `.rs` file under `src/` and `tools/*/src/` once. Each breach is told as
//! `path:line: what is wrong`, so that a failure says what to do. Never writes.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may block and may fail loudly"
)]

use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

mod rooms;
mod rule_tests;
mod shape;
mod source;

#[test]
fn the_house_rules_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let gateway = read(&root.join("src"));
    assert!(gateway.len() > 5, "the gateway has more files than {}", gateway.len());
    let mut breaches = rooms::check(&gateway);
    breaches.extend(shape::check(&gateway));
    let mut tools: Vec<PathBuf> = entries(&root.join("tools"));
    tools.retain(|tool| tool.join("src").is_dir());
    for tool in tools {
        let mut sources = read(&tool.join("src"));
        for source in &mut sources {
            source.root = format!("tools/{}/src/", tool.file_name().unwrap().display());
        }
        breaches.extend(shape::check(&sources));
    }
    for breach in &breaches {
        println!("{breach}");
    }
    assert!(breaches.is_empty(), "{} breaches of the house rules", breaches.len());
}

fn read(folder: &Path) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(folder, &mut paths);
    paths
        .iter()
        .map(|path| {
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            Source::new(name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in entries(folder) {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
