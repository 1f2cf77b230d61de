//! Requests that were recorded: a folder of bodies, or the gateway's own log.
//!
//! Never sends what it cannot read: an unreadable line is an error with its number.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use super::{Body, Dialect, Shape, Template};
use crate::units::{count, float};

/// One template per `*.json` file of a folder, in the order of their names.
pub fn folder(path: &Path, dialect: Dialect, knobs: &str) -> Result<Vec<Template>, String> {
    let shown = path.display();
    let entries = std::fs::read_dir(path).map_err(|error| format!("{shown}: {error}"))?;
    let mut files: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "json"))
        .collect();
    files.sort();
    let templates: Result<Vec<_>, String> = files
        .iter()
        .map(|file| {
            let shown = file.display();
            let body = std::fs::read(file).map_err(|error| format!("{shown}: {error}"))?;
            let facts: Facts =
                serde_json::from_slice(&body).map_err(|error| format!("{shown}: {error}"))?;
            let stream = facts.stream.unwrap_or(false);
            Ok(Template { body: body.into(), dialect, knobs: knobs.to_owned(), stream })
        })
        .collect();
    match templates? {
        none if none.is_empty() => Err(format!("{shown}: no *.json file here")),
        templates => Ok(templates),
    }
}

#[derive(Deserialize)]
struct Facts {
    stream: Option<bool>,
}

/// A log read back.
#[derive(Debug)]
pub struct Replay {
    /// Nanoseconds since the first request.
    pub moments: Vec<u64>,
    /// Lines that are no turn of a model, and so are not sent.
    pub skipped: usize,
    pub templates: Vec<Template>,
}

/// Reads a request log of the gateway: JSON lines of the shape `request`, in any order. Bodies are
/// made up in the recorded size; streams take the recorded number of events and duration, if a mock
/// answers. `speed` 2 sends twice as fast.
pub fn request_log(path: &Path, knobs: &str, speed: f64) -> Result<Replay, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    read_log(&text, knobs, speed).map_err(|why| format!("{shown}{why}"))
}

/// The same from text; an error begins with `:LINE`.
pub fn read_log(text: &str, knobs: &str, speed: f64) -> Result<Replay, String> {
    let (mut entries, mut skipped) = (Vec::new(), 0);
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let place = |why: String| format!(":{}: {why}", index + 1);
        // Other lines of the gateway's stderr have no `bytes_in`.
        let entry: Entry = match serde_json::from_str(line) {
            Ok(entry) => entry,
            Err(error) if error.is_data() => {
                skipped += 1;
                continue;
            }
            Err(error) => return Err(place(error.to_string())),
        };
        let Some(dialect) = Dialect::of_path(&entry.path) else {
            skipped += 1;
            continue;
        };
        let time = humantime::parse_rfc3339(&entry.time)
            .map_err(|error| place(format!("time `{}`: {error}", entry.time)))?;
        let size = usize::try_from(entry.bytes_in).unwrap_or(usize::MAX);
        if size > BODY_MAX {
            return Err(place(format!("bytes_in {size} is more than 64 MiB")));
        }
        entries.push((time, entry.template(dialect, knobs, speed)));
    }
    entries.sort_by_key(|(time, _)| *time);
    let Some(&(begin, _)) = entries.first() else {
        return Err(": no request in it".to_owned());
    };
    let moments = entries.iter().map(|(time, _)| {
        let since = time.duration_since(begin).unwrap_or_default();
        count(since.as_secs_f64() * 1e9 / speed)
    });
    let moments = moments.collect();
    let templates = entries.into_iter().map(|(_, template)| template).collect();
    Ok(Replay { moments, skipped, templates })
}

#[derive(Deserialize)]
struct Entry {
    bytes_in: u64,
    duration_ms: Option<f64>,
    events: Option<u64>,
    model: Option<String>,
    path: String,
    stream: bool,
    time: String,
    ttfb_ms: Option<f64>,
}

impl Entry {
    fn template(&self, dialect: Dialect, knobs: &str, speed: f64) -> Template {
        let model = self.model.as_deref().unwrap_or("recorded");
        let (size, stream) = (usize::try_from(self.bytes_in).unwrap_or(0), self.stream);
        let shape = if size > AGENT_SIZE { Shape::Agent } else { Shape::Plain };
        let body = Body { conversation: 0, dialect, model, shape, size, stream };
        let mut knobs = knobs.to_owned();
        let events = self.events.filter(|&events| self.stream && events > 0);
        if let (false, Some(events)) = (knobs.is_empty(), events) {
            // A mock's opening and closing hold several events; ten million is its limit.
            let events = events.min(1_000_000);
            let seconds = (self.duration_ms.unwrap_or(0.0) - self.ttfb_ms.unwrap_or(0.0)) / 1e3;
            // Writing to a String cannot fail.
            let _ = write!(knobs, ", events={events}");
            if seconds > 0.001 {
                let rate = float(events) / seconds * speed;
                let _ = write!(knobs, ", rate={rate:.3}");
            }
        }
        Template { body: body.bytes(), dialect, knobs, stream }
    }
}

const AGENT_SIZE: usize = 20_000;
const BODY_MAX: usize = 64 << 20;
