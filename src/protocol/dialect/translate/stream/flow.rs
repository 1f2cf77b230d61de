//! What was read of a stream, put in the order that every form can say: one block at a time,
//! begun, filled and ended. Never waits for more than it must: what may not stand inside a call
//! that is not over is held until it is.

use std::collections::VecDeque;

use super::super::answer::note::Note;
use super::super::answer::raw::{Raw, characters};
use super::super::answer::stop::Stop;
use super::super::answer::tokens::Tokens;
use super::super::answer::{Head, call};
use super::super::{Echo, Form};
use super::arguments::Arguments;
use super::failure::Failure;
use super::write::{Ending, Target};
use super::{Broken, EVENT_BYTES_MAX, Ended};

/// One stream between its reader and its writer.
#[derive(Clone, Debug)]
pub struct Flow {
    calls: usize,
    current: Option<Current>,
    echo: Echo,
    from: Form,
    /// What the answer says of itself.
    pub head: Head,
    phase: Phase,
    queue: VecDeque<Held>,
    stop: Stop,
    /// Characters of text before the current block.
    text_characters: u64,
    target: Target,
    to: Form,
    /// What it took so far.
    pub tokens: Tokens,
}

/// Where a block is told from others: by its place in the provider's form.
pub type Key = u64;

/// What a block holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The arguments of a call, as a text.
    Call,
    /// Words of refusal.
    Refusal,
    /// Text.
    Text,
    /// Reasoning.
    Thinking,
}

/// A block that begins. Texts are contents of JSON strings.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// Of a call: its id.
    pub id: &'a [u8],
    /// What it is.
    pub kind: Kind,
    /// Of a call: its tool.
    pub name: &'a [u8],
}

impl Opening<'_> {
    /// A block that is no call.
    pub const fn of(kind: Kind) -> Self {
        Self { id: b"", kind, name: b"" }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Before,
    Failed,
    Finished,
    Running,
}

#[derive(Clone, Debug)]
struct Current {
    arguments: Arguments,
    characters: u64,
    /// As written, until the text is whole.
    citations: Vec<Vec<u8>>,
    is_bare: bool,
    key: Key,
    kind: Kind,
}

/// A block that has to wait.
#[derive(Clone, Debug)]
struct Held {
    content: Vec<u8>,
    id: Vec<u8>,
    is_closed: bool,
    key: Key,
    kind: Kind,
    name: Vec<u8>,
}

impl Flow {
    pub fn new(from: Form, to: Form, echo: &Echo) -> Self {
        Self {
            calls: 0,
            current: None,
            echo: echo.clone(),
            from,
            head: Head::default(),
            phase: Phase::Before,
            queue: VecDeque::new(),
            stop: Stop::End,
            text_characters: 0,
            target: Target::new(to, echo),
            to,
            tokens: Tokens::default(),
        }
    }

    /// Whether the end, or an error, has been told.
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Failed | Phase::Finished)
    }

    pub const fn ended(&self) -> Ended {
        match self.phase {
            Phase::Before | Phase::Running => Ended::Cut,
            Phase::Failed => Ended::Failed,
            Phase::Finished => Ended::Whole,
        }
    }

    /// Whether the answer has not begun.
    pub const fn is_before(&self) -> bool {
        matches!(self.phase, Phase::Before)
    }

    /// Why the answer will have ended.
    pub const fn note_stop(&mut self, stop: Stop) {
        self.stop = stop;
    }

    /// The reason that was noted last.
    pub const fn stop(&self) -> Stop {
        self.stop
    }

    /// How many calls have come.
    pub const fn calls(&self) -> usize {
        self.calls
    }

    /// The answer begins; what its head does not know by now, it does not tell.
    pub fn start(&mut self, out: &mut Vec<u8>) {
        if self.phase == Phase::Before {
            self.phase = Phase::Running;
            self.head.settle(&self.echo);
            self.target.start(out, &self.head);
        }
    }

    /// Nothing new, but the provider is there.
    pub fn ping(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.to {
            Form::Chat | Form::Responses => b": ping\n\n",
            Form::Messages => b"event: ping\ndata: {\"type\":\"ping\"}\n\n",
        });
    }

    /// A block begins at `key`; one that is open there ends.
    pub fn open(
        &mut self,
        out: &mut Vec<u8>,
        key: Key,
        opening: Opening<'_>,
    ) -> Result<(), Broken> {
        self.start(out);
        let may_begin = match &self.current {
            None => true,
            Some(current) => {
                current.key == key || current.kind != Kind::Call || current.arguments.is_whole()
            }
        };
        if may_begin && self.queue.is_empty() {
            self.end_current(out);
            self.begin(out, key, opening);
            return Ok(());
        }
        let (id, name) = (opening.id.to_vec(), opening.name.to_vec());
        let held =
            Held { content: Vec::new(), id, is_closed: false, key, kind: opening.kind, name };
        self.queue.push_back(held);
        self.bound()
    }

    /// More of the block at `key`. What is no call begins with its first piece, if it has to.
    pub fn piece(
        &mut self,
        out: &mut Vec<u8>,
        (key, kind): (Key, Kind),
        content: &[u8],
    ) -> Result<(), Broken> {
        if content.is_empty() {
            return Ok(());
        }
        if self.is_current(key, kind) {
            self.fill(out, content)?;
            return if self.queue.is_empty() { Ok(()) } else { self.advance(out) };
        }
        let waits = |held: &&mut Held| held.key == key && held.kind == kind && !held.is_closed;
        if let Some(held) = self.queue.iter_mut().rev().find(waits) {
            held.content.extend_from_slice(content);
            return self.bound();
        }
        if kind == Kind::Call {
            // Of a call that never began: of a tool that the provider runs itself.
            return Ok(());
        }
        self.open(out, key, Opening::of(kind))?;
        self.piece(out, (key, kind), content)
    }

    /// Whether the block at `key` has come without content so far.
    pub fn is_bare(&self, key: Key) -> bool {
        self.current.as_ref().is_some_and(|current| current.key == key && current.is_bare)
            || self.queue.iter().any(|held| held.key == key && held.content.is_empty())
    }

    /// What the text at `key` cites.
    pub fn note(&mut self, out: &mut Vec<u8>, key: Key, note: Note<'_>) {
        let Some(current) = &self.current else { return };
        if current.key != key || current.kind != Kind::Text {
            return;
        }
        // Chat counts in the whole text, Responses in the part.
        let before = if self.to == Form::Chat { self.text_characters } else { 0 };
        let note = if self.from == Form::Responses { note.moved(before) } else { note };
        self.target.note(out, &note);
    }

    /// What the text at `key` cites as a whole, as Messages has it: told when its end is known.
    pub fn cite(&mut self, key: Key, citation: Raw<'_>) -> Result<(), Broken> {
        let Some(current) = &mut self.current else { return Ok(()) };
        if current.key == key && current.kind == Kind::Text {
            current.citations.push(citation.as_bytes().to_vec());
            let bytes: usize = current.citations.iter().map(|own| own.len() + HELD_BYTES).sum();
            if bytes > EVENT_BYTES_MAX {
                return Err(Broken::TooLong);
            }
        }
        Ok(())
    }

    /// The block at `key` is over.
    pub fn close(&mut self, out: &mut Vec<u8>, key: Key) -> Result<(), Broken> {
        if self.current.as_ref().is_some_and(|current| current.key == key) {
            self.end_current(out);
            return self.advance(out);
        }
        for held in self.queue.iter_mut().filter(|held| held.key == key) {
            held.is_closed = true;
        }
        Ok(())
    }

    /// Whatever is open or waits is over.
    pub fn settle(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        self.end_current(out);
        while let Some(held) = self.queue.pop_front() {
            self.begin_held(out, &held)?;
            self.end_current(out);
        }
        Ok(())
    }

    /// The answer is over.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        let stop = self.stop;
        self.start(out);
        self.settle(out)?;
        let ending = Ending { head: &self.head, stop, tokens: &self.tokens };
        self.target.finish(out, &ending);
        self.phase = Phase::Finished;
        Ok(())
    }

    /// The provider told of an error.
    pub fn fail(&mut self, out: &mut Vec<u8>, failure: &Failure<'_>) {
        self.head.settle(&self.echo);
        self.target.fail(out, &self.head, failure);
        self.phase = Phase::Failed;
    }

    fn is_current(&self, key: Key, kind: Kind) -> bool {
        self.current.as_ref().is_some_and(|current| current.key == key && current.kind == kind)
    }

    fn begin(&mut self, out: &mut Vec<u8>, key: Key, opening: Opening<'_>) {
        let mut id = Vec::new();
        if opening.kind == Kind::Call {
            call::write_id(&mut id, opening.id, self.calls);
            self.calls += 1;
        }
        self.target.open(out, &Opening { id: &id, ..opening });
        self.current = Some(Current {
            arguments: Arguments::default(),
            characters: 0,
            citations: Vec::new(),
            is_bare: true,
            key,
            kind: opening.kind,
        });
    }

    fn begin_held(&mut self, out: &mut Vec<u8>, held: &Held) -> Result<(), Broken> {
        self.begin(out, held.key, Opening { id: &held.id, kind: held.kind, name: &held.name });
        if held.content.is_empty() { Ok(()) } else { self.fill(out, &held.content) }
    }

    fn fill(&mut self, out: &mut Vec<u8>, content: &[u8]) -> Result<(), Broken> {
        if let Some(current) = &mut self.current {
            current.is_bare = false;
            // Other forms than Chat say when a call is over.
            if current.kind == Kind::Call && self.from == Form::Chat {
                current.arguments.push(content);
            }
            if current.kind == Kind::Text && self.to != Form::Messages && self.from != Form::Chat {
                current.characters += characters(content);
            }
            self.target.piece(out, current.kind, content)?;
        }
        Ok(())
    }

    fn end_current(&mut self, out: &mut Vec<u8>) {
        if let Some(current) = self.current.take() {
            let before = if self.to == Form::Chat { self.text_characters } else { 0 };
            self.text_characters += current.characters;
            for citation in &current.citations {
                let raw = Raw::event(citation).unwrap_or_default();
                if let Some(note) = Note::read(Form::Messages, raw) {
                    self.target.note(out, &note.at(before, before + current.characters));
                }
            }
            self.target.close(out, current.kind);
        }
    }

    /// Goes on with what waits, as far as that may be said now.
    fn advance(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        while self.current.as_ref().is_none_or(|current| {
            !self.queue.is_empty() && (current.kind != Kind::Call || current.arguments.is_whole())
        }) {
            self.end_current(out);
            let Some(held) = self.queue.pop_front() else { break };
            self.begin_held(out, &held)?;
            if held.is_closed {
                self.end_current(out);
            }
        }
        Ok(())
    }

    fn bound(&self) -> Result<(), Broken> {
        let held = |held: &Held| held.content.len() + held.id.len() + held.name.len() + HELD_BYTES;
        let bytes: usize = self.queue.iter().map(held).sum();
        if bytes > EVENT_BYTES_MAX { Err(Broken::TooLong) } else { Ok(()) }
    }
}

/// What a block that waits takes beside its texts, about.
const HELD_BYTES: usize = 128;
