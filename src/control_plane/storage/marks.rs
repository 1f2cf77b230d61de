//! States of keys between two processes (BEHAVIOUR 3, "Restored after restart"): what cools or has
//! failed authentication, by wall-clock deadline and hash of the value. Never holds a value.

use crate::control_plane::shape::key::{Known, Now};
use crate::shared::Shared;
use crate::shared::clock::Millis;
use crate::shared::credential::reason::Reason;
use crate::shared::credential::slot::Restored;
use crate::shared::credential::word::{DEADLINE_MAX, State, Word};

/// One word that is not plainly available.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mark {
    pub auth_failed: bool,
    /// Empty: the whole key.
    pub class: String,
    pub name: String,
    pub provider: String,
    pub reason: String,
    pub streak: u8,
    /// Unix ms; `None`: never by itself.
    pub until_ms: Option<u64>,
    /// Keyed hash of the key's value.
    pub value_hash: u64,
}

/// All marks as they stand.
pub fn collect(shared: &Shared) -> Vec<Mark> {
    let setup = shared.setup.load();
    let now = Now { millis: Millis::now(), wall: shared.wall.now() };
    let mut marks = Vec::new();
    for known in Known::all(&setup) {
        let slot = known.slot();
        let whole = std::iter::once((String::new(), slot.credential().load()));
        let classes = (0_u8..).zip(slot.classes()).filter_map(|(index, word)| {
            let word = word.load();
            let is_marked = is_marked(word, now.millis);
            Some((known.pool.classes.name(index).filter(|_| is_marked)?.to_owned(), word))
        });
        for (class, word) in whole.chain(classes).filter(|(_, w)| is_marked(*w, now.millis)) {
            let until = word.deadline();
            let ahead_ms = until.since(now.millis);
            marks.push(Mark {
                auth_failed: word.is_auth_failed(),
                class,
                name: known.key.name.clone(),
                provider: known.provider.name.clone(),
                reason: word.reason().name().to_owned(),
                streak: word.streak(),
                until_ms: (until < DEADLINE_MAX).then(|| rounded(now.wall.0 + ahead_ms)),
                value_hash: shared.keyed_hash.of(&[known.key.value.expose().as_bytes()]),
            });
        }
    }
    marks
}

/// Puts marks of a former process in force where the value is still the same. Returns how many.
pub fn restore(shared: &Shared, marks: &[Mark]) -> usize {
    let setup = shared.setup.load();
    let (now, wall) = (Millis::now(), shared.wall.now());
    let restored = marks.iter().filter(|mark| {
        let Some(known) = Known::find(&setup, &mark.provider, &mark.name) else { return false };
        if shared.keyed_hash.of(&[known.key.value.expose().as_bytes()]) != mark.value_hash {
            return false;
        }
        let ahead_ms = mark.until_ms.map(|until_ms| until_ms.saturating_sub(wall.0));
        if ahead_ms == Some(0) && !mark.auth_failed {
            return false;
        }
        let stored = Restored {
            auth_failed: mark.auth_failed,
            deadline: ahead_ms.map_or(DEADLINE_MAX, |ahead_ms| now.plus(ahead_ms)),
            reason: Reason::of_name(&mark.reason),
            streak: mark.streak,
        };
        let class = (!mark.class.is_empty()).then(|| known.pool.classes.intern(&mark.class));
        known.slot().restore(class, stored).is_some()
    });
    restored.count()
}

fn is_marked(word: Word, now: Millis) -> bool {
    matches!(word.state(now), State::AuthFailed { .. } | State::Cooling { .. })
}

/// Two clocks that tick apart would make another mark of the same word each time.
const fn rounded(ms: u64) -> u64 {
    ms.next_multiple_of(100)
}
