//! Requests that go well.

use std::io::Write as _;

use sha2::{Digest as _, Sha256};

use crate::support::{Ended, Mock, each_driver, post};

const PLAIN: &str =
    "POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 13\r\n\r\n{\"model\":\"m\"}";

#[test]
fn pipelined_requests_are_answered_in_order_at_every_split() {
    each_driver(&[], |mock| {
        let twice = PLAIN.repeat(2) + &PLAIN.replace(r#""m""#, r#""n""#);
        for cut in (0..=twice.len()).step_by(7) {
            let mut client = mock.connect();
            client.send(&twice[..cut]);
            client.send(&twice[cut..]);
            for model in ["m", "m", "n"] {
                let (_, body) = client.read_response();
                let turn: serde_json::Value = serde_json::from_str(&body).unwrap();
                assert_eq!(turn["model"], model, "cut at {cut}");
            }
        }
    });
}

#[test]
fn the_plain_and_the_full_path_give_the_same_answer() {
    let without_ids = |text: String| {
        let ids = |part: &str| part.len() == 24 && part.chars().all(|c| c.is_ascii_hexdigit());
        let parts = text.split(|c: char| !c.is_ascii_alphanumeric());
        parts.filter(|part| !ids(part)).map(str::to_owned).collect::<Vec<_>>()
    };
    each_driver(&["--workers", "2"], |mock| {
        let mut client = mock.connect();
        client.send(PLAIN);
        let (head, body) = client.read_response();
        client.send(&PLAIN.replace("host: a", "x-mock: reset"));
        let (full_head, full_body) = client.read_response();
        assert_eq!(without_ids(head), without_ids(full_head));
        assert_eq!(without_ids(body), without_ids(full_body));
    });
}

#[test]
fn a_large_body_is_hashed_whatever_its_coding() {
    each_driver(&[], |mock| {
        let block = vec![b'x'; 100_000];
        let hash = format!("{:x}", Sha256::digest(block.repeat(50)));
        for coding in ["content-length: 5000000", "transfer-encoding: chunked"] {
            let mut client = mock.connect();
            client.send(&format!("PUT /upload HTTP/1.1\r\n{coding}\r\n\r\n"));
            for _ in 0..50 {
                if coding.starts_with('t') {
                    client.send("186a0\r\n");
                }
                client.stream.write_all(&block).unwrap();
                if coding.starts_with('t') {
                    client.send("\r\n");
                }
            }
            if coding.starts_with('t') {
                client.send("0\r\n\r\n");
            }
            let (_, echo) = client.read_response();
            assert!(echo.contains(&hash), "{echo}");
            assert!(echo.contains(r#""body_length":5000000"#), "{echo}");
        }
    });
}

#[test]
fn an_expectation_is_met_before_the_body() {
    each_driver(&[], |mock| {
        let mut client = mock.connect();
        client.send("POST /x HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n");
        assert_eq!(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("abc");
        assert!(client.read_response().1.contains(r#""body_length":3"#));
    });
}

#[test]
fn an_old_client_gets_a_close() {
    each_driver(&[], |mock| {
        let mut client = mock.connect();
        client.send("GET /v1/models HTTP/1.0\r\n\r\n");
        let (text, ended) = client.read_to_end();
        assert!(text.contains("connection: close"), "{text}");
        assert_eq!(ended, Ended::Fin);
        let mut client = mock.connect();
        client.send(&post("", r#"{"stream":true}"#).replace("HTTP/1.1", "HTTP/1.0"));
        let (text, _) = client.read_to_end();
        assert!(!text.contains("chunked") && text.ends_with("\n\n"), "{text}");
    });
}

#[test]
fn a_slow_reader_that_answers_byte_by_byte_loses_nothing() {
    each_driver(&[], |mock| {
        let body = "x".repeat(20_000);
        let mut client = mock.connect();
        client.send(&post("echo, slow_read=400000, byte_delay=1us", &body));
        let (_, echo) = client.read_response();
        let hash = format!("{:x}", Sha256::digest(body));
        assert!(echo.contains(&hash), "{echo}");
    });
}

#[test]
fn an_early_response_still_takes_the_body_before_the_next_request() {
    each_driver(&[], |mock| {
        let mut client = mock.connect();
        let request = post("early_response, status=429", "{}");
        let (head, body) = request.split_at(request.len() - 2);
        client.send(head);
        assert!(client.read_response().0.starts_with("HTTP/1.1 429"));
        client.send(body);
        client.send(PLAIN);
        assert!(client.read_response().0.starts_with("HTTP/1.1 200"));
    });
}

#[test]
fn scripts_count_per_key_and_can_change_while_it_runs() {
    each_driver(&["--key-script", "k1=429:retry-after=5,200", "--workers", "2"], |mock| {
        let ask = |key: &str| {
            let mut client = mock.connect();
            client.send(&PLAIN.replace("host: a", &format!("authorization: Bearer {key}")));
            client.read_response().0
        };
        let first = ask("k1");
        assert!(first.starts_with("HTTP/1.1 429") && first.contains("retry-after: 5"), "{first}");
        assert!(ask("k2").starts_with("HTTP/1.1 200"));
        assert!(ask("k1").starts_with("HTTP/1.1 200"));
        mock.control("POST", "script", r#"{"k2": [529]}"#);
        assert!(ask("k2").starts_with("HTTP/1.1 529"));
        mock.control("POST", "knobs", "status=503");
        assert!(ask("k3").starts_with("HTTP/1.1 503"));
        let stats = mock.control("GET", "stats?in_flight=0", "");
        assert_eq!((&stats["requests"], &stats["in_flight"]), (&5.into(), &0.into()));
        assert_eq!(stats["script_steps_used"]["k1"], 2);
        mock.control("POST", "reset", "");
        assert!(ask("k1").starts_with("HTTP/1.1 429"));
        let refused = mock.control("POST", "knobs", "statsu=1");
        assert!(refused["error"].to_string().contains("statsu"));
    });
}

#[test]
fn the_log_tells_what_was_seen() {
    let file = std::env::temp_dir().join(format!("tidegate-mock-{}.jsonl", std::process::id()));
    each_driver(&["--log", file.to_str().unwrap(), "--log-body", "20"], |mock| {
        let mut client = mock.connect();
        client.send(
            "POST /v1/messages?beta=true HTTP/1.1\r\nB: 1\r\na: 2\r\nContent-Length: 2\r\n\r\n{}",
        );
        client.read_response();
        let [record] = &mock.records(1)[..] else { panic!("one record") };
        assert_eq!(record["target"], "/v1/messages?beta=true");
        let headers = serde_json::json!([["B", "1"], ["a", "2"], ["Content-Length", "2"]]);
        assert_eq!(record["headers"], headers);
        assert_eq!((&record["end"], &record["body"]), (&"complete".into(), &"{}".into()));
        let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(record["body_sha256"], hash);
        let text = std::fs::read_to_string(&file).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line, *record);
    });
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_port_in_use_is_an_error() {
    let mock = Mock::start("epoll", &[]).unwrap();
    let address = mock.address.to_string();
    for workers in ["1", "2"] {
        let second = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate-mock"))
            .args(["--listen", &address, "--workers", workers])
            .output()
            .unwrap();
        assert!(!second.status.success());
        assert!(String::from_utf8_lossy(&second.stderr).contains(&address));
    }
}

#[test]
fn it_ends_with_its_stdin() {
    let mock = Mock::start("epoll", &[]).unwrap();
    assert!(mock.close_stdin().success());
}

#[test]
fn stamps_tell_when_an_event_was_written() {
    each_driver(&[], |mock| {
        let mut client = mock.connect();
        let begun = tidegate_tools::tick::now_ns();
        client.send(&post("stamp, events=3, rate=200, close", r#"{"stream":true}"#));
        let (text, _) = client.read_to_end();
        let digits = |part: &str| part[..19].parse::<u64>().unwrap();
        let stamps: Vec<u64> = text.split("\"@").skip(1).map(digits).collect();
        assert_eq!(stamps.len(), 3, "{text}");
        // Paced by the knob, so never earlier than the rate allows.
        for (index, stamp) in (1..).zip(stamps) {
            assert!(stamp >= begun + index * 5_000_000, "{text}");
        }
    });
}

#[test]
fn a_corrupt_byte_is_not_in_the_digest() {
    each_driver(&[], |mock| {
        let mut client = mock.connect();
        let mut bodies = Vec::new();
        for knobs in ["digest, corrupt=30", "digest"] {
            client.send(&post(knobs, r#"{"model":"m"}"#));
            bodies.push(client.read_response());
        }
        let told = |head: &str, body: &str| {
            let mut digest = tidegate_tools::digest::Digest::default();
            digest.push(body.as_bytes());
            head.contains(&digest.text())
        };
        assert!(!told(&bodies[0].0, &bodies[0].1), "{bodies:?}");
        assert!(told(&bodies[1].0, &bodies[1].1), "{bodies:?}");
    });
}
