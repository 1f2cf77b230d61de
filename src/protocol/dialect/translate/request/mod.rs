//! A request in the form of another API: three readers make one neutral conversation of it, three
//! writers take that. Never invents: what has no place is listed as lost, or refused.
//!
//! What becomes of fields that not all forms have (`lost`: named in `x-tidegate-lossy`; `400`:
//! refused with its path, for without it the request would mean something else):
//!
//! | field | to Chat | to Messages | to Responses |
//! | --- | --- | --- | --- |
//! | system, developer | system messages | `system` (1) | `instructions` (2) |
//! | stop sequences | at most 4, else 400 | as they are | 400 |
//! | max tokens | `max_completion_tokens` | (3) | at least 16 |
//! | temperature | as it is | at most 1; lost beside thinking | as it is |
//! | `top_k`, penalties, `seed` | lost | lost | lost |
//! | `n` > 1, logprobs, `logit_bias` | 400 | 400 | 400 |
//! | audio out, prediction | 400 | 400 | 400 |
//! | effort, budget | effort | (4) | effort |
//! | what was thought in earlier turns | lost (5) | lost | lost |
//! | schema of the answer | `response_format` | `output_config.format` | `text.format` |
//! | `json_object` | as it is | 400 | as it is |
//! | images | URL or data URL | `source` | URL or data URL |
//! | documents | data; URLs 400 | `source` | data or URL |
//! | files by id, audio in | of Responses | 400 | of Chat |
//! | images in results of tools | the user's, after them | as they are | as they are |
//! | failed tool (`is_error`) | lost | as it is | lost |
//! | tools that providers run | lost (7) | lost (7) | lost (7) |
//! | `cache_control` | lost | as it is | lost |
//! | `user`, `metadata.user_id` | `user` (6) | `metadata.user_id` | `safety_identifier` (6) |
//! | service tier | as it is | `auto`, `default`; else lost | as it is |
//! | `metadata`, `prompt_cache_key` | as they are | lost | as they are |
//! | `store`, verbosity | as they are | lost | as they are |
//! | last turn of the model (prefill) | 400 | as it is | 400 |
//! | state at a provider, `background` | 400 | 400 | 400 |
//!
//! 1: a later one moves there; its place is lost. 2: later ones are developer messages. 3: the
//! client's, or the default with the budget for thinking on top. 4: a budget of at least 1,024 and
//! below the bound; adaptive and an effort for Claude from 4.6 on; lost where the API refuses it:
//! beside a forced choice of tools, and with a budget in the middle of a loop of tools. 5: it is
//! signed or sealed, and good for its own provider alone. 6: lost when Anthropic's is longer than
//! 64 bytes, which OpenAI refuses. 7: and those of free text; 400 where nothing else is offered, or
//! where one of them has to be used.

mod conversation;
mod read;
mod write;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod loss_tests;
#[cfg(test)]
mod tests;

use super::json::{self, Room};
use super::{Echo, Form, Lossy, Order, Refused, Translated};

/// `body`, a request of the form `order.from`, in the form `order.to`.
///
/// # Errors
/// The field that cannot be translated, and why.
pub fn request(body: &[u8], order: &Order<'_>) -> Result<Translated, Refused> {
    let mut room = Room::default();
    let document = json::parse(body, &mut room)?;
    let root = document.root();
    let mut lossy = Lossy::default();
    let conversation = match order.from {
        Form::Chat => read::chat::read(root, &mut lossy),
        Form::Messages => read::messages::read(root, &mut lossy),
        Form::Responses => read::responses::read(root, &mut lossy),
    }?;
    let echo = Echo {
        created: 0,
        include_usage: conversation.include_usage,
        model: conversation.model.into(),
    };
    let mut out = Vec::with_capacity(body.len() + body.len() / 8 + ENVELOPE_BYTES);
    match order.to {
        Form::Chat => write::chat::write(&mut out, &conversation, order, &mut lossy),
        Form::Messages => write::messages::write(&mut out, &conversation, order, &mut lossy),
        Form::Responses => write::responses::write(&mut out, &conversation, order, &mut lossy),
    }?;
    Ok(Translated { body: out, echo, lossy })
}

/// Bytes that a form adds to what a client says, for short requests.
const ENVELOPE_BYTES: usize = 512;
