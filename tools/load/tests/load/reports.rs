//! Files, conditions, processes, pairs, and the end by Ctrl-C.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Server, load, report, run, scratch};

#[test]
fn every_report_file_is_written() {
    let mock = Server::mock(&[]);
    let files = ["a.json", "a.html", "a.hdr"].map(scratch);
    let [json, html, hdr] = files.each_ref().map(|path| path.to_str().unwrap());
    let output = run(&[
        &mock.url, "-n", "20", "--rate", "500", "--json", json, "--html", html, "--hdr", hdr,
    ]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("20 sent, 20 ok") && text.contains("latency"), "{text}");
    let value: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!((&value["schema"], &value["ended"]), (&1.into(), &"complete".into()));
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("<svg"));
    assert!(std::fs::read_to_string(hdr).unwrap().contains("Tag=through.latency,"));
    let compared = run(&["--compare", json, json, "--fail-if", "p99_ms > 1.01"]);
    assert_eq!(compared.status.code(), Some(0));
    assert!(String::from_utf8(compared.stdout).unwrap().contains("1.000"));
    let compared = run(&["--compare", json, json, "--fail-if", "p99_ms > 0.5"]);
    assert_eq!(compared.status.code(), Some(1));
    for file in files {
        std::fs::remove_file(file).unwrap();
    }
}

#[test]
fn conditions_decide_the_exit_code() {
    let mock = Server::mock(&[]);
    let base = [&mock.url, "-n", "10", "--rate", "500"];
    for (more, code, why) in [
        (&["--fail-if", "failed > 0"][..], 0, ""),
        (&["--fail-if", "failed > 0", "--fail-if", "ok < 11"], 1, "ok is 10.000"),
        (&["--fail-if", "event_gap.p99_ms > 5"], 1, "event_gap.p99_ms was not measured"),
        (&["--mock", "status=500", "--allow-failed"], 0, ""),
        (&["--mock", "status=500", "--allow-failed", "--fail-if", "failed >= 10"], 1, "failed is"),
    ] {
        let output = run(&[&base[..], more].concat());
        let shown = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{more:?}: {shown}");
        assert!(shown.contains(why), "{shown}");
    }
}

#[test]
fn the_cost_of_a_process_is_told() {
    let mock = Server::mock(&[]);
    let arguments = ["--closed", "-c", "8", "-d", "1s", "--warmup", "100ms", "--pid", &mock.pid()];
    let (report, code) = report(&mock.url, &arguments);
    let process = &report["through"]["process"];
    assert_eq!(code, 0);
    assert!(process["cpu_us_per_request"].as_f64().unwrap() > 1.0, "{process}");
    assert!(process["rss_peak_bytes"].as_u64().unwrap() > 1_000_000, "{process}");
}

#[test]
fn direct_and_through_run_the_same_schedule_in_pairs() {
    let mock = Server::mock(&[]);
    let slow = Server::mock(&["--knobs", "first_byte_delay=30ms"]);
    let arguments = [
        "--direct",
        &mock.url,
        "--rounds",
        "3",
        "-n",
        "10",
        "--rate",
        "200",
        "--arrivals",
        "poisson",
    ];
    let (report, code) = report(&slow.url, &arguments);
    assert_eq!(code, 0);
    for side in ["through", "direct"] {
        assert_eq!(report[side]["requests"]["ok"], 30, "{side}");
    }
    let overhead = &report["overhead"];
    assert_eq!(overhead["rounds"].as_array().unwrap().len(), 3);
    // The delay of the slow one shows, less what the other one may have been late by.
    assert!(overhead["p50_ms"].as_f64().unwrap() > 10.0, "{overhead}");
}

#[test]
fn ctrl_c_ends_the_run_with_what_there_is() {
    let mock = Server::mock(&[]);
    for mode in [&["--closed", "-c", "2"][..], &["--rate", "50"]] {
        let mut child = Command::new(load())
            .args([&mock.url, "--plain", "-d", "10m", "--json", "-"])
            .args(mode)
            .args(["--stream", "--events", "40", "--event-rate", "100"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The first second is over, so there is something to tell.
        let mut line = String::new();
        let mut progress = BufReader::new(child.stderr.take().unwrap());
        progress.read_line(&mut line).unwrap();
        assert!(line.contains("1 s"), "{line}");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{mode:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["ended"], "interrupted");
        assert!(report["through"]["requests"]["ok"].as_u64().unwrap() > 0, "{report}");
        assert!(report["through"]["requests"]["unfinished"].as_u64().unwrap() > 0, "{report}");
    }
}

#[test]
fn plain_progress_is_one_line_per_second() {
    let mock = Server::mock(&[]);
    let output = Command::new(load()).args([&mock.url, "-d", "1200ms"]).output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(shown.contains("ok/s") && shown.lines().count() >= 1, "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown}");
}
