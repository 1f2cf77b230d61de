//! Header rules in force: those of the file, then those of operators, parted by way. Applies them
//! to fields that may pass; never sees framing or credentials, which no rule may touch.

use std::borrow::Cow;

use crate::config::header_rule::{HeaderAction, HeaderRule, HeaderSide};

/// Enabled rules, in order.
#[derive(Clone, Debug, Default)]
pub struct HeaderRules {
    /// To the client.
    pub answers: Vec<HeaderRule>,
    /// To the provider.
    pub requests: Vec<HeaderRule>,
}

/// A field as it goes on.
pub type Passing<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

impl HeaderRules {
    /// Of these, in this order.
    pub fn new<'r>(rules: impl IntoIterator<Item = &'r HeaderRule>) -> Self {
        let mut parted = Self::default();
        for rule in rules.into_iter().filter(|rule| rule.enabled) {
            match rule.on {
                HeaderSide::Request => parted.requests.push(rule.clone()),
                HeaderSide::Response => parted.answers.push(rule.clone()),
            }
        }
        parted
    }
}

/// Applies `rules`, one after another, each to what the one before has left.
pub fn apply<'a>(rules: &'a [HeaderRule], fields: &mut Vec<Passing<'a>>) {
    for rule in rules {
        let name = rule.header.as_bytes();
        let is_it = |field: &Passing<'_>| field.0.eq_ignore_ascii_case(name);
        match rule.action {
            HeaderAction::Block => fields.retain(|field| !is_it(field)),
            HeaderAction::Set => {
                let value = Cow::Borrowed(rule.value.as_bytes());
                match fields.iter().position(is_it) {
                    Some(first) => {
                        let mut place = 0;
                        fields.retain(|field| {
                            place += 1;
                            place == first + 1 || !is_it(field)
                        });
                        if let Some(field) = fields.get_mut(first) {
                            field.1 = value;
                        }
                    }
                    None => fields.push((Cow::Borrowed(name), value)),
                }
            }
            HeaderAction::Replace => {
                for field in fields.iter_mut().filter(|field| is_it(field)) {
                    if let Some(value) = replaced(&field.1, rule) {
                        field.1 = Cow::Owned(value);
                    }
                }
            }
        }
    }
}

/// `None` when nothing is found, or what comes out would be too long for a field.
fn replaced(value: &[u8], rule: &HeaderRule) -> Option<Vec<u8>> {
    let (find, with) = (rule.find.as_bytes(), rule.value.as_bytes());
    let (mut out, mut rest, mut is_found) = (Vec::new(), value, false);
    while let Some(&byte) = rest.first() {
        if let Some(after) = rest.strip_prefix(find).filter(|_| !find.is_empty()) {
            out.extend_from_slice(with);
            rest = after;
            is_found = true;
        } else {
            out.push(byte);
            rest = rest.get(1..).unwrap_or_default();
        }
        if out.len() > VALUE_BYTES_MAX {
            return None;
        }
    }
    // A value has no space at its ends (RFC 9110 section 5.5).
    is_found.then(|| crate::protocol::ascii::trim(&out).to_vec())
}

/// No head is as large.
const VALUE_BYTES_MAX: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(action: HeaderAction, header: &str, value: &str, find: &str) -> HeaderRule {
        let (find, header, value) = (find.to_owned(), header.to_owned(), value.to_owned());
        HeaderRule { action, enabled: true, find, header, on: HeaderSide::Request, value }
    }

    fn applied(rules: &[HeaderRule], fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let borrowed = |text: &'static str| Cow::Borrowed(text.as_bytes());
        let leak = |text: &str| borrowed(Box::leak(text.to_owned().into_boxed_str()));
        let mut fields = fields.iter().map(|(name, value)| (leak(name), leak(value))).collect();
        let rules: &'static [HeaderRule] = Box::leak(rules.to_vec().into_boxed_slice());
        apply(rules, &mut fields);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        fields.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn list(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect()
    }

    #[test]
    fn p17_rules_act_in_order_on_names_in_any_case() {
        let fields = [("X-A", "one two one"), ("x-b", "1"), ("X-B", "2"), ("x-c", "3")];
        let block = rule(HeaderAction::Block, "X-b", "", "");
        let set = rule(HeaderAction::Set, "x-B", "9", "");
        let replace = rule(HeaderAction::Replace, "x-a", "1", "one");
        let kept = list(&[("X-A", "one two one"), ("x-c", "3")]);
        assert_eq!(applied(std::slice::from_ref(&block), &fields), kept);
        let first = list(&[("X-A", "one two one"), ("x-b", "9"), ("x-c", "3")]);
        assert_eq!(
            applied(std::slice::from_ref(&set), &fields),
            first,
            "in the place of the first"
        );
        let last = list(&[("X-A", "one two one"), ("x-c", "3"), ("x-B", "9")]);
        assert_eq!(applied(&[block.clone(), set.clone()], &fields), last);
        assert_eq!(applied(&[set, block], &fields), kept);
        assert_eq!(applied(&[replace], &fields)[0].1, "1 two 1");
    }

    #[test]
    fn a_replacement_is_made_once_and_never_grows_beyond_a_head() {
        let doubled = rule(HeaderAction::Replace, "x", "aa", "a");
        assert_eq!(applied(&[doubled], &[("x", "aba")]), list(&[("x", "aabaa")]));
        let gone = rule(HeaderAction::Replace, "x", "", " b");
        assert_eq!(applied(&[gone], &[("x", "a b")]), list(&[("x", "a")]));
        let huge = rule(HeaderAction::Replace, "x", &"y".repeat(4_096), "a");
        let value = "a".repeat(1_000);
        assert_eq!(applied(&[huge], &[("x", &value)]), list(&[("x", &value)]));
    }

    #[test]
    fn a_disabled_rule_is_not_in_force() {
        let off = HeaderRule { enabled: false, ..rule(HeaderAction::Block, "x", "", "") };
        let on = HeaderRule { on: HeaderSide::Response, ..rule(HeaderAction::Block, "y", "", "") };
        let rules = HeaderRules::new([&off, &on]);
        assert_eq!((rules.requests.len(), rules.answers.len()), (0, 1));
    }
}
