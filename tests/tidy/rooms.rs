//! Who may see whom: the borders between rooms, the doors of packages, files nobody names.

use std::collections::BTreeSet;

use crate::source::Source;

pub fn check(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources {
        breaches.extend(border(source));
        breaches.extend(doors(source));
    }
    breaches
}

/// Who may name whom. A room that is not on the right is out of sight. Files outside of all rooms
/// (`main.rs`, `lib.rs`) see everything.
const ROOMS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("config", &["protocol"]),
    ("shared", &["protocol", "config"]),
    ("data_plane", &["protocol", "config", "shared"]),
    ("control_plane", &["protocol", "config", "shared"]),
    ("cli", &["protocol", "config", "shared", "data_plane", "control_plane"]),
];

/// Packages that come in by few doors: a folder ends in `/`. Tests may use any.
const DOORS: &[(&str, &[&str])] = &[
    ("axum", &["control_plane/"]),
    ("bytes", &["data_plane/"]),
    ("chacha20poly1305", &["control_plane/"]),
    ("core_affinity", &["data_plane/worker/pin.rs"]),
    ("criterion", &[]),
    ("crossbeam", &["shared/"]),
    ("crossbeam_epoch", &["shared/"]),
    ("crossbeam_queue", &["shared/"]),
    ("crossbeam_utils", &["shared/"]),
    ("httparse", &["protocol/http1/parse.rs"]),
    ("memchr", &["protocol/sse/", "protocol/json/", "protocol/http1/", "protocol/usage/"]),
    ("mimalloc", &["main.rs"]),
    ("monoio", &["data_plane/"]),
    ("prometheus_client", &["control_plane/"]),
    ("rusqlite", &["control_plane/"]),
    ("rustls", &["data_plane/io/tls/"]),
    ("rustls_pki_types", &["config/", "data_plane/io/tls/"]),
    ("sd_notify", &["control_plane/notify.rs"]),
    ("serde_json", &["control_plane/", "config/", "cli/", "protocol/corpus.rs"]),
    ("simd_json", &["protocol/dialect/translate/", "protocol/dialect/aggregate.rs"]),
    ("smallvec", &["protocol/http1/head.rs", "data_plane/exchange/"]),
    ("tokio", &["control_plane/"]),
    ("toml", &["control_plane/", "config/", "cli/"]),
    ("utoipa", &["control_plane/"]),
    ("utoipa_axum", &["control_plane/"]),
];

pub fn border(source: &Source) -> Vec<String> {
    let room_of = |name: &str| ROOMS.iter().find(|(room, _)| *room == name);
    let Some(&(room, visible)) = source.name.split('/').next().and_then(room_of) else {
        return Vec::new();
    };
    let mut breaches = Vec::new();
    for (at, target) in crate_paths(source) {
        if room_of(&target).is_some() && target != room && !visible.contains(&target.as_str()) {
            let what = format!("{room} must not see {target}");
            breaches.push(source.breach(source.line_at(at), &what));
        }
    }
    breaches
}

/// The first name of every path from the top of the crate, with its place.
fn crate_paths(source: &Source) -> Vec<(usize, String)> {
    let code = &source.code;
    let mut paths = Vec::new();
    for root in ["crate::", "tidegate::"] {
        for (at, _) in code.match_indices(root).filter(|&(at, _)| is_word_start(code, at)) {
            let names = first_names(&code[at + root.len()..]);
            paths.extend(names.into_iter().map(|name| (at, name)));
        }
    }
    // A file's own module counts: `super` in `a/b.rs` is `a`, and two of them are the top.
    let depth = source.name.split('/').count() - usize::from(source.name.ends_with("/mod.rs"));
    let climb = "super::".repeat(depth);
    for (at, _) in code.match_indices(&climb).filter(|&(at, _)| is_word_start(code, at)) {
        let names = first_names(&code[at + climb.len()..]);
        paths.extend(names.into_iter().map(|name| (at, name)));
    }
    paths
}

/// `a` of `a::b`; `a` and `c` of `{a::b, c}`.
fn first_names(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else { return vec![word(path)] };
    let mut names = vec![word(group.trim_start())];
    let mut depth = 0;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(word(group[at + 1..].trim_start())),
            _ => {}
        }
    }
    names
}

pub fn doors(source: &Source) -> Vec<String> {
    if source.is_test() {
        return Vec::new();
    }
    let code = source.production();
    let mut breaches = Vec::new();
    for &(package, doors) in DOORS {
        let is_door = |door: &str| match door.strip_suffix('/') {
            Some(folder) => source.name.starts_with(&format!("{folder}/")),
            None => source.name == door,
        };
        if doors.iter().any(|door| is_door(door)) {
            continue;
        }
        for (at, _) in code.match_indices(package).filter(|&(at, _)| is_package(code, at, package))
        {
            let what = format!("{package} comes in by {doors:?} only");
            breaches.push(source.breach(source.line_at(at), &what));
        }
    }
    breaches
}

/// `package::…`, `use package;` or `use package as`, not the end of a longer path.
fn is_package(code: &str, at: usize, package: &str) -> bool {
    let before = code[..at].trim_end_matches(' ');
    let after = &code[at + package.len()..];
    let is_path = after.starts_with("::");
    let is_use = before.ends_with("use") && (after.starts_with(';') || after.starts_with(" as "));
    let is_top = is_word_start(code, at) && (!code[..at].ends_with("::") || is_rooted(&code[..at]));
    is_top && (is_path || is_use)
}

/// Whether a path of nothing but a leading `::` ends here.
fn is_rooted(before: &str) -> bool {
    let path = before.trim_end_matches("::");
    !path.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '>')
}

/// Files that no `mod` names: they are compiled by nobody and rot.
pub fn dead_files(sources: &[Source]) -> Vec<String> {
    let mut declared = BTreeSet::from(["lib.rs".to_owned(), "main.rs".to_owned()]);
    for source in sources {
        let home = match source.name.rsplit_once('/') {
            Some((folder, "mod.rs")) => format!("{folder}/"),
            None if declared.contains(&source.name) => String::new(),
            _ => format!("{}/", source.name.trim_end_matches(".rs")),
        };
        for line in source.code.lines() {
            let Some((_, name)) = line.split_once("mod ") else { continue };
            let Some(name) = name.strip_suffix(';') else { continue };
            declared.insert(format!("{home}{name}.rs"));
            declared.insert(format!("{home}{name}/mod.rs"));
        }
    }
    sources
        .iter()
        .filter(|source| !declared.contains(&source.name) && !source.name.starts_with("bin/"))
        .map(|source| source.breach(1, "no mod names this file"))
        .collect()
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn is_word_start(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}
