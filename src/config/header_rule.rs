//! `[[header_rule]]`: what is done to fields on their way through, and which fields nobody may
//! touch. Never applies a rule.

use crate::protocol::ascii;
use crate::protocol::http1::header::{Known, aliases_reserved};

/// One rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeaderRule {
    pub action: HeaderAction,
    /// One that is not is kept and does nothing.
    pub enabled: bool,
    /// For `Replace`: what is replaced, wherever it stands in a value.
    pub find: String,
    /// The field's name, in any case.
    pub header: String,
    pub on: HeaderSide,
    /// What is set, or put in the place of what was found.
    pub value: String,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HeaderAction {
    /// All fields of the name are left out.
    Block,
    /// A part of each value is replaced.
    Replace,
    /// One field of the name with this value stands in the place of all.
    Set,
}

/// On which way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HeaderSide {
    /// To the provider.
    Request,
    /// To the client.
    Response,
}

impl HeaderRule {
    /// Whether the rule may be.
    ///
    /// # Errors
    /// The key that is wrong, and why.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        check_name(&self.header).map_err(|why| ("header", why))?;
        let (is_long, is_bad) = (
            |text: &str| text.len() > VALUE_BYTES_MAX,
            |text: &str| text.chars().any(|c| c != '\t' && c.is_control()) || text.trim() != text,
        );
        if is_long(&self.value) || is_bad(&self.value) {
            return Err(("value", VALUE_FORM));
        }
        let replaces = self.action == HeaderAction::Replace;
        if replaces && self.find.is_empty() {
            return Err(("find", "is missing: replace needs what to look for"));
        }
        if !replaces && !self.find.is_empty() {
            return Err(("find", "is for replace only"));
        }
        if is_long(&self.find) || self.find.chars().any(|c| c != '\t' && c.is_control()) {
            return Err(("find", VALUE_FORM));
        }
        if self.action == HeaderAction::Block && !self.value.is_empty() {
            return Err(("value", "is not for block, which has none"));
        }
        Ok(())
    }
}

/// Whether a rule may touch the field of this name.
fn check_name(name: &str) -> Result<(), &'static str> {
    let bytes = name.as_bytes();
    if !ascii::is_token(bytes) || name.len() > NAME_BYTES_MAX {
        return Err("must be the name of a field");
    }
    let known = Known::of(bytes);
    if known.is_framing() {
        return Err("cannot be touched: it says where the body ends");
    }
    if known.is_hop_by_hop() || known == Known::Expect {
        return Err("cannot be touched: it is between two neighbours only");
    }
    if known == Known::Host {
        return Err("cannot be touched: it is the provider's own");
    }
    if known.is_auth() {
        return Err("cannot be touched: keys are set by the gateway alone");
    }
    if aliases_reserved(bytes) {
        return Err("cannot be touched: some servers read it as one that is the gateway's own");
    }
    match known {
        Known::XTidegate => Err("cannot be touched: it is the gateway's own"),
        Known::AcceptEncoding | Known::ContentEncoding => {
            Err("cannot be touched: bodies are read as they pass, and must say how they are coded")
        }
        Known::Cookie | Known::SetCookie | Known::Forwarded | Known::XForwarded => {
            Err("cannot be touched: it never passes the gateway")
        }
        _ => Ok(()),
    }
}

const VALUE_FORM: &str = "must be at most 4096 bytes, without control characters and without a \
                          space at either end";
const NAME_BYTES_MAX: usize = 128;
const VALUE_BYTES_MAX: usize = 4_096;
