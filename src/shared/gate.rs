//! Counted admission: a gate counts what is in flight below a cap, a permit gives its place back
//! by being dropped (BEHAVIOUR 7, DESIGN D8). Never waits, never counts above the cap.

use crossbeam::utils::CachePadded;

use super::atomic::{AtomicU32, AtomicU64, Ordering};

/// One subject's in-flight count beside a separately stored cap.
///
/// Lives for the whole process (`'static`): a permit is then one pointer, and taking it touches
/// no shared reference count (21.9 ns with an `Arc`, HARDENING 6.2).
#[derive(Debug)]
pub struct Gate {
    inner: CachePadded<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// 0 = none.
    cap: AtomicU32,
    /// Places given back while somebody waited; wraps.
    freed: AtomicU32,
    /// `[waiting:32][in_flight:32]`. One word, so that who gives a place back sees who waits for
    /// it, and who comes to wait sees that none is free: a wake-up cannot fall between.
    word: AtomicU64,
}

impl Gate {
    /// A gate with nothing in flight. `cap` 0 = no cap.
    pub fn new(cap: u32) -> Self {
        let (cap, freed) = (AtomicU32::new(cap), AtomicU32::new(0));
        let inner = Inner { cap, freed, word: AtomicU64::new(0) };
        Self { inner: CachePadded::new(inner) }
    }

    /// Takes one place.
    ///
    /// # Errors
    /// [`AtCap`] at once when the cap is reached.
    pub fn try_acquire(&'static self) -> Result<Permit, AtCap> {
        let cap = self.cap();
        // A weak exchange in a loop, never add-then-undo: an undone add is a moment above the cap,
        // in which others are refused wrongly. Acquire pairs with the Release in `Permit::drop`.
        self.inner
            .word
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |word| {
                let count = in_flight(word);
                if cap != 0 && count >= cap || count == u32::MAX { None } else { Some(word + 1) }
            })
            .map(|_| Permit { gate: self })
            .map_err(|_| AtCap { cap })
    }

    fn give_back(&self) -> u32 {
        // Release: all that was done under the permit comes before its place is free.
        let before = self.inner.word.fetch_sub(1, Ordering::Release);
        debug_assert!(in_flight(before) > 0, "a permit was given back twice");
        if waiting(before) != 0 {
            // Release, and behind the word: who sees this count sees the place free.
            self.inner.freed.fetch_add(1, Ordering::Release);
        }
        waiting(before)
    }

    /// How often a place was given back while somebody waited for one; wraps. Tells one free place
    /// from the next to those who pass on what they cannot use.
    pub fn freed(&self) -> u32 {
        self.inner.freed.load(Ordering::Acquire)
    }

    /// What is in flight now.
    pub fn in_flight(&self) -> u32 {
        // Acquire: who sees 0 sees all that the last holder wrote (a slot is reused then).
        in_flight(self.inner.word.load(Ordering::Acquire))
    }

    /// The cap; 0 = none.
    pub fn cap(&self) -> u32 {
        // Relaxed: a new cap holds from the next request; nothing is published by it.
        self.inner.cap.load(Ordering::Relaxed)
    }

    /// Whether a request now would be refused. A hint: another one may come first.
    pub fn is_full(&self) -> bool {
        let cap = self.cap();
        cap != 0 && in_flight(self.inner.word.load(Ordering::Relaxed)) >= cap
    }

    /// Places that are free now; `u32::MAX` without a cap. A hint, as [`Self::is_full`] is.
    pub fn room(&self) -> u32 {
        match self.cap() {
            0 => u32::MAX,
            cap => cap.saturating_sub(self.in_flight()),
        }
    }

    /// Announces that the workers of `mask` wait for a place, whether or not one is free: whoever
    /// looks for one after that and finds none is told when one is given back. True when that is
    /// news. A gate without a cap keeps nobody waiting, and nothing is announced there.
    pub fn announce(&self, mask: u32) -> bool {
        if self.cap() == 0 {
            return false;
        }
        // AcqRel: a place that was given back before is seen, and whoever gives one back later
        // sees the announcement.
        let before = self.inner.word.fetch_or(u64::from(mask) << WAITING_SHIFT, Ordering::AcqRel);
        waiting(before) & mask != mask
    }

    /// Takes an announcement back.
    pub fn withdraw(&self, mask: u32) {
        // Relaxed: a wake-up that comes all the same finds nobody, which is no harm.
        self.inner.word.fetch_and(!(u64::from(mask) << WAITING_SHIFT), Ordering::Relaxed);
    }

    /// The workers that wait for a place.
    pub fn waiting(&self) -> u32 {
        waiting(self.inner.word.load(Ordering::Relaxed))
    }

    /// Stores another cap (0 = none). What is in flight above it runs to its end.
    pub fn set_cap(&self, cap: u32) {
        self.inner.cap.store(cap, Ordering::Relaxed);
    }
}

/// The cap is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AtCap {
    /// The cap that was compared with.
    pub cap: u32,
}

/// One place in flight. Not `Clone`: dropped once, on whatever thread, in whatever way.
#[derive(Debug)]
#[must_use = "a dropped permit is given back"]
pub struct Permit {
    gate: &'static Gate,
}

impl Permit {
    /// The gate it belongs to.
    pub fn gate(&self) -> &'static Gate {
        self.gate
    }

    /// Gives the place back, and says which workers wait for one.
    pub fn release(self) -> u32 {
        let gate = self.gate;
        std::mem::forget(self);
        gate.give_back()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let _nobody_is_woken = self.gate.give_back();
    }
}

/// Who refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Subject {
    /// `[concurrency] global`.
    Global,
    /// The caller's `max_concurrent`.
    Caller,
    /// The provider's `max_concurrent`.
    Provider,
    /// The credential's cap.
    Credential,
}

/// An admission that failed. Nothing of it is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The cap that was reached.
    pub cap: u32,
    /// Whose it is.
    pub subject: Subject,
}

impl Subject {
    /// The `x-tidegate-reason` of a refusal (BEHAVIOUR 7).
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Global => "global_cap",
            Self::Caller => "caller_cap",
            Self::Provider => "provider_cap",
            Self::Credential => "credential_cap",
        }
    }
}

/// All permits of one exchange: taken in the order global, caller, provider, credential, given
/// back in reverse. Belongs to the relayed body, so every end of it gives back.
#[derive(Debug, Default)]
pub struct Permits {
    // Fields drop in this order.
    credential: Option<Permit>,
    provider: Option<Permit>,
    caller: Option<Permit>,
    global: Option<Permit>,
}

impl Permits {
    /// The exchange's own permits.
    ///
    /// # Errors
    /// [`Refused`] when a cap is reached; nothing is held then.
    pub fn admit(
        global: Option<&'static Gate>,
        caller: Option<&'static Gate>,
    ) -> Result<Self, Refused> {
        let global = take(global, Subject::Global)?;
        // A refusal here drops `global`, which gives it back at once (T-14).
        let caller = take(caller, Subject::Caller)?;
        Ok(Self { caller, global, ..Self::default() })
    }

    /// The permits of one attempt. Those of the attempt before are given back first (T-16).
    ///
    /// # Errors
    /// [`Refused`] when a cap is reached; the exchange's own permits stay.
    pub fn enter(
        &mut self,
        provider: Option<&'static Gate>,
        credential: &'static Gate,
    ) -> Result<(), Refused> {
        let _nobody_is_woken = self.leave();
        let provider = take(provider, Subject::Provider)?;
        self.credential = take(Some(credential), Subject::Credential)?;
        self.provider = provider;
        Ok(())
    }

    /// The permit of an attempt with a credential that a client brought, which has no gate.
    ///
    /// # Errors
    /// [`Refused`] when the provider's cap is reached; the exchange's own permits stay.
    pub fn enter_brought(&mut self, provider: &'static Gate) -> Result<(), Refused> {
        let _nobody_is_woken = self.leave();
        self.provider = take(Some(provider), Subject::Provider)?;
        Ok(())
    }

    /// Gives the attempt's permits back; the exchange's own stay. Says which workers wait for each
    /// place that is free now.
    pub fn leave(&mut self) -> [u32; 2] {
        // In the reverse of the order they were taken in.
        [&mut self.credential, &mut self.provider].map(release)
    }

    /// Gives all permits back, likewise.
    pub fn release(&mut self) -> [u32; 4] {
        let all = [&mut self.credential, &mut self.provider, &mut self.caller, &mut self.global];
        all.map(release)
    }
}

fn release(permit: &mut Option<Permit>) -> u32 {
    permit.take().map_or(0, Permit::release)
}

fn in_flight(word: u64) -> u32 {
    u32::try_from(word & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

fn waiting(word: u64) -> u32 {
    u32::try_from(word >> WAITING_SHIFT).unwrap_or(u32::MAX)
}

const WAITING_SHIFT: u32 = 32;

fn take(gate: Option<&'static Gate>, subject: Subject) -> Result<Option<Permit>, Refused> {
    let permit = gate.map(Gate::try_acquire).transpose();
    permit.map_err(|AtCap { cap }| Refused { cap, subject })
}

const _: () = assert!(size_of::<Permit>() == size_of::<usize>(), "a permit is one pointer");
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Permits>();
};

#[cfg(all(test, not(tidegate_loom)))]
mod tests;

#[cfg(all(test, tidegate_loom))]
mod loom_tests;
