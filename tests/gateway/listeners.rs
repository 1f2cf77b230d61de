//! Listeners that come and go while the gateway runs, and those that somebody else made.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command;

use rustix::process::Signal;

use crate::support::gateway::run_to_end;
use crate::support::{Gateway, Mock, Payload, Upstream, Wire, both, get, post};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";
const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";

fn config(listen: &[&str], workers: usize, url: &str) -> String {
    format!("[server]\nlisten = {listen:?}\nworkers = {workers}\n{}", both(url))
}

/// An address that nobody listens on.
fn free() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn reload(gateway: &Gateway, config: &str, version: u64) {
    gateway.rewrite(config);
    gateway.signal(Signal::HUP);
    gateway.line(&format!("\"configuration reloaded\",\"version\":{version},"));
}

fn serves(address: &str) {
    let mut client = Wire::connect_plain(address.parse().unwrap());
    client.send(get("/livez", ""));
    assert_eq!(client.answer().head.status(), 200);
}

/// Waits until connecting there is refused.
fn is_let_go(address: &str) {
    let address: SocketAddr = address.parse().unwrap();
    for _ in 0..100_000 {
        if TcpStream::connect(address).is_err() {
            return;
        }
    }
    panic!("{address} is still listened on");
}

#[test]
fn listeners_come_and_go_by_reload_and_streams_on_them_go_on() {
    let provider = Upstream::start();
    let url = provider.url();
    let (first, second) = (free(), free());
    let gateway = Gateway::start(&config(&[&first], 2, &url));
    serves(&first);
    reload(&gateway, &config(&[&first, &second], 2, &url), 2);
    for _ in 0..20 {
        serves(&second);
    }
    let mut client = Wire::connect_plain(second.parse().unwrap());
    client.send(post("/v1/messages", OWN_KEY, STREAM));
    let (mut upstream, _) = provider.request();
    upstream.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    let mut payload = Payload::of(&client.head());
    payload.until(&mut client, "abc");
    reload(&gateway, &config(&[&first], 2, &url), 3);
    is_let_go(&second);
    serves(&first);
    upstream.send("3\r\ndef\r\n0\r\n\r\n");
    payload.until(&mut client, "abcdef");
    // At once again, though its sockets may only just have been closed.
    for version in 4..12 {
        let listen: &[&str] = if version % 2 == 0 { &[&second, &first] } else { &[&first] };
        reload(&gateway, &config(listen, 2, &url), version);
    }
    serves(&first);
    is_let_go(&second);
}

#[test]
fn a_reload_whose_listener_is_taken_is_refused_whole() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let holder = TcpListener::bind(&taken).unwrap();
    let (first, other) = (free(), free());
    let gateway = Gateway::start(&config(&[&first], 1, "http://127.0.0.1:9"));
    gateway.rewrite(&config(&[&first, &other, &taken], 1, "http://127.0.0.1:9"));
    gateway.signal(Signal::HUP);
    gateway.line(&format!("`server.listen` {taken} is in use"));
    gateway.line("configuration not reloaded: the old one stays");
    is_let_go(&other);
    serves(&first);
    drop(holder);
    reload(&gateway, &config(&[&first, &taken], 1, "http://127.0.0.1:9"), 2);
    serves(&taken);
}

#[test]
fn a_drain_after_a_reload_lets_go_of_every_listener() {
    let (first, second) = (free(), free());
    let gateway = Gateway::start(&config(&[&first], 2, "http://127.0.0.1:9"));
    reload(&gateway, &config(&[&first, &second], 2, "http://127.0.0.1:9"), 2);
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.ended().code, Some(0));
    is_let_go(&first);
    is_let_go(&second);
}

/// A gateway that inherits `listener` as a service manager passes it on.
fn activated(listener: &TcpListener, config: &str) -> Gateway {
    // The shell moves the socket to number 3 and names itself, whom exec keeps.
    let before = format!(
        "exec 3<&{0}; [ {0} = 3 ] || exec {0}<&-; export LISTEN_FDS=1 LISTEN_PID=$$",
        listener.as_raw_fd()
    );
    rustix::io::fcntl_setfd(listener, rustix::io::FdFlags::empty()).unwrap();
    Gateway::start_after(&before, config)
}

#[test]
fn a_socket_of_the_service_manager_is_served_by_all_workers() {
    let mock = Mock::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Waits in the queue since before there was a gateway.
    let mut early = Wire::connect_plain(address);
    early.send(post("/v1/messages", OWN_KEY, "{}"));
    let listen = address.to_string();
    let gateway = activated(&listener, &config(&[&listen], 3, &mock.url()));
    drop(listener);
    assert_eq!(gateway.address, address);
    assert_eq!(early.answer().head.status(), 200);
    for _ in 0..20 {
        serves(&listen);
    }
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.ended().code, Some(0));
    is_let_go(&listen);
}

#[test]
fn a_foreign_address_is_one_line() {
    let url = "http://127.0.0.1:9";
    // An address of documentation (RFC 5737), which no host has.
    let ended = run_to_end(&(config(&["192.0.2.1:9"], 1, url) + "[auth]\nmode = \"byok\"\n"), &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stderr.lines().filter(|l| l.contains("192.0.2.1:9")).collect();
    assert_eq!(lines.len(), 1, "{}", ended.stderr);
    assert!(lines[0].starts_with("tidegate: cannot listen on 192.0.2.1:9: "), "{lines:?}");
}

#[test]
fn a_privileged_port_without_the_capability_is_one_line() {
    const START: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    const WITHOUT: [&str; 4] = ["--bounding-set", "-net_bind_service", "--inh-caps", "-all"];
    let lowest: u16 = std::fs::read_to_string(START).unwrap().trim().parse().unwrap();
    let can_drop = Command::new("setpriv").args(WITHOUT).arg("true").status();
    if lowest < 1_024 || !can_drop.is_ok_and(|status| status.success()) {
        return println!(
            "privileged port: SKIPPED, every port is free here or nothing drops rights"
        );
    }
    let home = crate::support::Directory::new();
    let file = home.write("test.toml", config(&["127.0.0.1:1023"], 1, "http://127.0.0.1:9"));
    let ended = Command::new("setpriv")
        .args(WITHOUT)
        .arg(env!("CARGO_BIN_EXE_tidegate"))
        .args(["run", "--config"])
        .arg(file)
        .env_clear()
        .env("HOME", home.path())
        .env("TIDEGATE_ADMIN__LISTEN", "off")
        .output()
        .unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    let lines: Vec<&str> = stderr.lines().filter(|line| line.contains("127.0.0.1:1023")).collect();
    let line = "tidegate: cannot listen on 127.0.0.1:1023: ports below 1024 need \
                CAP_NET_BIND_SERVICE or socket activation";
    assert_eq!(lines, [line], "{stderr}");
}
