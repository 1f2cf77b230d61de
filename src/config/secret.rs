//! A value nobody may see: no `Display`, `Debug` tells its length only, wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// A credential. Cloning is left out on purpose: share the snapshot that owns it.
#[derive(Eq, PartialEq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(value: Zeroizing<String>) -> Self {
        Self(value)
    }

    /// The value itself; for the wire only, never for a log, an error or a record.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value masked for humans.
    pub fn hint(&self) -> String {
        hint_of(&self.0)
    }
}

/// A credential masked for humans: never more than 8 characters, nor more than 2 in 5.
pub fn hint_of(value: &str) -> String {
    let count = value.chars().count();
    let ends = match count {
        0 => return String::new(),
        1..=4 => 0,
        5..=9 => 1,
        10..=19 => 2,
        _ => 4,
    };
    let mut hint = String::with_capacity(16);
    hint.extend(value.chars().take(ends));
    hint.push_str("...");
    hint.extend(value.chars().skip(count - ends));
    hint
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(value: &str) -> Secret {
        Secret::new(Zeroizing::new(value.to_owned()))
    }

    #[test]
    fn a50_a_hint_shows_the_ends_only_and_less_of_a_short_value() {
        for (value, hint) in [
            ("", ""),
            ("ab", "..."),
            ("abcd", "..."),
            ("short", "s...t"),
            ("ninechars", "n...s"),
            ("thisisfifteenng", "th...ng"),
            ("nineteen-characters", "ni...rs"),
            ("sk-abcdefghijklefgh!", "sk-a...fgh!"),
            ("sk-ant-api03-0123456789-abcdefgh", "sk-a...efgh"),
            ("äöüßäöüßäö", "äö...äö"),
        ] {
            assert_eq!(secret(value).hint(), hint, "{value}");
        }
    }

    #[test]
    fn debug_tells_the_length_only() {
        assert_eq!(format!("{:?}", secret("sk-planted")), "Secret(10 bytes)");
        assert_eq!(format!("{:?}", Some(vec![secret("ab")])), "Some([Secret(2 bytes)])");
    }
}
