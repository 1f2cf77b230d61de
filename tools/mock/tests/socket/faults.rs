//! Faults as a peer sees them.

use serde_json::Value;

use crate::support::{Ended, each_driver, post};

const STREAM: &str = r#"{"stream":true}"#;

#[test]
fn a_cut_is_a_fin_and_a_reset_is_a_rst() {
    each_driver(&[], |mock| {
        for (knobs, ended, bytes) in [
            ("cut_before_head", Ended::Fin, 0),
            ("rst_before_head", Ended::Rst, 0),
            ("cut_in_head=9", Ended::Fin, 9),
        ] {
            let mut client = mock.connect();
            client.send(&post(knobs, "{}"));
            let (text, how) = client.read_to_end();
            assert_eq!((how, text.len()), (ended, bytes), "{knobs}");
        }
        let mut client = mock.connect();
        client.send(&post("garbage", "{}"));
        let (text, how) = client.read_to_end();
        assert!(how == Ended::Fin && !text.is_empty() && !text.contains("HTTP"), "{text}");
    });
}

#[test]
fn a_reset_comes_after_the_asked_events() {
    each_driver(&[], |mock| {
        let mut client = mock.connect();
        client.send(&post("rst_after=3e, rate=200", STREAM));
        let mut seen = String::new();
        for _ in 0..3 {
            seen += &client.read_until("}}\n\n\r\n");
        }
        assert_eq!(client.read_to_end().1, Ended::Rst, "{seen}");
    });
}

#[test]
fn a_cut_is_a_fin_even_when_request_bytes_were_not_read() {
    each_driver(&[], |mock| {
        let mut client = mock.connect();
        let body = "x".repeat(200_000);
        client.send(&post("cut_in_request=10", &body));
        assert_eq!(client.read_to_end(), (String::new(), Ended::Fin));
        let mut client = mock.connect();
        client.send(&post("rst_in_request=10", "xxxxxxxxxxxx"));
        assert_eq!(client.read_to_end().1, Ended::Rst);
    });
}

#[test]
fn a_peer_that_leaves_is_recorded_in_every_phase() {
    let phases = [
        ("head_stall", false, 0),
        ("stall_in_head=9", true, 9),
        ("stall_after=0", true, 0),
        ("stall_after=2e", true, 0),
        ("first_byte_delay=1m", false, 0),
        ("body_delay=1m", true, 0),
        ("rate=0.01", true, 0),
    ];
    each_driver(&["--record"], |mock| {
        for (index, (knobs, begins, exact)) in phases.into_iter().enumerate() {
            let mut client = mock.connect();
            client.send(&post(knobs, STREAM));
            if exact > 0 {
                client.read_until("HTTP/1.1 ");
            } else if begins {
                client.read_until("\r\n\r\n");
            }
            drop(client);
            let record = mock.records(index + 1).pop().unwrap();
            assert_eq!(record["end"], "peer_left", "{knobs}");
            assert!(record["peer_left_ms"].is_f64(), "{knobs}");
            assert_eq!(record["peer_left_after_write_ms"].is_f64(), begins, "{knobs}");
            assert_eq!(record["events_sent"], if knobs.ends_with("2e") { 2 } else { 0 }, "{knobs}");
        }
    });
}

#[test]
fn a_half_close_ends_a_stream_unless_it_is_ignored() {
    each_driver(&["--record"], |mock| {
        for (index, (knobs, end)) in
            [("", "peer_left"), (", ignore_leave", "complete")].into_iter().enumerate()
        {
            let mut client = mock.connect();
            client.send(&post(&format!("first_byte_delay=300ms, events=3{knobs}"), STREAM));
            client.stream.shutdown(std::net::Shutdown::Write).unwrap();
            let (text, _) = client.read_to_end();
            assert_eq!(text.contains("message_stop"), end == "complete", "{text}");
            assert_eq!(mock.records(index + 1).pop().unwrap()["end"], end);
        }
    });
}

#[test]
fn a_body_that_is_not_read_holds_the_sender_and_sees_it_leave() {
    each_driver(&["--record", "--recv-buffer", "4096"], |mock| {
        let mut client = mock.connect();
        client.send("POST /x HTTP/1.1\r\nx-mock: slow_read=0\r\ncontent-length: 100000000\r\n\r\n");
        client.stream.set_write_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
        let block = vec![b'x'; 1 << 20];
        let mut sent = 0;
        while sent < 100 && std::io::Write::write_all(&mut client.stream, &block).is_ok() {
            sent += 1;
        }
        assert!(sent < 100, "the mock took it all");
        // An honest FIN would wait behind the bytes that are not read.
        let linger = Some(std::time::Duration::ZERO);
        socket2::SockRef::from(&client.stream).set_linger(linger).unwrap();
        drop(client);
        let record = mock.records(1).pop().unwrap();
        assert_eq!((&record["end"], &record["status"]), (&"peer_left".into(), &Value::Null));
    });
}

#[test]
fn stray_bytes_reach_an_idle_connection() {
    each_driver(&[], |mock| {
        let mut client = mock.connect();
        client.send(&post("extra_response, extra_delay=20ms", "{}"));
        client.read_response();
        assert_eq!(client.read_response().1, "nobody");
        client.send(&post("close_after=10ms", "{}"));
        client.read_response();
        assert_eq!(client.read_to_end(), (String::new(), Ended::Fin));
    });
}

#[test]
fn connections_can_be_refused_as_they_come() {
    each_driver(&[], |mock| {
        mock.control("POST", "accept", "rst 2");
        for _ in 0..2 {
            assert_eq!(mock.connect().read_to_end().1, Ended::Rst);
        }
        let mut client = mock.connect();
        client.send(&post("", "{}"));
        assert!(client.read_response().0.starts_with("HTTP/1.1 200"));
    });
}

#[test]
fn bytes_that_are_no_request_get_a_400_and_a_close() {
    each_driver(&[], |mock| {
        for bytes in ["\0\0\0\0\r\n\r\n", "POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n"] {
            let mut client = mock.connect();
            client.send(bytes);
            let (text, ended) = client.read_to_end();
            assert!(text.starts_with("HTTP/1.1 400"), "{text}");
            assert_eq!(ended, Ended::Fin);
        }
        let mut client = mock.connect();
        client.send(&post("evnets=3", "{}"));
        assert!(client.read_response().1.contains("evnets"));
    });
}
