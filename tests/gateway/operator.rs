//! The subcommands of operators: `keys` against a running gateway, `doctor` against this host,
//! `dist` against an empty folder. Exit codes, what is said, and no secret anywhere.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::gateway::tls_is_everywhere;
use crate::support::pool::BODY;
use crate::support::{Directory, Gateway, Mock, post};

const MASTER: &str = "planted-master-key-0123456789abcdef";
const TOKEN: &str = "planted-admin-token-0123456789";

struct Ran {
    code: Option<i32>,
    stderr: String,
    stdout: String,
}

/// Runs the binary with nothing in the environment but `variables`.
fn run(arguments: &[&str], variables: &[(&str, &str)], stdin: &str) -> Ran {
    let home = Directory::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(arguments)
        .current_dir(home.path())
        .env_clear()
        .env("HOME", home.path())
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who reads no stdin may have closed it.
    let _unread = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stderr: text(output.stderr), stdout: text(output.stdout) }
}

fn gateway(mock: &Mock, storage: &Directory) -> Gateway {
    let config = format!(
        "[server]\nlisten = ['127.0.0.1:0']\nworkers = 1\n[admin]\nlisten = '127.0.0.1:0'\n\
         token.env = 'TOKEN'\n[storage]\npath = '{}'\nmaster_key.env = 'MASTER'\n\
         [[provider]]\nname = 'anthropic'\ndialect = 'anthropic'\nbase_url = '{}'\n\
         [[provider.key]]\nname = 'own'\nvalue.env = 'OWN'\n",
        storage.path().display(),
        mock.url()
    );
    let own = "sk-planted-own-0123456789";
    Gateway::start_with(&config, &[("MASTER", MASTER), ("OWN", own), ("TOKEN", TOKEN)])
}

#[test]
fn keys_are_listed_added_set_reset_disabled_enabled_and_removed() {
    let (mock, storage) = (Mock::start(), Directory::new());
    let gateway = gateway(&mock, &storage);
    let admin = gateway.admin().to_string();
    let keys = |more: &[&str], stdin: &str| {
        let mut arguments = vec!["keys", "--admin", &admin];
        arguments.extend(more);
        let variables = [("TIDEGATE_ADMIN_TOKEN", TOKEN), ("VALUE", "sk-planted-rotated-012345")];
        let ran = run(&arguments, &variables, stdin);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!told.contains("planted"), "{told}");
        ran
    };
    let done = |more: &[&str], stdin: &str| {
        let ran = keys(more, stdin);
        assert_eq!(ran.code, Some(0), "{more:?}: {}", ran.stderr);
        ran.stdout
    };
    let list = done(&["list"], "");
    assert!(list.starts_with("KEY"), "{list}");
    assert!(list.lines().any(|line| line.starts_with("anthropic/own  ")), "{list}");
    let added = done(&["add", "anthropic/the new"], "sk-planted-added-0123456789\n");
    assert!(added.contains("anthropic/the new") && added.contains("sk-p...6789"), "{added}");
    let mut set = vec!["set", "anthropic/the new", "--max-concurrent", "3", "--json"];
    assert_eq!(serde_json::from_str::<Value>(&done(&set, "")).unwrap()["max_concurrent"], 3);
    set.extend(["--value-env", "VALUE"]);
    let rotated: Value = serde_json::from_str(&done(&set, "")).unwrap();
    assert_eq!(rotated["hint"], "sk-p...2345");
    assert!(done(&["disable", "anthropic/own"], "").contains("disabled"));
    assert!(done(&["enable", "anthropic/own"], "").contains("available"));
    assert!(done(&["reset", "anthropic/own"], "").contains("available"));
    assert_eq!(done(&["remove", "anthropic/the new"], ""), "done\n");
    let gone = keys(&["remove", "anthropic/the new"], "");
    assert_eq!((gone.code, gone.stdout.as_str()), (Some(1), ""));
    assert!(gone.stderr.contains("(404)"), "{}", gone.stderr);
    let refused = keys(&["set", "anthropic/own", "--max-concurrent", "257"], "");
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("from 1 to 256"), "{}", refused.stderr);
}

#[test]
fn keys_finds_gateway_and_token_in_the_configuration_without_its_other_secrets() {
    let (mock, storage) = (Mock::start(), Directory::new());
    let gateway = gateway(&mock, &storage);
    let home = Directory::new();
    let config = |token: &str| {
        let text = format!(
            "[admin]\nlisten = '{}'\ntoken.env = '{token}'\n\
             [[provider]]\nname = 'p'\ndialect = 'openai'\nbase_url = 'http://127.0.0.1:1'\n\
             [[provider.key]]\nvalue.env = 'NOT_SET_HERE'\n",
            gateway.admin()
        );
        home.write("t.toml", text).display().to_string()
    };
    let path = config("TOKEN");
    let ran = run(&["keys", "list", "--config", &path, "--json"], &[("TOKEN", TOKEN)], "");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let list: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(list["keys"][0]["name"], "own");
    let wrong = run(&["keys", "list", "--config", &path], &[("TOKEN", "planted-other")], "");
    assert_eq!(wrong.code, Some(1));
    assert!(
        wrong.stderr.contains("(401)") && !wrong.stderr.contains("planted"),
        "{}",
        wrong.stderr
    );
    let unset = run(&["keys", "list", "--config", &path], &[], "");
    assert_eq!(unset.code, Some(2));
    assert!(unset.stderr.contains("`TOKEN`, which is not set"), "{}", unset.stderr);
    let own = run(&["keys", "list", "--config", &path], &[("TIDEGATE_ADMIN_TOKEN", TOKEN)], "");
    assert_eq!(own.code, Some(0), "the file's token is not needed: {}", own.stderr);
    let usage = run(&["keys", "set", "p/k", "--config", &config("TOKEN")], &[("TOKEN", "t")], "");
    assert_eq!(usage.code, Some(2), "nothing is to be set: {}", usage.stderr);
    assert_eq!(run(&["keys", "reset", "no-slash"], &[], "").code, Some(2));
    let nobody = run(&["keys", "list", "--admin", "127.0.0.1:1"], &[], "");
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.stderr.contains("no gateway answers"), "{}", nobody.stderr);
    let listener = ["keys", "list", "--admin", &gateway.address.to_string()];
    let strange = run(&listener, &[], "");
    assert_eq!(strange.code, Some(1));
    let said = if tls_is_everywhere() { "is no gateway" } else { "not the admin API" };
    assert!(strange.stderr.contains(said), "{}", strange.stderr);
    let name = run(&["keys", "list", "--admin", "localhost:1"], &[], "");
    assert_eq!(name.code, Some(2));
    assert!(name.stderr.contains("must be IP:PORT"), "{}", name.stderr);
}

#[test]
fn keys_tells_for_which_models_a_key_is_limited_and_adds_none_twice() {
    let mock = Mock::with(&["--key-script", "sk-planted-own-0123456789=429:retry-after=600"]);
    let storage = Directory::new();
    let gateway = gateway(&mock, &storage);
    let admin = gateway.admin().to_string();
    let keys = |more: &[&str], stdin: &str| {
        run(
            &[&["keys", "--admin", &admin], more].concat(),
            &[("TIDEGATE_ADMIN_TOKEN", TOKEN)],
            stdin,
        )
    };
    assert_eq!(gateway.ask(post("/v1/messages", "", BODY)).head.status(), 429);
    let listed = keys(&["list"], "").stdout;
    let line = listed.lines().find(|line| line.starts_with("anthropic/own")).unwrap();
    assert!(line.contains("available"), "{listed}");
    assert!(line.contains("claude-sonnet-4-5 (cooling until "), "{listed}");
    for (times, code) in [(1, 0), (2, 1)] {
        let ran = keys(&["add", "anthropic/more"], &format!("sk-planted-{times}-0123456789"));
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
    }
    let negative = keys(&["set", "anthropic/more", "--max-concurrent", "-1"], "");
    assert_eq!(negative.code, Some(1));
    assert!(negative.stderr.contains("from 1 to 256"), "{}", negative.stderr);
}

#[test]
fn doctor_tries_what_a_gateway_needs_and_says_what_is_wrong() {
    let (mock, home) = (Mock::start(), Directory::new());
    let doctor = |name: &str, config: &str| {
        let path = home.write(name, config).display().to_string();
        let ran = run(&["doctor", "--json", "--config", &path], &[], "");
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        (ran.code, document)
    };
    let check = |document: &Value, name: &str| {
        let checks = document["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check"] == name).unwrap().clone()
    };
    let storage = home.path().join("not/there/yet");
    let whole = format!(
        "[server]\nlisten = ['127.0.0.1:0']\ndriver = 'epoll'\nworkers = 1\n\
         [storage]\npath = '{}'\n\
         [[provider]]\nname = 'near'\ndialect = 'openai'\nbase_url = '{}'\n",
        storage.display(),
        mock.url()
    );
    let (code, document) = doctor("whole.toml", &whole);
    assert_eq!(code, Some(0), "{document:#}");
    for name in ["driver", "open files", "processors", "storage", "provider near"] {
        assert_ne!(check(&document, name)["state"], "fail", "{document:#}");
    }
    assert_eq!(check(&document, "driver")["says"], "epoll, as configured");
    assert!(!storage.exists(), "it makes nothing");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap();
    let broken = format!(
        "[server]\nlisten = ['{}']\nworkers = 300\ndriver = 'epoll'\n\
         [admin]\nlisten = '127.0.0.1:0'\n[dns]\nservers = \
         ['127.0.0.1:1']\n[storage]\npath = '/proc/nowhere'\n\
         [[provider]]\nname = 'far'\ndialect = 'openai'\nbase_url = 'https://no.such.invalid'\n\
         [[provider]]\nname = 'shut'\ndialect = 'openai'\nbase_url = 'http://127.0.0.1:1'\n\
         [[provider]]\nname = 'plain'\ndialect = 'openai'\nbase_url = 'https://127.0.0.1:{}'\n",
        taken,
        mock.url().rsplit_once(':').unwrap().1,
    );
    let (code, document) = doctor("broken.toml", &broken);
    assert_eq!((code, &document["state"]), (Some(1), &"fail".into()));
    let states = ["storage", "provider far", "provider shut", "provider plain"];
    for name in states {
        let check = check(&document, name);
        assert_eq!(check["state"], "fail", "{document:#}");
        assert!(check["fix"].is_string(), "{check}");
    }
    assert_eq!(check(&document, "processors")["state"], "warn");
    assert_eq!(check(&document, "admin 127.0.0.1:0")["state"], "ok");
    assert_eq!(check(&document, &format!("listener {taken}"))["state"], "warn");
    let (code, document) = doctor("wrong.toml", "[srever]\n");
    assert_eq!((code, &document["ok"]), (Some(2), &false.into()));
    assert_eq!(document["errors"][0]["key"], "srever");
}

#[test]
fn dist_writes_man_pages_and_completions() {
    let home = Directory::new();
    let names = |what: &str| -> Vec<String> {
        let folder = home.path().join(what);
        let ran = run(&["dist", what, &folder.display().to_string()], &[], "");
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let man = names("man");
    for page in ["tidegate.1", "tidegate-run.1", "tidegate-keys-add.1", "tidegate-doctor.1"] {
        assert!(man.iter().any(|name| name == page), "{page} in {man:?}");
    }
    let completions = names("completions");
    for file in ["tidegate.bash", "_tidegate", "tidegate.fish"] {
        assert!(completions.iter().any(|name| name == file), "{file} in {completions:?}");
    }
    let file = home.write("file", "");
    let ran = run(&["dist", "man", &file.display().to_string()], &[], "");
    assert_eq!(ran.code, Some(1));
}
