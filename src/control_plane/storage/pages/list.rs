//! The list of exchanges that are kept, newest first: which pages may hold what is wanted, from an
//! index, and which of their exchanges are.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde::Deserialize;

use super::{Kind, PLACE_BYTES};

/// Which exchanges, those that ended last first.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Behind this place in the list.
    pub before: Option<(i64, i64)>,
    /// What they must have.
    pub equal: Vec<(Kind, String)>,
    /// When they began, unix ms, inclusive.
    pub from_ms: Option<i64>,
    pub limit: u32,
    /// When they began, unix ms, exclusive.
    pub to_ms: Option<i64>,
}

/// An exchange in its place.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its page, and its place there.
    pub place: (i64, i64),
    /// The shape `request`, JSON.
    pub shape: String,
}

/// What a shape is looked through for.
#[derive(Deserialize)]
struct Seen {
    caller: Option<String>,
    conversation: Option<String>,
    key: Option<String>,
    model: Option<String>,
    status: u16,
}

impl Wanted {
    /// The list.
    ///
    /// # Errors
    /// The database's.
    pub fn list(&self, logs: &Connection) -> rusqlite::Result<Vec<Placed>> {
        let (sql, values) = self.sql();
        let mut pages = logs.prepare(&sql)?;
        let mut pages = pages.query(params_from_iter(values))?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        while let Some(row) = pages.next()? {
            let places = row.get_ref(1)?.as_blob()?;
            let lines = row.get_ref(2)?.as_blob()?;
            self.look(row.get(0)?, (places, lines), |placed| found.push(placed));
            if found.len() >= limit {
                found.truncate(limit);
                break;
            }
        }
        Ok(found)
    }

    /// The pages that may hold some, newest first.
    pub(super) fn sql(&self) -> (String, Vec<Value>) {
        let mut terms: Vec<String> = Vec::new();
        let mut values = Vec::new();
        // Whatever few pages have comes first; the others are looked up for each page.
        let mut equal = self.equal.clone();
        equal.sort_by_key(|(kind, _)| rank(*kind));
        let mut source = "pages";
        for (place, (kind, value)) in equal.into_iter().enumerate() {
            if place == 0 {
                source = "terms CROSS JOIN pages USING (page)";
                terms.push("terms.kind = ? AND terms.value = ?".to_owned());
            } else {
                let other = "EXISTS (SELECT 1 FROM terms AS other WHERE other.kind = ? \
                             AND other.value = ? AND other.page = pages.page)";
                terms.push(other.to_owned());
            }
            values.extend([Value::Integer(kind.number()), Value::Text(value)]);
        }
        let page = if source == "pages" { "pages.page" } else { "terms.page" };
        let bounds = [
            (format!("{page} <= ?"), self.before.map(|(page, _)| page)),
            ("to_ms >= ?".to_owned(), self.from_ms),
            ("from_ms < ?".to_owned(), self.to_ms),
        ];
        for (term, bound) in bounds {
            if let Some(bound) = bound {
                terms.push(term);
                values.push(Value::Integer(bound));
            }
        }
        let filter = if terms.is_empty() { "1" } else { &terms.join(" AND ") };
        let sql = format!(
            "SELECT pages.page, places, lines FROM {source} WHERE {filter} ORDER BY {page} DESC"
        );
        (sql, values)
    }

    /// Gives what is wanted of one page, newest first.
    fn look(&self, page: i64, (places, lines): (&[u8], &[u8]), mut give: impl FnMut(Placed)) {
        let mut start = 0;
        let mut all = Vec::new();
        for (at, (at_ms, end)) in places.chunks_exact(PLACE_BYTES).map(place).enumerate() {
            all.push((at, at_ms, std::mem::replace(&mut start, end)..end));
        }
        for (at, at_ms, line) in all.into_iter().rev() {
            let place = (page, i64::try_from(at).unwrap_or(i64::MAX));
            let is_in = self.before.is_none_or(|before| place < before)
                && self.from_ms.is_none_or(|from| at_ms >= from)
                && self.to_ms.is_none_or(|to| at_ms < to);
            let Some(line) = lines.get(line).filter(|_| is_in) else { continue };
            if self.has_all(line) {
                let shape = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
                give(Placed { place, shape });
            }
        }
    }

    /// Whether a shape has all that is asked for.
    fn has_all(&self, line: &[u8]) -> bool {
        if self.equal.is_empty() {
            return true;
        }
        let Ok(seen) = serde_json::from_slice::<Seen>(line) else { return false };
        self.equal.iter().all(|(kind, value)| match kind {
            Kind::Caller => seen.caller.as_ref() == Some(value),
            Kind::Conversation => seen.conversation.as_ref() == Some(value),
            Kind::Key => seen.key.as_ref() == Some(value),
            Kind::Model => seen.model.as_ref() == Some(value),
            Kind::Status => seen.status.to_string() == *value,
        })
    }
}

/// How few pages hold one value of a kind, by experience.
const fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Conversation => 0,
        Kind::Caller => 1,
        Kind::Status => 2,
        Kind::Key => 3,
        Kind::Model => 4,
    }
}

/// When an exchange began, and where its line ends.
fn place(bytes: &[u8]) -> (i64, usize) {
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |all, &byte| all << 8 | u64::from(byte));
    let (at_ms, end) = bytes.split_at_checked(8).unwrap_or_default();
    (number(at_ms).cast_signed(), usize::try_from(number(end)).unwrap_or(usize::MAX))
}
