//! Streams and bodies to measure on.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A socket read.
pub const READ: usize = 16 * 1024;

/// The recorded streams whose names begin with `dialect`.
pub fn recorded(dialect: &str, own: &[u8]) -> Vec<Vec<u8>> {
    let root = std::env::var_os("TIDEGATE_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(root.join("sse")) else { return vec![own.to_vec()] };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(dialect) && name.ends_with(".sse")
    });
    #[expect(clippy::disallowed_methods, reason = "a bench may block")]
    paths.iter().map(|path| std::fs::read(path).expect("a readable corpus")).collect()
}

/// A megabyte of deltas as `dialect` sends them, none of which has a usage key.
pub fn deltas(dialect: &str) -> Vec<u8> {
    let words = ["The ", "quick \\\"brown\\\" ", "fox\\n", "jumps over ", "the lazy dog. ", "é€ "];
    let mut out = String::new();
    for n in 0.. {
        let word = words.get(n % words.len()).copied().unwrap_or_default();
        let event = match dialect {
            "anthropic" => format!(
                "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\
                 \"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{word}\"}}}}\n\n"
            ),
            "chat" => format!(
                "data: {{\"id\":\"chatcmpl-B\",\"object\":\"chat.completion.chunk\",\
                 \"created\":1741000000,\"model\":\"gpt-5\",\"service_tier\":\"default\",\
                 \"system_fingerprint\":\"fp_1\",\"choices\":[{{\"index\":0,\"delta\":\
                 {{\"content\":\"{word}\"}},\"logprobs\":null,\"finish_reason\":null}}]}}\n\n"
            ),
            _ => format!(
                "event: response.output_text.delta\ndata: {{\"type\":\
                 \"response.output_text.delta\",\"sequence_number\":{n},\"item_id\":\"msg_1\",\
                 \"output_index\":0,\"content_index\":0,\"delta\":\"{word}\",\"logprobs\":[],\
                 \"obfuscation\":\"9w2Kq\"}}\n\n"
            ),
        };
        out.push_str(&event);
        if out.len() >= 1 << 20 {
            break;
        }
    }
    out.into_bytes()
}

/// A request of about `bytes`: a conversation of an agent, whose tool results are `text`.
pub fn request(bytes: usize, text: &str) -> Vec<u8> {
    let mut out = String::from(r#"{"model":"claude-sonnet-4-5","max_tokens":8192,"messages":["#);
    let mut turn = 0;
    while out.len() < bytes {
        let role = if turn % 2 == 0 { "user" } else { "assistant" };
        let comma = if turn == 0 { "" } else { "," };
        write!(out, r#"{comma}{{"role":"{role}","content":[{{"type":"text","text":""#)
            .expect("a string takes all");
        while out.len() < bytes && out.len() % 8192 < 7800 {
            out.push_str(text);
        }
        out.push_str(r#""}]}"#);
        turn += 1;
        out.push(' ');
    }
    out.push_str(r#"],"metadata":{"user_id":"u"},"stream":true,"tools":[{"name":"t"}]}"#);
    out.into_bytes()
}

/// Prose.
pub const PLAIN: &str = "It was the best of times, it was the worst of times, it was the age of \
                         wisdom, it was the age of foolishness, it was the epoch of belief. ";

/// Source code in a JSON string.
pub const CODE: &str =
    r#"\tif (name === \"model\") {\n\t\treturn path.join(\"a\\\\b\", x);\n\t}\n"#;
