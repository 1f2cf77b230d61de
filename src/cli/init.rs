//! `tidegate init`: writes a commented starter file. Never overwrites one.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use tidegate::config::setting::{Field, Shape};
use tidegate::config::shape;

use super::output;

pub(super) fn run(path: &Path) -> ExitCode {
    if path == Path::new("-") {
        return output::data(&starter());
    }
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(starter().as_bytes()));
    match written {
        Ok(()) => {
            eprintln!("tidegate: wrote {}; try `tidegate check`", path.display());
            ExitCode::SUCCESS
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            eprintln!("tidegate: {} is there already and was left alone", path.display());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("tidegate: cannot write {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

/// Every setting of this version with its default, commented out. It is made of the very shapes a
/// file is read by, so that it cannot promise what is not there.
fn starter() -> String {
    let mut out = String::from(HEAD);
    for field in shape::ROOT.fields {
        match field {
            Field::Table(name, shape) => table(name, shape, &mut out),
            Field::Tables("caller", _) => out.push_str(CALLER),
            Field::Tables("provider", _) => out.push_str(PROVIDER),
            _ => {}
        }
    }
    out
}

fn table(name: &str, shape: &Shape, out: &mut String) {
    // Writing to a String cannot fail.
    let _: std::fmt::Result = writeln!(out, "\n[{name}]");
    for field in shape.fields {
        let (value, mark) = match field {
            // Nothing to be uncommented as it stands: its variable may not be set.
            Field::Secret(text) => {
                let setting = format!("#   {} = {{ env = \"{}\" }}", text.key, text.example);
                let _: std::fmt::Result = writeln!(out, "{setting:52}  # (example) {}", text.why);
                continue;
            }
            Field::Table(key, shape) => {
                let example = |field: &Field| match field {
                    Field::Text(text) => Some(format!("{} = \"{}\"", text.key, text.example)),
                    _ => None,
                };
                let examples: Vec<String> = shape.fields.iter().filter_map(example).collect();
                let setting = format!("#   {key} = {{ {} }}", examples.join(", "));
                let _: std::fmt::Result = writeln!(out, "{setting:52}  # (example)");
                continue;
            }
            Field::Text(text) => (Some(format!("\"{}\"", text.example)), "(example) ".to_owned()),
            _ => (field.default().map(|value| value.to_string()), words(field)),
        };
        if let (Some(value), Some(why)) = (value, field.why()) {
            let setting = format!("# {} = {value}", field.key());
            let _: std::fmt::Result = writeln!(out, "{setting:36}  # {mark}{why}");
        }
    }
}

/// The words to choose from, if that is what the setting takes.
fn words(field: &Field) -> String {
    match field {
        Field::Choice(choice) => format!("{}; ", choice.words().join(" | ")),
        _ => String::new(),
    }
}

const HEAD: &str = "\
# Configuration of tidegate. What is commented out shows the default, unless marked as an example.
# `tidegate check` validates this file and prints what is in force; `tidegate schema` prints its
# JSON Schema.
# Files in conf.d/*.toml beside this one are merged into it.
";

const CALLER: &str = r#"
# Who may call with a gateway key (example). Needed as soon as a listener is not loopback.
# [[caller]]
# name = "alice"
# key = { env = "ALICE_KEY" }         # begins with tg-; or key_sha256 = "SHA-256 of the key in hex"
# max_concurrent = 16                 # exchanges at a time; no cap when absent
# models = ["^claude-"]               # allow list of regular expressions; empty = all
"#;

const PROVIDER: &str = r#"
# Without any provider there are two, `anthropic` and `openai`, with the keys of ANTHROPIC_API_KEY
# and OPENAI_API_KEY (comma separated) when set, else with the clients' own. An example of one:
# [[provider]]
# name = "anthropic"                  # also served under the path prefix /anthropic
# dialect = "anthropic"               # anthropic | openai
# base_url = "https://api.anthropic.com"
# select = "priority"      # priority | round_robin | least_in_flight | headroom | affinity
# key_header = "auto"                 # auto | x-api-key | bearer | api-key
# max_concurrent = 0                  # attempts at a time with all keys together; 0 = no cap
# max_concurrent_per_key = 0          # with each key that says nothing itself; 0 = no cap
# cooldown = { base = "60s", ceiling = "1h", retry_after_cap = "48h", jitter = 0.1 }
# auth_recheck = "5m"                 # of a key that failed authentication; or "off"
# retry_on_5xx = false                # one more try here before the next provider
# include_usage = "auto"              # auto | on | off
# model_class = [{ match = "opus", class = "opus" }]   # (example) models that share a limit
# tls = { ca = "ca.pem" }             # a further root to trust
# [[provider.key]]                    # as many as there are, in order of preference
# name = "team-a"
# value = { env = "ANTHROPIC_API_KEY" }   # or { file = "PATH" }, { credential = "NAME" } of systemd
# max_concurrent = 64                 # 1 to 256; max_concurrent_per_key when absent
# reserved_for = ["alice"]            # (example) only these callers use it, and no other key here
"#;

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test may block and may stop at the first surprise"
)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use tidegate::config::{Environment, Flags, Loaded, Sources, load};

    const VARIABLES: [(&str, &str); 3] =
        [("HOME", "/nowhere"), ("ALICE_KEY", "tg-alice"), ("ANTHROPIC_API_KEY", "sk-ant-a")];

    fn loaded(test: &str, content: &str) -> Loaded {
        let directory =
            std::env::temp_dir().join(format!("tidegate-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("tidegate.toml"), content).unwrap();
        let certificate = rcgen::generate_simple_self_signed(["host".to_owned()]).unwrap();
        std::fs::write(directory.join("ca.pem"), certificate.cert.pem()).unwrap();
        let sources = Sources {
            directory: directory.clone(),
            environment: Environment::fixed(VARIABLES),
            file: None,
            flags: Flags::default(),
            stderr_is_terminal: false,
        };
        let loaded = load(&sources);
        std::fs::remove_dir_all(&directory).unwrap();
        loaded.unwrap()
    }

    fn without_comment_marks(content: &str) -> String {
        let setting = |line: &&str| {
            line.split_once(" = ").is_some_and(|(key, _)| {
                key.strip_prefix("# ").is_some_and(|key| !key.contains(' '))
            })
        };
        let mut out = String::new();
        for line in content.split(CALLER).collect::<String>().replace(PROVIDER, "").lines() {
            out.push_str(if setting(&line) { &line[2..] } else { line });
            out.push('\n');
        }
        out
    }

    #[test]
    fn the_examples_of_the_starter_file_hold() {
        let mut content = String::new();
        for line in CALLER.lines().chain(PROVIDER.lines()) {
            let example = line
                .strip_prefix("# ")
                .filter(|line| line.starts_with("[[") || line.split_once(" = ").is_some());
            content.extend([example.unwrap_or(""), "\n"]);
        }
        let snapshot = loaded("examples", &content).snapshot;
        assert_eq!(snapshot.callers.len(), 1);
        let [provider] = snapshot.providers.as_slice() else { panic!("one provider") };
        assert_eq!(provider.keys.len(), 1);
        assert_eq!(provider.extra_ca.len(), 1);
    }

    #[test]
    fn the_starter_file_changes_nothing() {
        let (starter, empty) = (loaded("starter", &starter()), loaded("empty", ""));
        assert_eq!(starter.warnings, []);
        assert_eq!(starter.settings, empty.settings);
    }

    #[test]
    fn every_default_the_starter_file_shows_is_the_default() {
        let shown = loaded("shown", &without_comment_marks(&starter()));
        let empty = loaded("defaults", "");
        let mut shown_in_file = 0;
        for (shown, default) in shown.settings.iter().zip(&empty.settings) {
            assert_eq!(shown.key, default.key);
            let is_example = shown.key == "storage.path";
            assert!(is_example || shown.value == default.value, "{shown:?} {default:?}");
            shown_in_file += usize::from(shown.set_by != default.set_by);
        }
        assert_eq!(shown.settings.len(), empty.settings.len());
        assert!(shown_in_file > 25, "{shown_in_file}");
        assert_eq!(shown.snapshot.storage.path, Some(PathBuf::from("/var/lib/tidegate")));
    }
}
