//! `/v1/models` in both dialects.
//!
//! Never long: three models of each provider are enough for a client to choose from.

use super::turn::quoted;
use super::{Dialect, Endpoint};

/// The list, or the one model that `path` names.
pub fn body(endpoint: Endpoint, dialect: Dialect, path: &str) -> String {
    if endpoint == Endpoint::Model {
        let id = path.rsplit_once("/models/").map_or("mock-1", |(_, id)| id);
        return entry(dialect, id);
    }
    let ids = if dialect == Dialect::Anthropic { ANTHROPIC } else { OPENAI };
    let entries: Vec<_> = ids.iter().map(|id| entry(dialect, id)).collect();
    let entries = entries.join(",");
    let [first, _, last] = ids;
    if dialect == Dialect::Anthropic {
        format!(
            r#"{{"data":[{entries}],"has_more":false,"first_id":"{first}","last_id":"{last}"}}"#
        )
    } else {
        format!(r#"{{"object":"list","data":[{entries}]}}"#)
    }
}

fn entry(dialect: Dialect, id: &str) -> String {
    let id = quoted(id);
    if dialect == Dialect::Anthropic {
        format!(r#"{{"type":"model","id":{id},"display_name":{id},"created_at":"{CREATED}"}}"#)
    } else {
        format!(r#"{{"id":{id},"object":"model","created":1767225600,"owned_by":"mock"}}"#)
    }
}

const ANTHROPIC: [&str; 3] = ["claude-haiku-4-5", "claude-opus-4-6", "claude-sonnet-4-5"];
const CREATED: &str = "2026-01-01T00:00:00Z";
const OPENAI: [&str; 3] = ["gpt-5", "gpt-5-mini", "text-embedding-3-small"];
