//! What a configuration may hold, table by table: the settings of this version, and those of
//! later ones, which are refused by name. Holds no default and no bound.

mod routes;

use super::limits as l;
use super::setting::{Field, Shape, TableOr, Text, Texts};
pub use routes::*;

/// The whole configuration.
pub const ROOT: Shape = Shape::of(&[
    Field::Table("server", &SERVER),
    Field::Table("admin", &ADMIN),
    Field::Table("dns", &DNS),
    Field::Table("auth", &AUTH),
    Field::Tables("caller", &CALLER),
    Field::Tables("provider", &PROVIDER),
    Field::Table("failover", &FAILOVER),
    Field::Table("concurrency", &CONCURRENCY),
    Field::Table("observation", &OBSERVATION),
    Field::Tables("route", &ROUTE),
    Field::Tables("header_rule", &HEADER_RULE),
    Field::Table("stream", &STREAM),
    Field::Table("timeouts", &TIMEOUTS),
    Field::Table("limits", &LIMITS),
    Field::Table("drain", &DRAIN),
    Field::Table("storage", &STORAGE),
    Field::Table("log", &LOG),
]);

pub const SERVER: Shape = Shape::of(&[
    Field::Texts(&l::LISTEN),
    Field::CountOr(&l::WORKERS),
    Field::Choice(&l::DRIVER),
    Field::Choice(&l::EXPOSE_HEADERS),
    Field::Table("tls", &SERVER_TLS),
]);

pub const SERVER_TLS: Shape =
    Shape::of(&[Field::Text(&CERT), Field::Text(&CERT_KEY)]).requires(&[CERT.key, CERT_KEY.key]);

pub const ADMIN: Shape = Shape::of(&[Field::TextOr(&l::ADMIN_LISTEN), Field::Secret(&ADMIN_TOKEN)]);

pub const DNS: Shape = Shape::of(&[Field::Texts(&l::DNS_SERVERS)]);

pub const AUTH: Shape = Shape::of(&[Field::Choice(&l::MODE)]);

pub const CALLER: Shape = Shape::of(&[
    Field::Text(&CALLER_NAME),
    Field::Secret(&CALLER_KEY),
    Field::Text(&CALLER_KEY_SHA256),
    Field::Cap(&l::CALLER_MAX_CONCURRENT),
    Field::Texts(&CALLER_MODELS),
])
.requires(&[CALLER_NAME.key])
.requires_one_of(&[CALLER_KEY.key, CALLER_KEY_SHA256.key]);

pub const PROVIDER: Shape = Shape::of(&[
    Field::Text(&PROVIDER_NAME),
    Field::Choice(&l::DIALECT),
    Field::Text(&BASE_URL),
    Field::Choice(&l::SELECT),
    Field::Choice(&l::KEY_HEADER),
    Field::Count(&l::PROVIDER_MAX_CONCURRENT),
    Field::Count(&l::MAX_CONCURRENT_PER_KEY),
    Field::Table("cooldown", &COOLDOWN),
    Field::DurationOr(&l::AUTH_RECHECK),
    Field::Switch(&l::RETRY_ON_5XX),
    Field::Choice(&l::INCLUDE_USAGE),
    Field::Switch(&l::DEMOTE_NON_STREAMING),
    Field::TableOr(&BREAKER),
    Field::Tables("model_class", &MODEL_CLASS),
    Field::Count(&l::MAX_TOKENS_DEFAULT),
    Field::Choice(&l::ENDPOINTS),
    Field::Table("tls", &PROVIDER_TLS),
    Field::Tables("key", &PROVIDER_KEY),
])
.requires(&[PROVIDER_NAME.key, l::DIALECT.key, BASE_URL.key]);

pub const COOLDOWN: Shape = Shape::of(&[
    Field::Duration(&l::COOLDOWN_BASE),
    Field::Duration(&l::COOLDOWN_CEILING),
    Field::Duration(&l::COOLDOWN_RETRY_AFTER_CAP),
    Field::Fraction(&l::COOLDOWN_JITTER),
]);

pub const BREAKER: TableOr = TableOr {
    is_word: false,
    key: "breaker",
    shape: &BREAKER_TABLE,
    why: "a provider that fails again and again for a model is left alone for a while",
    word: "off",
};

pub const FLOOR: TableOr = TableOr {
    is_word: true,
    key: "floor",
    shape: &FLOOR_TABLE,
    why: "a stream with fewer events in two windows in a row, but some, is given up",
    word: "off",
};

pub const FLOOR_TABLE: Shape = Shape::of(&[
    Field::Count(&l::FLOOR_EVENTS),
    Field::Duration(&l::FLOOR_WINDOW),
    Field::Duration(&l::FLOOR_WARMUP),
]);

pub const BREAKER_TABLE: Shape = Shape::of(&[
    Field::Count(&l::BREAKER_FAILURES),
    Field::Duration(&l::BREAKER_OPEN),
    Field::Duration(&l::BREAKER_CEILING),
    Field::Count(&l::BREAKER_PROBES),
]);

pub const MODEL_CLASS: Shape =
    Shape::of(&[Field::Text(&MODEL_CLASS_MATCH), Field::Text(&MODEL_CLASS_NAME)])
        .requires(&[MODEL_CLASS_MATCH.key, MODEL_CLASS_NAME.key]);

pub const PROVIDER_TLS: Shape = Shape::of(&[Field::Text(&CA)]);

pub const PROVIDER_KEY: Shape = Shape::of(&[
    Field::Text(&KEY_NAME),
    Field::Secret(&KEY_VALUE),
    Field::Cap(&l::KEY_MAX_CONCURRENT),
    Field::Texts(&RESERVED_FOR),
])
.requires(&[KEY_VALUE.key]);

pub const FAILOVER: Shape = Shape::of(&[
    Field::Count(&l::MAX_ATTEMPTS),
    Field::DurationOr(&l::FAILOVER_DEADLINE),
    Field::Duration(&l::WAIT_FOR_KEY),
    Field::Size(&l::FIRST_EVENT_BYTES),
    Field::Duration(&l::FIRST_EVENT_WAIT),
]);

pub const CONCURRENCY: Shape = Shape::of(&[
    Field::Count(&l::GLOBAL),
    Field::Duration(&l::QUEUE_TIMEOUT),
    Field::Count(&l::QUEUE_LENGTH),
]);

pub const OBSERVATION: Shape =
    Shape::of(&[Field::Switch(&l::ACCOUNTING), Field::Duration(&l::OBSERVATION_FLOOR)]);

pub const STREAM: Shape = Shape::of(&[
    Field::DurationOr(&l::KEEPALIVE_PING),
    Field::DurationOr(&l::OUTPUT_STALL),
    Field::TableOr(&FLOOR),
    Field::Choice(&l::HALF_CLOSE),
]);

pub const TIMEOUTS: Shape = Shape::of(&[
    Field::Duration(&l::CLIENT_HEAD),
    Field::Duration(&l::CLIENT_BODY_IDLE),
    Field::Duration(&l::KEEP_ALIVE),
    Field::Duration(&l::TLS_HANDSHAKE),
    Field::Duration(&l::CONNECT),
    Field::Duration(&l::RESPONSE_HEAD),
    Field::Duration(&l::RESPONSE_HEAD_STREAM),
    Field::Duration(&l::BYTE_IDLE),
    Field::Duration(&l::UPSTREAM_IDLE),
    Field::Duration(&l::WRITE_STALL),
    Field::DurationOr(&l::EXCHANGE),
]);

pub const LIMITS: Shape = Shape::of(&[
    Field::Size(&l::BODY),
    Field::Size(&l::PASSTHROUGH_BODY),
    Field::Size(&l::HEAD),
    Field::Size(&l::RESPONSE_HEAD_BYTES),
    Field::Count(&l::HEADERS),
    Field::CountOr(&l::CONNECTIONS),
    Field::TextOr(&l::MEMORY),
    Field::Count(&l::UPSTREAM_IDLE_PER_WORKER),
    Field::Count(&l::BYOK_ENTRIES),
]);

pub const DRAIN: Shape =
    Shape::of(&[Field::DurationOr(&l::LAME_DUCK), Field::Duration(&l::DEADLINE)]);

pub const STORAGE: Shape = Shape::of(&[
    Field::Text(&STORAGE_PATH),
    Field::Duration(&l::RETENTION),
    Field::Choice(&l::DETAIL),
    Field::Choice(&l::BODIES),
    Field::Secret(&MASTER_KEY),
    Field::Secret(&PREVIOUS_MASTER_KEY),
]);

pub const LOG: Shape = Shape::of(&[Field::Choice(&l::FORMAT), Field::Choice(&l::LEVEL)]);

pub const CERT: Text = Text {
    example: "cert.pem",
    key: "cert",
    pattern: "",
    why: "PEM file with the certificate and those that it was signed by",
};

pub const CERT_KEY: Text = Text {
    example: "key.pem",
    key: "key",
    pattern: "",
    why: "PEM file with the private key of the certificate",
};

pub const ADMIN_TOKEN: Text = Text {
    example: "TIDEGATE_ADMIN_TOKEN",
    key: "token",
    pattern: r"^[!-~]+$",
    why: "what `authorization: Bearer` must hold; needed on an address that is not loopback",
};

pub const MASTER_KEY: Text = Text {
    example: "TIDEGATE_MASTER_KEY",
    key: "master_key",
    pattern: r"^[!-~]{32,}$",
    why: "seals keys that are added through the admin API; 32 random characters or more",
};

pub const PREVIOUS_MASTER_KEY: Text = Text {
    example: "TIDEGATE_PREVIOUS_MASTER_KEY",
    key: "previous_master_key",
    pattern: r"^[!-~]{32,}$",
    why: "the master_key before this one, until all that it sealed is sealed anew",
};

pub const CALLER_NAME: Text = Text {
    example: "alice",
    key: "name",
    pattern: LABEL,
    why: "unique; how logs and metrics call the owner of the key",
};

pub const CALLER_KEY: Text = Text {
    example: "ALICE_KEY",
    key: "key",
    pattern: "^tg-.",
    why: "gateway key; begins with tg-",
};

pub const CALLER_KEY_SHA256: Text = Text {
    example: "",
    key: "key_sha256",
    pattern: "^[0-9A-Fa-f]{64}$",
    why: "instead of key: SHA-256 of the whole key, in hex",
};

pub const CALLER_MODELS: Texts = Texts {
    default: &[],
    key: "models",
    min: 0,
    pattern: ".",
    why: "models it may ask for: regular expressions, of which one must match; empty = all",
};

pub const PROVIDER_NAME: Text = Text {
    example: "anthropic",
    key: "name",
    pattern: "^[a-z0-9]+(-[a-z0-9]+)*$",
    why: "words of a-z and 0-9 joined by dashes; unique; also a path prefix",
};

pub const BASE_URL: Text = Text {
    example: "https://api.anthropic.com",
    key: "base_url",
    pattern: "^[Hh][Tt][Tt][Pp][Ss]?://[^?#@]+$",
    why: "http or https; its path is put before the request's own",
};

pub const MODEL_CLASS_MATCH: Text = Text {
    example: "opus",
    key: "match",
    pattern: ".",
    why: "regular expression; the first that matches a model tells its class",
};

pub const MODEL_CLASS_NAME: Text = Text {
    example: "opus",
    key: "class",
    pattern: LABEL,
    why: "models that share a limit; others are a class by their name without its date",
};

pub const CA: Text = Text {
    example: "ca.pem",
    key: "ca",
    pattern: "",
    why: "PEM file with further roots to trust, beside the public ones",
};

pub const KEY_NAME: Text = Text {
    example: "team-a",
    key: "name",
    pattern: LABEL,
    why: "unique in the provider; key-N by position when absent",
};

pub const KEY_VALUE: Text = Text {
    example: "ANTHROPIC_API_KEY",
    key: "value",
    pattern: r"^[!-~]+$",
    why: "the provider's key",
};

pub const RESERVED_FOR: Texts = Texts {
    default: &[],
    key: "reserved_for",
    min: 0,
    pattern: LABEL,
    why: "names of callers: only they use it, and they use no other key of this provider",
};

pub const STORAGE_PATH: Text = Text {
    example: "/var/lib/tidegate",
    key: "path",
    pattern: "",
    why: "directory; off = keep nothing; by default tidegate in $XDG_STATE_HOME",
};

/// A name that can stand in a header field, a path and a log line.
const LABEL: &str = "^[!-.0-~]([ -.0-~]{0,62}[!-.0-~])?$";

/// Keys of a reference to a secret; what they hold is no secret.
pub const REFERENCES: [&str; 3] = ["env", "file", "credential"];

/// Whether some table has a key of this name.
pub fn is_known(key: &str) -> bool {
    REFERENCES.contains(&key) || any(&ROOT, &|field| field.key() == key)
}

/// Whether a value of a key of this name can be shown, whichever table it stands in.
pub fn is_plain(key: &str) -> bool {
    REFERENCES.contains(&key) || (is_known(key) && !any(&ROOT, &|f| f.key() == key && hides(f)))
}

/// A digest is no secret, but a key may have been put in its place by mistake.
fn hides(field: &Field) -> bool {
    match field {
        Field::Map(_)
        | Field::Secret(_)
        | Field::Table(..)
        | Field::TableOr(_)
        | Field::Tables(..) => true,
        Field::Text(text) => text.key == CALLER_KEY_SHA256.key,
        _ => false,
    }
}

fn any(shape: &'static Shape, holds: &dyn Fn(&Field) -> bool) -> bool {
    shape.fields.iter().any(|field| {
        holds(field)
            || match field {
                Field::Table(_, shape)
                | Field::Tables(_, shape)
                | Field::TextsOrTables(_, shape)
                | Field::TableOr(TableOr { shape, .. }) => any(shape, holds),
                _ => false,
            }
    })
}
