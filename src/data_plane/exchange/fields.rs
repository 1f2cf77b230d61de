//! The fields of our own that every answer carries. Never a secret: keys go by name or hint.

use super::Exchange;
use super::authenticate::{Credential, bare};
use crate::config::hint_of;
use crate::config::snapshot::Expose;
use crate::protocol::http1::write;

/// What an answer says about itself.
#[derive(Clone, Copy, Debug)]
pub struct Ours<'a> {
    /// The connection closes after it.
    pub closes: bool,
    /// The credential it was served with.
    pub credential: Option<Credential<'a>>,
    /// The `x-tidegate-error` code, for answers of ours.
    pub error: Option<&'static str>,
}

impl Exchange<'_> {
    /// Appends our fields and the end of the head.
    pub(super) fn own_fields(&self, out: &mut Vec<u8>, ours: Ours<'_>) {
        write::parsed_field(out, b"x-tidegate-request-id", self.id.as_bytes());
        if self.setup.snapshot.server.expose == Expose::Full {
            self.full_fields(out, ours.credential);
        }
        // A name is one that a field can carry.
        let _written = write::field(out, b"x-tidegate-decision", self.decision().as_bytes());
        if let Some(code) = ours.error {
            write::parsed_field(out, b"x-tidegate-error", code.as_bytes());
        }
        if ours.closes {
            out.extend_from_slice(b"connection: close\r\n");
        } else if self.request.head.minor == 0 {
            out.extend_from_slice(b"connection: keep-alive\r\n");
        }
        write::end_of_head(out);
    }

    fn full_fields(&self, out: &mut Vec<u8>, credential: Option<Credential<'_>>) {
        if !self.provider_name().is_empty() {
            let name = self.provider_name().as_bytes();
            write::parsed_field(out, b"x-tidegate-provider", name);
        }
        match credential {
            Some(Credential::Pool(key, _)) => {
                write::parsed_field(out, b"x-tidegate-key", key.name.as_bytes());
            }
            Some(Credential::Own(field)) => {
                let own = String::from_utf8_lossy(bare(field, self.request.bytes()));
                // A field value may hold any byte above ASCII; a hint of it may not break ours.
                let _unwritable = write::field(out, b"x-tidegate-key", hint_of(&own).as_bytes());
            }
            None => {}
        }
        if let Some(model) = self.real_model() {
            // A name that no field can carry is not worth a refusal.
            let _unwritable = write::field(out, b"x-tidegate-model", model.as_bytes());
        }
        let (first, key) = &self.first_key;
        if self.attempts > 1
            && let Some(provider) = self.setup.snapshot.providers.get(*first)
            && (self.provider != Some(*first) || *key != self.seen.key)
        {
            let from = [provider.name.as_bytes(), b"/", key.as_bytes()].concat();
            let _unwritable = write::field(out, b"x-tidegate-failover-from", &from);
        }
        if let Some(lossy) = self.translation.as_ref().map(|translation| &translation.lossy)
            && !lossy.is_empty()
        {
            write::parsed_field(out, b"x-tidegate-lossy", &lossy.value());
        }
        out.extend_from_slice(b"x-tidegate-attempts: ");
        write::decimal(out, u64::from(self.attempts));
        out.extend_from_slice(b"\r\n");
    }
}
