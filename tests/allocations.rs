//! Proves that looking at traffic allocates nothing per event. A binary of its own, because it
//! counts through the global allocator.
#![expect(unsafe_code, reason = "an allocator cannot be had otherwise")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tidegate::protocol::dialect::Dialect;
use tidegate::protocol::dialect::endpoint::Endpoint;
use tidegate::protocol::request_facts;
use tidegate::protocol::sse::framer::Framer;
use tidegate::protocol::usage::{Observer, Outcome};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator unchanged; counting touches a thread-local
// of plain data, which neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: `place` came from `System.alloc` with this layout.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn counting_sees_an_allocation() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1, 2, 3]))), 1);
}

#[test]
fn observing_a_stream_allocates_nothing() {
    for (dialect, endpoint, stream) in [
        (Dialect::Anthropic, Endpoint::Messages, &include_bytes!("corpus/messages.sse")[..]),
        (Dialect::OpenAi, Endpoint::ChatCompletions, include_bytes!("corpus/chat.sse")),
        (Dialect::OpenAi, Endpoint::Responses, include_bytes!("corpus/responses.sse")),
    ] {
        // The first observer of a process prepares what to look for.
        Observer::new(dialect, endpoint, true).push(stream);
        for size in [1, 7, stream.len()] {
            // Itself it is a block; what counts is what events cost.
            let mut observer = Observer::new(dialect, endpoint, true);
            let count = allocations(|| {
                for _ in 0..100 {
                    stream.chunks(size).for_each(|read| observer.push(read));
                }
                assert_eq!(observer.finish(true).outcome, Outcome::Complete);
            });
            assert_eq!(count, 0, "{endpoint:?} in reads of {size}");
        }
    }
}

#[test]
fn framing_and_request_facts_allocate_nothing() {
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"{}"}}],"stream":true}}"#,
        r#"if (a \"b\") {\n\t}\u00e9"#.repeat(1000),
    );
    let count = allocations(|| {
        let facts = request_facts::read(body.as_bytes());
        assert_eq!(facts.map(|facts| facts.message_count), Ok(1));
        let mut framer = Framer::new();
        for read in include_bytes!("corpus/messages.sse").chunks(3) {
            framer.push(read, |part| {
                std::hint::black_box(part);
            });
        }
    });
    assert_eq!(count, 0);
}
