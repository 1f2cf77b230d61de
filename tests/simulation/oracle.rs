//! The sequential oracle: keys as plain structs, one rule of BEHAVIOUR 3 to 5 after the other.
//! An epoch is a fresh number here, and a cell compares whole, so no packing is involved.

use std::collections::HashMap;

/// One word: of a class or of the credential.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    pub auth: bool,
    pub deadline: u64,
    pub epoch: u64,
    pub off: bool,
    pub streak: u8,
}

/// One credential: its two classes and itself.
#[derive(Clone, Debug, Default)]
pub struct Key {
    pub cap: u32,
    pub cells: [Cell; 3],
    pub in_flight: u32,
    pub value: u64,
}

#[derive(Default)]
pub struct Oracle {
    keys: HashMap<u64, Key>,
    names: u64,
    /// By version: the keys in order, each with the value it had.
    snapshots: Vec<Vec<(u64, u64)>>,
}

pub struct Walk {
    class: usize,
    forbidden: Vec<(usize, u64, Cell)>,
    tried: usize,
    pub version: u64,
    visited: Vec<usize>,
}

pub struct Attempt {
    class: usize,
    pub index: usize,
    /// Cells on which a lease is held: which, since when, and as they were then.
    leases: Vec<(usize, u64, Cell)>,
    name: u64,
    seen: [Cell; 2],
}

#[derive(Clone, Copy)]
pub enum Mode {
    Cap(u32),
    Disable,
    Enable,
    NewValue,
    Remove,
    Reset,
}

const CREDENTIAL: usize = 2;

impl Cell {
    fn may_begin(&self, now: u64) -> bool {
        !self.off && now >= self.deadline
    }

    fn clear(&mut self) {
        *self = Self { epoch: self.epoch + 1, ..Self::default() };
    }

    fn auth_failed(&mut self, began: &Self, now: u64) {
        if began.epoch != self.epoch || self.auth && self != began {
            return;
        }
        let since = if self.auth { 0 } else { self.deadline };
        self.streak = if self.auth { (self.streak + 1).min(15) } else { 1 };
        let wait = (5_000_u64 << (self.streak - 1)).min(20_000);
        self.deadline = (now + wait).max(since);
        self.auth = true;
    }

    fn succeeded(&mut self, began: &Self, now: u64) {
        if began.epoch != self.epoch {
            return;
        }
        if !self.auth && now >= self.deadline {
            self.streak = 0;
        } else if self == began && !self.off {
            self.clear();
        }
    }

    fn limited(&mut self, began: &Self, wait_ms: Option<i64>, now: u64) {
        if began.epoch != self.epoch || self.off || self.auth {
            return;
        }
        let until = match wait_ms {
            Some(wait @ 1..) => now + u64::try_from(wait).unwrap().min(30_000),
            _ if now < self.deadline && self != began => return,
            _ => {
                self.streak = (self.streak + 1).min(15);
                now + (1_000_u64 << (self.streak - 1)).min(8_000)
            }
        };
        self.deadline = self.deadline.max(until);
    }
}

impl Oracle {
    pub fn add(&mut self, cap: u32) -> u64 {
        self.names += 1;
        self.keys.insert(self.names, Key { cap, ..Key::default() });
        self.names
    }

    pub fn key(&self, name: u64) -> &Key {
        &self.keys[&name]
    }

    pub fn publish(&mut self, names: &[u64]) {
        let with_value = |&name: &u64| (name, self.keys[&name].value);
        self.snapshots.push(names.iter().map(with_value).collect());
    }

    pub fn operate(&mut self, name: u64, mode: Mode) {
        let key = self.keys.get_mut(&name).unwrap();
        match mode {
            Mode::Cap(cap) => key.cap = cap,
            Mode::Disable | Mode::Remove => key.cells[CREDENTIAL].off = true,
            Mode::Enable if key.cells[CREDENTIAL].off => {
                key.cells[CREDENTIAL].off = false;
                key.cells[CREDENTIAL].epoch += 1;
            }
            Mode::Enable => {}
            Mode::NewValue => {
                key.value += 1;
                key.cells.iter_mut().for_each(Cell::clear);
            }
            Mode::Reset => {
                let off = key.cells[CREDENTIAL].off;
                key.cells.iter_mut().for_each(Cell::clear);
                key.cells[CREDENTIAL].off = off;
            }
        }
    }

    pub fn walk(class: usize, version: u64) -> Walk {
        Walk { class, forbidden: Vec::new(), tried: 0, version, visited: Vec::new() }
    }

    fn snapshot(&self, walk: &Walk) -> &[(u64, u64)] {
        &self.snapshots[usize::try_from(walk.version).unwrap() - 1]
    }

    /// The first key of the list that may be used, with its permit and its leases taken.
    pub fn next(&mut self, walk: &mut Walk, now: u64, probe_ms: u64) -> Option<Attempt> {
        let class = walk.class;
        let (index, name) =
            self.snapshot(walk).iter().enumerate().find_map(|(index, &(name, value))| {
                let key = &self.keys[&name];
                let may_begin = key.value == value
                    && [class, CREDENTIAL].iter().all(|&cell| key.cells[cell].may_begin(now))
                    && (key.cap == 0 || key.in_flight < key.cap)
                    && !walk.visited.contains(&index);
                may_begin.then_some((index, name))
            })?;
        walk.visited.push(index);
        walk.tried += 1;
        let key = self.keys.get_mut(&name).unwrap();
        key.in_flight += 1;
        let mut leases = Vec::new();
        for cell in [class, CREDENTIAL] {
            if key.cells[cell].auth {
                key.cells[cell].deadline = now + probe_ms;
                leases.push((cell, now, key.cells[cell].clone()));
            }
        }
        let seen = [class, CREDENTIAL].map(|cell| key.cells[cell].clone());
        Some(Attempt { class, index, leases, name, seen })
    }

    /// The attempt is over: permit and leases go back.
    pub fn leave(&mut self, attempt: &Attempt) {
        let key = self.keys.get_mut(&attempt.name).unwrap();
        key.in_flight -= 1;
        for (cell, taken, held) in &attempt.leases {
            if key.cells[*cell] == *held {
                key.cells[*cell].deadline = *taken;
            }
        }
    }

    pub fn succeeded(&mut self, attempt: &Attempt, now: u64) {
        let [class, credential] = &attempt.seen;
        let cells = &mut self.keys.get_mut(&attempt.name).unwrap().cells;
        cells[attempt.class].succeeded(class, now);
        cells[CREDENTIAL].succeeded(credential, now);
    }

    pub fn limited(&mut self, attempt: &Attempt, whole: bool, wait_ms: Option<i64>, now: u64) {
        let [class, credential] = &attempt.seen;
        let cells = &mut self.keys.get_mut(&attempt.name).unwrap().cells;
        if whole {
            cells[CREDENTIAL].limited(credential, wait_ms, now);
        } else {
            cells[attempt.class].limited(class, wait_ms, now);
        }
    }

    pub fn auth_failed(&mut self, attempt: &Attempt, now: u64) {
        let cells = &mut self.keys.get_mut(&attempt.name).unwrap().cells;
        cells[CREDENTIAL].auth_failed(&attempt.seen[1], now);
    }

    pub fn settle(&mut self, walk: &mut Walk, now: u64) {
        for (_, name, began) in walk.forbidden.drain(..) {
            self.keys.get_mut(&name).unwrap().cells[walk.class].auth_failed(&began, now);
        }
    }

    /// BEHAVIOUR 5, final answer, by what each visible key is.
    pub fn outcome(&self, walk: &Walk, now: u64) -> &'static str {
        let (mut cooling, mut at_cap, mut failed, mut other) = (0, 0, 0, 0);
        let snapshot = self.snapshot(walk);
        for (index, &(name, value)) in snapshot.iter().enumerate() {
            let key = &self.keys[&name];
            let cells = [&key.cells[walk.class], &key.cells[CREDENTIAL]];
            let is_full = key.cap != 0 && key.in_flight >= key.cap;
            let is_forbidden = walk.forbidden.iter().any(|&(at, ..)| at == index);
            if key.value != value || is_forbidden || cells.iter().any(|cell| cell.off) {
            } else if cells.iter().any(|cell| cell.auth) {
                failed += 1;
            } else if cells.iter().any(|cell| now < cell.deadline) {
                cooling += 1;
            } else if is_full && !walk.visited.contains(&index) {
                at_cap += 1;
            } else {
                other += 1;
            }
        }
        let forbidden = walk.forbidden.len();
        match (cooling > 0, at_cap > 0) {
            (true, true) => "RateLimitedBriefly",
            (true, false) => "RateLimited",
            (false, true) => "AtCap",
            _ if forbidden > 0 && forbidden == walk.tried => "Forbidden",
            _ if other > 0 => "Tried",
            _ if snapshot.is_empty() => "NoKey",
            _ if failed > 0 || forbidden > 0 => "AuthFailed",
            _ => "NoUsableKey",
        }
    }
}

impl Walk {
    pub fn forbid(&mut self, attempt: &Attempt) {
        self.forbidden.push((attempt.index, attempt.name, attempt.seen[0].clone()));
    }
}
