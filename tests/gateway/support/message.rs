//! Literal requests, so that a test shows what it sends.

use std::fmt::Write as _;

/// A GET. `fields` are whole lines, each with its CRLF.
pub fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: gateway.test\r\n{fields}\r\n")
}

/// A POST by length. `fields` are whole lines, each with its CRLF.
pub fn post(path: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: gateway.test\r\n{fields}");
    format!("{head}content-length: {length}\r\n\r\n{body}")
}

/// A POST in these chunks.
pub fn post_chunked(path: &str, fields: &str, chunks: &[&str]) -> String {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: gateway.test\r\n{fields}transfer-encoding: chunked\r\n\r\n"
    );
    for chunk in chunks {
        write!(request, "{:x}\r\n{chunk}\r\n", chunk.len()).unwrap();
    }
    request + "0\r\n\r\n"
}
