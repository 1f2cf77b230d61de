//! What happened, handed to the control plane once per exchange. Never a secret, never a header
//! value but those the record names, never a body byte.

use std::borrow::Cow;

use super::Exchange;
use super::authenticate::{Credential, bare};
use super::detail::Gathered;
use super::failure::Kind;
use super::route::Route;
use crate::config::hint_of;
use crate::config::snapshot::{Detail, LogLevel};
use crate::protocol::ascii;
use crate::protocol::http1::framing::BodyLength;
use crate::protocol::http1::header::Known;
use crate::protocol::json::text::Text;
use crate::protocol::usage::Outcome;
use crate::shared::breaker::State;
use crate::shared::clock::Millis;
use crate::shared::credential::cooldown::Transition;
use crate::shared::credential::model_class::Class;
use crate::shared::credential::word::DEADLINE_MAX;
use crate::shared::journal::{Answered, Asked, BreakerState, Ended, Entry, KeyState, Record};

/// What an exchange has learnt for its record so far.
#[derive(Debug, Default)]
pub struct Seen {
    /// Bytes of the body, where its head did not say.
    pub body_bytes: u64,
    /// Owner of the gateway key.
    pub caller: Text<64>,
    /// What is told beside the record.
    pub gathered: Gathered,
    /// Hash of the conversation's key.
    pub conversation: Option<u64>,
    /// Name or hint of the key.
    pub key: Text<64>,
    /// Messages or input items in the body.
    pub message_count: Option<u64>,
    /// The record itself, once there is something to write into it: what the answer said.
    pub record: Option<Box<Record>>,
    /// Milliseconds waited for permits and keys.
    pub queued_ms: u64,
    /// The status of the answer that was relayed.
    pub status: u16,
}

impl Exchange<'_> {
    /// Counts the exchange, and records it: a success only when somebody wants it.
    pub(super) fn record(&mut self, failure: Option<&Kind>) {
        let mut record = self.seen.record.take().unwrap_or_else(|| self.blank());
        self.write_ended(&mut record, failure);
        self.count(&record, failure);
        let snapshot = &self.setup.snapshot;
        let is_wanted = snapshot.log.level >= LogLevel::Info
            || snapshot.admin.listen.is_some()
            || snapshot.storage.path.is_some();
        if failure.is_none() && !is_wanted {
            self.client.local.cell().journal.give_back(record);
            return;
        }
        self.write_asked(&mut record);
        if snapshot.storage.detail == Detail::Off {
            record.answered.limits = None;
        }
        let is_error = failure.is_some()
            || record.ended.status >= 400
            || !matches!(record.answered.outcome, None | Some(Outcome::Complete));
        let detail = self.detail(is_error);
        let local = &self.client.local;
        if detail.is_some_and(|detail| local.cell().journal.push_detail(detail)) {
            local.shared.bell.wake();
        }
        if local.cell().journal.push(Entry::Exchange(record)) {
            local.shared.bell.wake();
        }
    }

    /// Tells of a change of a key's state, of one class or as a whole, to those who log it.
    pub(super) fn tell(
        &self,
        route: &Route<'_>,
        (index, class): (usize, Option<Class>),
        change: Transition,
        now: Millis,
    ) {
        let name = match class {
            Some(Class::Named(index)) => route.pool.classes.name(index),
            _ => None,
        };
        let key = route.pool.keys.get(index).map_or("", |key| key.name.as_str());
        let until = change.to.deadline();
        let entry = Entry::KeyState(Box::new(KeyState {
            class: Text::cut(name.unwrap_or_default().as_bytes()),
            key: Text::cut(key.as_bytes()),
            is_auth_failed: change.to.is_auth_failed(),
            provider: Text::cut(route.provider.name.as_bytes()),
            reason: change.to.reason().name(),
            wait_ms: (until < DEADLINE_MAX).then(|| until.since(now)),
        }));
        let local = &self.client.local;
        if local.cell().journal.push(entry) {
            local.shared.bell.wake();
        }
    }

    /// Tells of a breaker that opened or closed, to those who log it.
    pub(super) fn tell_break(&self, route: &Route<'_>, state: State) {
        let wait_ms = match state {
            State::Open { wait_ms } => Some(wait_ms),
            State::Closed | State::HalfOpen => None,
        };
        let entry = Entry::Breaker(Box::new(BreakerState {
            model: Text::cut(self.real_model().unwrap_or_default().as_bytes()),
            provider: Text::cut(route.provider.name.as_bytes()),
            wait_ms,
        }));
        let local = &self.client.local;
        if local.cell().journal.push(entry) {
            local.shared.bell.wake();
        }
    }

    /// Notes the credential an attempt is made with, by name or hint.
    pub(super) fn note_key(&mut self, credential: Credential<'_>) {
        self.seen.key = match credential {
            Credential::Pool(key, _) => Text::cut(key.name.as_bytes()),
            Credential::Own(field) => {
                let own = String::from_utf8_lossy(bare(field, self.request.bytes()));
                Text::cut(hint_of(&own).as_bytes())
            }
        };
    }

    /// A record without an answer.
    fn blank(&self) -> Box<Record> {
        let mut record = self.client.local.cell().journal.blank();
        record.answered = Answered::default();
        record
    }

    /// Writes what the client asked for over what stands there.
    fn write_asked(&self, Record { asked, texts, .. }: &mut Record) {
        let Asked {
            beta,
            body_bytes,
            caller,
            content_type,
            conversation,
            dialect,
            id,
            message_count,
            method,
            model,
            path,
            query,
            streams,
            thinks,
            unix_ms,
            user_agent,
        } = asked;
        let (bytes, head) = (self.request.bytes(), &self.request.head);
        let value = |known| head.fields.value(known, bytes).unwrap_or_default();
        *beta = texts.add(value(Known::AnthropicBeta));
        *body_bytes = self.body_bytes();
        *caller = texts.add(self.seen.caller.as_bytes());
        *content_type = texts.add(value(Known::ContentType));
        *conversation = self.seen.conversation;
        *dialect = self.dialect;
        *id = texts.add(self.id.as_bytes());
        *message_count = self.seen.message_count;
        *method = texts.add(head.method.of(bytes));
        *model = texts.add(self.model.as_deref().unwrap_or_default().as_bytes());
        let target = head.path_and_query.of(bytes);
        let query_at = target.iter().position(|&b| b == b'?').unwrap_or(target.len());
        let (before, behind) = target.split_at(query_at);
        *path = texts.add(before);
        *query = texts.add(&shown_query(behind));
        *streams = self.streams;
        *thinks = self.thinks;
        *unix_ms = self.began.0;
        *user_agent = texts.add(value(Known::UserAgent));
    }

    /// Writes how it ended over what stands there.
    fn write_ended(&self, record: &mut Record, failure: Option<&Kind>) {
        let Record { ended, texts, .. } = record;
        let Ended {
            attempts,
            cap,
            cause,
            code,
            decision,
            duration_ms,
            key,
            overhead_us,
            model_routed,
            phase,
            provider,
            route,
            status,
        } = ended;
        *attempts = self.attempts;
        *cap = failure.and_then(Kind::cap);
        let message = failure.map(|kind| kind.message(self.provider_name()));
        *cause = texts.add(message.unwrap_or_default().as_bytes());
        *code = failure.map(Kind::code);
        *decision = texts.add(self.decision().as_bytes());
        *duration_ms = Millis::now().since(self.started);
        *key = texts.add(self.seen.key.as_bytes());
        *overhead_us = self.client.local.polled.so_far_us() + self.seen.queued_ms * 1_000;
        *model_routed = texts.add(self.real_model().unwrap_or_default().as_bytes());
        *phase = self.phase;
        *provider = texts.add(self.provider_name().as_bytes());
        *route = texts.add(self.rule_name().as_bytes());
        // An answer that broke half way keeps the status its client has seen.
        let relayed = Some(self.seen.status).filter(|&status| status > 0);
        *status = relayed.or(failure.map(Kind::status)).unwrap_or(0);
    }

    fn body_bytes(&self) -> u64 {
        match self.request.body {
            BodyLength::Length(n) => n,
            _ => self.seen.body_bytes,
        }
    }
}

/// A query as it may be logged: values of parameters that name a secret are left out.
fn shown_query(query: &[u8]) -> Cow<'_, [u8]> {
    if query.is_empty() || !is_secret(query) {
        return Cow::Borrowed(query);
    }
    let mut shown = Vec::with_capacity(query.len());
    for (place, parameter) in query.split(|&byte| byte == b'&').enumerate() {
        if place > 0 {
            shown.push(b'&');
        }
        let name_end = parameter.iter().position(|&byte| byte == b'=').unwrap_or(parameter.len());
        let (name, value) = parameter.split_at(name_end);
        shown.extend_from_slice(name);
        shown.extend_from_slice(if is_secret(name) { b"=***" } else { value });
    }
    Cow::Owned(shown)
}

/// Whether a parameter's name, or anything in a query, sounds like a secret.
fn is_secret(text: &[u8]) -> bool {
    [&b"key"[..], b"token", b"secret", b"auth", b"password", b"sig"]
        .iter()
        .any(|word| ascii::contains(text, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_keeps_its_names_and_loses_its_secrets() {
        for (query, shown) in [
            ("", ""),
            ("?beta=true", "?beta=true"),
            ("?key=sk-1&alt=sse", "?key=***&alt=sse"),
            ("?alt=sse&access_token=x&API-KEY=y", "?alt=sse&access_token=***&API-KEY=***"),
            ("?v=monkey", "?v=monkey"),
        ] {
            assert_eq!(&*shown_query(query.as_bytes()), shown.as_bytes(), "{query}");
        }
    }
}
