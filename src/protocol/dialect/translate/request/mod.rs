//! A request in the form of another API: three readers make one neutral conversation of it, three
//! writers take that. Never invents: what has no place is listed as lost, or refused.
//!
//! What becomes of fields that not all forms have (`lost`: named in `x-tidegate-lossy`; `400`:
//! refused with its path, for without it the request would mean something else):
//!
//! | field | to Chat | to Messages | to Responses |
//! | --- | --- | --- | --- |
//! | system, developer | system messages | `system`; a later one moves there, lost: its place | `instructions`; later ones developer messages |
//! | stop sequences | at most 4, else 400 | as they are | 400 |
//! | max tokens | `max_completion_tokens` | or the default, and the thinking budget on top | at least 16 |
//! | temperature | as it is | at most 1, else lost; left out beside thinking | as it is |
//! | `top_k`, penalties, `seed` | lost | lost | lost |
//! | `n` > 1, logprobs, `logit_bias`, audio out, prediction | 400 | 400 | 400 |
//! | effort, thinking budget | effort | budget, or adaptive and effort from Claude 4.6 on | effort |
//! | thinking and reasoning of earlier turns | lost: it is good for its own provider alone | lost | lost |
//! | schema of the answer | `response_format` | `output_config.format`; `json_object` 400 | `text.format` |
//! | images | URL or data URL | `source` | URL or data URL |
//! | documents | data only, URLs 400 | `source` | data or URL |
//! | files by id | from Responses | 400 | from Chat |
//! | audio in | from Responses | 400 | from Chat |
//! | images in results of tools | a user message after the results | as they are | as they are |
//! | failed tool (`is_error`) | lost | as it is | lost |
//! | tools that providers run | 400 | 400 | 400 |
//! | `cache_control` | lost | as it is | lost |
//! | `user`, `metadata.user_id` | `user`, at most 64 bytes | `metadata.user_id` | `safety_identifier`, at most 64 bytes |
//! | service tier | `auto`, `default` | `auto`, `standard_only`; others lost | `auto`, `default` |
//! | `metadata`, `prompt_cache_key`, `store`, verbosity | as they are | lost | as they are |
//! | a last turn of the model (prefill) | 400 | as it is | 400 |
//! | state at a provider (`previous_response_id`, `background`, ...) | 400 | 400 | 400 |

mod conversation;
mod read;
mod write;

#[cfg(test)]
mod corpus_tests;
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
