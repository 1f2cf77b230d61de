//! What clients do: connections, keys, aborts, slow reads, recorded requests.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{Server, each_driver, report, scratch};

/// What the mock recorded, once there are `count` requests.
fn records(mock: &Server, count: usize) -> Vec<Value> {
    use std::io::{Read as _, Write as _};
    let address = mock.url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let ask = format!("GET /__mock/log?wait={count} HTTP/1.1\r\nconnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    let Value::Array(records) = serde_json::from_str(body).unwrap() else {
        panic!("the log is no list")
    };
    assert_eq!(records.len(), count);
    records
}

fn connections(records: &[Value]) -> usize {
    let mut all: Vec<_> = records.iter().map(|r| r["connection"].as_u64().unwrap()).collect();
    all.sort_unstable();
    all.dedup();
    all.len()
}

#[test]
fn a_closed_loop_keeps_its_connections() {
    let mock = Server::mock(&["--record"]);
    let (report, code) = report(&mock.url, &["--closed", "-c", "3", "-n", "30", "--ramp", "0s"]);
    assert_eq!((code, &report["through"]["requests"]["connections"]), (0, &3.into()));
    assert_eq!(connections(&records(&mock, 30)), 3);
}

#[test]
fn connections_are_used_as_often_as_asked() {
    each_driver(|driver| {
        for (reuse, expected) in [("1", 12), ("5", 3)] {
            let mock = Server::mock(&["--record"]);
            let base = ["--closed", "-c", "1", "-n", "12", "--driver", driver];
            let (report, code) = report(&mock.url, &[&base[..], &["--reuse", reuse]].concat());
            assert_eq!((code, &report["through"]["requests"]["ok"]), (0, &12.into()));
            assert_eq!(connections(&records(&mock, 12)), expected, "{driver} {reuse}");
        }
    });
}

#[test]
fn keys_models_and_headers_reach_the_provider() {
    let mock = Server::mock(&["--record", "--log-body", "100000"]);
    let arguments = [
        "--closed",
        "-c",
        "1",
        "-n",
        "4",
        "--key",
        "k1",
        "--key",
        "k2",
        "--header",
        "X-Team: a",
        "--model",
        "m-1",
        "--request-size",
        "5KB",
        "--shape",
        "agent",
    ];
    assert_eq!(report(&mock.url, &arguments).1, 0);
    let records = records(&mock, 4);
    let keys: Vec<_> = records.iter().map(|record| record["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["k1", "k2", "k1", "k2"]);
    let body: Value = serde_json::from_str(records[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["model"], "m-1");
    assert!(records[0]["headers"].to_string().contains("\"X-Team\",\"a\""), "{}", records[0]);
}

#[test]
fn clients_that_leave_are_counted_and_seen() {
    each_driver(|driver| {
        for point in ["2e", "300", "60ms"] {
            let mock = Server::mock(&["--record"]);
            let arguments = [
                "--closed",
                "-c",
                "2",
                "-n",
                "6",
                "--stream",
                "--events",
                "100",
                "--event-rate",
                "50",
                "--abort-after",
                point,
                "--driver",
                driver,
            ];
            let (report, code) = report(&mock.url, &arguments);
            let requests = &report["through"]["requests"];
            assert_eq!((code, &requests["aborted"]), (0, &6.into()), "{point}");
            let ends: Vec<_> = records(&mock, 6).iter().map(|r| r["end"].clone()).collect();
            assert!(ends.iter().all(|end| end == "peer_left"), "{driver} {point}: {ends:?}");
        }
    });
}

#[test]
fn only_a_share_of_clients_leaves() {
    let mock = Server::mock(&[]);
    let arguments = [
        "--closed",
        "-c",
        "4",
        "-n",
        "200",
        "--stream",
        "--events",
        "4",
        "--abort-after",
        "2e",
        "--abort-share",
        "0.25",
    ];
    let (report, code) = report(&mock.url, &arguments);
    let requests = &report["through"]["requests"];
    let aborted = requests["aborted"].as_u64().unwrap();
    assert_eq!((code, requests["ok"].as_u64().unwrap() + aborted), (0, 200));
    // Decided by the number of the request, so always the same.
    assert!((30..=70).contains(&aborted), "{aborted}");
}

#[test]
fn a_slow_reader_takes_its_time_and_gets_every_byte() {
    let mock = Server::mock(&[]);
    each_driver(|driver| {
        let arguments =
            ["-n", "1", "--response-size", "50KB", "--slow-read", "200000", "--driver", driver];
        let (report, code) = report(&mock.url, &arguments);
        assert_eq!((code, &report["through"]["requests"]["unverified"]), (0, &0.into()));
        // Five reads of 10 KB, four pauses between them.
        let latency = report["through"]["durations"]["latency"]["min_ms"].as_f64().unwrap();
        assert!(latency >= 190.0, "{latency}");
    });
}

#[test]
fn recorded_bodies_are_sent_as_they_are() {
    let folder = scratch("bodies");
    std::fs::create_dir_all(&folder).unwrap();
    let bodies = [r#"{"model":"a","stream":true}"#, r#"{ "model": "b" }"#];
    for (name, body) in ["1.json", "2.json"].iter().zip(bodies) {
        std::fs::write(folder.join(name), body).unwrap();
    }
    let mock = Server::mock(&["--record", "--log-body", "1000"]);
    let path = folder.to_str().unwrap();
    let (_, code) = report(&mock.url, &["--closed", "-c", "1", "-n", "4", "--replay", path]);
    assert_eq!(code, 0);
    let sent: Vec<_> = records(&mock, 4).iter().map(|r| r["body"].clone()).collect();
    assert_eq!(sent, [bodies[0], bodies[1], bodies[0], bodies[1]]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_request_log_is_replayed_in_its_sizes() {
    let (file, mut log) = (scratch("log.jsonl"), String::new());
    for index in 0..5 {
        writeln!(
            log,
            r#"{{"time":"2026-11-22T01:00:00.{index}00Z","path":"/v1/messages","stream":true,"#
        )
        .unwrap();
        log.truncate(log.trim_end().len());
        writeln!(log, r#""model":"m","bytes_in":{},"events":3,"duration_ms":20}}"#, 1000 + index)
            .unwrap();
    }
    std::fs::write(&file, log).unwrap();
    let mock = Server::mock(&["--record"]);
    let path = file.to_str().unwrap();
    let (report, code) = report(&mock.url, &["--replay-log", path, "--speed", "4"]);
    assert_eq!((code, &report["settings"]["arrivals"]), (0, &"recorded".into()));
    let mut sizes: Vec<_> =
        records(&mock, 5).iter().map(|r| r["body_length"].as_u64().unwrap()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1000, 1001, 1002, 1003, 1004]);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_relay_changes_nothing() {
    each_driver(|driver| {
        let mock = Server::mock(&[]);
        let Some(relay) = Server::relay(&mock, driver) else { return };
        for more in [&["--request-size", "1MB"][..], &["--stream", "--events", "300"]] {
            let base = ["--closed", "-c", "4", "-n", "16", "--pid", &relay.pid()];
            let (report, code) = report(&relay.url, &[&base[..], more].concat());
            let requests = &report["through"]["requests"];
            let seen = (code, &requests["ok"], &requests["unverified"]);
            assert_eq!(seen, (0, &16.into(), &0.into()), "{driver} {more:?}");
        }
    });
}

#[test]
fn threads_share_the_work_of_both_loops() {
    let mock = Server::mock(&["--workers", "2"]);
    each_driver(|driver| {
        for more in
            [&["--closed"][..], &["--rate", "2000"], &["--rate", "2000", "--arrivals", "poisson"]]
        {
            let base = ["-t", "3", "-c", "6", "-n", "300", "--driver", driver];
            let (report, code) = report(&mock.url, &[&base[..], more].concat());
            let requests = &report["through"]["requests"];
            assert_eq!((code, &requests["ok"]), (0, &300.into()), "{driver} {more:?}");
            assert!(requests["connections"].as_u64().unwrap() <= 6, "{requests}");
        }
    });
}

#[test]
fn more_arrivals_than_connections_wait_their_turn() {
    let mock = Server::mock(&["--knobs", "first_byte_delay=20ms"]);
    let (report, code) = report(&mock.url, &["-c", "2", "-n", "20", "--rate", "1000"]);
    let through = &report["through"];
    assert_eq!((code, &through["requests"]["ok"]), (0, &20.into()));
    assert!(through["requests"]["queued"].as_u64().unwrap() >= 10, "{}", through["requests"]);
    // Ten turns of two: the last ones waited for all before them, and their latency says so.
    assert!(through["durations"]["latency"]["max_ms"].as_f64().unwrap() > 150.0);
}

#[test]
fn a_caller_that_thinks_pauses_between_its_requests() {
    let mock = Server::mock(&["--record"]);
    let arguments = ["--closed", "-c", "1", "-n", "4", "--think", "30ms"];
    assert_eq!(report(&mock.url, &arguments).1, 0);
    let at: Vec<_> = records(&mock, 4).iter().map(|r| r["arrived_ms"].as_f64().unwrap()).collect();
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= 28.0), "{at:?}");
}
