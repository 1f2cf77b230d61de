//! `/v1/embeddings`: as many vectors as inputs, as numbers or as base64 floats.
//!
//! Never means anything: the vectors only have the right shape.

use super::facts::Facts;
use super::turn::quoted;
use crate::knobs::Say;

/// The whole answer.
pub fn body(facts: &Facts, say: &Say) -> String {
    let values: Vec<f32> =
        [0.5, -0.25, 0.125].into_iter().cycle().take(facts.dimensions.unwrap_or(8)).collect();
    let vector = if facts.base64 {
        quoted(&base64(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>()))
    } else {
        serde_json::json!(values).to_string()
    };
    let entries: Vec<_> = (0..facts.inputs)
        .map(|index| format!(r#"{{"object":"embedding","index":{index},"embedding":{vector}}}"#))
        .collect();
    let tokens = say.input_tokens.unwrap_or(8);
    format!(
        concat!(
            r#"{{"object":"list","data":[{}],"model":{},"#,
            r#""usage":{{"prompt_tokens":{},"total_tokens":{}}}}}"#
        ),
        entries.join(","),
        quoted(facts.model.as_deref().unwrap_or("text-embedding-3-small")),
        tokens,
        tokens
    )
}

/// RFC 4648 section 4.
pub fn base64(bytes: &[u8]) -> String {
    let digit = |bits: u32| {
        let index = usize::try_from(bits & 63).unwrap_or(0);
        char::from(*ALPHABET.get(index).unwrap_or(&b'A'))
    };
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        text.push(digit(bits >> 18));
        text.push(digit(bits >> 12));
        text.push(if group.len() > 1 { digit(bits >> 6) } else { '=' });
        text.push(if group.len() > 2 { digit(bits) } else { '=' });
    }
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
