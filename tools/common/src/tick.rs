//! The monotonic clock in nanoseconds, and waits that end on it to some ten microseconds.
//!
//! The runtime's own timers tick once a millisecond, which would send a hundred paced streams in
//! clumps of ten and make each event look cheap. Never owns a buffer: a wait may be dropped.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use monoio::net::TcpStream;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

/// Nanoseconds of `CLOCK_MONOTONIC`, the same for all processes of a machine.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    part(now.tv_sec) * SECOND_NS + part(now.tv_nsec)
}

/// Waits until [`now_ns`] has reached `due_ns`. A thread has one runtime in its life: a second one
/// would never see the timer of the first.
///
/// # Panics
/// When the kernel has no descriptor left for this thread's timer.
pub fn sleep_until(due_ns: u64) -> Sleep {
    Sleep { due_ns, waiting: None }
}

/// A wait for a moment.
#[derive(Debug)]
pub struct Sleep {
    due_ns: u64,
    waiting: Option<(Rc<Timer>, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if now_ns() >= self.due_ns {
            return Poll::Ready(());
        }
        if let Some((timer, id)) = &self.waiting {
            timer.waits.borrow_mut().wakers.insert(*id, context.waker().clone());
            return Poll::Pending;
        }
        let timer = Timer::of_thread().expect("a descriptor for the timer of this thread");
        let id = timer.register(self.due_ns, context.waker().clone());
        self.waiting = Some((timer, id));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((timer, id)) = self.waiting.take() {
            // Its place in the queue passes unnoticed.
            timer.waits.borrow_mut().wakers.remove(&id);
        }
    }
}

/// All waits of one thread behind one timerfd.
#[derive(Debug)]
struct Timer {
    timer: OwnedFd,
    waits: RefCell<Waits>,
}

#[derive(Debug, Default)]
struct Waits {
    armed_ns: Option<u64>,
    next_id: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    wakers: HashMap<u64, Waker>,
}

impl Timer {
    fn of_thread() -> io::Result<Rc<Self>> {
        TIMER.with_borrow_mut(|slot| {
            if let Some(timer) = slot {
                return Ok(Rc::clone(timer));
            }
            let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
            // monoio waits only on its own types; none of this one's socket calls is ever made.
            let waited = std::net::TcpStream::from(timer.try_clone()?);
            let waited = TcpStream::from_std(waited)?;
            let timer = Rc::new(Self { timer, waits: RefCell::default() });
            *slot = Some(Rc::clone(&timer));
            monoio::spawn(run(Rc::clone(&timer), waited));
            Ok(timer)
        })
    }

    fn register(&self, due_ns: u64, waker: Waker) -> u64 {
        let mut waits = self.waits.borrow_mut();
        let id = waits.next_id;
        waits.next_id += 1;
        waits.queue.push(Reverse((due_ns, id)));
        waits.wakers.insert(id, waker);
        if waits.armed_ns.is_none_or(|armed| due_ns < armed) {
            self.arm(&mut waits, due_ns);
        }
        id
    }

    /// Wakes what is due and arms the next one.
    fn fire(&self) {
        let mut waits = self.waits.borrow_mut();
        waits.armed_ns = None;
        let now = now_ns();
        while let Some(&Reverse((due, id))) = waits.queue.peek() {
            if due > now && waits.wakers.contains_key(&id) {
                self.arm(&mut waits, due);
                break;
            }
            waits.queue.pop();
            if let Some(waker) = waits.wakers.remove(&id) {
                waker.wake();
            }
        }
    }

    fn arm(&self, waits: &mut Waits, due_ns: u64) {
        let part = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let time = Itimerspec {
            it_interval: Timespec { tv_nsec: 0, tv_sec: 0 },
            // Zero would disarm.
            it_value: Timespec {
                tv_nsec: part(due_ns.max(1) % SECOND_NS),
                tv_sec: part(due_ns / SECOND_NS),
            },
        };
        if timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &time).is_ok() {
            waits.armed_ns = Some(due_ns);
        }
    }
}

/// Lives as long as the runtime of the thread.
async fn run(timer: Rc<Timer>, waited: TcpStream) {
    while waited.readable(false).await.is_ok() {
        let mut count = [0; 8];
        // Nothing to read after a wake for nothing.
        let _ = rustix::io::read(&timer.timer, &mut count);
        timer.fire();
    }
}

thread_local! {
    static TIMER: RefCell<Option<Rc<Timer>>> = const { RefCell::new(None) };
}

const SECOND_NS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::{Rung, drive};

    fn each_driver<T: AsyncFn() + Clone + Send + 'static>(test: &T) {
        for rung in [Ok(Rung::Epoll), Rung::io_uring()].into_iter().flatten() {
            let test = test.clone();
            let run = move || drive(rung, test()).expect("the rung was granted");
            std::thread::spawn(run).join().expect("the test holds");
        }
    }

    #[test]
    fn waits_end_in_the_order_of_their_moments_and_never_early() {
        each_driver(&async || {
            let begun = now_ns();
            let order = Rc::new(RefCell::new(Vec::new()));
            let waits: Vec<_> = [3_u64, 1, 2]
                .into_iter()
                .map(|place| {
                    let (order, due) = (Rc::clone(&order), begun + place * 1_500_000);
                    monoio::spawn(async move {
                        sleep_until(due).await;
                        assert!(now_ns() >= due);
                        order.borrow_mut().push(place);
                    })
                })
                .collect();
            for wait in waits {
                wait.await;
            }
            assert_eq!(*order.borrow(), [1, 2, 3]);
        });
    }

    #[test]
    fn a_dropped_wait_delays_nobody() {
        each_driver(&async || {
            let begun = now_ns();
            let mut dropped = Box::pin(sleep_until(begun + 500_000));
            std::future::poll_fn(|context| {
                assert!(dropped.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
            drop(dropped);
            sleep_until(begun + 1_000_000).await;
            assert!(now_ns() >= begun + 1_000_000);
        });
    }

    #[test]
    fn a_moment_in_the_past_needs_no_wait() {
        each_driver(&async || sleep_until(0).await);
    }
}
