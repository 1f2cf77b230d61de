//! Exchanges in `logs.db`, by the hundred: a page is one row with the shapes of those that ended
//! one after another, and terms say which pages hold what. A row per exchange, with a place in each
//! index, would cost a busy gateway more than the exchange itself.

mod list;

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::control_plane::shape::Hash;
use crate::protocol::json::text::Text;
use crate::shared::journal::Record;
use crate::shared::tally::by_kind;

pub use list::{Placed, Wanted};

/// Exchanges that are to be kept, in the order in which they ended.
#[derive(Debug, Default)]
pub struct Rows {
    pub heads: Vec<Head>,
    /// The shape `request` of each, JSON, a line each.
    pub lines: Vec<u8>,
}

/// What an exchange is found and summed by.
#[derive(Debug)]
pub struct Head {
    pub caller: Text<64>,
    pub conversation: Option<u64>,
    /// Where its line ends, in `lines`.
    pub end: usize,
    pub figures: [u64; FIGURES],
    pub id: Text<24>,
    pub key: Text<64>,
    /// As the client asked for it.
    pub model: Text<96>,
    /// As the provider was asked for it, who is paid for that one.
    pub model_routed: Text<96>,
    pub provider: Text<64>,
    pub status: u16,
    pub unix_ms: u64,
}

impl Rows {
    /// Adds an exchange whose line has just been written to `lines`.
    pub fn push(&mut self, record: &Record) {
        let Record { answered, asked, ended, texts } = record;
        let [input, read, written, written_1h, output] = by_kind(&answered.usage);
        let reasoning = answered.usage.reasoning.unwrap_or(0);
        let estimated = u64::from(answered.estimated);
        self.heads.push(Head {
            caller: Text::cut(texts.of(asked.caller).as_bytes()),
            conversation: asked.conversation,
            end: self.lines.len(),
            figures: [
                1,
                input,
                read,
                written,
                written_1h,
                output,
                reasoning,
                estimated,
                ended.duration_ms,
            ],
            id: Text::cut(texts.of(asked.id).as_bytes()),
            key: Text::cut(texts.of(ended.key).as_bytes()),
            model: Text::cut(texts.of(asked.model).as_bytes()),
            model_routed: Text::cut(texts.of(ended.model_routed).as_bytes()),
            provider: Text::cut(texts.of(ended.provider).as_bytes()),
            status: ended.status,
            unix_ms: asked.unix_ms,
        });
    }

    pub fn len(&self) -> usize {
        self.heads.len()
    }

    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.heads.clear();
        self.lines.clear();
    }

    /// Moves all of `more` behind its own.
    pub fn append(&mut self, more: Self) {
        if self.is_empty() {
            *self = more;
            return;
        }
        let before = self.lines.len();
        self.lines.extend_from_slice(&more.lines);
        self.heads
            .extend(more.heads.into_iter().map(|head| Head { end: before + head.end, ..head }));
    }
}

/// What terms are of, by the numbers that stand for it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    Caller,
    Conversation,
    Key,
    Model,
    Status,
}

impl Kind {
    const fn number(self) -> i64 {
        match self {
            Self::Caller => 1,
            Self::Conversation => 2,
            Self::Key => 3,
            Self::Model => 4,
            Self::Status => 5,
        }
    }

    /// What an exchange has of it; empty: nothing.
    fn of(self, head: &Head) -> Text<96> {
        match self {
            Self::Caller => Text::cut(head.caller.as_bytes()),
            Self::Conversation => hash(head.conversation),
            Self::Key => Text::cut(head.key.as_bytes()),
            Self::Model => head.model,
            Self::Status => Text::cut(head.status.to_string().as_bytes()),
        }
    }
}

fn hash(conversation: Option<u64>) -> Text<96> {
    conversation.map(|hash| Text::cut(Hash(hash).to_string().as_bytes())).unwrap_or_default()
}

/// Adds pages of these exchanges.
pub(super) fn insert(batch: &Transaction<'_>, rows: &Rows) -> rusqlite::Result<()> {
    let mut from = 0;
    for heads in rows.heads.chunks(PAGE_ROWS) {
        let end = heads.last().map_or(from, |head| head.end);
        let lines = rows.lines.get(from..end).unwrap_or_default();
        insert_page(batch, heads, (from, lines))?;
        from = end;
    }
    Ok(())
}

fn insert_page(
    batch: &Transaction<'_>,
    heads: &[Head],
    (from, lines): (usize, &[u8]),
) -> rusqlite::Result<()> {
    let times = || heads.iter().map(|head| head.unix_ms.cast_signed());
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    let count = i64::try_from(heads.len()).unwrap_or(i64::MAX);
    batch
        .prepare("INSERT INTO pages (from_ms, to_ms, count, places, lines) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![first, last, count, places(heads, from), lines])?;
    let page = batch.last_insert_rowid();
    let mut term = batch.prepare("INSERT INTO terms VALUES (?, ?, ?)")?;
    for kind in KINDS {
        let mut before: Option<Text<96>> = None;
        let mut values: BTreeSet<Box<str>> = BTreeSet::new();
        for head in heads {
            // Neighbours are much alike.
            let value = kind.of(head);
            if !value.is_empty() && before != Some(value) {
                values.insert(value.as_str().into());
                before = Some(value);
            }
        }
        for value in values {
            term.execute(params![kind.number(), value, page])?;
        }
    }
    let mut ids = batch.prepare("INSERT INTO ids VALUES (?, ?, ?, ?)")?;
    for Span { first, last, source } in spans(heads) {
        ids.execute(params![source, last, first, page])?;
    }
    Ok(())
}

/// When each exchange began and where its line ends, 12 bytes each.
fn places(heads: &[Head], from: usize) -> Vec<u8> {
    let mut places = Vec::with_capacity(heads.len() * PLACE_BYTES);
    for head in heads {
        let end = u32::try_from(head.end - from).unwrap_or(u32::MAX);
        places.extend_from_slice(&head.unix_ms.to_be_bytes());
        places.extend_from_slice(&end.to_be_bytes());
    }
    places
}

/// The first and the last of a source's ids in a page: each worker counts its own up.
struct Span<'h> {
    first: &'h str,
    last: &'h str,
    source: &'h str,
}

fn spans(heads: &[Head]) -> Vec<Span<'_>> {
    let mut spans: Vec<Span<'_>> = Vec::new();
    for head in heads {
        let (source, number) = parts(head.id.as_str());
        match spans.iter_mut().find(|span| span.source == source) {
            Some(span) => {
                span.first = span.first.min(number);
                span.last = span.last.max(number);
            }
            None => spans.push(Span { first: number, last: number, source }),
        }
    }
    spans
}

/// The source and the number of an id.
fn parts(id: &str) -> (&str, &str) {
    id.split_at_checked(SOURCE_DIGITS).unwrap_or((id, ""))
}

/// Takes out pages whose newest exchange began before `before_ms`, some at a time.
pub(super) fn sweep(logs: &Connection, before_ms: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM pages WHERE page IN \
               (SELECT page FROM pages WHERE to_ms < ? ORDER BY to_ms LIMIT ?)";
    if logs.execute(sql, params![before_ms, SWEPT_MAX])? > 0 {
        // What is left of them leads nowhere. Pages go in the order of their numbers, but for few.
        let first = "SELECT min(page) FROM pages";
        let first: Option<i64> = logs.query_row(first, [], |row| row.get(0))?;
        let first = first.unwrap_or(i64::MAX);
        logs.execute("DELETE FROM terms WHERE page < ?", [first])?;
        logs.execute("DELETE FROM ids WHERE page < ?", [first])?;
    }
    Ok(())
}

/// The shape of one exchange by its id.
///
/// # Errors
/// The database's.
pub fn one(logs: &Connection, id: &str) -> rusqlite::Result<Option<String>> {
    let (source, number) = parts(id);
    let sql = "SELECT page FROM ids WHERE source = ? AND last >= ? AND first <= ?";
    let mut found = logs.prepare(sql)?;
    let pages = found.query_map([source, number, number], |row| row.get::<_, i64>(0))?;
    let start = format!("{{\"id\":\"{id}\"");
    for page in pages {
        let sql = "SELECT lines FROM pages WHERE page = ?";
        let lines: Option<Vec<u8>> = logs.query_row(sql, [page?], |row| row.get(0)).optional()?;
        let lines = lines.unwrap_or_default();
        let mut lines = lines.split(|&byte| byte == b'\n');
        if let Some(line) = lines.find(|line| line.starts_with(start.as_bytes())) {
            return Ok(Some(String::from_utf8_lossy(line).into_owned()));
        }
    }
    Ok(None)
}

/// What is kept beside each key of the sums.
pub const FIGURES: usize = 9;
const KINDS: [Kind; 5] = [Kind::Caller, Kind::Conversation, Kind::Key, Kind::Model, Kind::Status];
const PLACE_BYTES: usize = 12;
/// Exchanges of a page: what a question reads to find one of them.
pub const PAGE_ROWS: usize = 256;
/// The digits of an id that say which worker of which process made it.
const SOURCE_DIGITS: usize = 16;
/// Pages that one sweep takes out.
const SWEPT_MAX: u32 = 256;

/// The tables, with what earlier versions kept in a row each.
pub(super) const TABLES: &str = "
    CREATE TABLE pages (
        page INTEGER PRIMARY KEY AUTOINCREMENT,
        from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, count INTEGER NOT NULL,
        places BLOB NOT NULL, lines BLOB NOT NULL
    );
    CREATE INDEX pages_to ON pages (to_ms);
    CREATE TABLE terms (
        kind INTEGER NOT NULL, value TEXT NOT NULL, page INTEGER NOT NULL,
        PRIMARY KEY (kind, value, page)
    ) WITHOUT ROWID;
    CREATE TABLE ids (
        source TEXT NOT NULL, last TEXT NOT NULL, first TEXT NOT NULL, page INTEGER NOT NULL,
        PRIMARY KEY (source, last, page)
    ) WITHOUT ROWID;
    INSERT INTO pages SELECT seq, at_ms, at_ms, 1,
        unhex(printf('%016x%08x', at_ms, length(CAST(shape AS BLOB)))), CAST(shape AS BLOB)
        FROM requests;
    INSERT INTO terms SELECT 1, caller, seq FROM requests WHERE caller <> '';
    INSERT INTO terms SELECT 2, conversation, seq FROM requests WHERE conversation <> '';
    INSERT INTO terms SELECT 3, key, seq FROM requests WHERE key <> '';
    INSERT INTO terms SELECT 4, model, seq FROM requests WHERE model <> '';
    INSERT INTO terms SELECT 5, CAST(status AS TEXT), seq FROM requests;
    INSERT INTO ids SELECT substr(id, 1, 16), substr(id, 17), substr(id, 17), seq FROM requests;
    DROP TABLE requests;
";

#[cfg(test)]
pub(super) mod tests;
