//! Takes secrets out of texts that other people wrote: bodies and head fields of exchanges, before
//! they are kept. What is configured goes by its value; what is not, by how keys look.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::shared::setup::Setup;

/// `text` without the keys of this configuration, and without what looks like a key.
pub fn redacted(text: &str, setup: &Setup) -> String {
    let mut text = Cow::Borrowed(text);
    for pool in &setup.pools.providers {
        for key in &pool.keys {
            if text.contains(key.value.expose()) {
                text = Cow::Owned(text.replace(key.value.expose(), STARS));
            }
        }
    }
    let members = MEMBERS.replace_all(&text, "$name\"***$end");
    let nested = NESTED.replace_all(&members, "$name\\\"***$end");
    let shown = SHOWN.replace_all(&nested, "$scheme***");
    LIKE_KEYS.replace_all(&shown, STARS).into_owned()
}

/// Members of a JSON object whose names say that they hold a secret, cut short or not.
static MEMBERS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?xis) (?<name> "[^"\\:,{}]{0,64}
        (?: api[-_]?key | authorization | cookie | password | secret | token )
        [^"\\:,{}]{0,64}" \s* : \s* )
        "(?: [^"\\] | \\. )* (?<end> " | \\?$ )"#,
    )
});

/// The same in JSON that stands in a text of another.
static NESTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?xis) (?<name> \\"[^"\\:,{}]{0,64}
        (?: api[-_]?key | authorization | cookie | password | secret | token )
        [^"\\:,{}]{0,64}\\" \s* : \s* )
        \\"(?: [^"\\] | \\\\. | \\\\\\. )* (?<end> \\" | \\*$ )"#,
    )
});

/// `Bearer …` and the like.
static SHOWN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)(?<scheme>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}"));

/// Keys of providers and gateways by their beginnings.
static LIKE_KEYS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?x) \b(?:
        (?: sk | tg | gsk | xai | pplx | hf | ghp | gho | glpat | xox[bp] | rk | pk | csk | nvapi )
        [-_] [A-Za-z0-9._-]{6,}
        | AIza [A-Za-z0-9_-]{10,}
        | AKIA [A-Z0-9]{8,} )",
    )
});

/// # Panics
/// Never: the patterns are above, and a test uses each.
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file")
}

const STARS: &str = "***";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::reload::scene::loaded;
    use crate::shared::Shared;
    use std::sync::Arc;

    #[test]
    fn p23_what_is_a_key_or_looks_like_one_goes_and_the_rest_stays() {
        let first = loaded(
            "[[provider]]\nname = 'a'\ndialect = 'openai'\nbase_url = 'http://h'\n\
             key = [{ name = 'k', value = '0123456789abcdef-odd' }]\n",
        );
        let made = Shared::new(first.snapshot, Arc::new(()), 1, &[7; 32]);
        let (shared, _ledger) = made.expect("room");
        let setup = shared.setup.load();
        for (text, kept) in [
            ("", ""),
            ("say 0123456789abcdef-odd twice", "say *** twice"),
            ("my key is sk-ant-api03-abcdef_123.", "my key is ***"),
            ("a tg-0123456, b", "a ***, b"),
            ("{\"api_key\": \"x1\", \"n\": 1}", "{\"api_key\": \"***\", \"n\": 1}"),
            ("{\"X-Access-Token\":\"a\\\\nb\"}", "{\"X-Access-Token\":\"***\"}"),
            ("{\"token\":\"a\\\"b\",\"n\":1}", "{\"token\":\"***\",\"n\":1}"),
            (r#"{"t":"{\"secret\":\"x\",\"n\":1}"}"#, r#"{"t":"{\"secret\":\"***\",\"n\":1}"}"#),
            (r#"{"t":"{\"secret\":\"x\\\"y\"}"}"#, r#"{"t":"{\"secret\":\"***\"}"}"#),
            ("{\"password\":\"cut of", "{\"password\":\"***"),
            ("authorization: Bearer abcdefgh", "authorization: Bearer ***"),
            (
                "{\"max_tokens\": 5, \"text\": \"the token is lost\"}",
                "{\"max_tokens\": 5, \"text\": \"the token is lost\"}",
            ),
            ("a risk-averse task-list", "a risk-averse task-list"),
        ] {
            assert_eq!(redacted(text, &setup), kept, "{text}");
        }
    }
}
