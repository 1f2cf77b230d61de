//! Header rules as they come and go: in the admin API and in the database.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::header_rule::{HeaderAction, HeaderRule, HeaderSide};

/// One rule.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = header_rule)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    on: On,
    header: String,
    action: Action,
    #[serde(default)]
    value: String,
    /// For `replace`: what is looked for in each value.
    #[serde(default)]
    find: String,
    #[serde(default = "yes")]
    enabled: bool,
}

/// A rule with where it is set.
// Spelled out: the schema of a rule allows nothing beside it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = header_rule_in_force)]
struct Placed {
    on: On,
    header: String,
    action: Action,
    value: String,
    /// For `replace`: what is looked for in each value.
    find: String,
    enabled: bool,
    /// `file` or `api`.
    origin: &'static str,
}

/// All rules, in the order they act.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = header_rules)]
pub struct Rules {
    rules: Vec<Placed>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum On {
    Request,
    Response,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Action {
    Block,
    Replace,
    Set,
}

impl Rule {
    fn of(rule: &HeaderRule) -> Self {
        Self {
            on: match rule.on {
                HeaderSide::Request => On::Request,
                HeaderSide::Response => On::Response,
            },
            header: rule.header.clone(),
            action: match rule.action {
                HeaderAction::Block => Action::Block,
                HeaderAction::Replace => Action::Replace,
                HeaderAction::Set => Action::Set,
            },
            value: rule.value.clone(),
            find: rule.find.clone(),
            enabled: rule.enabled,
        }
    }

    /// As it runs; not checked yet.
    pub fn into_rule(self) -> HeaderRule {
        let Self { on, header, action, value, find, enabled } = self;
        HeaderRule {
            action: match action {
                Action::Block => HeaderAction::Block,
                Action::Replace => HeaderAction::Replace,
                Action::Set => HeaderAction::Set,
            },
            enabled,
            find,
            header,
            on: match on {
                On::Request => HeaderSide::Request,
                On::Response => HeaderSide::Response,
            },
            value,
        }
    }
}

impl Rules {
    /// Those of the file, then those of operators.
    pub fn of(file: &[HeaderRule], api: &[HeaderRule]) -> Self {
        let placed = |origin| {
            move |rule| {
                let Rule { on, header, action, value, find, enabled } = Rule::of(rule);
                Placed { on, header, action, value, find, enabled, origin }
            }
        };
        let rules = file.iter().map(placed("file")).chain(api.iter().map(placed("api")));
        Self { rules: rules.collect() }
    }
}

/// For the database.
pub fn text_of(rules: &[HeaderRule]) -> String {
    let rules: Vec<Rule> = rules.iter().map(Rule::of).collect();
    serde_json::to_string(&rules).unwrap_or_default()
}

/// From the database; what cannot be read, or may not be any more, is left out.
pub fn rules_of(text: &str) -> Vec<HeaderRule> {
    let rules: Vec<Rule> = serde_json::from_str(text).unwrap_or_default();
    rules.into_iter().map(Rule::into_rule).filter(|rule| rule.check().is_ok()).collect()
}

const fn yes() -> bool {
    true
}
