//! Each rule on a breach and on the nearest good neighbour: a rule that never fires keeps nothing.

use crate::source::Source;
use crate::{rooms, shape};

fn source(name: &str, text: &str) -> Source {
    Source::new(name, text)
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = "a // unsafe {\nb /* x /* y */ z */ c \"q\\\"crate::\" 'x' '\\'' b'\"' d\n\
                fn e<'a>(f: &'a str) r#\"g\"h\"# br\"i\" j\n";
    let code = source("x.rs", text).code;
    assert_eq!(code.len(), text.len());
    assert_eq!(code.lines().count(), 3);
    let words: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(words, ["a", "b", "c", "d", "fn", "e<'a>(f:", "&'a", "str)", "j"]);
}

#[test]
fn a_room_sees_only_what_lies_below_it() {
    for (name, text, breaches) in [
        ("protocol/sse/framer.rs", "use crate::shared::Clock;\nuse crate::protocol::json;", 1),
        ("protocol/sse/framer.rs", "use crate::{protocol::json, shared::{self, Clock}};", 1),
        ("protocol/sse/framer.rs", "use super::super::super::config::File;", 1),
        ("protocol/sse/framer.rs", "use super::super::json;", 0),
        ("protocol/mod.rs", "use super::config;", 1),
        ("protocol/x.rs", "// crate::config is out of sight", 0),
        ("config/build.rs", "use crate::protocol::ascii;", 0),
        ("config/build.rs", "use crate::shared::Clock;", 1),
        ("shared/x.rs", "use crate::config::limits;", 0),
        ("data_plane/x.rs", "use crate::shared::Clock;", 0),
        ("data_plane/x.rs", "fn a() {\n    crate::control_plane::admin::go();\n}", 1),
        ("control_plane/x.rs", "use crate::data_plane::worker;", 1),
        ("cli/run.rs", "use tidegate::data_plane::worker;", 0),
        ("config/x.rs", "use crate::cli::run;", 1),
        ("lib.rs", "pub use crate::data_plane::worker;", 0),
    ] {
        assert_eq!(rooms::border(&source(name, text)).len(), breaches, "{name}: {text}");
    }
    let breach = rooms::border(&source("protocol/a.rs", "\nuse crate::shared::Clock;"));
    assert_eq!(breach, ["protocol/a.rs:2: protocol must not see shared"]);
}

#[test]
fn a_package_comes_in_by_its_door() {
    for (name, text, breaches) in [
        ("protocol/http1/parse.rs", "httparse::parse_headers();", 0),
        ("protocol/http1/head.rs", "httparse::parse_headers();", 1),
        ("protocol/http1/head.rs", "use ::httparse::Header;", 1),
        ("protocol/http1/head.rs", "use smallvec::SmallVec;", 0),
        ("protocol/http1/parse.rs", "use smallvec::SmallVec;", 1),
        ("data_plane/exchange/relay/mod.rs", "use smallvec::SmallVec;", 0),
        ("data_plane/io/stream.rs", "use rustls;", 1),
        ("data_plane/io/tls/mod.rs", "use rustls::ServerConfig;", 0),
        ("config/secret.rs", "use rustls_pki_types::CertificateDer;", 0),
        ("config/secret.rs", "use rustls::ServerConfig;", 1),
        ("shared/x.rs", "use crate::protocol::bytes::take;", 0),
        ("shared/x.rs", "let x = bytes.len();\nlet y = my_bytes::z();", 0),
        ("shared/x.rs", "// monoio::spawn is for the data plane", 0),
        ("shared/x.rs", "monoio::spawn(x);", 1),
        ("protocol/x/tests.rs", "use serde_json::Value;", 0),
        ("protocol/x_tests.rs", "use serde_json::Value;", 0),
        (
            "protocol/x.rs",
            "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    use serde_json::json;\n}",
            0,
        ),
        ("protocol/x.rs", "use serde_json::Value;", 1),
    ] {
        assert_eq!(rooms::doors(&source(name, text)).len(), breaches, "{name}: {text}");
    }
}

#[test]
fn every_file_is_named_by_a_mod() {
    let sources = [
        source("lib.rs", "pub mod protocol;\nmod lost_comment; // mod gone;\n"),
        source("main.rs", "fn main() {}"),
        source("protocol/mod.rs", "mod ascii;\n#[cfg(test)]\nmod tests;\n"),
        source("protocol/ascii.rs", "#[cfg(test)]\nmod tests;\n"),
        source("protocol/ascii/tests.rs", ""),
        source("protocol/tests.rs", ""),
        source("protocol/gone.rs", ""),
        source("gone.rs", ""),
    ];
    let breaches = rooms::dead_files(&sources);
    let what = ["protocol/gone.rs:1: no mod names this file", "gone.rs:1: no mod names this file"];
    assert_eq!(breaches, what);
}

#[test]
fn a_function_has_a_length() {
    let function = |lines: usize| {
        let body = "        step();\n".repeat(lines);
        format!(
            "impl X {{\n    pub(in crate::a) async fn run(\n        &self,\n    ) {{\n{body}    }}\n}}\n"
        )
    };
    // Three lines of signature and one closing brace.
    assert!(shape::functions(&source("a.rs", &function(66))).is_empty());
    let breaches = shape::functions(&source("a.rs", &function(67)));
    assert_eq!(breaches, ["a.rs:2: function of 71 lines, at most 70"]);
    let without_body = format!(
        "trait X {{\n    fn a();\n    fn b(\n        c: u8,\n    ) -> u8;\n{}}}\n",
        "    // long\n".repeat(90)
    );
    assert!(shape::functions(&source("a.rs", &without_body)).is_empty());
}

#[test]
fn a_function_has_five_parameters() {
    for (text, breaches) in [
        ("fn a(b: u8, c: u8, d: u8, e: u8, f: u8) {}", 0),
        ("fn a(b: u8, c: u8, d: u8, e: u8, f: u8, g: u8) {}", 1),
        ("    pub fn a(&mut self, b: u8, c: u8, d: u8, e: u8, f: u8) {}", 0),
        ("fn a(b: (u8, u8), c: [u8; 2], d: HashMap<u8, u8>, e: impl Fn(u8, u8) -> u8) {}", 0),
        ("fn a<A: Fn(u8, u8) -> B, C, D, E, F, G>(b: A) {}", 0),
        (
            "fn a(\n    b: u8,\n    c: u8,\n    d: u8,\n    e: u8,\n    f: u8,\n    g: u8,\n) {\n}",
            1,
        ),
        ("fn a() -> HashMap<u8, (u8, u8, u8, u8, u8, u8)> {}", 0),
        ("let fn_names = call(1, 2, 3, 4, 5, 6);", 0),
    ] {
        assert_eq!(shape::functions(&source("a.rs", text)).len(), breaches, "{text}");
    }
}

#[test]
fn files_and_lines_have_a_length() {
    assert!(shape::file_length(&source("a.rs", &"x\n".repeat(400))).is_none());
    assert!(shape::file_length(&source("a.rs", &"x\n".repeat(401))).is_some());
    assert!(shape::line_length(&source("a.rs", &"é".repeat(100))).is_empty());
    assert_eq!(shape::line_length(&source("a.rs", &"x".repeat(101))), ["a.rs:1: over 100 columns"]);
    let url = format!("// https://a.example/{}", "x".repeat(100));
    assert!(shape::line_length(&source("a.rs", &url)).is_empty());
    let tests = |lines: usize| {
        format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(lines))
    };
    assert!(shape::inline_test_length(&source("a.rs", &tests(147))).is_none());
    let breach = shape::inline_test_length(&source("a.rs", &tests(148)));
    assert_eq!(breach.as_deref(), Some("a.rs:2: 151 lines of tests here, at most 150"));
}

#[test]
fn a_file_says_what_it_is_for() {
    assert!(shape::first_line(&source("a.rs", "//! What this file is for.\n")).is_none());
    for text in ["", "use std::fs;\n", "// What this file is for.\n", "//!\n", "//! x\n"] {
        assert!(shape::first_line(&source("a.rs", text)).is_some(), "{text:?}");
    }
}

#[test]
fn unsafe_has_its_files_and_its_reason() {
    let listed = "data_plane/io/fd.rs";
    for (name, text, breaches) in [
        (listed, "// SAFETY: y is fine.\nlet x = unsafe { y() };", 0),
        (listed, "let x = unsafe { y() };", 1),
        ("shared/x.rs", "// SAFETY: no.\nlet x = unsafe { y() };", 1),
        ("shared/x.rs", "unsafe impl Send for X {}", 2),
        ("shared/x.rs", "let x = \"unsafe {\"; // unsafe {", 0),
        ("shared/x.rs", "#![deny(unsafe_code)]", 0),
    ] {
        assert_eq!(shape::bare_unsafe(&source(name, text)).len(), breaches, "{name}: {text}");
    }
    let mut tool = source(listed, "// SAFETY: y is fine.\nlet x = unsafe { y() };");
    tool.root = "tools/x/src/".to_owned();
    let breach = "tools/x/src/data_plane/io/fd.rs:2: unsafe outside of the listed files";
    assert_eq!(shape::bare_unsafe(&tool), [breach]);
}

#[test]
fn nothing_is_left_open_or_named_after_nothing() {
    for (text, breaches) in [
        ("// TODO: later", 1),
        ("fn get_head() {}", 1),
        ("struct PoolManager {", 1),
        ("pub struct Helper;", 1),
        ("struct Pool { manager: u8 }", 0),
        ("fn target_get() {}", 0),
    ] {
        assert_eq!(shape::open_ends(&source("a.rs", text)).len(), breaches, "{text}");
    }
}
