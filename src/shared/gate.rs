//! Counted admission: a gate counts what is in flight below a cap, a permit gives its place back
//! by being dropped (BEHAVIOUR 7, DESIGN D8). Never waits, never counts above the cap.

use crossbeam::utils::CachePadded;

use super::atomic::{AtomicU32, Ordering};

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
    in_flight: AtomicU32,
}

impl Gate {
    /// A gate with nothing in flight. `cap` 0 = no cap.
    pub fn new(cap: u32) -> Self {
        let inner = Inner { cap: AtomicU32::new(cap), in_flight: AtomicU32::new(0) };
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
            .in_flight
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |count| {
                if cap != 0 && count >= cap { None } else { count.checked_add(1) }
            })
            .map(|_| Permit { gate: self })
            .map_err(|_| AtCap { cap })
    }

    /// What is in flight now.
    pub fn in_flight(&self) -> u32 {
        // Acquire: who sees 0 sees all that the last holder wrote (a slot is reused then).
        self.inner.in_flight.load(Ordering::Acquire)
    }

    /// The cap; 0 = none.
    pub fn cap(&self) -> u32 {
        // Relaxed: a new cap holds from the next request; nothing is published by it.
        self.inner.cap.load(Ordering::Relaxed)
    }

    /// Whether a request now would be refused. A hint: another one may come first.
    pub fn is_full(&self) -> bool {
        let cap = self.cap();
        cap != 0 && self.inner.in_flight.load(Ordering::Relaxed) >= cap
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
}

impl Drop for Permit {
    fn drop(&mut self) {
        // Release: all that was done under the permit comes before its place is free.
        let before = self.gate.inner.in_flight.fetch_sub(1, Ordering::Release);
        debug_assert!(before > 0, "a permit was given back twice");
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
    #[expect(dead_code, reason = "held for its drop")]
    caller: Option<Permit>,
    #[expect(dead_code, reason = "held for its drop")]
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
        self.leave();
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
        self.leave();
        self.provider = take(Some(provider), Subject::Provider)?;
        Ok(())
    }

    /// Gives the attempt's permits back; the exchange's own stay.
    pub fn leave(&mut self) {
        self.credential = None;
        self.provider = None;
    }
}

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
