//! Bad input: clear lines and exit codes.

use crate::support::{run, scratch};

#[test]
fn wrong_flags_end_with_2_and_say_why() {
    for (arguments, why) in [
        (&[][..], "TARGET"),
        (&["https://127.0.0.1"], "https is not spoken"),
        (&["nonsense"], "is not http://"),
        (&["http://127.0.0.1:1", "--rate", "0"], "above 0"),
        (&["http://127.0.0.1:1", "--rate", "5", "--closed"], "cannot be used with"),
        (&["http://127.0.0.1:1", "-d", "0s"], "nothing to measure"),
        (&["http://127.0.0.1:1", "-d", "10"], "such as 50ms"),
        (&["http://127.0.0.1:1", "-c", "1", "-t", "2"], "fewer than --threads"),
        (&["http://127.0.0.1:1", "--header", "a b: c"], "not the name of a header"),
        (&["http://127.0.0.1:1", "--abort-after", "x"], "not a point"),
        (&["http://127.0.0.1:1", "--fail-if", "p98_ms > 1"], "`p98_ms` is not the name"),
        (&["http://127.0.0.1:1", "--fail-if", "p99_ms >"], "         ^"),
        (&["http://127.0.0.1:1", "--pid", "4194305"], "process 4194305"),
        (&["http://127.0.0.1:1", "--replay", "/nowhere"], "/nowhere: "),
        (&["http://127.0.0.1:1", "--replay-log", "/nowhere"], "/nowhere: "),
        (&["--compare", "/nowhere", "/nowhere"], "/nowhere: "),
        (&["--compare", "/nowhere"], "--compare"),
        (&["http://127.0.0.1:1", "--think", "1s"], "--closed"),
        (&["http://127.0.0.1:1", "--nonsense"], "--nonsense"),
    ] {
        let output = run(arguments);
        let shown = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {shown}");
        assert!(shown.contains(why), "{arguments:?}: {shown}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_target_out_of_reach_is_told_before_any_load() {
    // Bound and closed again, so that nobody listens there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = run(&[&url]);
    let shown = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(shown.contains(&format!("cannot reach {url}")), "{shown}");
    assert!(shown.contains("refused"), "{shown}");
}

#[test]
fn a_file_that_is_no_report_is_refused() {
    for (name, text, why) in [
        ("b.json", "{}", "not a report"),
        ("c.json", "{\"schema\":99}", "schema 99"),
        ("d.json", "{\"schema\":1}", "missing field"),
    ] {
        let file = scratch(name);
        std::fs::write(&file, text).unwrap();
        let path = file.to_str().unwrap();
        let output = run(&["--compare", path, path]);
        let shown = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {shown}");
        assert!(shown.contains(path) && shown.contains(why), "{name}: {shown}");
        std::fs::remove_file(&file).unwrap();
    }
}

#[test]
fn the_schema_and_the_help_are_printed() {
    let schema = run_bare(&["schema"]);
    assert!(serde_json::from_str::<serde_json::Value>(&schema).is_ok());
    let help = run_bare(&["--help"]);
    for word in ["--fail-if", "event_delay", "Exit codes", "Ctrl-C", "relay"] {
        assert!(help.contains(word), "{word}");
    }
}

fn run_bare(arguments: &[&str]) -> String {
    let output = std::process::Command::new(crate::support::load()).args(arguments).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}
