//! The command line as a user or a script meets it: exit codes, stdout, stderr.
#![allow(clippy::indexing_slicing, reason = "a test may stop at the first surprise")]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder of its own to run the binary in, with nothing in the environment.
struct Shell {
    folder: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Shell {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidegate-cli-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        Self { folder, variables: vec![("HOME", "/nowhere".to_owned())] }
    }

    fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn file(self, path: &str, content: &str) -> Self {
        std::fs::write(self.folder.join(path), content).expect("a file for the test");
        self
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.variables.iter().cloned())
            .output()
            .expect("the binary runs");
        Ran::from(output)
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // A folder that stays behind fails no test.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

struct Ran {
    code: Option<i32>,
    stderr: String,
    stdout: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the binary writes UTF-8");
        Self {
            code: output.status.code(),
            stderr: text(output.stderr),
            stdout: text(output.stdout),
        }
    }
}

const PLANTED: &str = "[[caller]]
name = \"alice\"
key = \"tg-planted-gateway-key\"

[[provider]]
name = \"local\"
dialect = \"openai\"
base_url = \"http://127.0.0.1:1\"

[[provider.key]]
value = \"planted-provider-key-0123456789\"
";

#[test]
fn check_prints_each_setting_with_who_set_it_and_no_secret() {
    let shell = Shell::new().file("tidegate.toml", PLANTED).variable("TIDEGATE_LOG", "debug");
    let ran = shell.run(&["check", "--workers", "2"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let line = |start: &str| {
        let line = ran.stdout.lines().find(|line| line.starts_with(start));
        line.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("server.workers"), "server.workers = 2 # flag --workers");
    assert_eq!(line("log.level"), "log.level = \"debug\" # env TIDEGATE_LOG");
    assert_eq!(line("auth.mode"), "auth.mode = \"auto\" # default: keys_or_byok");
    assert_eq!(
        line("caller.alice.key"),
        "caller.alice.key = \"sha256:15e67e...\" # tidegate.toml:3"
    );
    assert_eq!(
        line("provider.local.key.1.value"),
        "provider.local.key.1.value = \"plan...6789\" # tidegate.toml:11"
    );
    assert!(ran.stderr.contains("is written out in the file"), "{}", ran.stderr);
    for output in [&ran.stdout, &ran.stderr] {
        assert!(!output.contains("planted-"), "{output}");
    }
}

#[test]
fn check_gives_json_to_machines() {
    let shell = Shell::new().file("tidegate.toml", PLANTED);
    let ran = shell.run(&["check", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stderr, "");
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(document["ok"], true);
    let settings = document["settings"].as_array().expect("a list");
    let setting = |key: &str| settings.iter().find(|setting| setting["key"] == key);
    assert_eq!(
        setting("caller.alice.key"),
        Some(&serde_json::json!({
            "key": "caller.alice.key",
            "means": null,
            "set_by": { "kind": "file", "path": "tidegate.toml", "line": 3 },
            "value": { "hint": "sha256:15e67e..." },
        }))
    );
    assert_eq!(document["warnings"].as_array().map(Vec::len), Some(2));
    assert!(!ran.stdout.contains("planted-"), "{}", ran.stdout);
}

#[test]
fn a_wrong_configuration_is_exit_2_with_every_error() {
    let wrong = PLANTED.replace("openai", "opnai").replace("name = \"alice\"", "nam = \"alice\"");
    let shell = Shell::new().file("tidegate.toml", &wrong);
    for arguments in [&["check"][..], &["run"], &[], &["--driver", "auto"]] {
        let ran = shell.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}");
        assert_eq!(ran.stdout, "");
        let errors = [
            "`caller.1.name` is missing",
            "`caller.1.nam` is not a known setting",
            "did you mean `name`?",
            "`provider.local.dialect` must be one of",
            "tidegate: 3 errors in the configuration",
        ];
        for error in errors {
            assert!(ran.stderr.contains(error), "{error} in {}", ran.stderr);
        }
        assert!(!ran.stderr.contains("planted-"), "{}", ran.stderr);
        assert!(!ran.stderr.contains('\u{1b}'), "no colors where there is no terminal");
    }
    let ran = shell.run(&["check", "--json"]);
    assert_eq!(ran.code, Some(2));
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(document["ok"], false);
    let kinds: Vec<_> =
        document["errors"].as_array().expect("a list").iter().map(|error| &error["kind"]).collect();
    assert_eq!(kinds, ["missing", "unknown_key", "invalid"]);
    assert_eq!(document["errors"][2]["at"]["line"], 7);
    assert_eq!(document["errors"][2]["at"]["column"], 11);
    assert!(!ran.stdout.contains("planted-"), "{}", ran.stdout);
}

#[test]
fn a_missing_file_or_variable_is_exit_2_and_named() {
    let ran = Shell::new().run(&["check", "--config", "nowhere.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("cannot read `nowhere.toml`: no such file"), "{}", ran.stderr);
    let written = PLANTED.replace("\"planted-provider-key-0123456789\"", "{ env = \"NOT_SET\" }");
    let ran = Shell::new().file("tidegate.toml", &written).run(&["run"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("refers to variable `NOT_SET`, which is not set"),
        "{}",
        ran.stderr
    );
}

#[test]
fn wrong_usage_is_exit_2() {
    for arguments in [&["frobnicate"][..], &["--frobnicate"], &["check", "--listen"]] {
        let ran = Shell::new().run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}");
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.contains("try '--help'"), "{}", ran.stderr);
    }
}

#[test]
fn help_and_version_are_data() {
    let help = Shell::new().run(&["--help"]);
    assert_eq!(help.code, Some(0));
    for word in ["run", "check", "init", "schema", "--config", "--listen", "--provider"] {
        assert!(help.stdout.contains(word), "{word} in {}", help.stdout);
    }
    let version = Shell::new().run(&["--version"]);
    assert_eq!(version.code, Some(0));
    assert_eq!(version.stdout, format!("tidegate {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn init_writes_a_file_that_check_accepts_and_never_overwrites_one() {
    let shell = Shell::new();
    let ran = shell.run(&["init"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
    let ran = shell.run(&["check"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let path = shell.folder.join("tidegate.toml");
    std::fs::write(&path, "# mine\n").expect("the starter file can be written to");
    let ran = shell.run(&["init"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("tidegate.toml is there already"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(&path).expect("still there"), "# mine\n");
    let ran = shell.run(&["init", "other.toml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = shell.run(&["check", "--config", "other.toml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = shell.run(&["init", "missing-folder/x.toml"]);
    assert_eq!(ran.code, Some(1));
    let printed = shell.run(&["init", "-"]);
    let written = std::fs::read_to_string(shell.folder.join("other.toml")).expect("written");
    assert_eq!((printed.code, printed.stdout), (Some(0), written));
}

#[test]
fn schema_prints_a_json_schema() {
    let ran = Shell::new().run(&["schema"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(document["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(document["properties"]["timeouts"]["properties"]["connect"]["default"], "5s");
}
