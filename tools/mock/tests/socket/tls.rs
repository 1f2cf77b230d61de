//! The mock under TLS.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::{Client, Mock, each_driver, post};

/// A certificate for `name` on disk, gone with this value.
struct Identity {
    cert: PathBuf,
    der: CertificateDer<'static>,
    key: PathBuf,
}

impl Identity {
    fn new(name: &str, file: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let path = |kind: &str| {
            std::env::temp_dir().join(format!("tidegate-mock-{}-{file}.{kind}", std::process::id()))
        };
        let (cert, key) = (path("crt"), path("key"));
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        Self { cert, der: made.cert.der().clone(), key }
    }

    fn args(&self) -> [&str; 4] {
        ["--tls-cert", self.cert.to_str().unwrap(), "--tls-key", self.key.to_str().unwrap()]
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        for path in [&self.cert, &self.key] {
            std::fs::remove_file(path).unwrap();
        }
    }
}

fn connect(
    mock: &Mock,
    trusted: &Identity,
    name: &str,
) -> StreamOwned<ClientConnection, std::net::TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let Client { stream } = mock.connect();
    StreamOwned::new(session, stream)
}

/// The answer's text, and whether it ended with a goodbye.
fn ask(mock: &Mock, trusted: &Identity, knobs: &str) -> (String, bool) {
    let mut stream = connect(mock, trusted, "mock.test");
    stream.write_all(post(knobs, r#"{"stream":true}"#).as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes);
    let is_clean = match ended {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
            false
        }
    };
    (String::from_utf8(bytes).unwrap(), is_clean)
}

#[test]
fn an_answer_ends_with_or_without_close_notify() {
    let identity = Identity::new("mock.test", "ends");
    each_driver(&identity.args(), |mock| {
        for (knobs, is_whole, is_clean) in [
            ("close", true, true),
            ("close, no_close_notify", true, false),
            ("framing=close, event_size=40000, events=20", true, true),
            ("cut_after=2e", false, false),
            ("rate=500, close", true, true),
        ] {
            let (text, how) = ask(mock, &identity, knobs);
            assert!(text.starts_with("HTTP/1.1 200"), "{knobs}: {text}");
            assert_eq!((text.contains("message_stop"), how), (is_whole, is_clean), "{knobs}");
        }
    });
}

#[test]
fn a_large_request_comes_through_and_the_connection_is_kept() {
    let identity = Identity::new("mock.test", "large");
    each_driver(&identity.args(), |mock| {
        let mut stream = connect(mock, &identity, "mock.test");
        for size in [0, 10, 20_000, 100_000, 1_000_000] {
            let body = "x".repeat(size);
            let request = format!("PUT /x HTTP/1.1\r\ncontent-length: {size}\r\n\r\n{body}");
            stream.write_all(request.as_bytes()).unwrap();
            let mut text = Vec::new();
            while !text.ends_with(b"\"query\":null}") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                text.push(byte[0]);
            }
            let text = String::from_utf8(text).unwrap();
            assert!(text.contains(&format!(r#""body_length":{size},"#)), "{text}");
        }
    });
}

/// Control requests come to the same listener, so the swap is asked for under TLS too.
#[test]
fn the_certificate_changes_for_new_connections() {
    let first = Identity::new("mock.test", "first");
    let second = Identity::new("mock.test", "second");
    each_driver(&first.args(), |mock| {
        let mut stream = connect(mock, &first, "mock.test");
        let body = serde_json::json!({ "cert": second.cert, "key": second.key }).to_string();
        let request = format!(
            "POST /__mock/tls HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.ends_with(r#"{"ok":true}"#), "{text}");
        assert!(ask(mock, &second, "close").0.contains("message_stop"));
        let mut old = connect(mock, &first, "mock.test");
        assert!(old.write_all(b"GET / HTTP/1.1\r\n\r\n").is_err());
    });
}

#[test]
fn a_client_that_trusts_another_name_gets_no_answer() {
    let identity = Identity::new("mock.test", "name");
    each_driver(&identity.args(), |mock| {
        assert!(connect(mock, &identity, "other.test").write_all(b"x").is_err());
        assert!(ask(mock, &identity, "close").1);
    });
}
