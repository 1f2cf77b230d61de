//! The questions a dialect answers. One exchange serves all dialects by asking here.

/// The API family a path or a provider speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Dialect {
    /// Anthropic Messages and its siblings.
    Anthropic,
    /// OpenAI Chat Completions, Responses, Embeddings and their siblings.
    OpenAi,
}
