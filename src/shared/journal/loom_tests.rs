//! The handshake of writer and reader in every interleaving.

use loom::sync::Arc;

use super::*;

/// The handshake of `push` and `fall_asleep` alone: loom cannot see into the queue, so one
/// word stands for it.
struct Handshake {
    asleep: AtomicU8,
    queued: AtomicU8,
}

fn run(with_fence: bool) {
    loom::model(move || {
        let shared = Arc::new(Handshake { asleep: AtomicU8::new(0), queued: AtomicU8::new(0) });
        let writer = {
            let shared = shared.clone();
            loom::thread::spawn(move || {
                shared.queued.store(1, Ordering::Release);
                if with_fence {
                    fence(Ordering::SeqCst);
                }
                shared.asleep.load(Ordering::Relaxed) == 1
            })
        };
        shared.asleep.store(1, Ordering::Relaxed);
        if with_fence {
            fence(Ordering::SeqCst);
        }
        let sees_record = shared.queued.load(Ordering::Acquire) == 1;
        let is_rung = writer.join().expect("the writer ends");
        assert!(sees_record || is_rung, "asleep with a record");
    });
}

#[test]
fn nobody_sleeps_beside_a_record() {
    run(true);
}

/// The mutant twin: without the fences both may miss each other.
#[test]
#[should_panic(expected = "asleep with a record")]
fn without_fences_a_record_is_slept_through() {
    run(false);
}
