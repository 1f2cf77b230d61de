//! What the data plane outlives: a control plane that panics, a stderr that nobody reads, an admin
//! API whose every place is taken. Requests are served on, and health says what is wrong.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{BodyEnd, Gateway, Mock, Payload, Wire, get, key, post, provider};

const BODY: &str = "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[]}";
const STREAM: &str = "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[],\"stream\":true}";

fn config(mock: &Mock) -> String {
    "[server]\nlisten = ['127.0.0.1:0']\nworkers = 2\n[admin]\nlisten = '127.0.0.1:0'\n".to_owned()
        + &provider("p", "anthropic", &mock.url())
        + &key("sk-survives")
}

fn ask(gateway: &Gateway, request: &str) -> crate::support::Answer {
    let mut client = Wire::connect(gateway.admin());
    client.send(request.replace("gateway.test", "localhost"));
    client.answer()
}

#[test]
fn traffic_goes_on_when_the_control_plane_panics_under_load() {
    let mock = Mock::start();
    let gateway = Gateway::start(&config(&mock));
    let mut streaming = gateway.connect();
    streaming.send(post("/v1/messages", "x-mock: events=40, rate=100\r\n", STREAM));
    let mut payload = Payload::of(&streaming.head());
    payload.until(&mut streaming, "message_start");
    let (stop, served) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        let clients = [(); 3].map(|()| {
            scope.spawn(|| {
                let mut client = Wire::connect(gateway.address);
                while !stop.load(Ordering::Relaxed) {
                    client.send(post("/v1/messages", "", BODY));
                    assert_eq!(client.answer().head.status(), 200);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        gateway.signal(Signal::USR2);
        gateway.line("\"panicked\"");
        gateway.line("the control plane has failed");
        let before = served.load(Ordering::Relaxed);
        // The queues of both workers overflow meanwhile.
        while served.load(Ordering::Relaxed) < before + 5_000 {
            assert!(clients.iter().any(|client| !client.is_finished()), "every client has failed");
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
    });
    payload.finish(&mut streaming);
    assert_eq!(payload.end, Some(BodyEnd::Whole));
    let health = gateway.ask(get("/health", ""));
    assert_eq!((health.head.status(), &health.json()["status"]), (200, &json!("degraded")));
    assert_eq!(gateway.ask(get("/livez", "")).json()["control_plane"], "failed");
    assert_eq!(gateway.ask(get("/readyz", "")).head.status(), 200);
    assert_eq!(ask(&gateway, &get("/health", "")).json()["status"], "degraded");
    let status = ask(&gateway, &get("/api/v1/status", "")).json();
    assert_eq!(status["control_plane"], "failed");
    assert!(status["journal_dropped"].as_u64().unwrap() > 0, "dropped and counted: {status}");
    let metrics = ask(&gateway, &get("/metrics", "")).text();
    let asked = served.load(Ordering::Relaxed) + 1;
    let total =
        format!("tidegate_requests_total{{provider=\"p\",model=\"m\",status=\"200\"}} {asked}");
    assert!(metrics.contains(&total), "totals are never dropped: {total} in {metrics}");
    let refused = ask(&gateway, &post("/api/v1/reload", "", ""));
    assert_eq!(refused.head.status(), 503);
    assert!(refused.text().contains("until a restart"), "{}", refused.text());
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.ended().code, Some(0), "it drains as ever");
}

#[test]
fn a_stderr_that_nobody_reads_holds_up_nobody() {
    let mock = Mock::start();
    let gateway = Gateway::start_unread(&config(&mock));
    let mut client = gateway.connect();
    // A pipe holds 64 KiB, and a line is longer than 500 bytes.
    for _ in 0..400 {
        client.send(post("/v1/messages", "", BODY));
        assert_eq!(client.answer().head.status(), 200);
    }
    let status = || ask(&gateway, &get("/api/v1/status", "")).json();
    // What the control plane has counted, it has handed on.
    while status()["today"]["requests"].as_u64() < Some(400) {
        std::thread::yield_now();
    }
    assert_eq!(gateway.ask(get("/livez", "")).json()["control_plane"], "ok");
    // More than may wait is dropped, and counted.
    while status()["log_lines_dropped"].as_u64() == Some(0) {
        client.send(get("/nowhere", "").repeat(200));
        for _ in 0..200 {
            assert_eq!(client.answer().head.status(), 404);
        }
    }
    let metrics = ask(&gateway, &get("/metrics", "")).text();
    assert!(!metrics.contains("tidegate_log_lines_dropped_total 0\n"), "{metrics}");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.ended_unread(), Some(0), "the end does not wait for it either");
}

#[test]
fn whoever_takes_all_places_of_the_admin_api_costs_no_more_than_them() {
    let mock = Mock::start();
    let gateway = Gateway::start(&config(&mock));
    assert_eq!(ask(&gateway, &get("/api/v1/status", "")).head.status(), 200);
    let before = gateway.open_files();
    let mut takers: Vec<Wire> = (0..200).map(|_| Wire::connect(gateway.admin())).collect();
    for (number, taker) in takers.iter_mut().enumerate() {
        // Some say nothing, some half a head.
        taker.send(&b"GET /api/v1/status HTTP/1.1\r\nhost: local"[..number % 40]);
    }
    while gateway.open_files() < before + 120 {
        std::thread::yield_now();
    }
    assert_eq!(gateway.ask(post("/v1/messages", "", BODY)).head.status(), 200);
    let held = gateway.open_files();
    assert!(held <= before + 128 + 8, "{held} open files, {before} before");
    drop(takers);
    assert_eq!(ask(&gateway, &get("/api/v1/status", "")).head.status(), 200);
}
