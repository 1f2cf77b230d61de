//! Hot restart: a new process takes the listeners over while the old one ends what it began. Nobody
//! is refused, reset or cut; and a new process that dies half way changes nothing.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tidegate::control_plane::takeover::{place, taker};

use crate::support::{BodyEnd, End, Gateway, Mock, Payload, Wire, both, get, post};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";
const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";

fn config(workers: usize, url: &str) -> String {
    let server = format!("[server]\nlisten = [\"127.0.0.1:0\"]\nworkers = {workers}\n");
    server + &both(url) + "[admin]\nlisten = \"127.0.0.1:0\"\n"
}

fn serves(gateway: &Gateway) {
    assert_eq!(gateway.ask(post("/v1/messages", OWN_KEY, "{}")).head.status(), 200);
}

#[test]
fn a_successor_has_the_same_addresses_and_the_old_one_ends_after_its_streams() {
    let mock = Mock::start();
    let old = Gateway::start(&config(2, &mock.url()));
    let admin = old.admin();
    let mut client = old.connect();
    let fields = format!("{OWN_KEY}x-mock: events=40, rate=20\r\n");
    client.send(post("/v1/messages", &fields, STREAM));
    let mut payload = Payload::of(&client.head());
    payload.until(&mut client, "tide0");
    let mut idle = old.connect();
    idle.send(get("/livez", ""));
    idle.answer();
    let mut fresh = old.connect();
    // It is accepted, by whom nobody knows; and speaks only when the old one drains.
    let new = old.successor();
    assert_eq!((new.address, new.admin()), (old.address, admin));
    old.line("handed over to another process: draining");
    assert_eq!(idle.rest(), (Vec::new(), End::Fin), "idle connections end in order");
    fresh.send(post("/v1/messages", OWN_KEY, "{}"));
    assert_eq!(fresh.answer().head.status(), 200);
    serves(&new);
    let mut operator = Wire::connect_plain(admin);
    operator
        .send(get("/api/v1/status", "host: localhost\r\n").replace("host: gateway.test\r\n", ""));
    assert_eq!(operator.answer().json()["draining"], false, "the new one answers");
    payload.finish(&mut client);
    assert_eq!(payload.end, Some(BodyEnd::Whole));
    let ended = old.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    serves(&new);
}

#[test]
fn without_anybody_to_take_over_from_it_starts_as_usual() {
    let mock = Mock::start();
    let config = config(1, &mock.url());
    let gateway = Gateway::start_with_arguments(&config, &["--takeover"]);
    gateway.line("nobody to take over from");
    serves(&gateway);
}

#[test]
fn another_number_of_workers_serves_every_socket() {
    let mock = Mock::start();
    let mut gateway = Gateway::start(&config(3, &mock.url()));
    for workers in [1, 4, 2] {
        gateway.rewrite(&config(workers, &mock.url()));
        let new = gateway.successor();
        assert_eq!(gateway.ended().code, Some(0));
        gateway = new;
        for _ in 0..40 {
            serves(&gateway);
        }
    }
}

#[test]
fn a_successor_that_dies_half_way_changes_nothing() {
    let mock = Mock::start();
    let old = Gateway::start(&config(2, &mock.url()));
    let place = place(Some(&old.file())).unwrap();
    for _ in 0..3 {
        let taken = taker::take(&place).unwrap().expect("it runs");
        assert!(taken.offers.iter().any(|offer| offer.name == "listen 127.0.0.1:0"));
        // With the sockets in its hands.
        drop(taken);
        serves(&old);
    }
    old.line("nobody took over: this process goes on");
    for _ in 0..8 {
        let mut successor = old.begin_successor();
        serves(&old);
        successor.kill().unwrap();
        successor.wait().unwrap();
    }
    let bad = config(2, &mock.url()) + "[timeouts]\nnonsense = 1\n";
    old.rewrite(&bad);
    let mut refused = old.begin_successor();
    assert_eq!(refused.wait().unwrap().code(), Some(2));
    serves(&old);
    old.rewrite(&config(2, &mock.url()));
    // One of those that were killed may have been ready already; then the last word was its own.
    if !old.is_handed_over() {
        let new = old.successor();
        assert_eq!(old.ended().code, Some(0));
        serves(&new);
    }
}

#[test]
fn two_that_take_over_at_once_leave_one_that_serves() {
    let mock = Mock::start();
    let old = Gateway::start(&config(1, &mock.url()));
    let new = old.successor();
    let newest = new.successor();
    serves(&newest);
    assert_eq!(old.ended().code, Some(0));
    assert_eq!(new.ended().code, Some(0));
    serves(&newest);
}

/// A client that fails ends the test, instead of leaving the others at it for ever.
struct EndsAll<'s>(&'s AtomicBool);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// `TIDEGATE_RESTARTS=100` for more of them.
#[test]
fn restarts_under_load_refuse_reset_and_cut_nobody() {
    let restarts = std::env::var("TIDEGATE_RESTARTS").map_or(20, |text| text.parse().unwrap());
    let mock = Mock::start();
    let mut gateway = Gateway::start(&config(2, &mock.url()));
    let (address, stop, asked) = (gateway.address, AtomicBool::new(false), AtomicUsize::new(0));
    let mut old = Vec::new();
    std::thread::scope(|scope| {
        let _ends = EndsAll(&stop);
        for _ in 0..3 {
            scope.spawn(|| {
                let _ends = EndsAll(&stop);
                while !stop.load(Ordering::Relaxed) {
                    let mut client = Wire::connect(address);
                    client.send(post("/v1/messages", OWN_KEY, "{}"));
                    let answer = client.answer();
                    assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole));
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for stream in 0..4 {
            let stop = &stop;
            scope.spawn(move || {
                let _ends = EndsAll(stop);
                while !stop.load(Ordering::Relaxed) {
                    let mut client = Wire::connect(address);
                    let knobs = format!("events={}, rate=50", 50 + 25 * stream);
                    let fields = format!("{OWN_KEY}x-mock: {knobs}\r\n");
                    client.send(post("/v1/messages", &fields, STREAM));
                    let answer = client.answer();
                    assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole));
                    assert!(answer.text().contains("message_stop"));
                }
            });
        }
        for _ in 0..restarts {
            let before = asked.load(Ordering::Relaxed);
            let new = gateway.successor();
            old.push(std::mem::replace(&mut gateway, new));
            // Some come to the new one before it is old itself.
            while asked.load(Ordering::Relaxed) < before + 20 && !stop.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
        }
    });
    for gateway in old {
        let ended = gateway.ended();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
}
