//! Where a configuration comes from, laid over each other: built-in providers, the file and its
//! `conf.d`, the environment, the command line. Judges no value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::environment::{Environment, NotText};
use super::error::ErrorKind;
use super::limits::{BUILT_IN_PROVIDERS, BuiltIn, FILE_BYTES_MAX};
use super::report::Report;
use super::section::did_you_mean;
use super::setting::Field;
use super::text::{Place, TextName, Texts};
use super::tree::{Entry, Node, Table, Value};
use super::{disk, file, read, shape};

/// Where to look; asked again by each load.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Where relative paths start; empty for the working directory.
    pub directory: PathBuf,
    pub environment: Environment,
    /// The file to read; without one, the usual places are tried.
    pub file: Option<PathBuf>,
    pub flags: Flags,
    /// What `log.format = "auto"` depends on.
    pub stderr_is_terminal: bool,
}

/// Settings of the command line, as they were typed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Flags {
    pub driver: Option<String>,
    pub listen: Vec<String>,
    /// `NAME=URL`.
    pub provider: Vec<String>,
    pub workers: Option<String>,
}

impl Sources {
    /// The file that is read, if any is.
    pub fn path(&self) -> Option<PathBuf> {
        self.find(&mut Report::default()).map(|(path, _)| path)
    }

    /// Everything that was written, as one tree.
    pub(super) fn gather(&self, texts: &mut Texts, report: &mut Report) -> Table {
        let mut root = Table::default();
        if let Some(main) = self.main_file(texts, report) {
            root = main;
        }
        let has_provider = match root.node("provider").map(|node| &node.value) {
            Some(Value::List(list)) => !list.is_empty(),
            other => other.is_some(),
        };
        if !has_provider {
            self.built_in(&mut root, texts, report);
        }
        self.environment(&mut root, texts, report);
        self.flags(&mut root, texts, report);
        root
    }

    /// The file with its `conf.d`.
    fn main_file(&self, texts: &mut Texts, report: &mut Report) -> Option<Table> {
        let (path, bytes) = self.find(report)?;
        let folder = path.parent().unwrap_or(Path::new("")).join("conf.d");
        let mut root = add_file(path, &bytes, texts, report);
        let beside = disk::toml_files(&folder).unwrap_or_else(|error| {
            unreadable(&folder, &disk::why(&error), report);
            Vec::new()
        });
        for path in beside {
            match disk::read(&path, FILE_BYTES_MAX) {
                Ok(bytes) => {
                    let table = add_file(path, &bytes, texts, report);
                    root.merge(table, "", report);
                }
                Err(error) => unreadable(&path, &disk::why(&error), report),
            }
        }
        Some(root)
    }

    /// The file that was asked for, else the first of the usual ones that exists.
    fn find(&self, report: &mut Report) -> Option<(PathBuf, Zeroizing<Vec<u8>>)> {
        let asked = self.file.clone().or_else(|| self.environment.path("TIDEGATE_CONFIG"));
        let places = match &asked {
            Some(path) => vec![self.directory.join(path)],
            None => self.usual_places(),
        };
        for path in places {
            match disk::read(&path, FILE_BYTES_MAX) {
                Ok(bytes) => return Some((path, bytes)),
                Err(error) if asked.is_none() && is_absent(&error) => {}
                Err(error) => {
                    unreadable(&path, &disk::why(&error), report);
                    return None;
                }
            }
        }
        None
    }

    /// `./tidegate.toml`, then the user's own.
    fn usual_places(&self) -> Vec<PathBuf> {
        let folder = |name: &str| self.environment.absolute_path(name);
        let user =
            folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
        let mut places = vec![self.directory.join("tidegate.toml")];
        places.extend(user.map(|folder| folder.join("tidegate/tidegate.toml")));
        places
    }

    /// Providers of a configuration that has none, with the keys their variables hold.
    fn built_in(&self, root: &mut Table, texts: &mut Texts, report: &mut Report) {
        let place = texts.add(TextName::BuiltIn, Zeroizing::default());
        let mut providers = Vec::new();
        for provider in BUILT_IN_PROVIDERS {
            let mut table = Table::default();
            let settings = [
                ("name", provider.name),
                ("dialect", provider.dialect),
                ("base_url", provider.base_url),
            ];
            for (key, value) in settings {
                let value = Value::Text(Zeroizing::new(value.to_owned()));
                table.put(&[key], place, Node { place, value });
            }
            let keys = self.built_in_keys(provider, texts, report);
            if !keys.is_empty() {
                table.put(&["key"], place, Node { place, value: Value::List(keys) });
            }
            providers.push(Node { place, value: Value::Table(table) });
        }
        root.put(&["provider"], place, Node { place, value: Value::List(providers) });
    }

    fn built_in_keys(
        &self,
        provider: &BuiltIn,
        texts: &mut Texts,
        report: &mut Report,
    ) -> Vec<Node> {
        let Some(place) = self.variable(provider.keys_env, texts, report) else {
            return Vec::new();
        };
        let content = Zeroizing::new(texts.content(place).to_owned());
        let mut keys = Vec::new();
        for (at, (value, place)) in read::split(&content, place).into_iter().enumerate() {
            let mut table = Table::default();
            let name = Value::Text(Zeroizing::new(format!("env-{}", at + 1)));
            table.put(&["name"], place, Node { place, value: name });
            let value = Value::Bare(Zeroizing::new(value.to_owned()));
            table.put(&["value"], place, Node { place, value });
            keys.push(Node { place, value: Value::Table(table) });
        }
        keys
    }

    /// Scalars of plain tables: `TIDEGATE_SECTION__KEY`, and two short names.
    fn environment(&self, root: &mut Table, texts: &mut Texts, report: &mut Report) {
        let mut seen: BTreeMap<String, Place> = BTreeMap::new();
        for name in self.environment.names(PREFIX) {
            let path = match name.as_str() {
                "TIDEGATE_LISTEN" => "server.listen".to_owned(),
                "TIDEGATE_LOG" => "log.level".to_owned(),
                _ if !name.contains("__") => continue,
                _ => name.trim_start_matches(PREFIX).to_lowercase().replace("__", "."),
            };
            let Some(place) = self.variable(&name, texts, report) else { continue };
            let keys: Vec<&str> = path.split('.').collect();
            if !is_of_plain_table(&keys) {
                let message = "cannot be set here: only scalars of plain tables can";
                report.error(ErrorKind::Invalid, &name, message).at_key(place);
                continue;
            }
            if let Some(first) = seen.insert(path.clone(), place) {
                let error = report.error(ErrorKind::SetTwice, &path, "is set twice");
                error.at(place).first_at(first);
            }
            let key_place = Place { start: 0, end: name.len(), ..place };
            let value = Value::Bare(Zeroizing::new(texts.content(place).to_owned()));
            root.put(&keys, key_place, Node { place, value });
        }
    }

    /// Takes in a variable that is set and not empty; the place is that of its value.
    fn variable(&self, name: &str, texts: &mut Texts, report: &mut Report) -> Option<Place> {
        match self.environment.var(name) {
            Ok(Some(value)) if !value.is_empty() => {
                let text = Zeroizing::new(format!("{name}={}", value.as_str()));
                let whole = texts.add(TextName::Environment(name.to_owned()), text);
                Some(whole.part(name.len() + 1, value.len()))
            }
            Ok(_) => None,
            Err(NotText) => {
                report.error(ErrorKind::Invalid, name, "is not UTF-8 text");
                None
            }
        }
    }

    fn flags(&self, root: &mut Table, texts: &mut Texts, report: &mut Report) {
        let mut bare = |flag: &'static str, value: &str| {
            let place = flag_place(flag, value, texts);
            Node { place, value: Value::Bare(Zeroizing::new(value.to_owned())) }
        };
        if let Some(workers) = &self.flags.workers {
            let node = bare("--workers", workers);
            root.put(&["server", "workers"], node.place, node);
        }
        if let Some(driver) = &self.flags.driver {
            let node = bare("--driver", driver);
            root.put(&["server", "driver"], node.place, node);
        }
        let listen: Vec<Node> = self.flags.listen.iter().map(|ip| bare("--listen", ip)).collect();
        if let Some(place) = listen.first().map(|node| node.place) {
            root.put(&["server", "listen"], place, Node { place, value: Value::List(listen) });
        }
        for provider in &self.flags.provider {
            replace_base_url(root, provider, texts, report);
        }
    }
}

/// `--provider NAME=URL`.
fn replace_base_url(root: &mut Table, flag: &str, texts: &mut Texts, report: &mut Report) {
    let place = flag_place(FLAG_PROVIDER, flag, texts);
    let Some((name, url)) = flag.split_once('=') else {
        let error = report.error(ErrorKind::Invalid, FLAG_PROVIDER, "must be NAME=URL");
        error.at(place);
        return;
    };
    let entry = root.entries.iter_mut().find(|entry| entry.key == "provider");
    let Some(Entry { node: Node { value: Value::List(providers), .. }, .. }) = entry else {
        return; // the wrong type is an error of its own
    };
    let mut names = Vec::new();
    for provider in providers {
        let Value::Table(table) = &mut provider.value else { continue };
        let Some(Value::Text(own)) = table.node("name").map(|node| &node.value) else { continue };
        if own.as_str() != name {
            names.push(own.to_string());
            continue;
        }
        let place = place.part(name.len() + 1, url.len());
        let value = Value::Bare(Zeroizing::new(url.to_owned()));
        table.put(&["base_url"], place, Node { place, value });
        return;
    }
    let message = "names a provider that is not configured";
    let error = report.error(ErrorKind::UnknownKey, FLAG_PROVIDER, message);
    error.at(place.part(0, name.len()));
    if let Some(near) = did_you_mean(name, names.iter().map(String::as_str)) {
        error.help(format!("did you mean `{near}`?"));
    }
}

/// Takes in a flag; the place is that of its value.
fn flag_place(flag: &'static str, value: &str, texts: &mut Texts) -> Place {
    let whole = texts.add(TextName::Flag(flag), Zeroizing::new(format!("{flag} {value}")));
    whole.part(flag.len() + 1, value.len())
}

fn add_file(path: PathBuf, bytes: &[u8], texts: &mut Texts, report: &mut Report) -> Table {
    let Ok(content) = std::str::from_utf8(bytes) else {
        unreadable(&path, "it is not UTF-8 text", report);
        return Table::default();
    };
    let whole = texts.add(TextName::File(path), Zeroizing::new(content.to_owned()));
    file::parse(content, whole, report)
}

fn unreadable(path: &Path, why: &str, report: &mut Report) {
    let message = format!("cannot read `{}`: {why}", path.display());
    report.error(ErrorKind::File, "", message);
}

/// Nothing there, as opposed to something that cannot be read.
fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// Unknown keys pass: they are told as such when their table is read.
fn is_of_plain_table(keys: &[&str]) -> bool {
    let mut shape = &shape::ROOT;
    for (at, key) in keys.iter().enumerate() {
        let is_last = at + 1 == keys.len();
        match shape.field(key) {
            Some(Field::Table(_, inner)) if !is_last => shape = inner,
            Some(Field::Table(..) | Field::Tables(..)) => return false,
            None => return true,
            Some(_) => return is_last,
        }
    }
    false
}

const FLAG_PROVIDER: &str = "--provider";
const PREFIX: &str = "TIDEGATE_";
