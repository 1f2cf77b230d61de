//! Where slots live: shards of fixed slots that are added by the control plane and never move.
//! Readers take no lock and touch no shared reference count; nothing is ever freed.

use std::sync::OnceLock;

use super::CredentialId;
use super::slot::Slot;
use super::transition::Event;
use crate::shared::clock::Millis;

/// All slots of the process. Read by everyone; grown by the one [`Roster`].
#[derive(Debug)]
pub struct Table {
    shards: Box<[OnceLock<Box<[Slot]>>]>,
}

impl Table {
    /// A table without shards, for the rest of the process.
    pub fn leaked() -> &'static Self {
        let shards = (0..SHARDS_MAX).map(|_| OnceLock::new()).collect();
        Box::leak(Box::new(Self { shards }))
    }

    /// The slot of `id`; `None` when it has another tenant by now.
    pub fn slot(&self, id: CredentialId) -> Option<&Slot> {
        self.at(id.shard, id.slot).filter(|slot| slot.is_of(id))
    }

    /// The slot at a place, whoever lives there.
    fn at(&self, shard: u16, slot: u16) -> Option<&Slot> {
        self.shards.get(usize::from(shard))?.get()?.get(usize::from(slot))
    }

    /// Adds the shard at `shard`. One writer, so the set never contends.
    fn grow(&self, shard: u16) -> Result<(), TableFull> {
        let cell = self.shards.get(usize::from(shard)).ok_or(TableFull)?;
        cell.set((0..SLOTS_PER_SHARD).map(|_| Slot::new()).collect()).map_err(|_| TableFull)
    }
}

/// No slot is left: [`CREDENTIALS_MAX`] credentials live or wait to be reclaimed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TableFull;

/// A tenant's place and the version of its first value.
#[derive(Clone, Copy, Debug)]
pub struct Claimed {
    /// Its name for snapshots and reports.
    pub id: CredentialId,
    /// The slot itself.
    pub slot: &'static Slot,
    /// The version of the value it came with.
    pub version: u64,
}

/// Who lives where, as the control plane keeps it: the table's one writer.
#[derive(Debug)]
pub struct Roster {
    free: Vec<(u16, u16)>,
    retired: Vec<Retired>,
    shards: u16,
    table: &'static Table,
}

#[derive(Clone, Copy, Debug)]
struct Retired {
    gone_from: u64,
    place: (u16, u16),
}

impl Roster {
    /// The roster of a table that has no shard yet.
    pub fn new(table: &'static Table) -> Self {
        Self { free: Vec::new(), retired: Vec::new(), shards: 0, table }
    }

    /// The table that workers read.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// A slot for a credential with `cap` (0 = none): one that was given back, or a new one.
    ///
    /// # Errors
    /// [`TableFull`].
    pub fn claim(&mut self, cap: u32) -> Result<Claimed, TableFull> {
        loop {
            let Some((shard, index)) = self.free.pop() else {
                self.table.grow(self.shards)?;
                let shard = self.shards;
                self.free.extend((0..SLOTS_PER_SHARD).rev().map(|slot| (shard, slot)));
                self.shards += 1;
                continue;
            };
            let slot = self.table.at(shard, index).ok_or(TableFull)?;
            // A worn slot is left out for good: 65,535 clears happened in it.
            if let Ok((generation, version)) = slot.move_in(cap) {
                let id = CredentialId { generation, shard, slot: index };
                return Ok(Claimed { id, slot, version });
            }
        }
    }

    /// The tenant leaves: no attempt begins with it from now on, those under way run to their end.
    /// `gone_from` is the first snapshot version that does not name it.
    pub fn retire(&mut self, id: CredentialId, gone_from: u64) {
        let Some(slot) = self.table.slot(id) else { return };
        slot.credential().apply(Event::Remove, Millis(0));
        self.retired.push(Retired { gone_from, place: (id.shard, id.slot) });
    }

    /// Frees what is retired, has nothing in flight and is in no worker's snapshot any more:
    /// `adopted` is the oldest snapshot version that a worker runs on. Returns how many.
    pub fn reclaim(&mut self, adopted: u64) -> usize {
        let before = self.free.len();
        let (table, free) = (self.table, &mut self.free);
        self.retired.retain(|retired| {
            let (shard, index) = retired.place;
            let Some(slot) = table.at(shard, index) else { return false };
            // Adopted first: after that the count only falls.
            let is_free = retired.gone_from <= adopted && slot.gate().in_flight() == 0;
            if is_free {
                free.push(retired.place);
            }
            !is_free
        });
        self.free.len() - before
    }

    /// A mutant of [`Self::reclaim`] that asks nobody: its model must fail.
    #[cfg(all(test, tidegate_loom))]
    pub(super) fn reclaim_blindly(&mut self) {
        self.free.extend(self.retired.drain(..).map(|retired| retired.place));
    }

    /// Tenants that left and whose slots are not free yet.
    pub fn retired(&self) -> usize {
        self.retired.len()
    }
}

/// Credentials that a process can have, those that wait to be reclaimed included.
pub const CREDENTIALS_MAX: usize = 65_536;

const SHARDS_MAX: u16 = 1_024;
const SLOTS_PER_SHARD: u16 = if cfg!(tidegate_loom) { 1 } else { 64 };

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::shared::credential::cooldown::Lease;
    use crate::shared::credential::reason::Reason;

    #[test]
    fn claimed_slots_are_distinct_found_by_id_and_stay_where_they_are() {
        let mut roster = Roster::new(Table::leaked());
        let claimed: Vec<_> = (0..200).map(|cap| roster.claim(cap).unwrap()).collect();
        for (cap, one) in (0..).zip(&claimed) {
            let found = roster.table().slot(one.id).unwrap();
            assert!(std::ptr::eq(found, one.slot));
            assert_eq!((found.gate().cap(), found.material_version()), (cap, one.version));
        }
    }

    #[test]
    fn a_slot_is_reused_only_at_in_flight_0_and_when_no_snapshot_names_it() {
        let mut roster = Roster::new(Table::leaked());
        let old = roster.claim(0).unwrap();
        let stream = old.slot.gate().try_acquire().unwrap();
        roster.retire(old.id, 5);
        assert!(old.slot.credential().load().is_off());
        assert_eq!(roster.reclaim(9), 0, "a stream runs");
        drop(stream);
        assert_eq!(roster.reclaim(4), 0, "a worker may still begin");
        assert_eq!((roster.reclaim(5), roster.retired()), (1, 0));

        let new = roster.claim(3).unwrap();
        assert!(std::ptr::eq(new.slot, old.slot));
        assert_ne!(new.id, old.id);
        assert!(roster.table().slot(old.id).is_none(), "the old id leads nowhere");
        assert!(new.slot.credential().load().is_available(Millis(0)));
    }

    #[test]
    fn a_report_about_the_last_tenant_does_not_touch_the_next() {
        let mut roster = Roster::new(Table::leaked());
        let old = roster.claim(0).unwrap();
        let began = old.slot.credential().load();
        roster.retire(old.id, 1);
        roster.reclaim(1);
        let new = roster.claim(0).unwrap();
        let (reason, recheck) = (Reason::Unauthorized, None);
        let late = Event::AuthFailed { began, reason, recheck };
        assert_eq!(new.slot.credential().apply(late, Millis(1)), None);
        assert!(Lease::take(new.slot.credential(), Millis(9), Millis(1)).is_none());
    }

    #[test]
    fn a_full_table_says_so() {
        let mut roster = Roster::new(Table::leaked());
        roster.shards = SHARDS_MAX;
        assert_eq!(roster.claim(0).map(|claimed| claimed.id), Err(TableFull));
    }
}
