//! Wakes whoever waits on this worker. One thread, no queue, no data.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};

/// Waiters of one event that happens again and again.
#[derive(Debug, Default)]
pub struct Notify {
    round: Cell<u64>,
    waiters: RefCell<Vec<Waker>>,
}

impl Notify {
    /// Ends every wait that has begun.
    pub fn notify(&self) {
        self.round.set(self.round.get().wrapping_add(1));
        for waker in self.waiters.take() {
            waker.wake();
        }
    }

    /// Waits for the next [`Notify::notify`]. May be dropped at any time.
    pub async fn wait(&self) {
        let round = self.round.get();
        poll_fn(|cx| {
            if self.round.get() != round {
                return Poll::Ready(());
            }
            let mut waiters = self.waiters.borrow_mut();
            if !waiters.iter().any(|w| w.will_wake(cx.waker())) {
                waiters.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

/// The result of whichever ends first; the other is dropped, so neither may own a buffer or take
/// data: readiness, timers and notifications only (D3).
pub async fn first<A: Future, B: Future>(a: A, b: B) -> First<A::Output, B::Output> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| {
        if let Poll::Ready(value) = a.as_mut().poll(cx) {
            return Poll::Ready(First::A(value));
        }
        b.as_mut().poll(cx).map(First::B)
    })
    .await
}

/// Which of two waits ended first.
#[derive(Debug)]
pub enum First<A, B> {
    /// The first one.
    A(A),
    /// The second one.
    B(B),
}
