//! The scripted provider as a process, and what it recorded.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::Value;

use super::PATIENCE;
use super::message::{get, post};
use super::wire::Wire;

/// A running mock. Ends with the value, or with the test.
#[derive(Debug)]
pub struct Mock {
    address: SocketAddr,
    child: Child,
    /// For its control endpoints, where it speaks TLS.
    trust: Option<Arc<ClientConfig>>,
}

/// One request as the mock saw it.
#[derive(Clone, Debug)]
pub struct Seen(pub Value);

impl Mock {
    /// One that answers by the book and records.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// One with further arguments.
    pub fn with(arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(["--record", "--log-body", "1048576", "--stdin-guard"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, address) = line.trim().rsplit_once('/').unwrap();
        Self { address: address.parse().unwrap(), child, trust: None }
    }

    /// One that speaks TLS with this certificate and key, PEM files.
    pub fn with_tls(certificate: &Path, key: &Path, trust: Arc<ClientConfig>) -> Self {
        let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
        let mut mock = Self::with(&["--tls-cert", certificate, "--tls-key", key]);
        mock.trust = Some(trust);
        mock
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        let scheme = if self.trust.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it recorded, once that is at least `count` requests.
    pub fn log(&self, count: usize) -> Vec<Seen> {
        let path = format!("/__mock/log?wait={count}&timeout_ms=15000");
        let Value::Array(records) = self.ask(&path) else { panic!("a log is an array") };
        assert!(records.len() >= count, "{} of {count} requests: {records:?}", records.len());
        records.into_iter().map(Seen).collect()
    }

    /// The one request that it recorded.
    pub fn only(&self) -> Seen {
        let mut log = self.log(1);
        assert_eq!(log.len(), 1, "{log:?}");
        log.remove(0)
    }

    /// A number of `/__mock/stats`.
    pub fn stat(&self, name: &str) -> u64 {
        self.ask("/__mock/stats")[name].as_u64().unwrap()
    }

    /// Waits until so many requests are under way.
    pub fn wait_in_flight(&self, count: u64) {
        let stats = self.ask(&format!("/__mock/stats?in_flight={count}&timeout_ms=15000"));
        assert_eq!(stats["in_flight"].as_u64(), Some(count), "{stats}");
    }

    /// Serves this certificate and key, PEM files, in handshakes to come.
    pub fn serves(&self, certificate: &Path, key: &Path) {
        let body = serde_json::json!({ "cert": certificate, "key": key }).to_string();
        let done = self.exchange(&post("/__mock/tls", "connection: close\r\n", &body));
        assert_eq!(done["ok"], true, "{done}");
    }

    fn ask(&self, path: &str) -> Value {
        self.exchange(&get(path, "connection: close\r\n"))
    }

    fn exchange(&self, request: &str) -> Value {
        let Some(trust) = &self.trust else {
            let mut wire = Wire::connect(self.address);
            wire.send(request);
            return wire.answer().json();
        };
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let session = ClientConnection::new(trust.clone(), name).unwrap();
        let tcp = TcpStream::connect_timeout(&self.address, PATIENCE).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut tls = StreamOwned::new(session, tcp);
        tls.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        tls.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Seen {
    /// All values of a header, by its name in any case.
    pub fn all(&self, name: &str) -> Vec<String> {
        let pair = |pair: &Value| {
            let is_it = pair[0].as_str().unwrap().eq_ignore_ascii_case(name);
            is_it.then(|| pair[1].as_str().unwrap().to_owned())
        };
        self.0["headers"].as_array().unwrap().iter().filter_map(pair).collect()
    }

    /// The only value of a header.
    pub fn field(&self, name: &str) -> Option<String> {
        let mut all = self.all(name);
        assert!(all.len() <= 1, "{name} stands there {} times", all.len());
        all.pop()
    }

    /// A text of the record: `method`, `target`, `body`, `body_sha256`, `end`.
    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// The length of the request's body in bytes.
    pub fn body_length(&self) -> Option<usize> {
        self.0["body_length"].as_u64()?.try_into().ok()
    }

    /// The number of the connection that it came on.
    pub fn connection(&self) -> Option<u64> {
        self.0["connection"].as_u64()
    }

    /// A number of the record; `None` for null.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.0[name].as_f64()
    }
}

/// The mock beside the gateway in the build directory; built there when it is missing. Cargo's own
/// lock lets tests that come together wait for one build.
fn binary() -> PathBuf {
    let gateway = PathBuf::from(env!("CARGO_BIN_EXE_tidegate"));
    let profile = gateway.parent().unwrap();
    let mock = profile.join("tidegate-mock");
    if !mock.exists() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "tidegate-mock", "--target-dir"]);
        cargo.arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "the mock does not build");
    }
    mock
}
