//! Which provider API a path belongs to.
//!
//! Never lenient about prefixes: a path that still carries a gateway's prefix is echoed, so a test
//! sees it.

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    CountTokens,
    Echo,
    Embeddings,
    Model,
    Models,
    /// A model's turn, in the shape of this dialect.
    Turn(Dialect),
}

/// The shape of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    Anthropic,
    Chat,
    Completions,
    Responses,
}

impl Dialect {
    /// The usual path of a turn.
    pub fn path(self) -> &'static str {
        match self {
            Self::Anthropic => "/v1/messages",
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Responses => "/v1/responses",
        }
    }
}

impl Endpoint {
    /// The endpoint of `method` and `path` (without query).
    pub fn of(method: &str, path: &str) -> Self {
        let Some(rest) = PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix)) else {
            return match azure(path) {
                Some(rest) if method == "POST" => Self::post(rest),
                _ => Self::Echo,
            };
        };
        match method {
            "POST" => Self::post(rest),
            "GET" if rest == "models" => Self::Models,
            "GET" if rest.starts_with("models/") => Self::Model,
            _ => Self::Echo,
        }
    }

    /// The dialect of the answer; `/v1/models` exists in both, told apart by `anthropic-version`.
    pub fn dialect(self, headers: &[(String, String)]) -> Dialect {
        match self {
            Self::Turn(dialect) => dialect,
            Self::CountTokens => Dialect::Anthropic,
            Self::Embeddings => Dialect::Chat,
            Self::Echo | Self::Model | Self::Models => {
                let mut names = headers.iter().map(|(name, _)| name);
                if names.any(|name| name.eq_ignore_ascii_case("anthropic-version")) {
                    Dialect::Anthropic
                } else {
                    Dialect::Chat
                }
            }
        }
    }

    fn post(rest: &str) -> Self {
        match rest {
            "messages" => Self::Turn(Dialect::Anthropic),
            "messages/count_tokens" => Self::CountTokens,
            "chat/completions" => Self::Turn(Dialect::Chat),
            "completions" => Self::Turn(Dialect::Completions),
            "responses" => Self::Turn(Dialect::Responses),
            "embeddings" => Self::Embeddings,
            _ => Self::Echo,
        }
    }
}

/// `/openai/deployments/NAME/…` of a classic Azure deployment.
fn azure(path: &str) -> Option<&str> {
    path.strip_prefix("/openai/deployments/")?.split_once('/').map(|(_, rest)| rest)
}

/// `OpenAI` and Anthropic, Azure's v1, and the base path of a Codex login.
const PREFIXES: [&str; 3] = ["/v1/", "/openai/v1/", "/backend-api/codex/"];
