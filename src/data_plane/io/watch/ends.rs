//! Ends the waits of many at once: of the idle, of upstreams, of who holds most. Never looks at
//! what a connection is for beyond that.

use super::{Cause, End, Entry, Idle, Millis, OnHangup, Slot, Wait, Watchers};

impl Watchers {
    /// Ends the wait of every connection that waits for a request; but for the first one, unless
    /// that is no longer waited for either.
    pub fn end_idle(&self, even_first: bool) {
        for slot in &mut self.table.borrow_mut().slots {
            if slot.idle == Idle::Next || (even_first && slot.idle == Idle::First) {
                slot.end_reads(Cause::Drain);
            }
        }
    }

    /// Bounds the wait of every idle connection once more, by `ms` from now at most.
    pub fn hurry_idle(&self, ms: u64) {
        let end = Millis::now().plus(ms);
        let is_late = |slot: &Slot| {
            slot.idle != Idle::No && slot.deadline.is_some_and(|deadline| deadline.at > end)
        };
        let late: Vec<Entry> = {
            let table = self.table.borrow();
            let slots = (0_u32..).zip(&table.slots).filter(|(_, slot)| is_late(slot));
            slots.map(|(at, slot)| Entry { generation: slot.generation, slot: at }).collect()
        };
        for entry in late {
            self.bound(entry, Wait::KeepAlive, ms);
        }
    }

    /// Resets the connection that holds most of a request, if any holds much.
    pub fn end_largest(&self) {
        let mut table = self.table.borrow_mut();
        let slots = (0_u32..).zip(&table.slots).filter(|(_, slot)| slot.held >= HELD_MUCH);
        let largest = slots.max_by_key(|(_, slot)| slot.held);
        let Some((at, slot)) = largest else { return };
        let entry = Entry { generation: slot.generation, slot: at };
        if let Some(fd) = slot.fd {
            fd.reset_on_close();
        }
        let other = match slot.on_hangup {
            OnHangup::End { other, .. } => other,
            OnHangup::Remember => None,
        };
        for one in [Some(entry), other].into_iter().flatten() {
            if let Some(slot) = table.current(one) {
                slot.held = 0;
                slot.end_both(Cause::ClientGone);
            }
        }
    }

    /// Ends every wait on an upstream, so that its client can still be told, and every idle one.
    pub fn end_upstreams(&self) {
        for slot in &mut self.table.borrow_mut().slots {
            match slot.end {
                End::Upstream => slot.end_both(Cause::Drain),
                End::Downstream if slot.idle != Idle::No => slot.end_reads(Cause::Drain),
                End::Downstream => {}
            }
        }
    }
}

/// Fewer bytes than this are not worth anybody's request.
const HELD_MUCH: usize = 64 * 1024;
