//! Chunks of Chat Completions (PROTOCOL 2.3) and of the many servers that speak it (2.5). Never
//! reads more than the first choice.

use super::super::super::Form;
use super::super::super::answer::call::write_content;
use super::super::super::answer::note::Note;
use super::super::super::answer::raw::Raw;
use super::super::super::answer::stop::Stop;
use super::super::Broken;
use super::super::failure::Failure;
use super::super::flow::{Flow, Key, Kind, Opening};
use super::piece_of;

/// What has to be known of earlier chunks.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// The calls so far, in their order.
    calls: Vec<Call>,
    has_stopped: bool,
}

#[derive(Clone, Debug)]
struct Call {
    id: Vec<u8>,
    index: u64,
    is_open: bool,
}

impl Reader {
    /// Whether the provider has said why it stopped.
    pub const fn has_stopped(&self) -> bool {
        self.has_stopped
    }

    /// Tells `flow` of one chunk.
    pub fn event(
        &mut self,
        event: Raw<'_>,
        flow: &mut Flow,
        out: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let [choices, created, error, groq, id, model, tier, usage] = event
            .pick([
                b"choices",
                b"created",
                b"error",
                b"x_groq",
                b"id",
                b"model",
                b"service_tier",
                b"usage",
            ])
            .ok_or(Broken::NotEvent)?;
        let mut choice = choices.first();
        let [index, choice_error, mut delta, mut reason, choice_usage] =
            choice.get([b"index", b"error", b"delta", b"finish_reason", b"usage"]);
        if index.count().is_some_and(|index| index > 0) {
            // Of an answer that nobody asked for.
            (choice, delta, reason) = Default::default();
        }
        let told = if error.is_absent() { choice_error } else { error };
        if !told.is_absent() {
            flow.fail(out, &Failure::of(told, event));
            return Ok(());
        }
        if flow.is_before() {
            flow.head.note(id, model, created);
        }
        flow.head.note_tier(Form::Chat, tier);
        let [groq_usage] = groq.get([b"usage"]);
        for usage in [choice_usage, groq_usage, usage] {
            flow.tokens.read(Form::Chat, usage);
        }
        if choice.is_absent() {
            return Ok(());
        }
        flow.start(out);
        self.delta(delta, flow, out)?;
        if let Some(reason) = reason.text() {
            self.has_stopped = true;
            flow.note_stop(Stop::of(reason));
        }
        Ok(())
    }

    /// `[DONE]`.
    pub fn done(&mut self, flow: &mut Flow, out: &mut Vec<u8>) -> Result<(), Broken> {
        let unsaid = if self.calls.is_empty() { Stop::End } else { Stop::Tool };
        let stop = if self.has_stopped { flow.stop() } else { unsaid };
        flow.note_stop(stop);
        flow.finish(out)
    }

    fn delta(&mut self, delta: Raw<'_>, flow: &mut Flow, out: &mut Vec<u8>) -> Result<(), Broken> {
        let [content, reasoning_content, reasoning, refusal, calls, annotations, call] =
            delta.get([
                b"content",
                b"reasoning_content",
                b"reasoning",
                b"refusal",
                b"tool_calls",
                b"annotations",
                b"function_call",
            ]);
        // Some have both, and say the same in them.
        let reasoning = if matches!(reasoning_content.as_bytes(), b"" | b"\"\"") {
            reasoning
        } else {
            reasoning_content
        };
        flow.piece(out, THINKING, piece_of(reasoning)?)?;
        if content.is_array() {
            read_parts(content, flow, out)?;
        } else {
            flow.piece(out, TEXT, piece_of(content)?)?;
        }
        flow.piece(out, REFUSAL, piece_of(refusal)?)?;
        annotations.each(|raw| {
            if let Some(note) = Note::read(Form::Chat, raw) {
                flow.note(out, TEXT.0, note);
            }
        });
        if call.is_object() {
            self.call(Raw::default(), Raw::default(), call, (flow, out))?;
        }
        let mut read = Ok(());
        calls.each(|raw| {
            let [id, index, function] = raw.get([b"id", b"index", b"function"]);
            if read.is_ok() && function.is_object() {
                read = self.call(id, index, function, (flow, out));
            }
        });
        read
    }

    /// A piece of a call: told by its index, and by its id where servers have one index for all.
    fn call(
        &mut self,
        id: Raw<'_>,
        index: Raw<'_>,
        function: Raw<'_>,
        (flow, out): (&mut Flow, &mut Vec<u8>),
    ) -> Result<(), Broken> {
        let [arguments, name] = function.get([b"arguments", b"name"]);
        let (id, index) = (id.text_or_empty(), index.count().unwrap_or(0));
        let is_same = |call: &Call| call.index == index && (id.is_empty() || call.id == id);
        let place = match self.calls.iter().rposition(is_same) {
            Some(place) => place,
            None if self.calls.len() == CALLS_MAX => return Err(Broken::TooLong),
            None => {
                self.calls.push(Call { id: id.to_vec(), index, is_open: false });
                self.calls.len() - 1
            }
        };
        let Some(call) = self.calls.get_mut(place) else { return Ok(()) };
        let key = FIRST_CALL + Key::try_from(place).unwrap_or(0);
        let name = name.text_or_empty();
        let mut object = Vec::new();
        let arguments = if arguments.is_object() {
            write_content(&mut object, arguments.as_bytes());
            &object
        } else {
            piece_of(arguments)?
        };
        // A name may come after the id, but not after arguments.
        let has_begun = !(name.is_empty() && arguments.is_empty());
        if has_begun && !call.is_open {
            call.is_open = true;
            flow.open(out, key, Opening { id: &call.id, kind: Kind::Call, name })?;
        }
        flow.piece(out, (key, Kind::Call), arguments)
    }
}

/// A content in parts, as Mistral has it.
fn read_parts(content: Raw<'_>, flow: &mut Flow, out: &mut Vec<u8>) -> Result<(), Broken> {
    let mut read = Ok(());
    let mut tell = |of, text: Raw<'_>| {
        let told = piece_of(text).and_then(|text| flow.piece(out, of, text));
        read = read.and(told);
    };
    content.each(|part| {
        let [kind, text, thinking] = part.get([b"type", b"text", b"thinking"]);
        match kind.text_or_empty() {
            b"text" => tell(TEXT, text),
            b"thinking" => thinking.each(|inner| {
                let [text] = inner.get([b"text"]);
                tell(THINKING, text);
            }),
            _ => {}
        }
    });
    read
}

const TEXT: (Key, Kind) = (0, Kind::Text);
const REFUSAL: (Key, Kind) = (1, Kind::Refusal);
const THINKING: (Key, Kind) = (2, Kind::Thinking);
/// The key of the first call.
const FIRST_CALL: Key = 3;
/// Calls in one answer at most.
const CALLS_MAX: usize = 1024;
