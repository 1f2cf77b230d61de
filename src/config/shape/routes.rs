//! What `[[route]]` may hold. Holds no default and no bound.

use super::LABEL;
use crate::config::limits as l;
use crate::config::setting::{Field, Map, Shape, Text, Texts};

pub const ROUTE: Shape = Shape::of(&[
    Field::Text(&ROUTE_NAME),
    Field::Count(&l::ROUTE_PRIORITY),
    Field::Table("match", &MATCH),
    Field::Table("strategy", &STRATEGY),
    Field::Cap(&l::ROUTE_MAX_ATTEMPTS),
    Field::Choice(&l::ROUTE_BYOK),
    Field::Table("timeouts", &ROUTE_TIMEOUTS),
])
.requires(&[ROUTE_NAME.key, "strategy"]);

pub const MATCH: Shape = Shape::of(&[
    Field::Text(&MATCH_PATH),
    Field::Text(&MATCH_MODEL),
    Field::Text(&MATCH_CALLER),
    Field::Text(&MATCH_HEADER),
]);

pub const STRATEGY: Shape = Shape::of(&[
    Field::Choice(&l::STRATEGY_TYPE),
    Field::TextsOrTables(&PROVIDERS, &WEIGHTED),
    Field::TextOrTexts(&PRIMARY),
    Field::Texts(&ALTERNATIVES),
    Field::Map(&MODEL_MAP),
    Field::Fraction(&l::GATE_THRESHOLD),
    Field::Table("inner", &INNER),
])
.requires(&[l::STRATEGY_TYPE.key]);

/// As [`STRATEGY`], but no gate.
pub const INNER: Shape = Shape::of(&[
    Field::Choice(&l::INNER_TYPE),
    Field::TextsOrTables(&PROVIDERS, &WEIGHTED),
    Field::TextOrTexts(&PRIMARY),
    Field::Texts(&ALTERNATIVES),
    Field::Map(&MODEL_MAP),
])
.requires(&[l::INNER_TYPE.key]);

pub const WEIGHTED: Shape = Shape::of(&[Field::Text(&WEIGHTED_NAME), Field::Cap(&l::WEIGHT)])
    .requires(&[WEIGHTED_NAME.key, l::WEIGHT.key]);

pub const ROUTE_TIMEOUTS: Shape = Shape::of(&[
    Field::DurationOver(&l::CONNECT),
    Field::DurationOver(&l::RESPONSE_HEAD),
    Field::DurationOver(&l::RESPONSE_HEAD_STREAM),
    Field::DurationOver(&l::BYTE_IDLE),
]);

pub const ROUTE_NAME: Text =
    Text { example: "gpt", key: "name", pattern: LABEL, why: "unique; stands in decisions" };

pub const MATCH_PATH: Text = Text {
    example: "^/v1/messages$",
    key: "path",
    pattern: ".",
    why: "regular expression; of the path without prefix and query",
};

pub const MATCH_MODEL: Text = Text {
    example: "^gpt-",
    key: "model",
    pattern: ".",
    why: "regular expression; requests whose model cannot be read do not match",
};

pub const MATCH_CALLER: Text =
    Text { example: "alice", key: "caller", pattern: LABEL, why: "name of a [[caller]]" };

pub const MATCH_HEADER: Text = Text {
    example: "x-team: ^blue$",
    key: "header",
    pattern: "^[^:]+:.+$",
    why: "\"name: regular expression\"; one of the field's values must match",
};

pub const PROVIDERS: Texts = Texts {
    default: &[],
    key: "providers",
    min: 1,
    pattern: ".",
    why: "names of providers; for weighted, tables of name and weight",
};

pub const PRIMARY: Texts = Texts {
    default: &[],
    key: "primary",
    min: 1,
    pattern: ".",
    why: "providers that are asked first, in order; for a gate, the one whose readings count",
};

pub const ALTERNATIVES: Texts = Texts {
    default: &[],
    key: "alternatives",
    min: 1,
    pattern: ".",
    why: "providers that are asked while no primary has room, in order",
};

pub const MODEL_MAP: Map = Map {
    key: "model_map",
    why: "another name for a model; with limits_alternative, for the alternatives only",
};

pub const WEIGHTED_NAME: Text =
    Text { example: "anthropic", key: "name", pattern: ".", why: "name of a provider" };
