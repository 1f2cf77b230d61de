//! Events of Responses (PROTOCOL 2.4). Never hands on encrypted reasoning, nor what the provider's
//! own tools did.

use super::super::super::Form;
use super::super::super::answer::note::Note;
use super::super::super::answer::raw::Raw;
use super::super::super::answer::stop::Stop;
use super::super::Broken;
use super::super::failure::Failure;
use super::super::flow::{Flow, Key, Kind, Opening};
use super::piece_of;

/// What has to be known of earlier events.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// Parts and calls that something has been told of.
    seen: Vec<Key>,
}

impl Reader {
    /// Tells `flow` of one event.
    pub fn event(
        &mut self,
        name: &[u8],
        event: Raw<'_>,
        flow: &mut Flow,
        out: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let [kind, output, content, summary, delta] = event
            .pick([b"type", b"output_index", b"content_index", b"summary_index", b"delta"])
            .ok_or(Broken::NotEvent)?;
        let place = Place { content, output, summary };
        let kind = kind.text().unwrap_or(name);
        if let Some(place) = place.of_delta(kind) {
            self.note(place.0)?;
            return flow.piece(out, place, piece_of(delta)?);
        }
        match kind {
            b"response.output_text.done" => {
                self.part_done(event, place.part(Kind::Text), flow, out)
            }
            b"response.refusal.done" => self.part_done(event, place.part(Kind::Refusal), flow, out),
            b"response.content_part.done" => flow.close(out, place.part(Kind::Text).0),
            b"response.reasoning_summary_text.done" => flow.close(out, place.summary().0),
            b"response.reasoning_text.done" => flow.close(out, place.thought().0),
            b"response.output_text.annotation.added" => {
                let [annotation] = event.get([b"annotation"]);
                if let Some(note) = Note::read(Form::Responses, annotation) {
                    flow.note(out, place.part(Kind::Text).0, note);
                }
                Ok(())
            }
            b"response.output_item.added" => self.item_added(event, place, flow, out),
            b"response.output_item.done" => self.item_done(event, place, flow, out),
            kind => response(kind, event, flow, out),
        }
    }

    fn item_added(
        &mut self,
        event: Raw<'_>,
        place: Place<'_>,
        flow: &mut Flow,
        out: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let [item] = event.get([b"item"]);
        let [kind, id, name] = item.get([b"type", b"call_id", b"name"]);
        if kind.text() != Some(b"function_call") {
            return Ok(());
        }
        let (key, kind) = place.call();
        self.note(key)?;
        let (id, name) = (id.text_or_empty(), name.text_or_empty());
        flow.open(out, key, Opening { id, kind, name })
    }

    /// An item is whole; some servers tell of calls only now, or of their arguments.
    fn item_done(
        &mut self,
        event: Raw<'_>,
        place: Place<'_>,
        flow: &mut Flow,
        out: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let [item] = event.get([b"item"]);
        let [kind, arguments] = item.get([b"type", b"arguments"]);
        if kind.text() != Some(b"function_call") {
            return Ok(());
        }
        let key = place.call();
        if !self.seen.contains(&key.0) {
            self.item_added(event, place, flow, out)?;
        }
        if flow.is_bare(key.0) {
            flow.piece(out, key, piece_of(arguments)?)?;
        }
        flow.close(out, key.0)
    }

    /// A part is whole; some servers tell of its text only now.
    fn part_done(
        &mut self,
        event: Raw<'_>,
        (key, kind): (Key, Kind),
        flow: &mut Flow,
        out: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        if self.seen.contains(&key) {
            return Ok(());
        }
        self.note(key)?;
        let [text, refusal] = event.get([b"text", b"refusal"]);
        let content = if kind == Kind::Refusal { refusal } else { text };
        flow.piece(out, (key, kind), piece_of(content)?)
    }

    fn note(&mut self, key: Key) -> Result<(), Broken> {
        if self.seen.last() != Some(&key) && !self.seen.contains(&key) {
            if self.seen.len() == SEEN_MAX {
                return Err(Broken::TooLong);
            }
            self.seen.push(key);
        }
        Ok(())
    }
}

/// An event that speaks of the whole response.
fn response(kind: &[u8], event: Raw<'_>, flow: &mut Flow, out: &mut Vec<u8>) -> Result<(), Broken> {
    let [response, error] = event.get([b"response", b"error"]);
    match kind {
        b"response.created" | b"response.queued" | b"response.in_progress" => {
            note_head(response, flow);
            flow.start(out);
        }
        b"response.completed" | b"response.incomplete" => {
            note_head(response, flow);
            let [status, details, usage] =
                response.get([b"status", b"incomplete_details", b"usage"]);
            let [reason] = details.get([b"reason"]);
            flow.tokens.read(Form::Responses, usage);
            let said = kind.strip_prefix(b"response.").unwrap_or_default();
            let status = status.text().unwrap_or(said);
            let has_calls = flow.calls() > 0;
            flow.note_stop(Stop::of_status(status, reason.text_or_empty(), has_calls));
            return flow.finish(out);
        }
        b"response.failed" | b"response.cancelled" => {
            let [error] = response.get([b"error"]);
            flow.fail(out, &Failure::of(error, event));
        }
        b"error" => flow.fail(out, &Failure::of(error, event)),
        b"ping" | b"keepalive" | b"response.keepalive" => flow.ping(out),
        // Steps of tools that the provider runs itself, and what a later version may bring.
        _ => {}
    }
    Ok(())
}

fn note_head(response: Raw<'_>, flow: &mut Flow) {
    let [id, model, created, tier] =
        response.get([b"id", b"model", b"created_at", b"service_tier"]);
    if flow.is_before() {
        flow.head.note(id, model, created);
    }
    // `auto` is what was asked for; the end says what it came to.
    if tier.text() != Some(b"auto") {
        flow.head.note_tier(Form::Responses, tier);
    }
}

/// Where in a response an event is.
#[derive(Clone, Copy)]
struct Place<'a> {
    content: Raw<'a>,
    output: Raw<'a>,
    summary: Raw<'a>,
}

impl Place<'_> {
    /// What a delta of this `kind` is a piece of.
    fn of_delta(self, kind: &[u8]) -> Option<(Key, Kind)> {
        match kind {
            b"response.output_text.delta" => Some(self.part(Kind::Text)),
            b"response.function_call_arguments.delta" => Some(self.call()),
            b"response.reasoning_summary_text.delta" => Some(self.summary()),
            b"response.reasoning_text.delta" => Some(self.thought()),
            b"response.refusal.delta" => Some(self.part(Kind::Refusal)),
            _ => None,
        }
    }

    fn call(self) -> (Key, Kind) {
        (self.key(0, 0), Kind::Call)
    }

    fn part(self, kind: Kind) -> (Key, Kind) {
        (self.key(1, self.content.count().unwrap_or(0)), kind)
    }

    fn summary(self) -> (Key, Kind) {
        (self.key(2, self.summary.count().unwrap_or(0)), Kind::Thinking)
    }

    fn thought(self) -> (Key, Kind) {
        (self.key(3, self.content.count().unwrap_or(0)), Kind::Thinking)
    }

    /// No response has as many items, or parts in one.
    fn key(self, class: Key, place: u64) -> Key {
        let item = self.output.count().unwrap_or(0) & 0xffff_ffff;
        item << 32 | (place & 0x0fff_ffff) << 4 | class
    }
}

/// Parts and calls of one response at most.
const SEEN_MAX: usize = 4096;
