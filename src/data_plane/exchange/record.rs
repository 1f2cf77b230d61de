//! What happened, handed to the control plane once per failed exchange. Never a header value but
//! `anthropic-beta`, never a body byte.

use super::Exchange;
use super::failure::Kind;
use crate::protocol::http1::framing::BodyLength;
use crate::protocol::http1::header::Known;
use crate::shared::clock::Millis;
use crate::shared::journal::Record;

impl Exchange<'_> {
    /// Records a failure.
    pub(super) fn record(&self, kind: &Kind) {
        let bytes = self.request.bytes();
        let head = &self.request.head;
        let target = String::from_utf8_lossy(head.path_and_query.of(bytes));
        let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
        let beta = head.fields.value(Known::AnthropicBeta, bytes).unwrap_or_default();
        let record = Record {
            attempts: self.attempts,
            beta: String::from_utf8_lossy(beta).into(),
            body_bytes: self.body_bytes(),
            cause: kind.message(self.provider_name()).into(),
            code: kind.code(),
            elapsed_ms: Millis::now().since(self.started),
            id: self.id.as_str().into(),
            method: String::from_utf8_lossy(head.method.of(bytes)).into(),
            model: self.model.as_deref().unwrap_or_default().into(),
            path: path.into(),
            phase: self.phase,
            provider: self.provider_name().into(),
            query: query.into(),
            status: kind.status(),
            streams: self.streams,
            thinks: self.thinks,
        };
        let local = &self.client.local;
        if local.cell().journal.push(record) {
            local.shared.bell.wake();
        }
    }

    fn body_bytes(&self) -> u64 {
        match self.request.body {
            BodyLength::Length(n) => n,
            _ => 0,
        }
    }
}
