//! Where a request would go, in the shape of the admin API and the command line. Asks nobody.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::shared::credential::walk::Now;
use crate::shared::routing::explain::{self, Explanation, Question};
use crate::shared::setup::Setup;

/// A request that is not made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = route_question)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Name of a caller.
    pub caller: Option<String>,
    /// Fields of the request, each as `name: value`.
    #[serde(default)]
    pub headers: Vec<String>,
    /// `POST` when absent.
    pub method: Option<String>,
    /// The model that its body would name.
    pub model: Option<String>,
    /// By default that of messages, or of chat completions, as the first provider speaks.
    pub path: Option<String>,
}

/// Who would be asked, and why each other provider would not.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = route_explanation)]
pub struct Told {
    /// What was looked at.
    path: String,
    /// The rule that is for it.
    route: Option<String>,
    /// Who would serve; `null`: nobody.
    provider: Option<String>,
    /// Candidates in order, then all other providers.
    candidates: Vec<ToldCandidate>,
}

/// One provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = route_candidate)]
pub struct ToldCandidate {
    provider: String,
    /// The `x-tidegate-decision` it would serve with; `null` for those that are not asked.
    decision: Option<String>,
    /// The model it would be asked for.
    model: Option<String>,
    /// Why it would not serve; `null`: it would be asked.
    skipped: Option<String>,
    /// The endpoint whose form the request would be put into; `null`: it would go as it comes.
    translated_to: Option<&'static str>,
}

/// Explains what is `asked`, by the configuration and its state.
///
/// # Errors
/// What is wrong with the question.
pub fn explain(setup: &Setup, asked: &Asked, now: Now) -> Result<Told, String> {
    let mut fields = Vec::new();
    for header in &asked.headers {
        let parts = header.split_once(':').filter(|(name, _)| !name.is_empty());
        let (name, value) = parts.ok_or("a header is written `name: value`")?;
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
    let path = asked.path.clone().unwrap_or_else(|| default_path(setup));
    let question = Question {
        caller: asked.caller.as_deref(),
        fields: &fields,
        method: asked.method.as_deref().unwrap_or("POST"),
        model: asked.model.as_deref(),
        path: &path,
    };
    let Explanation { candidates, rule } = explain::explain(setup, question, now)?;
    let first = candidates.iter().find(|candidate| candidate.skipped.is_none());
    let provider = first.map(|candidate| candidate.provider.clone());
    let told = candidates.into_iter().map(|candidate| ToldCandidate {
        decision: candidate.decision,
        model: candidate.model,
        provider: candidate.provider,
        skipped: candidate.skipped,
        translated_to: candidate.translated_to,
    });
    Ok(Told { path, route: rule, provider, candidates: told.collect() })
}

fn default_path(setup: &Setup) -> String {
    use crate::protocol::dialect::Dialect;
    let first = setup.snapshot.providers.first().map(|provider| provider.dialect);
    match first {
        Some(Dialect::OpenAi) => "/v1/chat/completions",
        Some(Dialect::Anthropic) | None => "/v1/messages",
    }
    .to_owned()
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let none = "none: the first provider of the dialect serves";
        writeln!(f, "path   {}", self.path)?;
        writeln!(f, "route  {}", self.route.as_deref().unwrap_or(none))?;
        for candidate in &self.candidates {
            let ToldCandidate { decision, model, provider, skipped, translated_to } = candidate;
            let how = match (skipped, decision) {
                (None, Some(decision)) => {
                    let model = model.as_ref().map(|model| format!(", asks for {model}"));
                    let to = translated_to.map(|path| format!(", translated to {path}"));
                    let [model, to] = [model, to].map(Option::unwrap_or_default);
                    format!("{decision}{model}{to}")
                }
                (Some(why), _) => format!("skipped: {why}"),
                (None, None) => String::new(),
            };
            let mark = if skipped.is_none() { '>' } else { ' ' };
            writeln!(f, "{mark} {provider:20} {how}")?;
        }
        Ok(())
    }
}
