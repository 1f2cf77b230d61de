//! A task that panics ends alone: its worker and all other connections go on (D3).

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future whose panic becomes a value.
pub struct CatchPanic<F> {
    inner: Option<Pin<Box<F>>>,
}

impl<F: Future> CatchPanic<F> {
    /// Guards `future`.
    pub fn new(future: F) -> Self {
        Self { inner: Some(Box::pin(future)) }
    }
}

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(inner) = &mut self.inner else { return Poll::Pending };
        // AssertUnwindSafe: the future is dropped right here and never polled again; what it
        // shares with others are cells that hold no half-made value across a call.
        match catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => {
                self.inner = None;
                Poll::Ready(Ok(value))
            }
            Err(panic) => {
                let inner = self.inner.take();
                // A second panic while dropping would end the process; keep it in here too.
                let _twice = catch_unwind(AssertUnwindSafe(|| drop(inner)));
                Poll::Ready(Err(panic))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_panic_becomes_a_value_and_drops_the_future() {
        struct SetOnDrop<'a>(&'a std::cell::Cell<bool>);
        impl Drop for SetOnDrop<'_> {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let dropped = std::cell::Cell::new(false);
        let held = SetOnDrop(&dropped);
        let mut guarded = CatchPanic::new(async move {
            let _held = held;
            panic!("on purpose");
        });
        let mut cx = Context::from_waker(Waker::noop());
        let polled: Poll<Result<(), _>> = Pin::new(&mut guarded).poll(&mut cx);
        assert!(matches!(polled, Poll::Ready(Err(_))));
        assert!(dropped.get());
    }
}
