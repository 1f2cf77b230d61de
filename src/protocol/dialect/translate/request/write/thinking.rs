//! How much to think: words of OpenAI, budgets and efforts of Anthropic, into each other. Never
//! asks a model for what its API refuses.

use super::super::conversation::{Choice, Conversation, Role, Thinking, What};
use crate::protocol::dialect::translate::Lossy;
use crate::protocol::dialect::translate::json::write::Writer;

/// The effort in OpenAI's words; `None`: as the model does by itself.
pub fn effort<'a>(talk: &Conversation<'a>) -> Option<&'a str> {
    match talk.thinking? {
        Thinking::Budget(tokens) => {
            Some(EFFORTS.iter().rfind(|(_, budget)| *budget <= tokens).map_or("low", |it| it.0))
        }
        Thinking::Effort("max") => Some("xhigh"),
        Thinking::Effort(word) => Some(word),
        // What Anthropic does unasked is no thinking, which not every model of OpenAI can be told.
        Thinking::Adaptive | Thinking::Off => None,
    }
}

/// Writes `thinking` and `output_config.effort` for Anthropic; gives the effort, if it stands for
/// itself, and the budget, if there is one. `max_tokens`: as the client bounds the answer.
pub fn for_anthropic<'a>(
    json: &mut Writer<'_>,
    talk: &Conversation<'a>,
    model: &str,
    max_tokens: Option<u64>,
    lossy: &mut Lossy,
) -> Thought<'a> {
    let Some(thinking) = talk.thinking else { return Thought::default() };
    let Thinking::Effort(word) = thinking else { return Thought::default() };
    if matches!(talk.choice, Some(Choice::One(_) | Choice::Required)) {
        lossy.note("reasoning_effort");
        return Thought::default();
    }
    if is_adaptive(model) {
        json.key("thinking").object().text("type", "adaptive").end();
        return Thought { budget: None, effort: Some(word_for_anthropic(word)), thinks: true };
    }
    let wanted = budget(word);
    let budget = max_tokens.map_or(wanted, |bound| wanted.min(bound.saturating_sub(1)));
    if budget < BUDGET_MIN || lacks_thinking(talk) {
        lossy.note("reasoning_effort");
        return Thought::default();
    }
    json.key("thinking").object().text("type", "enabled").key("budget_tokens").count(budget).end();
    Thought { budget: Some(budget), effort: None, thinks: true }
}

/// What Anthropic is asked to think.
#[derive(Clone, Copy, Debug, Default)]
pub struct Thought<'a> {
    /// Tokens of `max_tokens` that are for thinking.
    pub budget: Option<u64>,
    /// For `output_config`.
    pub effort: Option<&'a str>,
    /// Whether it thinks: then it takes no temperature.
    pub thinks: bool,
}

/// Whether a tool's result is the last word: with a budget, the turn that asked for it must begin
/// with the thinking of then, which no other form keeps.
fn lacks_thinking(talk: &Conversation<'_>) -> bool {
    let last = talk.turns.iter().rfind(|turn| turn.role != Role::System);
    last.is_some_and(|turn| turn.parts.iter().any(|it| matches!(it.what, What::Result { .. })))
}

fn word_for_anthropic(word: &str) -> &str {
    match word {
        "minimal" => "low",
        "xhigh" => "max",
        word => word,
    }
}

fn budget(word: &str) -> u64 {
    let found = EFFORTS.iter().find(|(known, _)| *known == word);
    found.map_or(BUDGET_MIN, |(_, budget)| *budget)
}

/// Whether the model is a Claude from 4.6 on, which decide by themselves how much to think and
/// refuse, in later ones, to be told a number.
fn is_adaptive(model: &str) -> bool {
    let Some((_, name)) = model.rsplit_once("claude-") else { return false };
    let number = |word: &str| word.parse::<u32>().ok().filter(|number| *number < DATE_MIN);
    let mut numbers = name.split(['-', '.', '@', ':']).map(number).skip_while(Option::is_none);
    let major = numbers.next().flatten().unwrap_or(0);
    let minor = numbers.next().flatten().unwrap_or(0);
    (major, minor) >= (4, 6)
}

/// The words of OpenAI and what public translators make of them.
const EFFORTS: [(&str, u64); 4] =
    [("low", BUDGET_MIN), ("medium", 2_048), ("high", 4_096), ("xhigh", 16_384)];
/// The smallest budget that Anthropic takes.
const BUDGET_MIN: u64 = 1_024;
/// Greater numbers in a model's name are dates.
const DATE_MIN: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_told_by_its_version() {
        for (model, adaptive) in [
            ("claude-opus-4-6", true),
            ("claude-opus-4-7-20260101", true),
            ("claude-sonnet-5", true),
            ("anthropic/claude-sonnet-4.6", true),
            ("us.anthropic.claude-opus-4-6-v1:0", true),
            ("claude-haiku-4-5-20251001", false),
            ("claude-opus-4-20250514", false),
            ("claude-3-7-sonnet-20250219", false),
            ("claude-2.1", false),
            ("claude-", false),
            ("glm-5.2", false),
            ("", false),
        ] {
            assert_eq!(is_adaptive(model), adaptive, "{model}");
        }
    }

    #[test]
    fn each_word_is_the_effort_of_its_own_budget() {
        for (word, budget) in EFFORTS {
            let talk =
                Conversation { thinking: Some(Thinking::Budget(budget)), ..Default::default() };
            assert_eq!(effort(&talk), Some(word));
        }
    }
}
