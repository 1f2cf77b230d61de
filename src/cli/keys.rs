//! `tidegate keys`: looks at and changes the provider keys of a running gateway, over its admin
//! API. A value is read from stdin, a file or a variable, never from an argument, which every
//! process of the host could read.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use tidegate::config::{Environment, Flags, Sources};
use zeroize::Zeroizing;

use super::admin_client::{AdminClient, NoGateway, Said, secret_of, segment};
use super::output;

/// What is asked of the gateway, and which.
#[derive(Args, Debug)]
pub(super) struct Keys {
    #[command(subcommand)]
    verb: Verb,
    /// Where the gateway's admin API is, in place of the configuration's admin.listen
    #[arg(long, global = true, value_name = "ADDR", value_parser = address)]
    admin: Option<SocketAddr>,
    /// Configuration file that says so, and holds the token where `TIDEGATE_ADMIN_TOKEN` is not set
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a key; its value is read from stdin unless an option says where it is
    Add {
        /// As PROVIDER/NAME
        key: KeyName,
        #[command(flatten)]
        settings: Settings,
    },
    /// Take a key out of rotation until it is enabled
    Disable {
        /// As PROVIDER/NAME
        key: KeyName,
    },
    /// Put a key into rotation again
    Enable {
        /// As PROVIDER/NAME
        key: KeyName,
    },
    /// Show all keys and their states
    List,
    /// Take a key out that was added
    Remove {
        /// As PROVIDER/NAME
        key: KeyName,
    },
    /// Forget a key's cooldowns and failures
    Reset {
        /// As PROVIDER/NAME
        key: KeyName,
    },
    /// Change what options name
    Set {
        /// As PROVIDER/NAME
        key: KeyName,
        #[command(flatten)]
        settings: Settings,
    },
}

/// What may be set; what is absent stays.
#[derive(Args, Debug)]
struct Settings {
    /// Requests at a time, from 1 to 256
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_concurrent: Option<i64>,
    /// Callers who alone use it, with commas between them; "" = all
    #[arg(long, value_name = "NAMES")]
    reserved_for: Option<String>,
    /// Read the value from this environment variable
    #[arg(long, value_name = "NAME", conflicts_with = "value_file")]
    value_env: Option<String>,
    /// Read the value from this file; - is stdin
    #[arg(long, value_name = "FILE")]
    value_file: Option<PathBuf>,
}

/// A key by its names.
#[derive(Clone, Debug)]
struct KeyName {
    name: String,
    provider: String,
}

impl std::str::FromStr for KeyName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (provider, name) = text.split_once('/').ok_or("must be PROVIDER/NAME")?;
        if provider.is_empty() || name.is_empty() {
            return Err("must be PROVIDER/NAME");
        }
        Ok(Self { name: name.to_owned(), provider: provider.to_owned() })
    }
}

pub(super) fn run(keys: Keys) -> ExitCode {
    let Keys { admin, config, json, verb } = keys;
    let sources = Sources {
        directory: PathBuf::new(),
        environment: Environment::Process,
        file: config,
        flags: Flags::default(),
        stderr_is_terminal: false,
    };
    let client = match AdminClient::new(admin, &sources) {
        Ok(client) => client,
        Err(NoGateway::Configuration(errors)) => return output::refused(&errors),
        Err(NoGateway::Other(why)) => return output::failed(&why),
    };
    let asked = match verb.request() {
        Ok(request) => request,
        Err(why) => {
            eprintln!("tidegate: {why}");
            return ExitCode::from(output::WRONG);
        }
    };
    if let Verb::Add { key, .. } = &verb {
        match client.ask("GET", &asked.path, None) {
            Ok(said) if said.status == OK => {
                let KeyName { name, provider } = key;
                let what = format!("{provider}/{name} is there already: see `tidegate keys set`");
                return output::failed(&what);
            }
            Ok(_absent) => {}
            Err(why) => return output::failed(&why),
        }
    }
    let body = asked.body.as_ref().map(|body| body.as_str());
    match client.ask(asked.method, &asked.path, body) {
        Ok(said) if (200..300).contains(&said.status) => show(&said, json),
        Ok(said) => {
            if json {
                output::data(&format!("{:#}\n", said.body));
            }
            output::failed(&said.problem())
        }
        Err(why) => output::failed(&why),
    }
}

/// One call of the API.
struct Request {
    body: Option<Zeroizing<String>>,
    method: &'static str,
    path: String,
}

impl Verb {
    /// The call that carries it out, or what is wrong with the usage.
    fn request(&self) -> Result<Request, String> {
        let enable = |is: bool| Ok(Some(Zeroizing::new(json!({ "enabled": is }).to_string())));
        let (method, path, body) = match self {
            Self::Add { key, settings } => ("PUT", key.path(""), settings.body(true)),
            Self::Disable { key } => ("PUT", key.path(""), enable(false)),
            Self::Enable { key } => ("PUT", key.path(""), enable(true)),
            Self::List => ("GET", "/api/v1/keys".to_owned(), Ok(None)),
            Self::Remove { key } => ("DELETE", key.path(""), Ok(None)),
            Self::Reset { key } => ("POST", key.path("/reset"), Ok(None)),
            Self::Set { key, settings } => ("PUT", key.path(""), settings.body(false)),
        };
        Ok(Request { body: body?, method, path })
    }
}

impl KeyName {
    fn path(&self, after: &str) -> String {
        format!("/api/v1/keys/{}/{}{after}", segment(&self.provider), segment(&self.name))
    }
}

impl Settings {
    /// The settings as the API takes them.
    fn body(&self, needs_value: bool) -> Result<Option<Zeroizing<String>>, String> {
        let mut set = Map::new();
        if let Some(cap) = self.max_concurrent {
            set.insert("max_concurrent".to_owned(), json!(cap));
        }
        if let Some(names) = &self.reserved_for {
            let names: Vec<&str> =
                names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
            set.insert("reserved_for".to_owned(), json!(names));
        }
        let value = self.value(needs_value)?;
        if set.is_empty() && value.is_none() {
            return Err("nothing is to be set: see `tidegate keys set --help`".to_owned());
        }
        // Written by hand, so that the value is in no copy that is not wiped.
        let mut body = Zeroizing::new(Value::Object(set).to_string());
        if let Some(value) = value {
            body.pop();
            let comma = if body.len() > 1 { "," } else { "" };
            let quoted = Zeroizing::new(serde_json::to_string(value.as_str()).unwrap_or_default());
            body.push_str(comma);
            body.push_str("\"value\":");
            body.push_str(&quoted);
            body.push('}');
        }
        Ok(Some(body))
    }

    fn value(&self, is_needed: bool) -> Result<Option<Zeroizing<String>>, String> {
        if let Some(name) = &self.value_env {
            let value = std::env::var(name);
            let value = value.map_err(|_| format!("the variable {name} is not set"))?;
            return Ok(Some(Zeroizing::new(value)));
        }
        let path = match &self.value_file {
            Some(path) => path.clone(),
            None if is_needed => PathBuf::from("-"),
            None => return Ok(None),
        };
        let value = secret_of(&path);
        value.map(Some).map_err(|error| format!("cannot read {}: {error}", path.display()))
    }
}

fn show(said: &Said, as_json: bool) -> ExitCode {
    if as_json {
        return output::data(&format!("{:#}\n", said.body));
    }
    match &said.body {
        Value::Null => output::data("done\n"),
        body => {
            let many = body.get("keys").and_then(Value::as_array);
            output::data(&table(many.map_or(std::slice::from_ref(body), Vec::as_slice)))
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "must be IP:PORT, such as 127.0.0.1:8788")
}

/// The classes of models that a key is not available for, with why: it may be for all others.
fn limited_for(key: &Value) -> String {
    let classes = key.get("classes").and_then(Value::as_array).into_iter().flatten();
    let word = |class: &Value, name| class.get(name).and_then(Value::as_str).map(str::to_owned);
    let limited = classes.filter_map(|class| {
        let (name, state) = (word(class, "class")?, word(class, "state")?);
        (state != "available").then(|| match word(class, "until") {
            Some(until) => format!("{name} ({state} until {until})"),
            None => format!("{name} ({state})"),
        })
    });
    let limited = limited.collect::<Vec<_>>().join(", ");
    if limited.is_empty() { "-".to_owned() } else { limited }
}

/// One line per key under a head.
fn table(keys: &[Value]) -> String {
    let word = |key: &Value, name: &str| match key.get(name) {
        Some(Value::String(text)) if text == "none" => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    };
    let mut lines = vec![COLUMNS.map(|(head, _)| head.to_owned())];
    lines.extend(keys.iter().map(|key| {
        COLUMNS.map(|(_, name)| match name {
            "classes" => limited_for(key),
            "key" => format!("{}/{}", word(key, "provider"), word(key, "name")),
            name => word(key, name),
        })
    }));
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|at| lines.iter().filter_map(|line| line.get(at)).map(String::len).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            // Writing to a String cannot fail.
            let _infallible = write!(row, "{cell:width$}  ");
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// Heads and members of the shape `key`.
const COLUMNS: [(&str, &str); 9] = [
    ("KEY", "key"),
    ("HINT", "hint"),
    ("ORIGIN", "origin"),
    ("STATE", "state"),
    ("UNTIL", "until"),
    ("REASON", "reason"),
    ("IN FLIGHT", "in_flight"),
    ("CAP", "max_concurrent"),
    ("LIMITED FOR", "classes"),
];
const OK: u16 = 200;
