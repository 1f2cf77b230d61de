//! A future whose panic becomes a value, so that the process outlives its control plane.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Runs `future` to its end; `None` when it panicked. It is never polled again then.
pub async fn caught<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| {
        // AssertUnwindSafe: who calls this knows that what the future worked on may be half done.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
            Err(_told_by_the_hook) => Poll::Ready(None),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_none() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(caught(async { 7 })), Some(7));
        let nothing = "not a number".parse::<u8>();
        let panics = async {
            tokio::task::yield_now().await;
            nothing.expect("on purpose")
        };
        assert_eq!(runtime.block_on(caught(panics)), None);
    }
}
